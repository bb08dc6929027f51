"""Figures of a page on fusion: one modality wrong (table 4.4), captioners and mixes (figures 4.3 and 4.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crisisweave.reporting.figures import ACCENT, INK, PAPER, SERIES, SOFT, WARM, Figure
from crisisweave.reporting.numbers import percent
from crisisweave.reporting.site import stem

Record = dict[str, Any]

REFERENCE, REAL, OPEN = "setting to compare with", "differs by more than chance", "not shown to differ"
"""What the fill and shape of a setting's mark say."""
_VERDICTS = [REFERENCE, REAL, OPEN]
_NAMES = {"TC_T": "text alone (TC_T)", "TC_C": "caption alone (TC_C)", "TC_TC": "text and caption (TC_TC)"}
_X: Record = {"type": "quantitative", "scale": {"zero": False, "nice": True}, "title": "percent"}


def _y(field: str) -> Record:
    axis = {"labelColor": INK, "labelPadding": 8, "grid": False, "ticks": False, "domain": False}
    return {"field": field, "type": "nominal", "sort": None, "title": None, "axis": axis}


def _percents(values: Mapping[str, Any], *names: str) -> list[float | None]:
    return [None if values[name] is None else round(100 * values[name], 3) for name in names]


def halves_figure(dataset: str, task: str, records: Sequence[Record]) -> Figure | None:
    """How often each fusion is right where one modality alone is; None where that never happens."""
    domain = ["text alone is wrong", "image or caption alone is wrong"]
    rows: list[Record] = []
    for record in records:
        for case in record["cases"]:
            share, low, high = _percents(case, "share", "share_low", "share_high")
            if share is not None:
                rows.append(
                    {
                        "method": record["method"],
                        "where": domain[case["wrong"] != "text"],
                        "wrong": case["wrong"],
                        "share": share,
                        "low": low,
                        "high": high,
                        "rows": case["rows"],
                    }
                )
    if not rows:
        return None
    best = max(records, key=lambda record: record["mean_share"] or 0)
    colour: Record = {
        "field": "where",
        "type": "nominal",
        "scale": {"domain": domain, "range": [WARM, ACCENT]},
        "legend": {"title": None, "orient": "top", "columns": 1},
    }
    shape = {**colour, "scale": {"domain": domain, "range": ["diamond", "circle"]}}
    return Figure(
        name=stem("halves", dataset, task),
        title=f"How often a fusion is right where one modality alone is ({dataset}, {task})",
        alt=(
            f"{len(records)} fusions; the highest mean of both shares is that of {best['method']}, "
            f"{percent(best['mean_share'])} %."
        ),
        spec={
            "height": {"step": 30},
            "encoding": {"y": _y("method"), "yOffset": {"field": "where", "sort": None}, "color": colour},
            "layer": [
                {
                    "mark": {"type": "rule", "strokeWidth": 2},
                    "encoding": {"x": {**_X, "field": "low"}, "x2": {"field": "high"}},
                },
                {
                    "mark": {"type": "point", "filled": True, "opacity": 1, "size": 70, "tooltip": True},
                    "encoding": {"x": {**_X, "field": "share"}, "shape": shape},
                },
            ],
        },
        rows=rows,
    )


def settings_figure(study: Record, scores: Mapping[str, Record]) -> Figure | None:
    """Figure 4.3: each captioner's model, shown text, captions or both, beside the other settings.

    Args:
        study: one of `details.json`'s `caption_studies`.
        scores: method → its row of `methods.csv` on this task's test split.
    """
    if not study["settings"]:
        return None
    rows: list[Record] = []
    for setting, method in study["references"].items():
        rows.append(_setting(f"{setting}: {method}", method, scores, REFERENCE, None))
    for row in study["settings"]:
        label = f"{row['captioner']}: {_NAMES[row['setting']]}"
        verdict = REAL if row["significant"] else OPEN
        rows.append(_setting(label, row["method"], scores, verdict, row["against"]))
    best = max((row for row in rows if row["verdict"] != REFERENCE), key=lambda row: row["mean"])
    marks: Record = {"field": "verdict", "type": "nominal", "legend": {"title": None, "orient": "top"}}
    colour = {**marks, "scale": {"domain": _VERDICTS, "range": [SOFT, ACCENT, ACCENT]}}
    fill = {**marks, "scale": {"domain": _VERDICTS, "range": [SOFT, ACCENT, PAPER]}}
    shape = {**marks, "scale": {"domain": _VERDICTS, "range": ["square", "circle", "circle"]}}
    return Figure(
        name=stem("captioners", study["dataset"], study["task"]),
        title=f"Captioners: text alone, caption alone, and both ({study['dataset']}, {study['task']})",
        alt=(
            f"Weighted F1 of {len(rows)} settings; the best with captions is {best['label']}, "
            f"{best['mean']:.1f} %."
        ),
        spec={
            "height": {"step": 24},
            "encoding": {"y": _y("label"), "stroke": colour},
            "layer": [
                {
                    "transform": [{"filter": f"datum.verdict == '{REFERENCE}'"}],
                    "mark": {"type": "rule", "strokeDash": [3, 4], "opacity": 0.6},
                    "encoding": {"x": {**_X, "field": "mean"}, "y": None},
                },
                {
                    "mark": {"type": "rule", "strokeWidth": 2},
                    "encoding": {"x": {**_X, "field": "low"}, "x2": {"field": "high"}},
                },
                {
                    "mark": {"type": "point", "size": 80, "strokeWidth": 2, "opacity": 1, "tooltip": True},
                    "encoding": {
                        "x": {**_X, "field": "mean", "title": "weighted F1, percent"},
                        "fill": fill,
                        "shape": shape,
                    },
                },
            ],
        },
        rows=rows,
    )


def _setting(
    label: str, method: str, scores: Mapping[str, Record], verdict: str, against: str | None
) -> Record:
    mean, low, high = _percents(scores[method], "f1_weighted", "f1_weighted_low", "f1_weighted_high")
    row = {"label": label, "method": method, "mean": mean, "low": low, "high": high}
    return {**row, "verdict": verdict, "against": against, "seeds": scores[method]["seeds"]}


def mixes_figure(study: Record, scores: Mapping[str, Record]) -> Figure | None:
    """Figure 4.4: scores on text alone, on captions alone and on both, by the share of training captions."""
    if not study["mixes"]:
        return None
    rows: list[Record] = []
    for row in study["mixes"]:
        setting = _setting(_NAMES[row["setting"]], row["method"], scores, "", row["against"])
        compared = row["against"] is not None
        setting["verdict"] = (REAL if row["significant"] else OPEN) if compared else REFERENCE
        rows.append({"share": round(100 * row["share"]), "reference": None, **setting})
    lines = [(name, study["references"][name]) for name in ("T_T", "TI_TI") if name in study["references"]]
    for name, method in lines:
        line = _setting(f"{name}: {method}", method, scores, REFERENCE, None)
        rows.append({"share": 0 if name == "T_T" else 100, "reference": name, **line})
    drawn = [row for row in rows if row["reference"] is None]
    labels = [label for label in _NAMES.values() if any(row["label"] == label for row in drawn)]
    ends = []
    for label in labels:
        own = sorted((row for row in drawn if row["label"] == label), key=lambda row: row["share"])
        ends.append(f"{label} from {own[0]['mean']:.1f} to {own[-1]['mean']:.1f} %")
    ticks = {"values": sorted({row["share"] for row in drawn}), "grid": False}
    x: Record = {"field": "share", "type": "quantitative", "axis": ticks}
    x["title"] = "Training tweets with their caption, percent"
    y = {**_X, "field": "mean", "title": "weighted F1, percent"}
    colour: Record = {
        "field": "label",
        "type": "nominal",
        "sort": labels,
        "scale": {"domain": labels, "range": SERIES[: len(labels)]},
        "legend": {"title": "Shown", "orient": "top", "columns": 1},
    }
    shape = {**colour, "scale": {"domain": labels, "range": ["circle", "square", "diamond"]}}
    filled = {"condition": {"test": f"datum.verdict == '{OPEN}'", "value": PAPER}, **colour, "legend": None}
    return Figure(
        name=stem("mixes", study["dataset"], study["task"]),
        title=(
            "Mix training; a hollow mark is not shown to differ from training with all captions, dashed "
            f"lines are {' and '.join(name for name, _ in lines) or 'absent'} "
            f"({study['dataset']}, {study['task']})"
        ),
        alt=f"Weighted F1 by share of training tweets with captions: {'; '.join(ends)}.",
        spec={
            "height": 300,
            "encoding": {"x": x},
            "layer": [
                {
                    "transform": [{"filter": "datum.reference != null"}],
                    "mark": {"type": "rule", "strokeDash": [4, 4], "color": SOFT},
                    "encoding": {"y": y, "x": None},
                },
                {
                    "transform": [{"filter": "datum.reference != null"}],
                    "mark": {
                        "type": "text",
                        "align": {"expr": "datum.share ? 'right' : 'left'"},
                        "dy": -7,
                        "color": SOFT,
                    },
                    "encoding": {"y": y, "text": {"field": "label"}},
                },
                {
                    "transform": [{"filter": "datum.reference == null"}],
                    "mark": {"type": "rule", "strokeWidth": 1, "opacity": 0.6},
                    "encoding": {"y": {**y, "field": "low"}, "y2": {"field": "high"}, "color": colour},
                },
                {
                    "transform": [{"filter": "datum.reference == null"}],
                    "mark": {"type": "line", "strokeWidth": 2},
                    "encoding": {"y": y, "color": colour},
                },
                {
                    "transform": [{"filter": "datum.reference == null"}],
                    "mark": {"type": "point", "size": 80, "strokeWidth": 2, "opacity": 1, "tooltip": True},
                    "encoding": {"y": y, "stroke": colour, "shape": shape, "fill": filled},
                },
            ],
        },
        rows=rows,
    )
