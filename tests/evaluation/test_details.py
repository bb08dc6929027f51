import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from crisisweave.errors import DataError
from crisisweave.evaluation.aggregate import aggregate
from crisisweave.evaluation.evaluate import evaluate
from crisisweave.files import read_json, write_json, write_parquet

CLASSES = ["calm", "fire", "flood"]
TRUTH = ["calm", "calm", "fire", "flood"]
EVENTS = ["north", "south", "south", "south"]
METHOD = {
    "family": "text",
    "title": "A method",
    "idea": "One sentence. Another.",
    "source": {"document": "None", "section": "0"},
    "inputs": ["text"],
    "text": {"name": "tiny:bert"},
    "training": {"lr": 0.001, "batch_size": 4, "epochs": 2},
}
HISTORY = "epoch,train_loss,dev_f1_macro\n0,1.5,0.25\n1,nan,0.5\n"


def run(
    results: Path,
    method: str,
    seed: int,
    probabilities: Sequence[Sequence[float]],
    history: str | None = HISTORY,
    **changed: Any,
) -> Path:
    """A scored folder with four test rows."""
    folder = results / "demo/harm" / method / f"seed-{seed}"
    given = np.array(probabilities)
    table = pd.DataFrame(
        {
            "instance_id": ["a_0", "b_0", "c_0", "d_0"],
            "tweet_id": list("abcd"),
            "event": EVENTS,
            "split": "test",
            "label": pd.Categorical(TRUTH, CLASSES),
            "predicted": pd.Categorical.from_codes(given.argmax(axis=1), CLASSES),
            **{f"p_{name}": given[:, i] for i, name in enumerate(CLASSES)},
        }
    )
    write_parquet(folder / "predictions.parquet", table)
    whose = {"dataset": "demo", "task": "harm", "method": method, "seed": seed}
    evaluate(folder / "predictions.parquet", None, folder / "metrics.json", **whose)
    write_json(
        folder / "run.json", {"best_epoch": 1, "parameters": {"total": 9, "trained": 7}, "wall_s": 2.0}
    )
    config = {"dataset": "demo", "task": "harm", "classes": CLASSES, "seed": seed, "threads": 1}
    config |= {"shorter_side": None, "captioner": None}
    config["method"] = {"name": method, **METHOD, **changed}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    if history is not None:
        (folder / "history.csv").write_text(history)
    return folder


# One seed has row b wrong and one row d; their mean has b right and d wrong.
FIRST = [[0.8, 0.1, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.2, 0.3, 0.5]]
SECOND = [[0.7, 0.2, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.7, 0.2]]
OTHER = [[0.1, 0.1, 0.8], [0.9, 0.0, 0.1], [0.9, 0.1, 0.0], [0.2, 0.6, 0.2]]


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [
        run(tmp_path, "two", 1, FIRST),
        run(tmp_path, "two", 2, SECOND),
        run(tmp_path, "one", 1, OTHER, history=None),
    ]


@pytest.fixture
def tables(runs: list[Path], tmp_path: Path) -> Path:
    aggregate(runs, tmp_path / "tables", [folder / "history.csv" for folder in runs[:2]])
    return tmp_path / "tables"


def details(tables: Path, method: str) -> dict[str, Any]:
    (record,) = [m for m in read_json(tables / "details.json")["methods"] if m["method"] == method]
    return record


def test_confusion_is_summed_over_seeds(tables: Path) -> None:
    two = details(tables, "two")
    assert two["classes"] == CLASSES
    assert two["confusion"] == [[3, 1, 0], [0, 2, 0], [0, 1, 1]]
    assert (two["seeds"], two["n"]) == ([1, 2], 4)


def test_reliability_pools_the_rows_of_all_seeds(tables: Path) -> None:
    bins = details(tables, "two")["reliability"]
    assert sum(b["n"] for b in bins) == 8
    # Confidences 0.7 of seed 2 (rows a, b, d; d is wrong); 0.8 has a bin of its own, as 0.6 and 0.5 have.
    (seventy,) = [b for b in bins if b["low"] < 0.7 <= b["high"]]
    assert (seventy["n"], seventy["accuracy"]) == (3, pytest.approx(2 / 3))
    assert seventy["confidence"] == pytest.approx(0.7)


def test_classes_and_events_are_means_over_seeds(tables: Path) -> None:
    two = details(tables, "two")
    calm = next(row for row in two["per_class"] if row["class"] == "calm")
    assert (calm["recall"], calm["support"]) == (0.75, 2)
    assert calm["recall_sd"] == pytest.approx(np.std([0.5, 1], ddof=1))
    assert [(e["event"], e["n"], e["classes_present"], e["accuracy"]) for e in two["per_event"]] == [
        ("north", 1, 1, 1.0),
        ("south", 3, 3, pytest.approx(2 / 3)),
    ]
    assert details(tables, "one")["per_class"][0]["recall_sd"] is None


def test_learning_curves_of_all_seeds(tables: Path) -> None:
    assert details(tables, "two")["learning"] == [
        {
            "seed": seed,
            "best_epoch": 1,
            "epochs": [
                {"epoch": 0, "train_loss": 1.5, "dev_f1_macro": 0.25},
                {"epoch": 1, "train_loss": None, "dev_f1_macro": 0.5},
            ],
        }
        for seed in (1, 2)
    ]
    assert details(tables, "one")["learning"] == []


def test_config_in_force_says_defaults_too_and_no_description(tables: Path) -> None:
    two = details(tables, "two")
    assert two["config"]["training"]["lr"] == 0.001
    assert two["config"]["training"]["weight_decay"] == 0.01
    assert two["config"]["threads"] == 1
    assert not {"title", "idea", "source", "deviations"} & set(two["config"])
    assert two["parameters"] == {"trained": 7, "total": 9}


def test_shared_errors_are_those_of_the_mean_probabilities(tables: Path) -> None:
    # two: d wrong (as fire). one: a, c and d wrong (d as fire too).
    assert read_json(tables / "details.json")["shared_errors"] == [
        {
            "dataset": "demo", "task": "harm", "method_a": "one", "method_b": "two", "n": 4,
            "both_wrong": 1, "same_answer": 1, "only_a_wrong": 2, "only_b_wrong": 0,
        }
    ]  # fmt: skip


def test_answers_are_the_most_probable_class_by_the_mean_over_seeds(tables: Path) -> None:
    answers = pd.read_parquet(tables / "answers.parquet")
    assert list(answers["method"]) == ["one"] * 4 + ["two"] * 4
    two = answers[answers["method"] == "two"].set_index("instance_id")
    assert list(two["label"]) == TRUTH
    assert list(two["predicted"]) == ["calm", "calm", "fire", "fire"]
    assert list(two["seeds_right"]) == [2, 1, 2, 1]
    assert set(two["seeds"]) == {2}
    assert two.loc["d_0", "probabilities"] == pytest.approx([0.15, 0.5, 0.35])
    assert two.loc["d_0", "probabilities"].dtype == np.float32


def test_the_first_class_wins_a_tie(tmp_path: Path) -> None:
    half = [[0.0, 0.5, 0.5]] * 4
    aggregate([run(tmp_path, "tied", 1, half)], tmp_path / "tables")
    answers = pd.read_parquet(tmp_path / "tables/answers.parquet")
    assert set(answers["predicted"]) == {"fire"}


def test_seeds_of_different_configs_have_no_mean(tmp_path: Path) -> None:
    runs = [run(tmp_path, "two", 1, FIRST), run(tmp_path, "two", 2, SECOND, max_tokens=32)]
    message = f"{runs[0]} and {runs[1]} are both two but were made with different 'max_tokens'"
    with pytest.raises(DataError, match=re.escape(message)):
        aggregate(runs, tmp_path / "tables")
    assert not (tmp_path / "tables").exists()


def test_seeds_may_differ_in_what_their_method_says_to_the_reader(tmp_path: Path) -> None:
    runs = [run(tmp_path, "two", 1, FIRST), run(tmp_path, "two", 2, SECOND, title="Better said")]
    aggregate(runs, tmp_path / "tables")


def test_a_missing_history_is_named(runs: list[Path], tmp_path: Path) -> None:
    (runs[0] / "history.csv").unlink()
    with pytest.raises(DataError, match=r"seed-1/history\.csv: no such history"):
        aggregate(runs, tmp_path / "tables", [folder / "history.csv" for folder in runs[:2]])
    assert not (tmp_path / "tables").exists()
