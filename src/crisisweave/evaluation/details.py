"""What the pages of single methods show of the test split: `details.json` and `answers.parquet`.

A method's **answer** to a row is the most probable class by the mean probability over its seeds (the first of
the class list where two are equal). Scores stay means over seeds; the answer says what the method as a whole
makes of one row, so that rows can be shown and errors of methods compared.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from crisisweave.config.run import read_run_config
from crisisweave.errors import DataError
from crisisweave.evaluation.calibration import reliability
from crisisweave.evaluation.predictions import Predictions
from crisisweave.evaluation.scored import Group, Scored, by_method, mean_sd

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]


def details(group: Group, members: Sequence[Scored], histories: Collection[Path]) -> list[Record]:
    """One record for each method of a group: config, confusion, calibration, classes, events, curves.

    Args:
        group: a test split without transfer.
        members: its runs.
        histories: `history.csv` of the runs that were trained; the others have no curves.

    Raises:
        DataError: a history is missing, or the seeds of a method were made from different configs.
    """
    records = []
    for method, runs in by_method(members).items():
        scores = [run.metrics[group.split] for run in runs.values()]
        parameters = next(iter(runs.values())).record.get("parameters", {})
        records.append(
            {
                "dataset": group.dataset,
                "task": group.task,
                "method": method,
                "seeds": list(runs),
                "n": scores[0]["n"],
                "classes": list(members[0].classes),
                "config": _config(method, runs),
                "parameters": {name: parameters.get(name) for name in ("trained", "total")},
                "confusion": np.sum([score["confusion"] for score in scores], axis=0).tolist(),
                "reliability": _reliability([run.predictions[group.split] for run in runs.values()]),
                "per_class": [_class(name, scores) for name in members[0].classes],
                "per_event": [_event(name, scores) for name in scores[0]["per_event"]],
                "learning": [
                    {
                        "seed": seed,
                        "best_epoch": run.record.get("best_epoch"),
                        "epochs": _epochs(run.folder / "history.csv"),
                    }
                    for seed, run in runs.items()
                    if run.folder / "history.csv" in histories
                ],
            }
        )
    return records


def _config(method: str, runs: Mapping[int, Scored]) -> Record:
    """What decides a result besides data and seed: the method's resolved file, threads, images, captioner."""
    first: tuple[Path, Record] | None = None
    for run in runs.values():
        if not (run.folder / "config.yaml").is_file():
            raise DataError(f"{run.folder}: holds no config.yaml, so its origin is unknown; run it again")
        content = read_run_config(run.folder).in_force()
        config = {
            **content["method"],
            **{key: content[key] for key in ("classes", "threads", "shorter_side")},
            "captioning": content["captioner"],
            "joint_encoder": content["joint"],
        }
        if first is None:
            first = (run.folder, config)
        elif config != first[1]:
            key = next(name for name in config if config[name] != first[1][name])
            raise DataError(
                f"{first[0]} and {run.folder} are both {method} but were made with different '{key}', so "
                "their mean says nothing; run both again with one config"
            )
    assert first is not None
    return first[1]


def _reliability(seeds: Sequence[Predictions]) -> list[Record]:
    confidence = [rows.probabilities[np.arange(len(rows)), rows.predicted] for rows in seeds]
    correct = [rows.predicted == rows.truth for rows in seeds]
    return [dict(row) for row in reliability(np.concatenate(confidence), np.concatenate(correct))]


def _class(name: str, scores: Sequence[Record]) -> Record:
    of_class = [score["per_class"][name] for score in scores]
    row: Record = {"class": name, "support": of_class[0]["support"]}
    for key in ("precision", "recall", "f1"):
        row[key], row[f"{key}_sd"] = mean_sd([values[key] for values in of_class])
    return row


def _event(name: str, scores: Sequence[Record]) -> Record:
    of_event = [score["per_event"][name] for score in scores]
    row: Record = {"event": name, **{key: of_event[0][key] for key in ("n", "classes_present")}}
    for key in ("accuracy", "f1_macro"):
        row[key], row[f"{key}_sd"] = mean_sd([values[key] for values in of_event])
    return row


def _epochs(history: Path) -> list[Record]:
    """The rows of a history; a loss that was no number is null.

    A method that is trained in phases counts its epochs through, and names the phase of each.
    """
    import pandas as pd

    if not history.is_file():
        raise DataError(f"{history}: no such history; train this run again")
    rows = pd.read_csv(history).to_dict("records")
    return [{str(key): _cell(str(key), value) for key, value in row.items()} for row in rows]


def _cell(key: str, value: Any) -> str | int | float | None:
    if key == "phase":
        return str(value)
    if key == "epoch":
        return int(value)
    return float(value) if math.isfinite(value) else None


def mean_probabilities(runs: Mapping[int, Scored], split: str) -> NDArray[np.float64]:
    """Mean over a method's seeds: (n, k)."""
    return np.mean([run.predictions[split].probabilities for run in runs.values()], axis=0)


def shared_errors(group: Group, members: Sequence[Scored]) -> list[Record]:
    """For each pair of methods: on how many rows both answers are wrong, and on how many one alone is.

    `same_answer` counts the rows on which both give the same wrong class.
    """
    rows = members[0].predictions[group.split]
    answers = {
        method: mean_probabilities(runs, group.split).argmax(axis=1)
        for method, runs in by_method(members).items()
    }
    records = []
    for first, second in combinations(answers, 2):
        a, b = answers[first] != rows.truth, answers[second] != rows.truth
        records.append(
            {
                "dataset": group.dataset,
                "task": group.task,
                "method_a": first,
                "method_b": second,
                "n": len(rows),
                "both_wrong": int((a & b).sum()),
                "same_answer": int((a & (answers[first] == answers[second])).sum()),
                "only_a_wrong": int((a & ~b).sum()),
                "only_b_wrong": int((~a & b).sum()),
            }
        )
    return records


def answers_table(groups: Mapping[Group, Sequence[Scored]]) -> pd.DataFrame:
    """Every test row with every method's answer, in the order of group, method and instance.

    Columns: dataset, task, method, instance_id, label, predicted, probabilities (float32, in the order of the
    task's class list), seeds (how many), seeds_right (how many had the row right by themselves).
    """
    import pandas as pd

    parts = []
    for group, members in groups.items():
        rows = members[0].predictions[group.split]
        names = np.array(rows.classes, dtype=object)
        for method, runs in by_method(members).items():
            probabilities = mean_probabilities(runs, group.split)
            right = [run.predictions[group.split].predicted == rows.truth for run in runs.values()]
            parts.append(
                pd.DataFrame(
                    {
                        "dataset": group.dataset,
                        "task": group.task,
                        "method": method,
                        "instance_id": rows.instance_ids,
                        "label": names[rows.truth],
                        "predicted": names[probabilities.argmax(axis=1)],
                        "probabilities": list(probabilities.astype(np.float32)),
                        "seeds": np.int16(len(runs)),
                        "seeds_right": np.sum(right, axis=0, dtype=np.int16),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(ANSWER_COLUMNS))


ANSWER_COLUMNS = (
    "dataset",
    "task",
    "method",
    "instance_id",
    "label",
    "predicted",
    "probabilities",
    "seeds",
    "seeds_right",
)
