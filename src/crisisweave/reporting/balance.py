"""The page on balance: which modality each model leans on (thesis, chapter 5)."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from crisisweave.errors import DataError
from crisisweave.files import read_json
from crisisweave.reporting.figures import INK, Figure
from crisisweave.reporting.methods import Description, Key
from crisisweave.reporting.numbers import percent, several
from crisisweave.reporting.site import Page, stem

Record = dict[str, Any]

FILE = "pages/balance.html"
LEANS = 0.02
"""A model is said to lean on a modality where d_util is further from 0 than this."""
_CURVES = {"probe_score": "modulation score S", "dev_similarity": "neighbour similarity on dev"}


def balance_page(runs: Sequence[Path], descriptions: Mapping[Key, Description]) -> list[Page]:
    """The page, or none where no run has several branches.

    Args:
        runs: run folders `<dataset>/<task>/<method>/seed-<n>` that hold balance.json and history.csv.
        descriptions: (data set, task, method) → what the method's file says.

    Raises:
        DataError: a run has not been measured.
    """
    if not runs:
        return []
    records = [_read(run) for run in sorted(runs)]
    sections = [
        _section(dataset, task, list(group), descriptions)
        for (dataset, task), group in groupby(records, key=lambda r: (r["dataset"], r["task"]))
    ]
    figures = [figure for section in sections for figure in section["figures"]]
    return [
        Page(
            file=FILE,
            template="balance.html",
            title="Balance of the modalities",
            nav="Balance",
            values={"sections": sections, "neighbours": records[0]["neighbours"]},
            figures=figures,
        )
    ]


def _read(run: Path) -> Record:
    path = run / "balance.json"
    if not path.is_file():
        raise DataError(f"{path}: this run has not been measured; run `crisisweave balance` for it")
    dataset, task, method, seed = run.parts[-4:]
    with (run / "history.csv").open(encoding="utf-8", newline="") as handle:
        history = [dict(row) for row in csv.DictReader(handle)]
    about = {"dataset": dataset, "task": task, "method": method, "seed": int(seed.removeprefix("seed-"))}
    return {**read_json(path), **about, "history": history}


def _section(
    dataset: str, task: str, records: list[Record], descriptions: Mapping[Key, Description]
) -> Record:
    rows = []
    for method, group in groupby(records, key=lambda record: record["method"]):
        runs = list(group)
        rows.append(
            {
                "method": method,
                "title": descriptions[dataset, task, method].title,
                "seeds": len(runs),
                "n": runs[0]["n"],
                "rule": runs[0]["inside_rule"],
                "accuracy": _over_seeds([run["accuracy"] for run in runs]),
                "d_util": _over_seeds([run["d_util"] for run in runs]),
                **{
                    f"{name}_{m}": _over_seeds([run[name][m] for run in runs])
                    for name in ("inside", "without", "shapley", "similarity")
                    for m in (0, 1)
                },
            }
        )
    return {
        "dataset": dataset,
        "task": task,
        "id": stem("balance", dataset, task),
        "rows": rows,
        "sentence": sentence(rows),
        "figures": [_use(dataset, task, records), *_curves(dataset, task, records)],
    }


def _over_seeds(values: Sequence[float | None]) -> tuple[float, float | None] | None:
    """Mean and standard deviation over the seeds; None where a seed has no value."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return mean(known), stdev(known) if len(known) > 1 else None


def sentence(rows: Sequence[Record]) -> str:
    """Which method leans on what the most, and which the least."""
    most = max(rows, key=lambda row: abs(row["d_util"][0]))
    least = min(rows, key=lambda row: abs(row["d_util"][0]))
    value = most["d_util"][0]
    if abs(value) <= LEANS:
        return f"No method leans on one modality: d_util is within ±{LEANS} for all of them."
    said = (
        f"{most['title']} leans on modality {0 if value > 0 else 1} the most "
        f"(d_util {_signed(value)}, accuracy {percent(most['accuracy'][0])} %)"
    )
    if least is most:
        return f"{said}."
    return (
        f"{said}, {least['title']} on either the least (d_util {_signed(least['d_util'][0])}, accuracy "
        f"{percent(least['accuracy'][0])} %)."
    )


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def _use(dataset: str, task: str, records: Sequence[Record]) -> Figure:
    """d_util of every run (the histograms of figure 5.6, as single points)."""
    rows = [
        {
            "method": record["method"],
            "seed": record["seed"],
            "d_util": round(record["d_util"], 5),
            "accuracy": round(100 * record["accuracy"], 3),
        }
        for record in records
    ]
    widest = max(rows, key=lambda row: abs(row["d_util"]))
    return Figure(
        name=stem("d-util", dataset, task),
        title=f"Use of the modalities on {dataset}/{task}: d_util of every run, right of 0 for modality 0",
        alt=(
            f"{several(len(rows), 'run')}; furthest from 0 is {widest['method']} with seed {widest['seed']} "
            f"at {widest['d_util']:+.2f}."
        ),
        spec={
            "height": 32 * len({row["method"] for row in rows}),
            "layer": [
                {
                    "mark": {"type": "rule", "strokeDash": [3, 3]},
                    "encoding": {"x": {"datum": 0, "type": "quantitative"}, "color": {"value": INK}},
                },
                {
                    "mark": {"type": "point", "filled": True, "opacity": 0.8, "size": 70},
                    "encoding": {
                        "x": {
                            "field": "d_util",
                            "type": "quantitative",
                            "title": "d_util",
                            "scale": {"domain": [-1, 1]},
                        },
                        "y": {"field": "method", "type": "nominal", "title": None, "sort": None},
                        "tooltip": [{"field": name} for name in ("method", "seed", "d_util", "accuracy")],
                    },
                },
            ],
        },
        rows=rows,
    )


def _curves(dataset: str, task: str, records: Sequence[Record]) -> list[Figure]:
    """What probes and neighbours say epoch by epoch (figure 5.7), for runs that were watched."""
    figures = []
    for column, what in _CURVES.items():
        rows = [
            {
                "method": record["method"],
                "modality": f"modality {m}",
                "seed": record["seed"],
                "epoch": int(epoch["epoch"]),
                "value": round(float(epoch[f"{column}_{m}"]), 5),
            }
            for record in records
            for epoch in record["history"]
            if epoch.get(f"{column}_0")
            for m in (0, 1)
        ]
        if not rows:
            continue
        last = max(int(row["epoch"]) for row in rows)
        figures.append(
            Figure(
                name=stem(column.replace("_", "-"), dataset, task),
                title=f"{what[0].upper()}{what[1:]} on {dataset}/{task}, epoch by epoch",
                alt=f"{what} of both modalities over {several(last + 1, 'epoch')}, one plot for each method.",
                spec={
                    "columns": 3,
                    "facet": {"field": "method", "type": "nominal", "title": None, "sort": None},
                    "spec": {
                        "width": 170,
                        "height": 140,
                        "mark": {"type": "line", "strokeWidth": 2},
                        "encoding": {
                            "x": {"field": "epoch", "type": "quantitative", "title": "epoch"},
                            "y": {
                                "field": "value",
                                "type": "quantitative",
                                "title": None,
                                "scale": {"zero": False},
                            },
                            "color": {"field": "modality", "type": "nominal", "title": None},
                            "detail": {"field": "seed"},
                        },
                    },
                },
                rows=rows,
            )
        )
    return figures
