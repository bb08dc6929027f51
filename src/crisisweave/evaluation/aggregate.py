"""Many scored folders → tables of runs, methods and comparisons.

A group is what may be compared: one data set, task, transfer target (or none) and split. All runs of a group
must be about the same rows, labels and class list; anything else stops with a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from crisisweave.errors import DataError
from crisisweave.evaluation.balanced import balanced
from crisisweave.evaluation.bootstrap import (
    LEVEL,
    METRICS,
    RESAMPLES,
    bootstrap_scores,
    interval,
    mean_over_seeds,
)
from crisisweave.evaluation.calibration import ECE_BINS
from crisisweave.evaluation.caption_study import caption_study
from crisisweave.evaluation.details import answers_table, details, shared_errors
from crisisweave.evaluation.halves import one_half_right
from crisisweave.evaluation.metrics import SUMMARY_METRICS, confusion_counts, summarise
from crisisweave.evaluation.predictions import Predictions
from crisisweave.evaluation.rationale_tables import rationale_tables
from crisisweave.evaluation.scored import (
    Group,
    Scored,
    by_method,
    check_same_rows,
    check_unique,
    mean_sd,
    read_scored,
)
from crisisweave.evaluation.significance import ALPHA, COMPARISON_RESAMPLES, compare
from crisisweave.evaluation.tracked import write_metrics, write_plots
from crisisweave.files import write_csv, write_json, write_parquet
from crisisweave.progress import track

if TYPE_CHECKING:
    import pandas as pd

SCORES = (*SUMMARY_METRICS, "ece", "brier", "nll")
COSTS = ("wall_s", "peak_memory_mb", "energy_wh")
COMPARED_SPLIT = "test"
"""Methods are compared on it, and only where no transfer took place."""


def aggregate(
    runs: Sequence[Path], out: Path, histories: Sequence[Path] = (), explained: Sequence[Path] = ()
) -> None:
    """Write `runs`, `methods`, `classes` and `comparisons` as CSV, and all of them as `tables.json`.

    `details.json` and `answers.parquet` hold what the pages of single methods show of the test split, and who
    is right when one modality is wrong.
    `metrics/` and `plots/` beside them hold the same scores, and learning curves, as DVC reads them.
    `rationales.csv` and `rationales.json` hold the scores of rationales.

    Args:
        runs: folders that hold `metrics.json` and `predictions.parquet`: run folders and their
            `transfer/<target>` folders. `run.json` and `config.yaml` lie in the run folder. The order of
            the folders does not matter.
        out: folder of the tables.
        histories: `history.csv` of the runs that were trained.
        explained: folders with scored rationales, see `rationale_tables`.

    Raises:
        DataError: a file is missing, metrics and predictions do not belong together, a run is given twice,
            runs of one group differ in class list, rows or labels, or seeds of one method in their config.
            Nothing is written then.
    """
    if not runs:
        raise DataError("no run to aggregate; name at least one run folder")
    scored = [read_scored(folder) for folder in track(sorted(set(runs)), "reading runs")]
    scored.sort(key=lambda run: (run.dataset, run.task, run.target, run.method, run.seed))
    check_unique(scored)
    groups: dict[Group, list[Scored]] = {}
    for run in scored:
        for split in run.predictions:
            groups.setdefault(Group(run.dataset, run.task, run.target, split), []).append(run)
    groups = dict(sorted(groups.items()))
    for group, members in groups.items():
        check_same_rows(group, members)
    compared = {
        group: members
        for group, members in groups.items()
        if group.split == COMPARED_SPLIT and not group.target
    }
    trained = frozenset(histories)
    detailed = {
        "methods": [row for group, members in compared.items() for row in details(group, members, trained)],
        "shared_errors": [
            row for group, members in compared.items() for row in shared_errors(group, members)
        ],
        "one_half_right": [
            row for group, members in compared.items() for row in one_half_right(group, members)
        ],
    }

    tables: dict[str, Any] = {
        "protocol": {
            "level": LEVEL,
            "resamples": RESAMPLES,
            "comparison_resamples": COMPARISON_RESAMPLES,
            "alpha": ALPHA,
            "ece_bins": ECE_BINS,
            "clusters": "tweet_id",
        },
        "groups": [_describe(group, members[0]) for group, members in groups.items()],
        "runs": [_run_row(group, run) for group, members in groups.items() for run in members],
        "methods": [
            row
            for group, members in track(groups.items(), "averaging seeds", len(groups))
            for row in _method_rows(group, members)
        ],
        "comparisons": [
            row
            for group, members in track(compared.items(), "comparing methods", len(compared))
            for row in _comparison_rows(group, members)
        ],
        "classes": [row for group, members in groups.items() for row in _class_rows(group, members)],
        "provenance": [_provenance(run) for run in scored if not run.target],
    }
    studies = [caption_study(group, members, tables["comparisons"]) for group, members in compared.items()]
    detailed["caption_studies"] = [study for study in studies if study is not None]
    rationale_tables(explained, out)
    for name in _HEADERS:
        write_csv(out / f"{name}.csv", _as_table(tables[name], _HEADERS[name]))
    write_json(out / "tables.json", tables)
    write_json(out / "details.json", detailed)
    write_parquet(out / "answers.parquet", answers_table(compared))
    write_metrics(tables["methods"], out / "metrics")
    write_plots(tables["methods"], _by_trained_method(scored, histories), out / "plots")


def _by_trained_method(
    scored: Sequence[Scored], histories: Sequence[Path]
) -> dict[tuple[str, str, str], list[Path]]:
    grouped: dict[tuple[str, str, str], list[Path]] = {}
    for run in scored:
        if (history := run.folder / "history.csv") in histories:
            grouped.setdefault((run.dataset, run.task, run.method), []).append(history)
    return grouped


def _describe(group: Group, run: Scored) -> dict[str, Any]:
    """The group's rows, and the scores of the best answer that never looks at a tweet."""
    rows = run.predictions[group.split]
    k = len(rows.classes)
    support = np.bincount(rows.truth, minlength=k)
    commonest = int(support.argmax())
    constant = summarise(confusion_counts(rows.truth, np.full(len(rows), commonest), k))
    deduplicated = run.metrics[group.split]["deduplicated"]
    return {
        **group._asdict(),
        "n": len(rows),
        "n_tweets": len(set(rows.tweet_ids)),
        "n_deduplicated": None if deduplicated is None else deduplicated["n"],
        "support": {name: int(count) for name, count in zip(rows.classes, support, strict=True)},
        "classes": list(rows.classes),
        "constant": {
            "answer": rows.classes[commonest],
            **{name: float(constant[name]) for name in METRICS},
        },
    }


def _run_row(group: Group, run: Scored) -> dict[str, Any]:
    scores = run.metrics[group.split]
    deduplicated = scores["deduplicated"] or {}
    row: dict[str, Any] = {
        **group._asdict(),
        "method": run.method,
        "seed": run.seed,
        "n": scores["n"],
        **{name: scores[name] for name in SCORES},
    }
    for name in METRICS:
        row[f"{name}_low"], row[f"{name}_high"] = scores["ci"][name]
    row["n_deduplicated"] = deduplicated.get("n")
    row.update({f"{name}_deduplicated": deduplicated.get(name) for name in METRICS})
    row.update({name: run.record.get(name) for name in ("best_epoch", *COSTS, "device")})
    row["parameters_trained"] = run.record.get("parameters", {}).get("trained")
    return row


def _method_rows(group: Group, members: Sequence[Scored]) -> list[dict[str, Any]]:
    methods = by_method(members)
    rows = members[0].predictions[group.split]
    predicted = [run.predictions[group.split].predicted for runs in methods.values() for run in runs.values()]
    resampled = bootstrap_scores(rows.tweet_ids, rows.truth, np.stack(predicted), len(rows.classes))
    table = []
    start = 0
    for method, runs in methods.items():
        part = slice(start, start + len(runs))
        start = part.stop
        scores = [run.metrics[group.split] for run in runs.values()]
        row: dict[str, Any] = {
            **group._asdict(),
            "method": method,
            "seeds": len(runs),
            "seed_list": " ".join(str(seed) for seed in runs),
            "n": len(rows),
        }
        for name in SCORES:
            row[name], row[f"{name}_sd"] = mean_sd([score[name] for score in scores])
        for name in METRICS:
            samples = mean_over_seeds(resampled[name][part], tuple(runs))
            row[f"{name}_low"], row[f"{name}_high"] = interval(samples)
        without = [score["deduplicated"] or {} for score in scores]
        row["n_deduplicated"] = without[0].get("n")
        for name in METRICS:
            row[f"{name}_deduplicated"], row[f"{name}_deduplicated_sd"] = mean_sd(
                [score.get(name) for score in without]
            )
        row.update(_balanced_columns([run.predictions[group.split] for run in runs.values()], tuple(runs)))
        for name in COSTS:
            row[name] = mean_sd([run.record.get(name) for run in runs.values()])[0]
        table.append(row)
    return table


def _balanced_columns(seeds: Sequence[Predictions], numbers: tuple[int, ...]) -> dict[str, Any]:
    """Scores of a method on balanced rows, with their intervals; null where a class has no row."""
    parts = [balanced(rows) for rows in seeds]
    first = parts[0]
    row: dict[str, Any] = {"n_balanced": None if first is None else len(first)}
    if first is None:
        empty = [f"{name}_balanced{end}" for name in METRICS for end in ("", "_sd", "_low", "_high")]
        return {**row, **dict.fromkeys(empty)}
    predicted = np.stack([part.predicted for part in parts if part is not None])
    scores = summarise(
        np.stack([confusion_counts(first.truth, each, len(first.classes)) for each in predicted])
    )
    resampled = bootstrap_scores(first.tweet_ids, first.truth, predicted, len(first.classes))
    for name in METRICS:
        row[f"{name}_balanced"], row[f"{name}_balanced_sd"] = mean_sd([float(v) for v in scores[name]])
        samples = mean_over_seeds(resampled[name], numbers)
        row[f"{name}_balanced_low"], row[f"{name}_balanced_high"] = interval(samples)
    return row


def _class_rows(group: Group, members: Sequence[Scored]) -> list[dict[str, Any]]:
    """Scores of each class, averaged over a method's seeds."""
    table = []
    for method, runs in by_method(members).items():
        for name in members[0].classes:
            scores = [run.metrics[group.split]["per_class"][name] for run in runs.values()]
            row: dict[str, Any] = {
                **group._asdict(),
                "method": method,
                "class": name,
                "support": scores[0]["support"],
            }
            for score in ("precision", "recall", "f1"):
                row[score], row[f"{score}_sd"] = mean_sd([values[score] for values in scores])
            table.append(row)
    return table


def _comparison_rows(group: Group, members: Sequence[Scored]) -> list[dict[str, Any]]:
    rows = members[0].predictions[group.split]
    predicted = {
        method: {seed: run.predictions[group.split].predicted for seed, run in runs.items()}
        for method, runs in by_method(members).items()
    }
    table = []
    for pair in compare(rows.tweet_ids, rows.truth, predicted, len(rows.classes)):
        row: dict[str, Any] = {
            **group._asdict(),
            "method_a": pair.first,
            "method_b": pair.second,
            "n": pair.n,
            "seeds_a": len(predicted[pair.first]),
            "seeds_b": len(predicted[pair.second]),
        }
        for name, difference in pair.differences.items():
            row[f"{name}_difference"] = difference.value
            row[f"{name}_low"], row[f"{name}_high"] = difference.low, difference.high
            row[f"{name}_p"], row[f"{name}_p_holm"] = difference.p, difference.p_holm
        row["only_a_right"], row["only_b_right"] = pair.only_first_right, pair.only_second_right
        row["mcnemar_p"], row["mcnemar_p_holm"] = pair.mcnemar_p, pair.mcnemar_p_holm
        row["significant"] = pair.differences["f1_macro"].p_holm < ALPHA
        table.append(row)
    return table


def _provenance(run: Scored) -> dict[str, Any]:
    keys = ("versions", "device", "threads", "command", "config_sha256", "data_sha256", "energy_assumes")
    return {
        "dataset": run.dataset,
        "task": run.task,
        "method": run.method,
        "seed": run.seed,
        **{key: run.record.get(key) for key in keys},
    }


_GROUP = Group._fields
_HEADERS = {
    "classes": (*_GROUP, "method", "class", "support"),
    "comparisons": (*_GROUP, "method_a", "method_b", "n"),
    "methods": (*_GROUP, "method", "seeds", "n"),
    "runs": (*_GROUP, "method", "seed", "n"),
}


def _as_table(rows: Any, header: tuple[str, ...]) -> pd.DataFrame:
    """Rows as a table; one without rows (a single method has no pair) still has its first columns."""
    import pandas as pd

    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=list(header))
