"""Figures of a method's page: learning curves and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crisisweave.reporting.figures import ACCENT, SOFT, Figure
from crisisweave.reporting.numbers import percent, several
from crisisweave.reporting.site import stem

Record = dict[str, Any]
Key = tuple[str, str, str]
"""Data set, task, method."""
_WIDTH, _HEIGHT = 310, 220


def _figure(kind: str, key: Key, title: str, alt: str, spec: Record, rows: Sequence[Record]) -> Figure:
    size = {"width": _WIDTH, "height": _HEIGHT}
    return Figure(stem(kind, *key), title, alt, {**size, **spec}, [_short(row) for row in rows])


def _short(row: Mapping[str, Any]) -> Record:
    """The row with no more digits than a figure can show; all of them would be half of the page."""
    return {name: round(value, 5) if isinstance(value, float) else value for name, value in row.items()}


def _seed(**more: Any) -> Record:
    return {"field": "seed", "type": "nominal", "title": "Seed", "legend": {"orient": "bottom"}, **more}


def _epochs(record: Record) -> Record:
    """The axis of epochs: whole numbers, at most a dozen."""
    last = max(epoch["epoch"] for curve in record["learning"] for epoch in curve["epochs"])
    ticks = list(range(0, last + 1, 1 + last // 12))
    axis = {"values": ticks, "format": "d", "grid": False}
    return {"field": "epoch", "type": "quantitative", "title": "Epoch (the first is 0)", "axis": axis}


def _phases(record: Record) -> list[str]:
    """The phases in which a method was trained, one after the other; empty for training in one go."""
    epochs = [epoch for curve in record["learning"] for epoch in curve["epochs"] if "phase" in epoch]
    return list(dict.fromkeys(epoch["phase"] for epoch in epochs))


def _phase(record: Record, epoch: Record) -> Record:
    """The phase of an epoch for a figure, whose lines break where a phase ends."""
    return {"phase": epoch["phase"]} if len(_phases(record)) > 1 else {}


def _by_phase(record: Record, title: str) -> tuple[str, Record]:
    """A figure's title and what breaks its lines where a phase ends."""
    phases = _phases(record)
    if len(phases) < 2:
        return title, {}
    return f"{title}; lines break between phases ({', then '.join(phases)})", {"detail": {"field": "phase"}}


def loss(key: Key, record: Record) -> Figure:
    """Loss on train and dev, epoch by epoch."""
    rows = [
        {
            "seed": curve["seed"],
            "epoch": epoch["epoch"],
            "rows": part,
            "loss": epoch[f"{part}_loss"],
            **_phase(record, epoch),
        }
        for curve in record["learning"]
        for epoch in curve["epochs"]
        for part in ("train", "dev")
        if epoch[f"{part}_loss"] is not None
    ]

    def mean(part: str, last: bool) -> str:
        values = []
        for curve in record["learning"]:
            own = [row["loss"] for row in rows if row["seed"] == curve["seed"] and row["rows"] == part]
            values += own[-1:] if last else own[:1]
        return f"{sum(values) / len(values):.2f}" if values else "unknown"

    alt = (
        f"Loss by epoch, {several(len(record['learning']), 'seed')}: on train {mean('train', False)} after "
        f"the first epoch and {mean('train', True)} after the last, on dev {mean('dev', False)} and "
        f"{mean('dev', True)} (means over seeds)."
    )
    dash = {"field": "rows", "type": "nominal", "title": "Rows", "legend": {"orient": "bottom"}}
    title, broken = _by_phase(record, "Loss on train and dev by epoch")
    spec = {
        "mark": {"type": "line", "strokeWidth": 2, "tooltip": True, "aria": False},
        "encoding": {
            **broken,
            "x": _epochs(record),
            "y": {"field": "loss", "type": "quantitative", "title": "Loss"},
            "color": _seed(),
            "strokeDash": {**dash, "scale": {"domain": ["train", "dev"], "range": [[1, 0], [4, 3]]}},
        },
    }
    return _figure("loss", key, title, alt, spec, rows)


def dev_score(key: Key, record: Record) -> Figure:
    """The dev score that chooses the epoch."""
    metric = record["config"]["training"]["select_on"]
    rows = [
        {
            "seed": curve["seed"],
            "epoch": epoch["epoch"],
            **{name: value for name, value in epoch.items() if name.startswith("dev_")},
            "best": epoch["epoch"] == curve["best_epoch"],
            **_phase(record, epoch),
        }
        for curve in record["learning"]
        for epoch in curve["epochs"]
    ]
    name = {"f1_macro": "macro-F1", "f1_weighted": "weighted F1", "accuracy": "accuracy"}[metric]
    best = [
        f"{percent(row[f'dev_{metric}'])} % at epoch {row['epoch']} (seed {row['seed']})"
        for row in rows
        if row["best"]
    ]
    alt = f"{name[0].upper()}{name[1:]} on dev by epoch; best: {', '.join(best) or 'unknown'}."
    y: Record = {"field": f"dev_{metric}", "type": "quantitative", "title": f"Dev {name}"}
    y |= {"scale": {"zero": False}, "axis": {"format": ".0%"}}
    title = f"{name[0].upper()}{name[1:]} on dev by epoch; the dot is the epoch that was kept"
    title, broken = _by_phase(record, title)
    spec = {
        "encoding": {**broken, "x": _epochs(record), "y": y, "color": _seed()},
        "layer": [
            {"mark": {"type": "line", "strokeWidth": 2, "tooltip": True, "aria": False}},
            {
                "transform": [{"filter": "datum.best"}],
                "mark": {
                    "type": "point",
                    "filled": True,
                    "opacity": 1,
                    "size": 90,
                    "tooltip": True,
                    "aria": False,
                },
            },
        ],
    }
    return _figure("dev", key, title, alt, spec, rows)


def calibration(key: Key, record: Record, test: Record) -> Figure:
    """Reliability diagram of the test answers."""
    rows = [dict(row) for row in record["reliability"]]
    commonest = max(rows, key=lambda row: row["n"])
    alt = (
        f"Reliability diagram; expected calibration error {percent(test['ece'])} points. Most answers "
        f"({commonest['n']} of {sum(row['n'] for row in rows)}) have a confidence near "
        f"{percent(commonest['confidence'])} %, of which {percent(commonest['accuracy'])} % are right."
    )
    share = {"type": "quantitative", "scale": {"domain": [0, 1]}, "axis": {"format": ".0%", "tickCount": 5}}
    x = {**share, "field": "confidence", "title": "Mean probability of the predicted class"}
    y = {**share, "field": "accuracy", "title": "Share that is right"}
    spec = {
        "height": _WIDTH,
        "layer": [
            {
                "data": {"values": [{"confidence": 0, "accuracy": 0}, {"confidence": 1, "accuracy": 1}]},
                "mark": {
                    "type": "line",
                    "color": SOFT,
                    "strokeDash": [4, 3],
                    "strokeWidth": 1,
                    "aria": False,
                },
                "encoding": {"x": x, "y": y},
            },
            {
                "mark": {"type": "rule", "color": ACCENT, "opacity": 0.6, "aria": False},
                "encoding": {"x": x, "y": y, "y2": {"field": "confidence"}},
            },
            {
                "mark": {"type": "circle", "color": ACCENT, "opacity": 0.9, "tooltip": True, "aria": False},
                "encoding": {
                    "x": x,
                    "y": y,
                    "size": {
                        "field": "n",
                        "type": "quantitative",
                        "title": "Answers",
                        "scale": {"range": [20, 500]},
                        "legend": {"orient": "bottom", "tickCount": 3},
                    },
                },
            },
        ],
    }
    return _figure("calibration", key, "How often an answer is right, by how sure it is", alt, spec, rows)
