"""Balancing inside the one training loop, at the level of run folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crisisweave.balancing.layer import Balancer
from crisisweave.balancing.probability import p_zero
from crisisweave.balancing.swaps import Changes
from crisisweave.config.balance import Balance
from crisisweave.errors import ConfigError
from crisisweave.files import read_json
from crisisweave.training import loop
from crisisweave.training.balance import measure
from crisisweave.training.checkpoint import Checkpoints
from crisisweave.training.predict import predict
from crisisweave.training.train import train
from toy import TRAINING, Toy, tiny_method

WAYS = ["none", "r_sse", "d_sse", "drop", "ogm_ge", "pmr", "blending"]
SHORT = {**TRAINING, "epochs": 4}


def _run(toy: Toy, name: str, family: str = "concat", **changes: object):  # type: ignore[no-untyped-def]
    run = toy.run(tiny_method(family, **changes))
    folder = toy.root / name
    return run, folder


def _train(toy: Toy, name: str, family: str = "concat", **changes: object) -> Path:
    run, folder = _run(toy, name, family, **changes)
    train(run, toy.sources, folder, checkpoint_folder=toy.root / "checkpoints")
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_balancing_learns_the_toy_rule(toy: Toy, way: str) -> None:
    folder = _train(toy, "run", balance={"method": way, "p_change": 0.2, "every": 2})
    predict(folder, toy.sources)
    table = pd.read_parquet(folder / "predictions.parquet")
    test = table[table["split"] == "test"]
    assert (test["label"].astype(str) == test["predicted"].astype(str)).mean() == 1.0
    history = pd.read_csv(folder / "history.csv")
    assert history[["probe_score_0", "probe_score_1"]].iloc[-1].min() > 0.5
    changing = way in ("r_sse", "d_sse", "drop")
    assert (history["p_0"].iloc[1:] > 0).all() == changing
    assert history["p_0"].iloc[0] == 0, "nothing is changed in the first epoch"


def test_p_0_of_an_epoch_comes_from_the_scores_of_the_one_before(toy: Toy) -> None:
    folder = _train(toy, "run", training=SHORT, balance={"method": "d_sse"})
    history = pd.read_csv(folder / "history.csv")
    for before, now in zip(history.iloc[:-1].itertuples(), history.iloc[1:].itertuples(), strict=True):
        assert now.p_0 == pytest.approx(p_zero(before.probe_score_0 / before.probe_score_1, 1.5))
        assert now.p_0 + now.p_1 == pytest.approx(1)


def test_watching_changes_no_number_of_the_run(toy: Toy) -> None:
    bare = _train(toy, "bare", training=SHORT)
    watched = _train(toy, "watched", training=SHORT, balance={"method": "none"})
    columns = pd.read_csv(bare / "history.csv").columns
    histories = [pd.read_csv(folder / "history.csv")[columns] for folder in (bare, watched)]
    assert histories[0].equals(histories[1])
    for folder in (bare, watched):
        predict(folder, toy.sources)
    tables = [pd.read_parquet(folder / "predictions.parquet") for folder in (bare, watched)]
    assert tables[0].equals(tables[1])


def test_swapped_rows_keep_their_label_and_take_one_half_from_another_class(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    read_rows = Balancer.read_rows

    def spy(self: Balancer, rows: np.ndarray, changes: Changes | None):  # type: ignore[no-untyped-def]
        first, second = read_rows(self, rows, changes)
        seen.append((rows, first, second))
        return first, second

    monkeypatch.setattr(Balancer, "read_rows", spy)
    _train(toy, "run", training={**SHORT, "epochs": 6}, balance={"method": "d_sse", "p_change": 0.5})
    first_epoch = seen[:4]
    assert all((rows == first).all() and (rows == second).all() for rows, first, second in first_epoch)
    rows, first, second = (np.concatenate(parts) for parts in zip(*seen[4:], strict=True))
    changed_text, changed_image = first != rows, second != rows
    assert not (changed_text & changed_image).any(), "one half only"
    assert 0.3 < (changed_text | changed_image).mean() < 0.7
    # Rows of the toy alternate between its two classes.
    assert ((first[changed_text] - rows[changed_text]) % 2 == 1).all()
    assert ((second[changed_image] - rows[changed_image]) % 2 == 1).all()


class _Killed(Exception):
    pass


@pytest.mark.parametrize("way", ["d_sse", "r_sse", "pmr", "blending", "ogm_ge"])
def test_a_run_that_was_killed_ends_with_the_same_bytes(
    toy: Toy, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    changes = {"training": SHORT, "balance": {"method": way, "p_change": 0.5, "every": 1}}
    whole = _train(toy, "whole", **changes)
    learn, steps = loop._Run.learn, iter(range(100))

    def dies(self: loop._Run, step: int, rows: np.ndarray) -> None:
        if next(steps) == 10:
            raise _Killed
        learn(self, step, rows)

    monkeypatch.setattr(loop._Run, "learn", dies)
    run, folder = _run(toy, "killed", **changes)
    with pytest.raises(_Killed):
        train(run, toy.sources, folder, checkpoint_every=0, checkpoint_folder=toy.root / "checkpoints")
    monkeypatch.setattr(loop._Run, "learn", learn)
    train(run, toy.sources, folder, checkpoint_every=0, checkpoint_folder=toy.root / "checkpoints")
    assert read_json(folder / "run.json")["resumed"]
    for name in ("model.safetensors", "history.csv"):
        assert (whole / name).read_bytes() == (folder / name).read_bytes(), name


def test_a_checkpoint_holds_what_balancing_knows(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[dict[str, object]] = []
    monkeypatch.setattr(Checkpoints, "save", lambda self, state: saved.append(state))
    run, folder = _run(toy, "run", training=SHORT, balance={"method": "d_sse"})
    train(run, toy.sources, folder, checkpoint_every=0, checkpoint_folder=toy.root / "checkpoints")
    balance = saved[-1]["balance"]
    assert isinstance(balance, dict)
    history = pd.read_csv(folder / "history.csv")
    assert balance["p"][0] == pytest.approx(history["p_0"].iloc[-1])


def test_measures_of_a_run_add_up(toy: Toy) -> None:
    folder = _train(toy, "run")
    measure(folder, toy.sources)
    found = read_json(folder / "balance.json")
    assert (found["n"], found["accuracy"], found["inside_rule"]) == (16, 1.0, "split")
    assert found["d_util"] == pytest.approx(found["utilisation"][0] - found["utilisation"][1])
    whole = found["shapley_of"]["with_0_1"] - found["shapley_of"]["with_none"]
    assert sum(found["shapley"]) == pytest.approx(whole)
    assert all(0 <= value <= 1 for value in found["similarity"])


@pytest.mark.parametrize("family", ["fusion_sum", "fusion_gated", "fusion_film"])
def test_every_fusion_can_be_measured(toy: Toy, family: str) -> None:
    folder = _train(toy, "run", family, training=SHORT, balance={"method": "d_sse"})
    measure(folder, toy.sources)
    found = read_json(folder / "balance.json")
    assert found["inside_rule"] == ("split" if family == "fusion_sum" else "mean")


def test_a_method_with_one_branch_can_be_neither_balanced_nor_measured(toy: Toy) -> None:
    folder = _train(toy, "run", "text", training=SHORT)
    with pytest.raises(ConfigError, match="method 'text' has no branch for each"):
        measure(folder, toy.sources)
    with pytest.raises(ValueError, match="needs a method with a branch for each"):
        tiny_method("text", balance=Balance(method="d_sse").model_dump())
