"""The overview: every method in one table, and for each task which differences are real."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crisisweave.reporting.both_inputs import known_answer
from crisisweave.reporting.figures import ACCENT, BAND, INK, PAPER, SOFT, Figure
from crisisweave.reporting.full_input import configs_of
from crisisweave.reporting.numbers import points, several
from crisisweave.reporting.results import Ceilings, Record, scale, sections
from crisisweave.reporting.site import Page, stem

MATRIX = (3, 30)
"""A matrix of all pairs is drawn from three methods on, and to thirty: a larger one cannot be read."""
WRITTEN = 12
"""Up to so many methods a matrix has its differences written in."""
REAL, NOT_SHOWN = "larger than chance explains", "not shown"


def overview(
    results: Mapping[str, Any],
    details: Mapping[str, Any],
    ceilings: Mapping[tuple[str, str], Ceilings],
    tables: Sequence[str],
) -> Page:
    """The page `index.html`.

    Args:
        results: what `aggregate` wrote as `tables.json`.
        details: what it wrote as `details.json`.
        ceilings: (data set, task) → what the best possible classifier scores; known for generated data only.
        tables: names of the CSV files beside the pages.
    """
    parts = sections(results, ceilings)
    for section in parts:
        section["figures"] = _figures(section) if section["group"] else []
        section["answer"] = _known_answer(section, details, results) if section["group"] else None
    rows = [row for section in parts if section["group"] for row in section["methods"]]
    return Page(
        file="index.html",
        template="index.html",
        title="Results",
        nav="Results",
        values={
            "sections": parts,
            "rows": rows,
            "scale": scale([v for row in rows for v in (row["f1_macro_low"], row["f1_macro_high"])])
            if rows
            else None,
            "protocol": results["protocol"],
            "tables": tables,
        },
        figures=[figure for section in parts for figure in section["figures"]],
    )


def _known_answer(section: Record, details: Mapping[str, Any], results: Mapping[str, Any]) -> str | None:
    configs = configs_of(details, section["dataset"], section["task"])
    inputs = {method: config["inputs"] for method, config in configs.items()}
    return known_answer(section, inputs, section["ceilings"], results["protocol"]["alpha"])


def _figures(section: Record) -> list[Figure]:
    """How far the best method leads, and all pairs where there are several."""
    if not section["pairs"]:
        return []
    figures = [_leads(section)]
    if MATRIX[0] <= len(section["methods"]) <= MATRIX[1]:
        figures.append(_matrix(section))
    return figures


def _row(pair: Record) -> Record:
    """A comparison in percentage points, as a figure's data."""
    return {
        "better": pair["a"],
        "other": pair["b"],
        "difference": round(100 * pair["f1_macro_difference"], 3),
        "low": round(100 * pair["f1_macro_low"], 3),
        "high": round(100 * pair["f1_macro_high"], 3),
        "p_holm": pair["f1_macro_p_holm"],
        "verdict": REAL if pair["significant"] else NOT_SHOWN,
        "written": points(pair["f1_macro_difference"]),
    }


_TOOLTIP = [
    {"field": "better", "title": "Better method"},
    {"field": "other", "title": "Other method"},
    {"field": "difference", "title": "Difference (points)", "format": ".1f"},
    {"field": "low", "title": "from", "format": ".1f"},
    {"field": "high", "title": "to", "format": ".1f"},
    {"field": "p_holm", "title": "p (Holm)", "format": ".3f"},
    {"field": "verdict", "title": "Verdict"},
]


def _leads(section: Record) -> Figure:
    best = section["methods"][0]["method"]
    rows = [_row(pair) for pair in reversed(section["leads"])]
    real = sum(row["verdict"] == REAL for row in rows)
    legend = {"title": None, "orient": "top", "columns": 1, "symbolSize": 70}
    verdict = {"field": "verdict", "type": "nominal", "legend": legend}
    domain = [REAL, NOT_SHOWN]
    axis = {"tickCount": 6}
    title = "points of macro-F1 ahead"
    return Figure(
        name=stem("leads", section["dataset"], section["task"]),
        title=f"By how much {best} leads on {section['dataset']}, {section['task']}",
        alt=(
            f"Differences in macro-F1 between {best} and {several(len(rows), 'other method')} with their "
            f"paired intervals: {rows[0]['written']} to {rows[-1]['written']} points; {real} of {len(rows)} "
            "larger than chance explains."
        ),
        spec={
            "height": {"step": 24 if len(rows) <= 40 else 14},
            "encoding": {
                "y": {
                    "field": "other",
                    "type": "nominal",
                    "sort": None,
                    "title": None,
                    "axis": {
                        "labelColor": INK,
                        "labelPadding": 8,
                        "grid": False,
                        "ticks": False,
                        "domain": False,
                    },
                },
                "tooltip": _TOOLTIP,
                "stroke": {**verdict, "scale": {"domain": domain, "range": [ACCENT, SOFT]}},
            },
            "layer": [
                {
                    "mark": {"type": "rule", "strokeDash": [3, 3], "stroke": SOFT},
                    "encoding": {"x": {"datum": 0}, "y": None, "stroke": None, "tooltip": None},
                },
                {
                    "mark": {"type": "rule", "strokeWidth": 2},
                    "encoding": {
                        "x": {"field": "low", "type": "quantitative", "title": title, "axis": axis},
                        "x2": {"field": "high"},
                    },
                },
                {
                    "mark": {"type": "point", "size": 70, "strokeWidth": 2, "opacity": 1},
                    "encoding": {
                        "x": {"field": "difference", "type": "quantitative"},
                        "fill": {**verdict, "scale": {"domain": domain, "range": [ACCENT, PAPER]}},
                    },
                },
            ],
        },
        rows=rows,
    )


def _matrix(section: Record) -> Figure:
    names = [row["method"] for row in section["methods"]]
    rows = [_row(pair) for pair in section["pairs"]]
    real = sum(row["verdict"] == REAL for row in rows)
    is_real = f"datum.verdict === '{REAL}'"
    written = len(names) <= WRITTEN
    axis = {"grid": False, "ticks": False, "domain": False, "labelColor": INK}
    text = {
        "mark": {"type": "text", "fontSize": 12},
        "encoding": {
            "text": {"field": "written"},
            "color": {"condition": {"test": is_real, "value": PAPER}, "value": SOFT},
        },
    }
    step = 46 if written else 22
    return Figure(
        name=stem("pairs", section["dataset"], section["task"]),
        title=(
            f"Which differences are real on {section['dataset']}, {section['task']}: filled cells; "
            "how far the method of the row is ahead of the method of the column, in points of macro-F1"
        ),
        alt=f"{real} of {len(rows)} pairs of methods differ by more than chance explains.",
        spec={
            "width": {"step": step},
            "height": {"step": min(step, 30)},
            "encoding": {
                "y": {
                    "field": "better",
                    "type": "nominal",
                    "scale": {"domain": names[:-1]},
                    "title": None,
                    "axis": axis,
                },
                "x": {
                    "field": "other",
                    "type": "nominal",
                    "scale": {"domain": names[1:]},
                    "title": None,
                    "axis": {**axis, "orient": "top", "labelAngle": -40},
                },
                "tooltip": _TOOLTIP,
            },
            "layer": [
                {
                    "mark": {"type": "rect", "stroke": PAPER, "strokeWidth": 2},
                    "encoding": {"color": {"condition": {"test": is_real, "value": ACCENT}, "value": BAND}},
                },
                *([text] if written else []),
            ],
        },
        rows=rows,
    )
