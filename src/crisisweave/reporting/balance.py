"""The page on balance: which modality each model leans on, and what balancing changes (thesis, chapter 5)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from crisisweave.config.published import Published
from crisisweave.errors import DataError
from crisisweave.files import read_json
from crisisweave.reporting.balance_figures import balance_figures
from crisisweave.reporting.datasets import About
from crisisweave.reporting.dominance import (
    baselines,
    finding,
    leader,
    modality_names,
    ordered,
    says_alone,
    says_change,
)
from crisisweave.reporting.full_input import configs_of
from crisisweave.reporting.methods import Description, Key, method_file
from crisisweave.reporting.results import of
from crisisweave.reporting.site import Page, stem
from crisisweave.reporting.sweep_figures import Scores, bias_figures, swap_figures

Record = dict[str, Any]

FILE = "pages/balance.html"
_PER_MODALITY = ("inside", "without", "shapley", "similarity")


def balance_page(
    runs: Sequence[Path],
    descriptions: Mapping[Key, Description],
    tables: Mapping[str, Any],
    details: Mapping[str, Any],
    about: Mapping[str, About],
    published: Published,
) -> list[Page]:
    """The page, or none where no run has several branches.

    Args:
        runs: run folders `<dataset>/<task>/<method>/seed-<n>` that hold balance.json and history.csv.
        descriptions: (data set, task, method) → what the method's file says.
        tables: `tables.json`, for the accuracies of all runs, also of those with one branch.
        details: `details.json`, for the configs in force.
        about: data set → where it comes from, and how its tasks are coloured.
        published: what the source says beside our numbers.

    Raises:
        DataError: a run has not been measured.
    """
    if not runs:
        return []
    records = [_read(run) for run in sorted(runs)]
    sections = [
        _section(
            dataset,
            task,
            list(group),
            descriptions,
            tables,
            configs_of(details, dataset, task),
            task in about[dataset].colours,
        )
        for (dataset, task), group in groupby(records, key=lambda r: (r["dataset"], r["task"]))
    ]
    biases = [
        {"dataset": dataset, "id": figure.name, "figure": figure, "beside": beside}
        for dataset in dict.fromkeys(record["dataset"] for record in records)
        for figure, beside in _biases(dataset, tables, details, about[dataset], published)
    ]
    return [
        Page(
            file=FILE,
            template="balance.html",
            title="Balance of the modalities",
            nav="Balance",
            values={
                "sections": sections,
                "biases": biases,
                "neighbours": records[0]["neighbours"],
                "published": {
                    number: said
                    for number in ("5.1", "5.4", "5.5", "5.6", "5.7")
                    if (said := _figure_says(published, number)) is not None
                },
            },
            figures=[
                *(bias["figure"] for bias in biases),
                *(figure for section in sections for figure in section["figures"]),
            ],
        )
    ]


def _figure_says(published: Published, number: str) -> str | None:
    """What a figure of the source shows."""
    found = [figure.about for figure in published.figures if figure.title.startswith(f"Figure {number}:")]
    return found[0] if found else None


def _scores(tables: Mapping[str, Any], dataset: str) -> Scores:
    """(task, method) → accuracy on test of each seed, of all runs of a data set."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in of(tables["runs"], dataset=dataset, split="test", target=""):
        found.setdefault((row["task"], row["method"]), []).append(row["accuracy"])
    return found


def _biases(
    dataset: str,
    tables: Mapping[str, Any],
    details: Mapping[str, Any],
    about: About,
    published: Published,
) -> list[Any]:
    configs = {
        record["method"]: record["config"] for record in details["methods"] if record["dataset"] == dataset
    }
    return bias_figures(dataset, about.source, about.colours, _scores(tables, dataset), configs, published)


def _read(run: Path) -> Record:
    path = run / "balance.json"
    if not path.is_file():
        raise DataError(f"{path}: this run has not been measured; run `crisisweave balance` for it")
    dataset, task, method, seed = run.parts[-4:]
    with (run / "history.csv").open(encoding="utf-8", newline="") as handle:
        history = [dict(row) for row in csv.DictReader(handle)]
    about = {"dataset": dataset, "task": task, "method": method, "seed": int(seed.removeprefix("seed-"))}
    return {"d_util": None, **read_json(path), **about, "history": history}


def _section(
    dataset: str,
    task: str,
    records: list[Record],
    descriptions: Mapping[Key, Description],
    tables: Mapping[str, Any],
    configs: Mapping[str, Record],
    coloured: bool,
) -> Record:
    methods = ordered(list(dict.fromkeys(record["method"] for record in records)), configs)
    records = sorted(records, key=lambda record: (methods.index(record["method"]), record["seed"]))
    for record in records:
        record["names"] = modality_names(configs[record["method"]], len(record["inside"]), coloured)
    rows = {
        method: _row(method, list(group), descriptions[dataset, task, method].title)
        for method, group in groupby(records, key=lambda record: record["method"])
    }
    for row in rows.values():
        row["file"] = method_file((dataset, task, row["method"]))
    before = baselines(methods, configs)
    task_scores = {key: found for key, found in _scores(tables, dataset).items() if key[0] == task}
    return {
        "dataset": dataset,
        "task": task,
        "id": stem("balance", dataset, task),
        "rows": list(rows.values()),
        "modalities": max(len(row["names"]) for row in rows.values()),
        "sentence": finding(list(rows.values())),
        "changes": [
            {"before": rows[before[method]], "after": rows[method]} for method in methods if method in before
        ],
        "sentences": [
            says_change(rows[before[method]], rows[method]) if method in before else says_alone(rows[method])
            for method in methods
        ],
        "figures": [
            *swap_figures(dataset, task, task_scores, configs),
            *balance_figures(dataset, task, records, configs),
        ],
    }


def _row(method: str, runs: Sequence[Record], title: str) -> Record:
    row: Record = {
        "method": method,
        "title": title,
        "seeds": len(runs),
        "n": runs[0]["n"],
        "rule": runs[0]["inside_rule"],
        "names": runs[0]["names"],
        "accuracy": _over_seeds([run["accuracy"] for run in runs]),
        "d_util": _over_seeds([run["d_util"] for run in runs]),
    }
    for name in _PER_MODALITY:
        row[name] = [_over_seeds([run[name][m] for run in runs]) for m in range(len(row["names"]))]
    lead = leader(row)
    return {**row, "leader": None if lead is None else row["names"][lead]}


def _over_seeds(values: Sequence[float | None]) -> tuple[float, float | None] | None:
    """Mean and standard deviation over the seeds; None where a seed has no value."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return mean(known), stdev(known) if len(known) > 1 else None
