import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crisisweave.errors import DataError
from crisisweave.evaluation.evaluate import evaluate
from crisisweave.files import read_json, write_parquet

CLASSES = ["calm", "flood", "quake"]


def predictions_table(truth: list[str | None], predicted: list[str], split: str = "test") -> pd.DataFrame:
    """A table in the format of predictions.parquet; 0.8 for the predicted class, 0.1 for the others."""
    n = len(truth)
    table = pd.DataFrame(
        {
            "instance_id": [f"{split}{i}_0" for i in range(n)],
            "tweet_id": [f"{split}{i}" for i in range(n)],
            "event": ["rain", "storm"] * (n // 2) + ["rain"] * (n % 2),
            "split": split,
            "label": pd.Categorical(truth, categories=CLASSES),
            "predicted": pd.Categorical(predicted, categories=CLASSES),
        }
    )
    for name in CLASSES:
        table[f"p_{name}"] = np.where(table["predicted"] == name, 0.8, 0.1)
    return table


@pytest.fixture
def table() -> pd.DataFrame:
    test = predictions_table(["calm", "calm", "calm", "flood"], ["calm", "calm", "flood", "flood"])
    dev = predictions_table(["calm", "flood"], ["calm", "flood"], split="dev")
    return pd.concat([dev, test], ignore_index=True)


def run(table: pd.DataFrame, folder: Path, duplicates: pd.DataFrame | None = None) -> dict:
    write_parquet(folder / "predictions.parquet", table)
    if duplicates is not None:
        write_parquet(folder / "duplicates.parquet", duplicates)
    evaluate(
        folder / "predictions.parquet",
        None if duplicates is None else folder / "duplicates.parquet",
        folder / "metrics.json",
        dataset="demo",
        task="harm",
        method="text",
        seed=3,
    )
    return read_json(folder / "metrics.json")


def test_scores_of_a_handmade_file(table: pd.DataFrame, tmp_path: Path) -> None:
    metrics = run(table, tmp_path)
    assert {key: metrics[key] for key in ("dataset", "task", "method", "seed", "target", "classes")} == {
        "dataset": "demo", "task": "harm", "method": "text", "seed": 3, "target": None, "classes": CLASSES,
    }  # fmt: skip
    assert set(metrics["splits"]) == {"dev", "test"}
    test = metrics["splits"]["test"]
    assert (test["n"], test["n_tweets"], test["classes_present"]) == (4, 4, 2)
    assert test["confusion"] == [[2, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert test["accuracy"] == 0.75
    assert test["f1_macro"] == pytest.approx((0.8 + 2 / 3 + 0) / 3)
    assert test["f1_weighted"] == pytest.approx((3 * 0.8 + 2 / 3) / 4)
    assert test["per_class"]["calm"] == {
        "precision": 1,
        "recall": pytest.approx(2 / 3),
        "f1": 0.8,
        "support": 3,
    }
    assert test["per_class"]["quake"]["support"] == 0
    assert test["ece"] == pytest.approx(0.05)  # all at 0.8, three of four right
    assert test["brier"] == pytest.approx((3 * (0.04 + 0.02) + (0.64 + 0.81 + 0.01)) / 4)
    assert test["nll"] == pytest.approx(-(3 * np.log(0.8) + np.log(0.1)) / 4)
    assert test["per_event"]["rain"] == {
        "n": 2, "classes_present": 1, "accuracy": 0.5, "f1_macro": pytest.approx(2 / 3 / 3),
    }  # fmt: skip
    for name in ("accuracy", "f1_macro", "f1_weighted"):
        low, high = test["ci"][name]
        assert 0 <= low <= test[name] <= high <= 1
    assert test["deduplicated"] is None


def test_rows_with_a_twin_in_train_are_left_out_of_the_deduplicated_row(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    duplicates = pd.DataFrame(
        {
            "task": ["harm", "harm", "other", "harm"],
            "split": ["test", "test", "test", "dev"],
            "instance_id": ["test2_0", "test2_0", "test0_0", "test0_0"],
        }
    )
    metrics = run(table, tmp_path, duplicates)
    # Only test2_0 goes: it stands there twice, and the other rows are another task's and another split's.
    deduplicated = metrics["splits"]["test"]["deduplicated"]
    assert (deduplicated["n"], deduplicated["accuracy"]) == (3, 1)
    assert deduplicated["f1_macro"] == pytest.approx(2 / 3)
    assert deduplicated["f1_weighted"] == 1
    assert deduplicated["ci"]["accuracy"] == [1, 1]
    assert metrics["splits"]["dev"]["deduplicated"]["n"] == 2


def test_nothing_left_after_deduplication_has_no_score(tmp_path: Path) -> None:
    table = predictions_table(["calm"], ["calm"])
    twins = pd.DataFrame({"task": ["harm"], "split": ["test"], "instance_id": ["test0_0"]})
    assert run(table, tmp_path, twins)["splits"]["test"]["deduplicated"] == {
        "n": 0, "accuracy": None, "f1_macro": None, "f1_weighted": None, "ci": None,
    }  # fmt: skip


def test_same_input_same_bytes_in_any_row_order(table: pd.DataFrame, tmp_path: Path) -> None:
    run(table, tmp_path / "one")
    run(table.sample(frac=1, random_state=1), tmp_path / "two")
    one, two = ((tmp_path / name / "metrics.json").read_bytes() for name in ("one", "two"))
    assert one == two


def _null_label(table: pd.DataFrame) -> None:
    table.loc[3, "label"] = None


def _not_one(table: pd.DataFrame) -> None:
    table.loc[2, "p_calm"] = 0.9


def _nan(table: pd.DataFrame) -> None:
    table.loc[2, "p_calm"] = np.nan


def _negative(table: pd.DataFrame) -> None:
    table.loc[2, ["p_calm", "p_flood", "p_quake"]] = [-0.5, 1.0, 0.5]


def _unknown_class(table: pd.DataFrame) -> None:
    table["p_fire"] = 0.0


def _lost_column(table: pd.DataFrame) -> None:
    del table["p_flood"]


def _words(table: pd.DataFrame) -> None:
    table["p_flood"] = "much"


def _twice(table: pd.DataFrame) -> None:
    table.loc[3, "instance_id"] = "test0_0"


def _not_categorical(table: pd.DataFrame) -> None:
    table["label"] = table["label"].astype(str)


def _other_classes(table: pd.DataFrame) -> None:
    table["predicted"] = table["predicted"].cat.reorder_categories(CLASSES[::-1])


def _no_event(table: pd.DataFrame) -> None:
    del table["event"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_null_label, "'label' is null in 1 rows (first: instance 'test1_0')"),
        (_not_one, "the probabilities of 1 rows (first: instance 'test0_0')"),
        (_nan, "not finite or do not sum to one"),
        (_negative, "are negative"),
        (_unknown_class, "column 'p_fire' belongs to no class"),
        (_lost_column, "probability column 'p_flood' is missing"),
        (_words, "something else than numbers"),
        (_twice, "instance 'test0_0' occurs twice in split test"),
        (_not_categorical, "column 'label' is not categorical"),
        (_other_classes, "different class lists"),
        (_no_event, "column 'event' is missing"),
    ],
)
def test_bad_predictions_stop_with_one_sentence_and_leave_nothing(
    spoil, message: str, table: pd.DataFrame, tmp_path: Path
) -> None:
    spoil(table)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        run(table, tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "metrics.json").exists()


def test_missing_and_broken_files_are_named(tmp_path: Path, table: pd.DataFrame) -> None:
    arguments = {"dataset": "d", "task": "t", "method": "m", "seed": 0}
    with pytest.raises(DataError, match=r"predictions.parquet: no such predictions file"):
        evaluate(tmp_path / "predictions.parquet", None, tmp_path / "metrics.json", **arguments)
    (tmp_path / "predictions.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        evaluate(tmp_path / "predictions.parquet", None, tmp_path / "metrics.json", **arguments)
    with pytest.raises(DataError, match="no rows"):
        run(table.iloc[:0], tmp_path)
    with pytest.raises(DataError, match="column 'split' is missing"):
        run(table, tmp_path, pd.DataFrame({"task": ["harm"], "instance_id": ["x"]}))
