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
from crisisweave.reporting.figures import Figure
from crisisweave.reporting.full_input import against_full, configs_of
from crisisweave.reporting.method_figures import Key, Record, calibration, dev_score, loss
from crisisweave.reporting.rationale_scores import Scores, extractors_file, of_method
from crisisweave.reporting.results import of
from crisisweave.reporting.site import Page, stem

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
        explained = None
        if key[2] in scores.methods:
            full = against_full(*key, configs_of(details, *key[:2]), tables)
            explained = {**of_method(scores, key[2]), "full": full}
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
    figures: dict[str, Figure] = {"calibration": calibration(key, record, test)}
    if record["learning"]:
        figures["loss"] = loss(key, record)
        figures["dev"] = dev_score(key, record)
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
