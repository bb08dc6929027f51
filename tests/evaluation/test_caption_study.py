"""Which methods stand for which setting of figures 4.3 and 4.4, and which differences are significant."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_methods import method

from crisisweave.config.method import MethodConfig
from crisisweave.config.run import RunConfig, write_run_config
from crisisweave.evaluation.caption_study import caption_study
from crisisweave.evaluation.scored import Group, Scored

GROUP = Group("demo", "harm", "", "test")


def part(name: str, modality: str, of: str) -> MethodConfig:
    return method(name, [modality], text=None, training=None, model_of=of, captioner=None)


METHODS = [
    method("text", ["text"]),
    method("image", ["image"]),
    method("caption", ["caption"]),
    method("concat", ["text", "image"]),
    method("cmb", ["text", "caption"]),
    part("cmb_text", "text", "cmb"),
    part("cmb_caption", "caption", "cmb"),
    method("cmb_two", ["text", "caption"], captioner="two"),
    method("mix_00", ["text", "caption"], caption_share=0.0),
    method("mix_50", ["text", "caption"], caption_share=0.5),
    part("mix_50_text", "text", "mix_50"),
]


def scored(folder: Path, config: MethodConfig) -> Scored:
    run = folder / config.name
    run_config = RunConfig(
        dataset="demo", task="harm", classes=["a", "b"], seed=1, threads=1, method=config, shorter_side=None,
        captioner=None,
    )  # fmt: skip
    write_run_config(run_config, run)
    return Scored(run, "demo", "harm", "", config.name, 1, ("a", "b"), {}, {}, {})


def comparisons(p: float = 0.5, **p_of: float) -> list[dict[str, Any]]:
    """All pairs; `first__second` gives the p of one."""
    return [
        {
            "dataset": "demo",
            "task": "harm",
            "method_a": a,
            "method_b": b,
            "f1_weighted_difference": 0.1,
            "f1_weighted_p": p_of.get(f"{a}__{b}", p),
        }
        for a, b in combinations([m.name for m in METHODS], 2)
    ]


@pytest.fixture
def members(tmp_path: Path) -> list[Scored]:
    return [scored(tmp_path, config) for config in METHODS]


def study(members: list[Scored], rows: list[dict[str, Any]]) -> dict[str, Any]:
    found = caption_study(GROUP, members, rows)
    assert found is not None
    return found


def test_methods_stand_for_the_settings_that_they_are(members: list[Scored]) -> None:
    found = study(members, comparisons())
    assert found["references"] == {"T_T": "text", "C_C": "caption", "I_I": "image", "TI_TI": "concat"}
    settings = [(s["captioner"], s["setting"], s["method"], s["against"]) for s in found["settings"]]
    assert settings == [
        ("one", "TC_T", "cmb_text", "text"),
        ("one", "TC_C", "cmb_caption", "image"),
        ("one", "TC_TC", "cmb", "concat"),
        ("two", "TC_TC", "cmb_two", "concat"),
    ]


def test_mixes_are_those_that_differ_in_their_share_alone(members: list[Scored]) -> None:
    mixes = study(members, comparisons())["mixes"]
    assert [(m["share"], m["setting"], m["method"], m["against"]) for m in mixes] == [
        (0.0, "TC_TC", "mix_00", "cmb"),
        (0.5, "TC_T", "mix_50_text", "cmb_text"),
        (0.5, "TC_TC", "mix_50", "cmb"),
        (1.0, "TC_T", "cmb_text", None),
        (1.0, "TC_C", "cmb_caption", None),
        (1.0, "TC_TC", "cmb", None),
    ]


def test_differences_are_signed_and_adjusted_within_the_figure(members: list[Scored]) -> None:
    rows = comparisons(0.9, text__cmb_text=0.01, image__cmb_caption=0.02, concat__cmb=0.001)
    settings = {s["method"]: s for s in study(members, rows)["settings"]}
    # Four comparisons: Holm's factors are 4, 3, 2, 1 from the smallest p on.
    assert settings["cmb"]["p_holm"] == pytest.approx(0.004)
    assert settings["cmb_text"]["p_holm"] == pytest.approx(0.03)
    assert settings["cmb_caption"]["p_holm"] == pytest.approx(0.04)
    assert [settings[name]["significant"] for name in ("cmb", "cmb_text", "cmb_two")] == [True, True, False]
    assert settings["cmb"]["difference"] == -0.1, "of the method minus that which it is compared with"


def test_without_references_nothing_is_compared(tmp_path: Path) -> None:
    found = study([scored(tmp_path, METHODS[4])], [])
    (row,) = found["settings"]
    assert (row["against"], row["p_holm"], row["significant"], row["difference"]) == (None,) * 4
    assert found["mixes"] == []


def test_a_group_without_captions_has_no_study(tmp_path: Path) -> None:
    assert caption_study(GROUP, [scored(tmp_path, METHODS[0])], []) is None


def test_the_densenet_of_the_thesis_comes_first(tmp_path: Path) -> None:
    dense = [method("concat_densenet", ["text", "image"]), method("image_densenet", ["image"])]
    members = [scored(tmp_path, config) for config in [*METHODS[:5], *dense]]
    rows = comparisons()
    rows += [{**rows[0], "method_a": a, "method_b": b.name} for a in ("cmb",) for b in dense]
    references = study(members, rows)["references"]
    assert (references["I_I"], references["TI_TI"]) == ("image_densenet", "concat_densenet")
    assert np.isfinite([s["p_holm"] for s in study(members, rows)["settings"]]).all()
