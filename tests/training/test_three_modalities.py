"""Three modalities through the one training loop, on small views of objects and clips."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from crisisweave.balancing.layer import Balancer
from crisisweave.balancing.probability import change_probabilities
from crisisweave.balancing.swaps import Changes
from crisisweave.config.method import MethodConfig
from crisisweave.config.run import RunConfig
from crisisweave.errors import ConfigError
from crisisweave.files import read_json, write_json
from crisisweave.images.augment import augmented, random_parts
from crisisweave.layout import Sources
from crisisweave.methods.registry import build_model
from crisisweave.training import loop
from crisisweave.training.balance import measure
from crisisweave.training.examples import Examples
from crisisweave.training.predict import predict
from crisisweave.training.train import train
from toy import CLASSES, instances, write_prepared

WAYS = ["none", "r_sse", "d_sse", "drop", "ogm_ge", "blending"]
EASY = 1
"""The view that says the class; the others say it in a third of the rows only, and are noise in the rest."""


def _views(n: int, labels: np.ndarray) -> list[np.ndarray]:
    """Three grey views (n, 1, 28, 28) as sound would be."""
    generator = np.random.default_rng(0)
    views = []
    for view in range(3):
        says = np.ones(n, bool) if view == EASY else generator.random(n) < 1 / 3
        shown = np.where(says, labels, generator.integers(0, 2, n))
        pixels = generator.normal(0, 0.5, (n, 1, 28, 28))
        pixels[np.arange(n), :, 4:12] += 2 * shown[:, None, None, None]
        views.append(pixels.astype(np.float16))
    return views


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    """Rows of two classes with three views each."""
    sources = Sources("toy", "state", tmp_path / "data")
    rows = instances(n_train=192, n_dev=32, n_test=64)
    write_prepared(rows, sources.prepared)
    labels = np.array([CLASSES.index(str(row.label)) for row in rows])
    sources.views.mkdir(parents=True)
    for m, array in enumerate(_views(len(rows), labels)):
        np.save(sources.views / f"view_{m}.npy", array)
    arrays = [{"name": f"view {m}", "sha256": str(m)} for m in range(3)]
    write_json(sources.views / "views.json", {"rows": len(rows), "arrays": arrays})
    return sources


def _method(fusion: str = "concat", **changes: Any) -> MethodConfig:
    return MethodConfig.model_validate(
        {
            "name": "three",
            "family": "fusion",
            "title": "Three views",
            "idea": "for tests",
            "source": {"document": "none", "section": "none"},
            "inputs": ["views"],
            "views": {"width": 4, "channels": [1, 1, 1]},
            "fusion": fusion,
            "head": {"dropout": 0.0},
            "training": {
                "optimizer": "sgd",
                "lr": 0.01,
                "batch_size": 16,
                "epochs": 5,
                "warmup": 0.0,
                "keep": "last",
            },
            **changes,
        }
    )


def _run(method: MethodConfig) -> RunConfig:
    return RunConfig(
        dataset="toy",
        task="state",
        classes=CLASSES,
        seed=1,
        threads=1,
        method=method,
        shorter_side=None,
        captioner=None,
    )


def _train(sources: Sources, folder: Path, method: MethodConfig) -> Path:
    train(_run(method), sources, folder, checkpoint_folder=folder.with_name("checkpoints"))
    return folder


@pytest.mark.parametrize("fusion", ["concat", "sum"])
def test_d_sse_changes_the_easy_one_of_three_the_most(sources: Sources, tmp_path: Path, fusion: str) -> None:
    folder = _train(sources, tmp_path / "run", _method(fusion, balance={"method": "d_sse", "p_change": 0.2}))
    history = pd.read_csv(folder / "history.csv")
    p = history[["p_0", "p_1", "p_2"]].to_numpy()
    scores = history[["probe_score_0", "probe_score_1", "probe_score_2"]].to_numpy()
    assert (p[0] == 0).all(), "nothing is changed in the first epoch"
    for before, now in zip(scores[:-1], p[1:], strict=True):
        assert now == pytest.approx(change_probabilities(before.tolist(), 1.5))
        assert now.sum() == pytest.approx(1)
    assert (p[1:, EASY] > 1 / 3).all()
    assert p[-1, EASY] > 0.5, "further than at the start"
    assert "rho" not in history

    predict(folder, sources)
    table = pd.read_parquet(folder / "predictions.parquet")
    test = table[table["split"] == "test"]
    assert (test["label"].astype(str) == test["predicted"].astype(str)).mean() > 0.9
    measure(folder, sources)
    found = read_json(folder / "balance.json")
    assert found["inside_rule"] == "split"
    assert len(found["inside"]) == len(found["without"]) == len(found["similarity"]) == 3
    assert np.argmax(found["inside"]) == EASY
    assert np.argmax(found["utilisation"]) == EASY
    assert np.argmax(found["shapley"]) == EASY
    whole = found["shapley_of"]["with_0_1_2"] - found["shapley_of"]["with_none"]
    assert sum(found["shapley"]) == pytest.approx(whole)
    assert "d_util" not in found, "the measure of two"


def test_the_shares_of_the_swaps_are_p(sources: Sources) -> None:
    method = _method(balance={"method": "d_sse", "p_change": 0.5})
    model = build_model(method, 2)
    labels = np.arange(30_000) % 2
    assert method.balance is not None
    balancer = Balancer(model, method.balance, labels, 2, 1, torch.device("cpu"))
    balancer.p = [0.2, 0.7, 0.1]
    balancer.begin_epoch(1, lambda rows: pytest.fail("reads nothing"))
    rows = np.arange(len(labels))
    changes = balancer.draw(rows)
    assert isinstance(changes, Changes)
    swapped = np.stack([own != rows for own in balancer.read_rows(rows, changes)])
    assert swapped.sum(axis=0).max() == 1, "one modality of a row"
    assert swapped.mean(axis=1) == pytest.approx([0.1, 0.35, 0.05], abs=0.01)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_that_takes_three_learns(sources: Sources, tmp_path: Path, way: str) -> None:
    folder = _train(sources, tmp_path / "run", _method(balance={"method": way, "every": 2}))
    history = pd.read_csv(folder / "history.csv")
    assert history["dev_accuracy"].iloc[-1] > 0.9
    changing = way in ("r_sse", "d_sse", "drop")
    assert np.allclose(history[["p_0", "p_1", "p_2"]].iloc[1:].sum(axis=1), float(changing))


class _Killed(Exception):
    pass


def test_a_run_of_three_that_was_killed_ends_with_the_same_bytes(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = _method(balance={"method": "d_sse", "p_change": 0.5})
    whole = _train(sources, tmp_path / "whole", method)
    learn, steps = loop._Run.learn, iter(range(1000))

    def dies(self: loop._Run, step: int, rows: np.ndarray) -> None:
        if next(steps) == 30:
            raise _Killed
        learn(self, step, rows)

    config = _run(method)
    again = {"checkpoint_every": 0, "checkpoint_folder": tmp_path / "checkpoints"}
    monkeypatch.setattr(loop._Run, "learn", dies)
    with pytest.raises(_Killed):
        train(config, sources, tmp_path / "killed", **again)
    monkeypatch.setattr(loop._Run, "learn", learn)
    train(config, sources, tmp_path / "killed", **again)
    assert read_json(tmp_path / "killed" / "run.json")["resumed"]
    for name in ("model.safetensors", "history.csv"):
        assert (whole / name).read_bytes() == (tmp_path / "killed" / name).read_bytes(), name


def test_one_of_three_can_be_read_alone(sources: Sources, tmp_path: Path) -> None:
    accuracy = []
    for m in range(3):
        folder = _train(sources, tmp_path / f"run{m}", _method(f"only_{m}"))
        accuracy.append(pd.read_csv(folder / "history.csv")["dev_accuracy"].iloc[-1])
    assert np.argmax(accuracy) == EASY
    assert accuracy[EASY] > 0.9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fusion": "gated"}, "fusion: gated is defined for two modalities"),
        ({"fusion": "film"}, "fusion: film is defined for two modalities"),
        ({"balance": {"method": "pmr"}}, "pmr is defined for two modalities"),
        ({"fusion": "only_2", "views": {"channels": [1, 1]}}, "only_2 needs a third view"),
    ],
)
def test_what_is_defined_for_two_is_refused_for_three(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _method(**changes)


def test_a_method_for_other_views_is_refused(sources: Sources) -> None:
    method = _method(views={"channels": [1, 3]})
    frame = pd.read_parquet(sources.prepared / "instances.parquet")
    frame["label"] = pd.Categorical(frame["label"], categories=CLASSES)
    with pytest.raises(ConfigError, match=r"views.channels is \[1, 3\], but the views .* have \[1, 1, 1\]"):
        Examples(frame, build_model(method, 2), method, sources)


def test_pictures_are_mirrored_and_cut_in_training_alone() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (200, 2, 3, 24, 24)).astype(np.uint8)
    before = pictures.copy()
    mirrored = augmented(pictures, "flip", np.random.default_rng(1))
    same = (mirrored == pictures).all(axis=(2, 3, 4))
    turned = (mirrored == pictures[..., ::-1]).all(axis=(2, 3, 4))
    assert (same ^ turned).all(), "each picture on its own"
    assert 0.4 < turned.mean() < 0.6
    cut = augmented(pictures, "crop", np.random.default_rng(1))
    assert cut.shape == pictures.shape
    assert np.array_equal(cut, augmented(pictures, "crop", np.random.default_rng(1)))
    assert (pictures == before).all(), "what is stored stays"


def test_cut_parts_lie_inside_and_have_the_stated_area_and_ratio() -> None:
    top, left, height, width = random_parts(20_000, 224, np.random.default_rng(0)).T
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert ((top + height <= 224) & (left + width <= 224)).all()
    share = height * width / 224**2
    assert 0.07 < share.min() < 0.1
    assert share.max() > 0.95
    ratio = width / height
    assert 0.7 < ratio.min() < 0.76
    assert 1.32 < ratio.max() < 1.4


def test_a_part_of_one_colour_stays_that_colour() -> None:
    pictures = np.full((4, 1, 3, 32, 32), 77, np.uint8)
    assert (augmented(pictures, "crop", np.random.default_rng(0)) == 77).all()
