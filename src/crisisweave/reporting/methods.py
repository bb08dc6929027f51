"""One page for each data set, task and method: what it is, how it learned, where it is right and wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from crisisweave.config.method import EncoderUse, Head, MethodConfig, Rationales, Training
from crisisweave.config.strict import StrictModel
from crisisweave.errors import DataError
from crisisweave.reporting.figures import ACCENT, SOFT, Figure
from crisisweave.reporting.numbers import percent, several
from crisisweave.reporting.rationale_scores import Scores, extractors_file, of_method
from crisisweave.reporting.results import of
from crisisweave.reporting.site import Page, stem

Record = dict[str, Any]
Key = tuple[str, str, str]
"""Data set, task, method."""

SHADES = 6
"""Classes `shade-1` to `shade-6` of the confusion table; the last is for a share of 1."""
_ONLY_TEXT, _ONLY_IMAGE = {"pooling", "tune_embeddings"}, {"size", "flip"}
_NESTED: dict[str, type[StrictModel]] = {
    "text": EncoderUse,
    "image": EncoderUse,
    "head": Head,
    "training": Training,
    "rationales": Rationales,
}
_WIDTH, _HEIGHT = 310, 220


@dataclass(frozen=True)
class Description:
    """What a method's file says to the reader."""

    title: str
    idea: str
    source: str
    """Document, section and table, as one phrase."""
    deviations: Sequence[str] = ()
    changes: Sequence[tuple[str, str, str]] = ()
    """What the profile changes of the file: key, the file's value, the value in force."""

    @classmethod
    def of(cls, config: MethodConfig, changes: Sequence[tuple[str, Any, Any]]) -> Description:
        """The description of a resolved method and of what its profile changes."""
        source = config.source
        parts = [source.document, f"section {source.section}"]
        if source.table is not None:
            parts.append(f"table {source.table}")
        written = [(key, _written(before), _written(after)) for key, before, after in changes]
        return cls(config.title, config.idea, ", ".join(parts), tuple(config.deviations), written)


def _written(value: Any) -> str:
    """A value as the file says it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def method_file(key: Key) -> str:
    """The file of a method's page."""
    return f"pages/{stem('method', *key)}.html"


def method_pages(
    tables: Mapping[str, Any],
    details: Mapping[str, Any],
    descriptions: Mapping[Key, Description],
    rationales: Mapping[str, Any],
) -> list[Page]:
    """One page for each record of `details.json`.

    Args:
        tables: `tables.json`.
        details: `details.json`.
        descriptions: what each method says to the reader.
        rationales: `rationales.json` of the tables.

    Raises:
        DataError: a method is not described.
    """
    pages = []
    shared = _by_method(details["shared_errors"])
    for record in details["methods"]:
        key = (record["dataset"], record["task"], record["method"])
        if key not in descriptions:
            raise DataError(f"nothing is said about method {'/'.join(key)}; give its title, idea and source")
        scores = Scores(rationales, *key[:2])
        explained = of_method(scores, key[2]) if key[2] in scores.methods else None
        pages.append(_page(key, record, tables, shared.get(key, []), descriptions[key], explained))
    return pages


def _page(
    key: Key,
    record: Record,
    tables: Mapping[str, Any],
    shared: Sequence[Record],
    description: Description,
    explained: Record | None,
) -> Page:
    dataset, task, method = key
    here = {"dataset": dataset, "task": task, "method": method}
    rows = of(tables["methods"], **here)
    test = of(rows, target="", split="test")[0]
    figures: dict[str, Figure] = {"calibration": _calibration(key, record, test)}
    if record["learning"]:
        figures["loss"] = _loss(key, record)
        figures["dev"] = _dev_score(key, record)
    return Page(
        file=method_file(key),
        template="method.html",
        title=f"{description.title}: {dataset}, {task}",
        values={
            "page": {
                **here,
                "section": stem("task", dataset, task),
                "description": description,
                "record": record,
                "decision": bool(record["config"]["members"]),
                "test": test,
                "runs": of(tables["runs"], **here, target="", split="test"),
                "transfers": [row for row in rows if row["target"]],
                "confusion": _confusion(record),
                "shared": [_with_page(key, row) for row in shared],
                "config": _yaml(record["config"]),
                "data_page": f"pages/{stem('data', dataset)}.html",
                "explained": explained,
                "extractors_page": extractors_file(dataset, task),
                "gallery_page": f"pages/{stem('gallery', *key, '1')}.html",
            },
            "fig": figures,
            "level": tables["protocol"]["level"],
        },
        figures=list(figures.values()),
    )


def _by_method(pairs: Sequence[Record]) -> dict[Key, list[Record]]:
    """Each method's pairs, told from its side."""
    result: dict[Key, list[Record]] = {}
    for pair in pairs:
        a, b = pair["method_a"], pair["method_b"]
        sides = ((a, b, "only_a_wrong", "only_b_wrong"), (b, a, "only_b_wrong", "only_a_wrong"))
        for mine, other, only_mine, only_other in sides:
            errors = pair["both_wrong"] + pair[only_mine]
            result.setdefault((pair["dataset"], pair["task"], mine), []).append(
                {
                    "other": other,
                    "n": pair["n"],
                    "both": pair["both_wrong"],
                    "same_answer": pair["same_answer"],
                    "only_this": pair[only_mine],
                    "only_other": pair[only_other],
                    "errors": errors,
                    "share": pair["both_wrong"] / errors if errors else None,
                }
            )
    return result


def _with_page(key: Key, row: Record) -> Record:
    return {**row, "file": method_file((key[0], key[1], row["other"]))}


def _confusion(record: Record) -> list[Record]:
    """Rows of the confusion table: counts over all seeds, their share of the true class, and its shade."""
    rows = []
    for name, counts in zip(record["classes"], record["confusion"], strict=True):
        total = sum(counts)
        shares = [count / total if total else None for count in counts]
        cells = [
            {"count": count, "share": share, "shade": _shade(share)}
            for count, share in zip(counts, shares, strict=True)
        ]
        rows.append({"name": name, "total": total, "cells": cells})
    return rows


def _shade(share: float | None) -> int:
    """0 for nothing, then in equal steps to `SHADES` for a share of 1."""
    return 0 if not share else min(SHADES, 1 + int(share * SHADES))


def _yaml(config: Mapping[str, Any]) -> str:
    """The config in force in the order of the method's file, without what this method has no use for."""
    keys = ["threads", "family", "inputs", "rule", "members"]
    if not config["members"]:
        keys += [key for key in MethodConfig.model_fields if key in config and key not in ("name", *keys)]
        keys += ["shorter_side", "captioning", "joint_encoder"]
    if not config["joint"] and "masking" in keys:
        keys.remove("masking")
    shown: Record = {}
    for key in keys:
        value = config[key]
        if key in ("text", "image") and value is not None:
            useless = _ONLY_IMAGE if key == "text" else _ONLY_TEXT
            value = {k: v for k, v in value.items() if k not in useless}
        if key in _NESTED and value is not None:
            value = {k: value[k] for k in _NESTED[key].model_fields if k in value}
        if value is not None and value != {}:
            shown[key] = value
    text: str = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=72)
    return text


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


def _loss(key: Key, record: Record) -> Figure:
    rows = [
        {"seed": curve["seed"], "epoch": epoch["epoch"], "rows": part, "loss": epoch[f"{part}_loss"]}
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
    spec = {
        "mark": {"type": "line", "strokeWidth": 2, "tooltip": True, "aria": False},
        "encoding": {
            "x": _epochs(record),
            "y": {"field": "loss", "type": "quantitative", "title": "Loss"},
            "color": _seed(),
            "strokeDash": {**dash, "scale": {"domain": ["train", "dev"], "range": [[1, 0], [4, 3]]}},
        },
    }
    return _figure("loss", key, "Loss on train and dev by epoch", alt, spec, rows)


def _dev_score(key: Key, record: Record) -> Figure:
    metric = record["config"]["training"]["select_on"]
    rows = [
        {
            "seed": curve["seed"],
            "epoch": epoch["epoch"],
            **{name: value for name, value in epoch.items() if name.startswith("dev_")},
            "best": epoch["epoch"] == curve["best_epoch"],
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
    spec = {
        "encoding": {"x": _epochs(record), "y": y, "color": _seed()},
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
    title = f"{name[0].upper()}{name[1:]} on dev by epoch; the dot is the epoch that was kept"
    return _figure("dev", key, title, alt, spec, rows)


def _calibration(key: Key, record: Record, test: Record) -> Figure:
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
