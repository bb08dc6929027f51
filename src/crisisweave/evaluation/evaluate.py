"""One predictions file → `metrics.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisisweave.errors import DataError
from crisisweave.evaluation.balanced import balanced
from crisisweave.evaluation.bootstrap import METRICS, bootstrap_scores, interval
from crisisweave.evaluation.calibration import (
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
)
from crisisweave.evaluation.metrics import confusion_counts, per_class, summarise
from crisisweave.evaluation.predictions import Predictions, read_predictions
from crisisweave.files import write_json


def evaluate(
    predictions: Path,
    duplicates: Path | None,
    out: Path,
    *,
    dataset: str,
    task: str,
    method: str,
    seed: int,
    target: str | None = None,
) -> None:
    """Score every split of a predictions file and write `metrics.json`.

    Args:
        predictions: `predictions.parquet` of a run or of its transfer to `target`.
        duplicates: the audit's `duplicates.parquet`, or None where no audit covers these rows; then the
            de-duplicated scores are null.
        out: the file to write.
        dataset, task, method, seed, target: whose run this is; copied into the file.

    Raises:
        DataError: the predictions cannot be scored, or the duplicates lack a column.
    """
    splits = read_predictions(predictions)
    twins = None if duplicates is None else _twins_in_train(duplicates, task)
    write_json(
        out,
        {
            "dataset": dataset,
            "task": task,
            "method": method,
            "seed": seed,
            "target": target,
            "classes": list(next(iter(splits.values())).classes),
            "splits": {
                name: {
                    **score_split(split),
                    "deduplicated": None if twins is None else _deduplicated(split, twins.get(name, set())),
                    "balanced": _balanced(split),
                }
                for name, split in splits.items()
            },
        },
    )


def score_split(split: Predictions) -> dict[str, Any]:
    """All scores of one split, as plain values under the names of docs/evaluation.md."""
    k = len(split.classes)
    confusion = confusion_counts(split.truth, split.predicted, k)
    classes = per_class(confusion)
    confidence = split.probabilities[np.arange(len(split)), split.predicted]
    correct = split.predicted == split.truth
    return {
        "n": len(split),
        "n_tweets": len(set(split.tweet_ids)),
        "classes_present": int((classes["support"] > 0).sum()),
        **_plain(summarise(confusion)),
        "ci": _intervals(split),
        "ece": expected_calibration_error(confidence, correct),
        "brier": brier_score(split.probabilities, split.truth),
        "nll": negative_log_likelihood(split.probabilities, split.truth),
        "reliability": reliability(confidence, correct),
        "confusion": confusion.tolist(),
        "per_class": {
            name: {
                "precision": float(classes["precision"][i]),
                "recall": float(classes["recall"][i]),
                "f1": float(classes["f1"][i]),
                "support": int(classes["support"][i]),
            }
            for i, name in enumerate(split.classes)
        },
        "per_event": {
            str(event): _event_scores(split.keep(split.events == event))
            for event in sorted(set(split.events))
        },
    }


def _plain(scores: dict[str, NDArray[np.float64]]) -> dict[str, float]:
    return {name: float(value) for name, value in scores.items()}


def _intervals(split: Predictions) -> dict[str, list[float]]:
    resampled = bootstrap_scores(split.tweet_ids, split.truth, split.predicted[None], len(split.classes))
    return {name: list(interval(resampled[name][0])) for name in METRICS}


def _event_scores(rows: Predictions) -> dict[str, Any]:
    confusion = confusion_counts(rows.truth, rows.predicted, len(rows.classes))
    scores = summarise(confusion)
    return {
        "n": len(rows),
        "classes_present": int((confusion.sum(axis=1) > 0).sum()),
        "accuracy": float(scores["accuracy"]),
        "f1_macro": float(scores["f1_macro"]),
    }


def _deduplicated(split: Predictions, twins: set[str]) -> dict[str, Any]:
    """Scores over the rows that have no twin in train; null scores where no row is left."""
    rows = split.keep(np.array([instance not in twins for instance in split.instance_ids], dtype=bool))
    if not len(rows):
        return {"n": 0, **dict.fromkeys(METRICS), "ci": None}
    scores = summarise(confusion_counts(rows.truth, rows.predicted, len(rows.classes)))
    return {"n": len(rows), **{name: float(scores[name]) for name in METRICS}, "ci": _intervals(rows)}


def _balanced(split: Predictions) -> dict[str, Any] | None:
    """Scores over as many rows of each class; None where a class has none."""
    rows = balanced(split)
    if rows is None:
        return None
    scores = summarise(confusion_counts(rows.truth, rows.predicted, len(rows.classes)))
    return {"n": len(rows), **{name: float(scores[name]) for name in METRICS}}


def _twins_in_train(duplicates: Path, task: str) -> dict[str, set[str]]:
    """Split → instances of `task` that have a near-duplicate in its train split."""
    import pandas as pd

    if not duplicates.is_file():
        raise DataError(f"{duplicates}: no such file; run `crisisweave audit` for this data set first")
    table = pd.read_parquet(duplicates)
    for name in ("task", "split", "instance_id"):
        if name not in table.columns:
            raise DataError(f"{duplicates}: column '{name}' is missing; run the audit again")
    table = table[table["task"] == task]
    return {
        str(split): set(part["instance_id"].astype(str))
        for split, part in table.groupby("split", observed=True)
    }
