"""Accuracy by a setting: share and kind of swaps (figure 5.4), strength of the bias (figure 5.5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from statistics import mean, stdev
from typing import Any

from crisisweave.config.published import BOUNDS, Published, PublishedCell
from crisisweave.config.views import Colours
from crisisweave.reporting.balance_figures import DASHES, LINES
from crisisweave.reporting.dominance import KINDS, kind_of, kinship, ordered
from crisisweave.reporting.figures import PAPER, SERIES, SOFT, Figure
from crisisweave.reporting.numbers import several
from crisisweave.reporting.site import stem

Record = dict[str, Any]
Scores = Mapping[tuple[str, str], Sequence[float]]
"""(task, method) → accuracy on test of each seed."""

_SWAPS = (
    ("p_change", "p_class", "Figure 5.4 a: accuracy on test by P_c, the share of rows that are changed"),
    (
        "p_class",
        "p_change",
        "Figure 5.4 b: accuracy on test by P_class, the share of partners of the same class",
    ),
)
OURS, THEIRS = "ours", "published"
_WHAT = {
    OURS: "circle",
    THEIRS: "diamond",
    "published: more than": "triangle-up",
    "published: less than": "triangle-down",
}
_BOUND = {"accuracy_above": "published: more than", "accuracy_below": "published: less than"}


def _spread(found: Sequence[float]) -> Record:
    """Mean of the seeds in percent, with one standard deviation to either side."""
    middle, sd = 100 * mean(found), 100 * stdev(found) if len(found) > 1 else None
    return {
        "mean": round(middle, 3),
        "low": None if sd is None else round(middle - sd, 3),
        "high": None if sd is None else round(middle + sd, 3),
        "seeds": len(found),
    }


def swap_figures(dataset: str, task: str, scores: Scores, configs: Mapping[str, Record]) -> list[Figure]:
    """Figure 5.4: a figure for each of P_c and P_class of which several values were run, all else equal.

    Args:
        dataset: of the runs.
        task: of the runs.
        scores: accuracies of every run.
        configs: method → its config in force.
    """
    return [
        figure
        for setting, fixed, title in _SWAPS
        if (figure := _swaps(dataset, task, scores, configs, setting, fixed, title)) is not None
    ]


def _swaps(
    dataset: str,
    task: str,
    scores: Scores,
    configs: Mapping[str, Record],
    setting: str,
    fixed: str,
    title: str,
) -> Figure | None:
    series: dict[tuple[str, str], list[str]] = {}
    for method in ordered([method for method in configs if (task, method) in scores], configs):
        if kind_of(configs[method]) in ("r_sse", "d_sse"):
            others = {k: v for k, v in configs[method]["balance"].items() if k != setting}
            series.setdefault((kinship(configs[method]), json.dumps(others, sort_keys=True)), []).append(
                method
            )
    rows: list[Record] = []
    for (kin, _), methods in series.items():
        if len({configs[method]["balance"][setting] for method in methods}) < 2:
            continue
        balance = configs[methods[0]]["balance"]
        label = f"{KINDS[balance['method']]}, {fixed.capitalize()} {balance[fixed]:g}"
        rows += [
            {
                "line": label,
                "method": method,
                "value": configs[method]["balance"][setting],
                **_spread(scores[task, method]),
            }
            for method in sorted(methods, key=lambda name: configs[name]["balance"][setting])
        ]
        rows += [
            {"line": KINDS["none"], "method": method, "value": None, **_spread(scores[task, method])}
            for method, config in configs.items()
            if (task, method) in scores and kinship(config) == kin and config.get("balance") is not None
            if kind_of(config) == "none"
        ]
    if not rows:
        return None
    drawn = [row for row in rows if row["value"] is not None]
    best = max(drawn, key=lambda row: row["mean"])
    lines = list(dict.fromkeys(row["line"] for row in drawn))
    y = {"type": "quantitative", "title": "accuracy, percent", "scale": {"zero": False, "nice": True}}
    colour: Record = {
        "field": "line",
        "type": "nominal",
        "scale": {"domain": lines, "range": SERIES[: len(lines)]},
        "legend": LINES,
    }
    dash = {**colour, "scale": {"domain": lines, "range": DASHES[: len(lines)]}}
    return Figure(
        name=stem(setting.replace("_", "-"), dataset, task),
        title=f"{title}; the dashed line is no balancing",
        alt=(
            f"{several(len(drawn), 'value')}; the highest accuracy, {best['mean']:.1f} %, is that of "
            f"{setting.capitalize()} {best['value']:g}."
        ),
        spec={
            "height": 260,
            "encoding": {
                "x": {
                    "field": "value",
                    "type": "quantitative",
                    "title": setting.capitalize(),
                    "scale": {"padding": 12, "nice": False},
                    "axis": {
                        "values": sorted({row["value"] for row in drawn}),
                        "labelExpr": "'' + datum.value",  # a format would round to the step of the axis
                        "grid": False,
                    },
                }
            },
            "layer": [
                *_level("datum.value == null", y, {"field": "line"}),
                {
                    "transform": [{"filter": "datum.value != null"}],
                    "mark": {"type": "line", "strokeWidth": 2},
                    "encoding": {"y": {**y, "field": "mean"}, "color": colour, "strokeDash": dash},
                },
                {
                    "transform": [{"filter": "datum.value != null && datum.low != null"}],
                    "mark": {"type": "rule", "opacity": 0.6},
                    "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
                },
                {
                    "transform": [{"filter": "datum.value != null"}],
                    "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1, "tooltip": True},
                    "encoding": {"y": {**y, "field": "mean"}, "color": colour},
                },
            ],
        },
        rows=rows,
    )


def _level(test: str, y: Record, text: Record) -> list[Record]:
    """A dashed line across the plot with its name above it: a score that the axis does not vary."""
    where = [{"filter": test}]
    return [
        {
            "transform": where,
            "mark": {"type": "rule", "strokeDash": [4, 4], "color": SOFT},
            "encoding": {"y": {**y, "field": "mean"}, "x": None},
        },
        {
            "transform": where,
            "mark": {"type": "text", "align": "left", "x": 4, "dy": -7, "color": SOFT},
            "encoding": {"y": {**y, "field": "mean"}, "text": text, "x": None},
        },
    ]


def bias_figures(
    dataset: str,
    source: str | None,
    colours: Mapping[str, Colours],
    scores: Scores,
    configs: Mapping[str, Record],
    published: Published,
) -> list[tuple[Figure, list[Record]]]:
    """Figure 5.5 for each set of tasks that differ in σ_train alone, with published values beside.

    Args:
        dataset: of the runs.
        source: its entry of `config/sources/`, which published values name.
        colours: task → how colour follows the digit there.
        scores: accuracies of every run.
        configs: method → its config in force.
        published: holds what the source says.
    """
    alike: dict[str, dict[str, float]] = {}
    for task, of_task in sorted(colours.items()):
        others = of_task.model_dump_json(exclude={"sigma_train"})
        alike.setdefault(others, {})[task] = of_task.sigma_train
    found = [
        _bias(dataset, source, sigmas, scores, configs, published)
        for sigmas in alike.values()
        if len({sigmas[task] for task, _ in scores if task in sigmas}) > 1
    ]
    return [one for one in found if one is not None]


def _bias(
    dataset: str,
    source: str | None,
    sigmas: Mapping[str, float],
    scores: Scores,
    configs: Mapping[str, Record],
    published: Published,
) -> tuple[Figure, list[Record]] | None:
    by_method: dict[str, list[str]] = {}
    for task, method in scores:
        if task in sigmas:
            by_method.setdefault(method, []).append(task)
    lines = [name for name in ordered(list(by_method), configs) if len(by_method[name]) > 1]
    # The first view is the grey one, which σ does not touch: run once, it is a level.
    grey = [name for name in by_method if name not in lines and configs[name].get("fusion") == "only_0"]
    if not lines:
        return None
    tasks = sorted(sigmas, key=lambda task: sigmas[task])
    rows = [
        _row(method, task, sigmas[task], OURS, _spread(scores[task, method]))
        for method in lines
        for task in tasks
        if (task, method) in scores
    ]
    cells = [
        cell
        for table in published.tables
        for cell in table.cells
        if cell.dataset == source and cell.task in sigmas and cell.value is not None
    ]
    values = {cell.method: cell for cell in cells if cell.metric == "accuracy"}
    for cell in cells:
        if cell.method in lines and cell.metric in ("accuracy", *BOUNDS):
            what = _BOUND.get(cell.metric, THEIRS)
            rows.append(_row(cell.method, cell.task, sigmas[cell.task], what, _of_cell(cell)))
    for method in grey:
        task = by_method[method][0]
        level = _spread(scores[task, method])
        name = f"{method}: {level['mean']:.1f} %"
        if method in values:
            name += f" (published {values[method].printed})"
        rows.append({**_row(method, task, None, OURS, level), "level": name})
    low, high = min(sigmas.values()), max(sigmas.values())
    drawn = [row for row in rows if row["what"] == OURS and row["sigma_train"] is not None]
    ends = "; ".join(
        f"{method} from {own[0]['mean']:.1f} to {own[-1]['mean']:.1f} %"
        for method in lines
        if (own := [row for row in drawn if row["method"] == method])
    )
    name = stem("sigma-train", dataset, tasks[0])
    title = f"Figure 5.5: accuracy on test by σ_train on {dataset}; hollow marks are published"
    return Figure(
        name, title, f"Accuracy by σ_train, {low:g} to {high:g}: {ends}.", _bias_spec(rows, lines), rows
    ), (_beside(cells, rows))


def _row(method: str, task: str, sigma: float | None, what: str, spread: Record) -> Record:
    return {"method": method, "task": task, "sigma_train": sigma, "what": what, **spread, "level": None}


def _of_cell(cell: PublishedCell) -> Record:
    """A published value in the columns of ours."""
    assert cell.value is not None
    ends = (
        (None, None) if cell.sd is None else (round(cell.value - cell.sd, 3), round(cell.value + cell.sd, 3))
    )
    return {"mean": cell.value, "low": ends[0], "high": ends[1], "seeds": cell.runs}


def _beside(cells: Sequence[PublishedCell], rows: Sequence[Record]) -> list[Record]:
    """Every published value and bound on tasks and methods of the figure, with what ours is there."""
    ours = {(row["method"], row["task"]): row for row in rows if row["what"] == OURS}
    found = []
    for cell in cells:
        row = ours.get((cell.method, cell.task))
        if row is None or cell.metric not in ("accuracy", *BOUNDS):
            continue
        assert cell.value is not None
        difference = (row["mean"] - cell.value) / 100
        kept = None if cell.metric == "accuracy" else (difference > 0) == (cell.metric == "accuracy_above")
        found.append({**row, "cell": cell, "difference": difference, "kept": kept})
    return found


def _bias_spec(rows: Sequence[Record], lines: Sequence[str]) -> Record:
    sigmas = sorted({row["sigma_train"] for row in rows if row["sigma_train"] is not None})
    what = [name for name in _WHAT if any(row["what"] == name for row in rows)]
    y = {"type": "quantitative", "title": "accuracy, percent", "scale": {"zero": False, "nice": True}}
    colour: Record = {
        "field": "method",
        "type": "nominal",
        "sort": list(lines),
        "scale": {"domain": list(lines), "range": [SERIES[i % len(SERIES)] for i in range(len(lines))]},
        "legend": {**LINES, "columns": 2},
    }
    dash = {
        **colour,
        "scale": {"domain": list(lines), "range": [DASHES[i % len(DASHES)] for i in range(len(lines))]},
    }
    shape: Record = {
        "field": "what",
        "type": "nominal",
        "scale": {"domain": what, "range": [_WHAT[name] for name in what]},
        "legend": None,
    }
    on_axis = "datum.sigma_train != null"
    ours = f"{on_axis} && datum.what == '{OURS}'"
    filled = {"condition": {"test": f"datum.what != '{OURS}'", "value": PAPER}, **colour, "legend": None}
    return {
        "height": 340,
        "encoding": {
            "x": {
                "field": "sigma_train",
                "type": "quantitative",
                "title": "σ_train (logarithmic)",
                "scale": {"type": "log", "domain": [sigmas[0] * 0.85, sigmas[-1] * 1.15], "nice": False},
                "axis": {"values": sigmas, "format": "~g", "grid": False},
            }
        },
        "layer": [
            *_level("datum.level != null", y, {"field": "level"}),
            {
                "transform": [{"filter": ours}],
                "mark": {"type": "line", "strokeWidth": 2},
                "encoding": {"y": {**y, "field": "mean"}, "color": colour, "strokeDash": dash},
            },
            {
                "transform": [{"filter": f"{on_axis} && datum.low != null"}],
                "mark": {"type": "rule", "strokeWidth": 1.5, "opacity": 0.6},
                "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
            },
            {
                "transform": [{"filter": on_axis}],
                "mark": {"type": "point", "size": 80, "strokeWidth": 2, "opacity": 1, "tooltip": True},
                "encoding": {
                    "y": {**y, "field": "mean"},
                    "stroke": {**colour, "legend": None},
                    "shape": shape,
                    "fill": filled,
                },
            },
        ],
    }
