import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from crisisweave.errors import DataError
from crisisweave.evaluation.aggregate import aggregate
from crisisweave.evaluation.evaluate import evaluate
from crisisweave.files import read_json, write_json, write_parquet

CLASSES = ["calm", "flood"]
FILES = (
    "runs.csv",
    "methods.csv",
    "classes.csv",
    "comparisons.csv",
    "tables.json",
    "details.json",
    "answers.parquet",
    "rationales.csv",
    "rationales.json",
)


def make_run(
    results: Path,
    method: str,
    seed: int,
    wrong: int,
    n: int = 40,
    target: str | None = None,
    classes: list[str] = CLASSES,
) -> Path:
    """A scored folder whose first `wrong` test rows are wrong; dev holds two right rows."""
    run = results / "demo" / "harm" / method / f"seed-{seed}"
    folder = run / "transfer" / target if target else run
    parts = []
    for split, rows, errors in (("dev", 2, 0), ("test", n, wrong)):
        truth = np.arange(rows) % 2
        predicted = np.where(np.arange(rows) < errors, 1 - truth, truth)
        part = pd.DataFrame(
            {
                "instance_id": [f"{split}{i}_0" for i in range(rows)],
                "tweet_id": [f"{split}{i}" for i in range(rows)],
                "event": "rain",
                "split": split,
                "label": pd.Categorical.from_codes(truth, classes),
                "predicted": pd.Categorical.from_codes(predicted, classes),
            }
        )
        for i, name in enumerate(classes):
            part[f"p_{name}"] = np.where(predicted == i, 1.0, 0.0)
        parts.append(part)
    write_parquet(folder / "predictions.parquet", pd.concat(parts, ignore_index=True))
    twins = pd.DataFrame({"task": ["harm"], "split": ["test"], "instance_id": ["test0_0"]})
    write_parquet(results / "duplicates.parquet", twins)
    evaluate(
        folder / "predictions.parquet",
        results / "duplicates.parquet",
        folder / "metrics.json",
        dataset="demo",
        task="harm",
        method=method,
        seed=seed,
        target=target,
    )
    write_json(
        run / "run.json",
        {
            "versions": {"python": "3.11"},
            "device": "cpu",
            "wall_s": 10.0 + seed,
            "peak_memory_mb": 100,
            "energy_wh": 0.5,
            "command": f"crisisweave train --method {method}",
            "config_sha256": "c0ffee",
            "parameters": {"total": 5, "trained": 3},
        },
    )
    config = {
        "dataset": "demo",
        "task": "harm",
        "classes": classes,
        "seed": seed,
        "threads": 1,
        "shorter_side": None,
        "captioner": None,
        "method": {
            "name": method,
            "family": "decision",
            "title": method,
            "idea": "None.",
            "source": {"document": "None", "section": "0"},
            "inputs": ["text", "image"],
            "rule": "mean",
            "members": {"text": "text", "image": "image"},
        },
    }
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [
        make_run(tmp_path, "poor", 0, wrong=22),
        make_run(tmp_path, "good", 0, wrong=2),
        make_run(tmp_path, "good", 1, wrong=6),
        make_run(tmp_path, "good", 0, wrong=10, n=20, target="elsewhere"),
    ]


def test_methods_are_means_over_seeds(runs: list[Path], tmp_path: Path) -> None:
    aggregate(runs, tmp_path / "tables")
    methods = pd.read_csv(tmp_path / "tables/methods.csv", keep_default_na=False, na_values=["NA"])
    methods = methods.set_index(["target", "split", "method"])
    good = methods.loc["", "test", "good"]
    assert (good["seeds"], str(good["seed_list"]), good["n"]) == (2, "0 1", 40)
    assert float(good["accuracy"]) == pytest.approx((38 / 40 + 34 / 40) / 2)
    assert float(good["accuracy_sd"]) == pytest.approx(np.std([38 / 40, 34 / 40], ddof=1))
    assert 0 < float(good["accuracy_low"]) < float(good["accuracy"]) < float(good["accuracy_high"]) <= 1
    # Row test0 is wrong in every run and has a twin in train.
    assert int(float(good["n_deduplicated"])) == 39
    assert float(good["accuracy_deduplicated"]) == pytest.approx((38 / 39 + 34 / 39) / 2)
    assert float(good["wall_s"]) == 10.5
    assert methods.loc["", "test", "poor"]["accuracy_sd"] == ""  # one seed has no spread, not a spread of 0
    assert float(methods.loc["elsewhere", "test", "good"]["accuracy"]) == 0.5


def test_runs_hold_a_row_for_each_run_split_and_target(runs: list[Path], tmp_path: Path) -> None:
    aggregate(runs, tmp_path / "tables")
    table = pd.read_csv(tmp_path / "tables/runs.csv", keep_default_na=False)
    assert len(table) == 4 * 2
    row = table[(table["method"] == "good") & (table["seed"] == 1) & (table["split"] == "test")].iloc[0]
    assert row["accuracy"] == 34 / 40
    assert (row["wall_s"], row["parameters_trained"], row["device"]) == (11, 3, "cpu")


def test_comparisons_are_on_test_without_transfer(runs: list[Path], tmp_path: Path) -> None:
    aggregate(runs, tmp_path / "tables")
    table = pd.read_csv(tmp_path / "tables/comparisons.csv", keep_default_na=False)
    assert len(table) == 1
    row = table.iloc[0]
    assert (row["method_a"], row["method_b"], row["split"], row["target"]) == ("good", "poor", "test", "")
    assert row["accuracy_difference"] == pytest.approx((20 + 16) / 2 / 40)
    assert (row["only_a_right"], row["only_b_right"]) == (18, 0)
    assert row["significant"]


def test_classes_are_means_over_seeds_with_their_support(runs: list[Path], tmp_path: Path) -> None:
    aggregate(runs, tmp_path / "tables")
    table = pd.read_csv(tmp_path / "tables/classes.csv", keep_default_na=False)
    table = table[(table["split"] == "test") & (table["target"] == "")].set_index(["method", "class"])
    assert table.loc[("good", "flood"), "recall"] == pytest.approx((19 / 20 + 17 / 20) / 2)
    assert table.loc[("poor", "calm"), "support"] == 20


def test_the_constant_answer_stands_beside(runs: list[Path], tmp_path: Path) -> None:
    aggregate(runs, tmp_path / "tables")
    groups = read_json(tmp_path / "tables/tables.json")["groups"]
    test = next(g for g in groups if g["split"] == "test" and not g["target"])
    assert test["constant"] == {
        "answer": "calm",
        "accuracy": 0.5,
        "f1_macro": pytest.approx(1 / 3),
        "f1_weighted": pytest.approx(1 / 3),
    }
    assert test["support"] == {"calm": 20, "flood": 20}


def test_same_bytes_whatever_the_order(runs: list[Path], tmp_path: Path) -> None:
    aggregate(runs, tmp_path / "one")
    aggregate([*runs[::-1], runs[0]], tmp_path / "two")
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_single_method_has_no_comparison(tmp_path: Path) -> None:
    aggregate([make_run(tmp_path, "alone", 0, wrong=1)], tmp_path / "tables")
    assert (tmp_path / "tables/comparisons.csv").read_text().startswith("dataset,task,target,split,method_a")


def _refused(runs: list[Path], tmp_path: Path, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        aggregate(runs, tmp_path / "tables")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "tables").exists()


def test_other_rows_are_refused(runs: list[Path], tmp_path: Path) -> None:
    other = make_run(tmp_path, "short", 0, wrong=0, n=38)
    _refused([*runs, other], tmp_path, "different numbers of rows (40 and 38) in demo/harm/test")


def test_other_classes_are_refused(runs: list[Path], tmp_path: Path) -> None:
    other = make_run(tmp_path, "other", 0, wrong=0, classes=["calm", "quake"])
    _refused([*runs, other], tmp_path, "different class lists (calm, flood and calm, quake)")


def test_metrics_of_other_predictions_are_refused(runs: list[Path], tmp_path: Path) -> None:
    shutil.copy(runs[0] / "metrics.json", runs[1] / "metrics.json")
    _refused(runs, tmp_path, "metrics.json was not made from the predictions.parquet beside it")


@pytest.mark.parametrize("name", ["metrics.json", "predictions.parquet", "run.json", "config.yaml"])
def test_missing_files_are_named(name: str, runs: list[Path], tmp_path: Path) -> None:
    (runs[1] / name).unlink()
    _refused(runs, tmp_path, name)


def test_one_run_under_two_folders_is_refused(runs: list[Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(runs[0], copy)
    _refused([*runs, copy], tmp_path, "are both poor with seed 0 on demo/harm")


def test_no_runs(tmp_path: Path) -> None:
    _refused([], tmp_path, "no run to aggregate")


def test_an_incomplete_metrics_file_is_named(runs: list[Path], tmp_path: Path) -> None:
    metrics = json.loads((runs[0] / "metrics.json").read_text())
    del metrics["classes"]
    write_json(runs[0] / "metrics.json", metrics)
    _refused(runs, tmp_path, "'classes' is missing")
