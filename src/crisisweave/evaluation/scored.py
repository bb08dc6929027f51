"""A folder with predictions and their metrics, read and checked; and what may be compared with what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from crisisweave.errors import DataError
from crisisweave.evaluation.metrics import confusion_counts
from crisisweave.evaluation.predictions import Predictions, read_predictions
from crisisweave.files import read_json


class Group(NamedTuple):
    """What may be compared."""

    dataset: str
    task: str
    target: str
    """Transfer target; empty for the run's own data set (a CSV and a sort know no null)."""
    split: str

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


@dataclass(frozen=True)
class Scored:
    """One folder with predictions and their metrics."""

    folder: Path
    dataset: str
    task: str
    target: str
    method: str
    seed: int
    classes: tuple[str, ...]
    metrics: dict[str, Any]
    predictions: dict[str, Predictions]
    record: dict[str, Any]
    """`run.json` of the run that made the predictions."""


def read_scored(folder: Path) -> Scored:
    """Read a run folder or one of its `transfer/<target>` folders.

    Raises:
        DataError: a file or key is missing, or metrics and predictions do not belong together.
    """
    for name, step in (("metrics.json", "evaluate"), ("predictions.parquet", "predict-splits")):
        if not (folder / name).is_file():
            raise DataError(f"{folder}: holds no {name}; run `crisisweave {step}` for this run first")
    metrics = read_json(folder / "metrics.json")
    missing = [
        key for key in ("dataset", "task", "method", "seed", "classes", "splits") if key not in metrics
    ]
    if missing:
        raise DataError(f"{folder / 'metrics.json'}: '{missing[0]}' is missing; evaluate this run again")
    record = (folder.parent.parent if metrics["target"] else folder) / "run.json"
    if not record.is_file():
        raise DataError(f"{record}: no such file, so the run's cost and origin are unknown; run it again")
    predictions = read_predictions(folder / "predictions.parquet")
    _check_belong_together(folder, metrics, predictions)
    return Scored(
        folder=folder,
        dataset=metrics["dataset"],
        task=metrics["task"],
        target=metrics["target"] or "",
        method=metrics["method"],
        seed=int(metrics["seed"]),
        classes=tuple(metrics["classes"]),
        metrics=metrics["splits"],
        predictions=predictions,
        record=read_json(record),
    )


def _check_belong_together(
    folder: Path, metrics: dict[str, Any], predictions: dict[str, Predictions]
) -> None:
    """The metrics must be those of the predictions that lie beside them."""
    same = set(metrics["splits"]) == set(predictions)
    for split, rows in predictions.items() if same else ():
        k = len(rows.classes)
        confusion = confusion_counts(rows.truth, rows.predicted, k).tolist()
        same &= (
            list(rows.classes) == metrics["classes"] and metrics["splits"][split]["confusion"] == confusion
        )
    if not same:
        raise DataError(
            f"{folder}: metrics.json was not made from the predictions.parquet beside it; evaluate again"
        )


def check_unique(scored: Sequence[Scored]) -> None:
    """Refuse two folders that claim to be the same run."""
    first: dict[tuple[str, str, str, str, int], Path] = {}
    for run in scored:
        key = (run.dataset, run.task, run.target, run.method, run.seed)
        if key in first:
            raise DataError(
                f"{run.folder} and {first[key]} are both {run.method} with seed {run.seed} on {run.dataset}/"
                f"{run.task}; name one of them"
            )
        first[key] = run.folder


def check_same_rows(group: Group, members: Sequence[Scored]) -> None:
    """Refuse members that differ in class list, rows or labels."""
    reference = members[0]
    ours = reference.predictions[group.split]
    for run in members[1:]:
        theirs = run.predictions[group.split]
        if run.classes != reference.classes:
            difference = f"class lists ({', '.join(reference.classes)} and {', '.join(run.classes)})"
        elif len(theirs) != len(ours):
            difference = f"numbers of rows ({len(ours)} and {len(theirs)})"
        elif not np.array_equal(theirs.instance_ids, ours.instance_ids):
            difference = "instances"
        elif not np.array_equal(theirs.truth, ours.truth):
            difference = "labels"
        else:
            continue
        raise DataError(
            f"{reference.folder} and {run.folder} have different {difference} in {group}; predict and "
            "evaluate both again from the same prepared table"
        )


def mean_sd(values: Sequence[float | None]) -> tuple[float | None, float | None]:
    """Mean and sample standard deviation; the latter is null for one value, both where a value is null."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None, None
    return float(np.mean(known)), float(np.std(known, ddof=1)) if len(known) > 1 else None


def by_method(members: Sequence[Scored]) -> dict[str, dict[int, Scored]]:
    """Method → seed → run, in the order of `members`."""
    methods: dict[str, dict[int, Scored]] = {}
    for run in members:
        methods.setdefault(run.method, {})[run.seed] = run
    return methods
