"""Who is right when one modality is wrong, on made-up answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_up_methods import method

from crisisweave.config.method import MethodConfig
from crisisweave.config.run import RunConfig, write_run_config
from crisisweave.evaluation.halves import halves_of, one_half_right
from crisisweave.evaluation.predictions import Predictions
from crisisweave.evaluation.scored import Group, Scored

CLASSES = ("calm", "flood")
GROUP = Group("demo", "harm", "", "test")


def decision(name: str, **members: str) -> MethodConfig:
    return method(name, ["text", "image"], text=None, image=None, training=None, rule="mean", members=members)


TEXT = method("text", ["text"])
IMAGE = method("image", ["image"])
CAPTION = method("caption", ["caption"])
CONCAT = method("concat", ["text", "image"])
CMB = method("cmb", ["text", "caption"])


def by_name(*methods: MethodConfig) -> dict[str, MethodConfig]:
    return {each.name: each for each in methods}


def test_the_halves_read_one_modality_with_the_same_encoder() -> None:
    others = by_name(TEXT, IMAGE, CAPTION, CONCAT, CMB)
    assert halves_of(CONCAT, others) == {"text": "text", "image": "image"}
    assert halves_of(CMB, others) == {"text": "text", "caption": "caption"}
    assert halves_of(TEXT, others) is None
    assert halves_of(CMB, by_name(TEXT, IMAGE, CMB)) is None, "no method reads captions alone"


@pytest.mark.parametrize(
    "other",
    [
        method("a", ["image"], image={"name": "tiny:vit"}),
        method("a", ["image"], equal_classes=True),
        method("a", ["image"], rows="all", target="label_image"),
    ],
)
def test_a_method_with_another_encoder_or_other_rows_is_no_half(other: MethodConfig) -> None:
    assert halves_of(CONCAT, by_name(TEXT, other)) is None
    assert halves_of(CONCAT, by_name(TEXT, other, IMAGE)) == {"text": "text", "image": "image"}


def test_a_method_with_other_captions_is_no_half() -> None:
    other = method("a", ["caption"], captioner="two")
    assert halves_of(CMB, by_name(TEXT, other)) is None


def test_partial_readings_mixes_and_methods_of_three_inputs_have_no_halves() -> None:
    others = by_name(TEXT, IMAGE, CAPTION)
    assert halves_of(method("mix", ["text", "caption"], caption_share=0.5), others) is None
    assert halves_of(method("all", ["text", "image", "caption"]), others) is None
    partial = method("part", ["text"], text=None, training=None, model_of="cmb")
    assert halves_of(partial, others) is None
    assert halves_of(CONCAT, by_name(partial, IMAGE)) is None, "the model of a fusion is no half of another"


def test_of_several_halves_one_with_the_encoder_used_alike_comes_first() -> None:
    frozen = method("a", ["image"], image={"name": "tiny:conv", "tuned": False})
    assert halves_of(CONCAT, by_name(TEXT, frozen, IMAGE)) == {"text": "text", "image": "image"}
    assert halves_of(CONCAT, by_name(TEXT, frozen)) == {"text": "text", "image": "a"}


def test_decision_fusion_names_its_own() -> None:
    mean = decision("mean", text="text", image="image")
    assert halves_of(mean, by_name(TEXT, IMAGE, mean)) == {"text": "text", "image": "image"}
    assert halves_of(mean, by_name(TEXT, mean)) is None


def scored(folder: Path, config: MethodConfig, seed: int, right: list[int], tweets: list[str]) -> Scored:
    """A run that has the rows right where `right` is 1."""
    n = len(right)
    truth = np.arange(n) % 2
    predicted = np.where(np.array(right) == 1, truth, 1 - truth)
    run = folder / config.name / str(seed)
    run_config = RunConfig(
        dataset="demo", task="harm", classes=list(CLASSES), seed=seed, threads=1, method=config,
        shorter_side=None, captioner=None,
    )  # fmt: skip
    write_run_config(run_config, run)
    rows = Predictions(
        CLASSES,
        np.array([f"i{i}" for i in range(n)], dtype=object),
        np.array(tweets, dtype=object),
        np.array(["e"] * n, dtype=object),
        truth,
        predicted,
        np.eye(2)[predicted],
    )
    return Scored(run, "demo", "harm", "", config.name, seed, CLASSES, {}, {"test": rows}, {})


def test_rows_on_which_one_half_is_right_are_counted(tmp_path: Path) -> None:
    tweets = [f"t{i}" for i in range(10)]
    runs = [
        #                               text wrong  image wrong  neither  both
        scored(tmp_path, TEXT, 1, [0, 0, 0, 0, 1, 1, 1, 0, 1, 1], tweets),
        scored(tmp_path, IMAGE, 1, [1, 1, 1, 1, 0, 0, 0, 0, 1, 1], tweets),
        scored(tmp_path, CONCAT, 1, [1, 1, 1, 0, 1, 1, 0, 1, 0, 1], tweets),
    ]
    (record,) = one_half_right(GROUP, runs)
    assert (record["method"], record["halves"]) == ("concat", {"text": "text", "image": "image"})
    text, image = record["cases"]
    assert (text["wrong"], text["rows"], text["right"], text["share"]) == ("text", 4, 3, 0.75)
    assert (image["wrong"], image["rows"], image["right"]) == ("image", 3, 2)
    assert image["share"] == pytest.approx(2 / 3)
    assert record["mean_share"] == pytest.approx((3 / 4 + 2 / 3) / 2)
    assert (record["neither_right"], record["right_against_both"]) == (1, 1)
    assert text["share_low"] < 0.75 < text["share_high"]
    assert text["share_sd"] is None, "one seed has no spread"


def test_seeds_are_paired_and_those_that_one_lacks_left_out(tmp_path: Path) -> None:
    tweets = [f"t{i}" for i in range(4)]
    runs = []
    for seed, fused in ((1, [1, 1, 0, 0]), (2, [0, 1, 0, 0])):
        runs.append(scored(tmp_path, TEXT, seed, [0, 0, 1, 1], tweets))
        runs.append(scored(tmp_path, CONCAT, seed, fused, tweets))
    runs.append(scored(tmp_path, CONCAT, 3, [1, 1, 1, 1], tweets))
    runs += [scored(tmp_path, IMAGE, seed, [1, 1, 0, 0], tweets) for seed in (1, 2)]
    (record,) = one_half_right(GROUP, runs)
    assert record["seeds"] == [1, 2]
    text, image = record["cases"]
    assert (text["rows"], text["right"], text["share"]) == (2, 1.5, 0.75)
    assert text["share_sd"] == pytest.approx(np.std([1, 0.5], ddof=1))
    assert (image["share"], image["share_low"], image["share_high"]) == (0, 0, 0)


def test_halves_that_never_differ_have_no_share(tmp_path: Path) -> None:
    tweets = ["t0", "t1"]
    runs = [scored(tmp_path, each, 1, [1, 0], tweets) for each in (TEXT, IMAGE, CONCAT)]
    (record,) = one_half_right(GROUP, runs)
    assert [case["share"] for case in record["cases"]] == [None, None]
    assert record["mean_share"] is None and record["mean_share_low"] is None


def test_images_of_one_tweet_are_drawn_together(tmp_path: Path) -> None:
    right = {"text": [0] * 8 + [1] * 8, "image": [1] * 8 + [0] * 8, "concat": [1, 0] * 8}
    widths = []
    for tweets in ([f"t{i}" for i in range(16)], [f"t{i // 4}" for i in range(16)]):
        runs = [scored(tmp_path, each, 1, right[each.name], tweets) for each in (TEXT, IMAGE, CONCAT)]
        case = one_half_right(GROUP, runs)[0]["cases"][0]
        widths.append(case["share_high"] - case["share_low"])
    # Each tweet holds as many right as wrong answers, so that drawing whole tweets changes nothing.
    assert widths[0] > 0.3 and widths[1] == 0
