"""Figures of balance on one task: figures 5.1, 5.6 and 5.7 of the thesis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from crisisweave.reporting.dominance import KINDS, kind_of
from crisisweave.reporting.figures import INK, LINE, SERIES, Figure
from crisisweave.reporting.numbers import several
from crisisweave.reporting.site import stem

Record = dict[str, Any]

DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 2], [1, 3], [10, 4], [3, 6]]
"""Line styles beside the colours `SERIES`, so that no line is told by colour alone."""
LINES: Record = {
    "title": None,
    "orient": "top",
    "symbolType": "stroke",
    "symbolOpacity": 1,
    "symbolStrokeWidth": 2,
    "symbolSize": 400,
}
"""A legend that shows the lines themselves."""
_BIN = 0.05
# What a figure shows by epoch: file, figure of the thesis, title, unit of the axis, factor, column of both
# modalities together, column of each (`{}` stands for its number).
_CURVES: tuple[tuple[str, str, str, str, float, str | None, str], ...] = (
    (
        "dev-accuracy",
        "5.1",
        "Accuracy on dev: the whole model, and each modality alone inside it",
        "percent",
        100.0,
        "dev_accuracy",
        "dev_inside_{}",
    ),
    (
        "dev-similarity",
        "5.7 a",
        "Nearest-neighbour similarity of each modality to the space after fusion, on dev",
        "similarity",
        1.0,
        None,
        "dev_similarity_{}",
    ),
    (
        "probe-score",
        "5.7 b",
        "Modulation scores S: how sure the probe of each modality is of the right class, in training",
        "score",
        1.0,
        None,
        "probe_score_{}",
    ),
)


def balance_figures(
    dataset: str, task: str, records: Sequence[Record], configs: Mapping[str, Record]
) -> list[Figure]:
    """The figures that the runs of a task give: d_util of every run, its histogram, and curves by epoch.

    Args:
        dataset: of the runs.
        task: of the runs.
        records: balance.json of each run with its `method`, `seed`, `names` and `history`, in the order of
            the page.
        configs: method → its config in force.
    """
    measured = [record for record in records if record.get("d_util") is not None]
    figures = [_use(dataset, task, measured)] if measured else []
    histogram = _histogram(dataset, task, measured, configs)
    curves = [_curve(dataset, task, records, *of_curve) for of_curve in _CURVES]
    return [*figures, *(figure for figure in (histogram, *curves) if figure is not None)]


def _axis_of_use(rows: Sequence[Record]) -> Record:
    """d_util from −1 to 1, or further where a model is better without a modality."""
    widest = max(1.0, *(abs(row["d_util"]) for row in rows))
    return {"type": "quantitative", "title": "d_util", "scale": {"domain": [-widest, widest]}}


def _use(dataset: str, task: str, records: Sequence[Record]) -> Figure:
    """d_util of every run."""
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
    first, second = records[0]["names"]
    x = _axis_of_use(rows)
    return Figure(
        name=stem("d-util", dataset, task),
        title=f"Use of the modalities, run by run: right of 0 the model leans on {first}, left on {second}",
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
                        "x": {**x, "field": "d_util"},
                        "y": {"field": "method", "type": "nominal", "title": None, "sort": None},
                        "tooltip": [{"field": name} for name in ("method", "seed", "d_util", "accuracy")],
                    },
                },
            ],
        },
        rows=rows,
    )


def _histogram(
    dataset: str, task: str, records: Sequence[Record], configs: Mapping[str, Record]
) -> Figure | None:
    """Figure 5.6: d_util of the runs of each way to balance, over all fusions but the gated one.

    None where nothing stands beside balanced runs.
    """
    rows = [
        {
            "balancing": KINDS[kind_of(configs[record["method"]])],
            "method": record["method"],
            "seed": record["seed"],
            "d_util": round(record["d_util"], 5),
        }
        for record in records
        if configs[record["method"]].get("fusion") != "gated"
    ]
    kinds = [said for said in KINDS.values() if any(row["balancing"] == said for row in rows)]
    if len(kinds) < 2 or kinds[0] != KINDS["none"]:
        return None
    means = {said: mean(row["d_util"] for row in rows if row["balancing"] == said) for said in kinds}
    x = _axis_of_use(rows)
    return Figure(
        name=stem("d-util-histogram", dataset, task),
        title="Figure 5.6: d_util by balancing, all fusions together; the dashed line is the mean",
        alt="Mean d_util: " + ", ".join(f"{said} {value:+.3f}" for said, value in means.items()) + ".",
        spec={
            "facet": {
                "row": {
                    "field": "balancing",
                    "type": "nominal",
                    "sort": kinds,
                    "title": None,
                    "header": {"labelOrient": "top", "labelAnchor": "start"},
                }
            },
            "spec": {
                "width": 300,  # fits a phone
                "height": 70,
                "layer": [
                    {
                        "mark": {"type": "bar", "opacity": 0.75},
                        "encoding": {
                            "x": {
                                **x,
                                "field": "d_util",
                                "bin": {"step": _BIN},
                                "axis": {"values": [-1, -0.5, 0, 0.5, 1], "format": "~g", "grid": False},
                            },
                            "y": {
                                "aggregate": "count",
                                "type": "quantitative",
                                "title": "runs",
                                "axis": {"tickMinStep": 1, "format": "d"},
                            },
                        },
                    },
                    {
                        "mark": {"type": "rule", "strokeWidth": 1, "color": LINE},
                        "encoding": {"x": {"datum": 0, "type": "quantitative"}},
                    },
                    {
                        "mark": {"type": "rule", "strokeWidth": 2, "strokeDash": [5, 3], "color": INK},
                        "encoding": {"x": {"field": "d_util", "aggregate": "mean", "type": "quantitative"}},
                    },
                ],
            },
        },
        rows=rows,
    )


def _curve(
    dataset: str,
    task: str,
    records: Sequence[Record],
    name: str,
    figure: str,
    title: str,
    unit: str,
    factor: float,
    together: str | None,
    each: str,
) -> Figure | None:
    """One measure by epoch, a plot for each method: mean over seeds, with the lowest and highest of them."""
    whole = "whole model"
    values: dict[tuple[str, str, int], list[float]] = {}
    for record in records:
        columns = {said: each.format(m) for m, said in enumerate(record["names"])}
        if together is not None:
            columns = {whole: together, **columns}
        for epoch in record["history"]:
            # Not of a method that nothing watches: its history has the score of the whole model alone.
            if epoch.get(each.format(0)):
                for said, column in columns.items():
                    key = (record["method"], said, int(epoch["epoch"]))
                    values.setdefault(key, []).append(factor * float(epoch[column]))
    if not values:
        return None
    rows: list[Record] = [
        {
            "method": method,
            "of": said,
            "epoch": epoch,
            "mean": round(mean(found), 5),
            "lowest": round(min(found), 5),
            "highest": round(max(found), 5),
            "seeds": len(found),
        }
        for (method, said, epoch), found in values.items()
    ]
    domain = list(dict.fromkeys(row["of"] for row in rows))
    methods = list(dict.fromkeys(row["method"] for row in rows))
    last = max(int(row["epoch"]) for row in rows)
    marks: Record = {"field": "of", "type": "nominal", "legend": LINES}
    y = {"type": "quantitative", "title": unit, "scale": {"zero": False}}
    return Figure(
        name=stem(name, dataset, task),
        title=f"Figure {figure}: {title}",
        alt=f"{several(len(methods), 'method')}, {several(last + 1, 'epoch')}. {_ends(rows, methods)}",
        spec={
            "columns": 3,
            "facet": {"field": "method", "type": "nominal", "title": None, "sort": methods},
            "spec": {
                "width": 210,
                "height": 160,
                "encoding": {
                    "x": {
                        "field": "epoch",
                        "type": "quantitative",
                        "title": "epoch",
                        "axis": {"tickMinStep": 1, "format": "d", "grid": False},
                    },
                    "color": {**marks, "scale": {"domain": domain, "range": SERIES[: len(domain)]}},
                },
                "layer": [
                    {
                        "mark": {"type": "area", "opacity": 0.18},
                        "encoding": {"y": {**y, "field": "lowest"}, "y2": {"field": "highest"}},
                    },
                    {
                        "mark": {"type": "line", "strokeWidth": 2, "tooltip": True},
                        "encoding": {
                            "y": {**y, "field": "mean"},
                            "strokeDash": {
                                **marks,
                                "scale": {"domain": domain, "range": DASHES[: len(domain)]},
                            },
                        },
                    },
                ],
            },
        },
        rows=rows,
    )


def _ends(rows: Sequence[Record], methods: Sequence[str]) -> str:
    """Where the lines of the first methods end."""
    said = []
    for method in methods[:4]:
        own = {row["of"]: row for row in rows if row["method"] == method}  # the last epoch stays
        said.append(f"{method}: " + ", ".join(f"{of} {row['mean']:.3g}" for of, row in own.items()))
    return f"At the end {'; '.join(said)}."
