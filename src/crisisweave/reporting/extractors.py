"""Pages that compare ways to explain: a method's own rationale beside those of comparators of equal size."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crisisweave.reporting.datasets import About, Sources
from crisisweave.reporting.explained import Explained, Rationales
from crisisweave.reporting.extractor_figure import score_figure
from crisisweave.reporting.full_input import configs_of
from crisisweave.reporting.gallery import TaskRows
from crisisweave.reporting.known_answers import known_answers, settings_of
from crisisweave.reporting.methods import Description, Key, method_file
from crisisweave.reporting.rationale_scores import (
    KEPT,
    METRICS,
    OF_METHOD,
    OWN,
    SHORT,
    Scores,
    experiments,
    extractors_file,
    title_of,
)
from crisisweave.reporting.site import Page, stem
from crisisweave.reporting.thumbnails import ranked_ids

Record = dict[str, Any]

EXAMPLES = 12
"""Instances on the sheet, each with every extractor."""
SEED = 0
"""Of their random choice."""
BOX, QUALITY = (200, 150), 65
"""Of the sheet's thumbnails."""


def extractor_pages(
    rationales: Mapping[str, Any],
    results: Mapping[str, Any],
    details: Mapping[str, Any],
    sources: Sequence[Sources],
    about: Mapping[str, About],
    descriptions: Mapping[Key, Description],
    explained: Mapping[Key, Explained],
    truths: Mapping[str, Path],
) -> list[Page]:
    """One page for each data set and task with scored rationales.

    Args:
        rationales: `rationales.json` of the tables.
        results: `tables.json`.
        details: `details.json`.
        sources: folders of the data sets.
        about: whether texts and images of a data set are left out.
        descriptions: what each method says to the reader.
        explained: rationales of the methods that give some.
        truths: data set → folder `truth/`, for generated data.

    Raises:
        DataError: a data set or task is not among the prepared tables, or rationales that the sheet shows are
            missing.
    """
    by_name = {source.name: source for source in sources}
    pages = []
    for dataset, task in experiments(rationales):
        scores = Scores(rationales, dataset, task)
        methods = [m for m in scores.methods if scores.extractors(m)]
        main = _main(scores, methods, configs_of(details, dataset, task))
        parts = [_method(scores, method, descriptions.get((dataset, task, method))) for method in methods]
        parts.sort(key=lambda part: (part["method"] != main, part["method"]))
        key = (dataset, task, main)
        sheet: Record | None = None
        images: dict[str, bytes] = {}
        if key in explained and not about[dataset].redact:
            rows = TaskRows.read(by_name[dataset], task, redact=False, truth=truths.get(dataset))
            sheet, images = _sheet(rows, explained[key], scores.extractors(main))
        figure = score_figure(scores, main)
        pages.append(
            Page(
                file=extractors_file(dataset, task),
                template="extractors.html",
                title=f"Rationales compared: {dataset}, {task}",
                values={
                    "page": {
                        "dataset": dataset,
                        "task": task,
                        "section": stem("task", dataset, task),
                        "main": parts[0],
                        "methods": parts,
                        "beside": _beside(scores, parts, results),
                        "transfers": _transfers(scores, parts),
                        "answers": known_answers(scores, main, results, details)
                        if dataset in truths
                        else None,
                        "sheet": sheet,
                        "protocol": rationales["protocol"],
                        "redact": about[dataset].redact,
                        "redistributable": about[dataset].redistributable,
                    },
                    "fig": figure,
                },
                images=images,
                figures=[figure] if figure is not None else [],
            )
        )
    return pages


def _main(scores: Scores, methods: Sequence[str], configs: Mapping[str, Record]) -> str:
    """The method whose examples are shown: of those with most to be compared with, the one the others vary.

    That is the one from whose settings of rationales theirs differ least; of two, the one that learns from
    more annotations, so that a method with few of them never stands for the one with all.
    """
    settings = {name: settings_of(configs, name) for name in methods}

    def differences(name: str) -> int:
        own = settings[name]
        return sum(own.get(key) != other.get(key) for other in settings.values() for key in {*own, *other})

    def rank(name: str) -> tuple[float, ...]:
        return -len(scores.extractors(name)), differences(name), -float(settings[name].get("share", 1.0))

    return min(methods, key=lambda name: (rank(name), name))


def _method(scores: Scores, method: str, description: Description | None) -> Record:
    """One method: what it is called, what its scores on test bear out, and its tables."""
    return {
        "method": method,
        "title": method if description is None else description.title,
        "file": method_file((scores.dataset, scores.task, method)),
        "tables": _tables(scores, method, "", "test"),
        "seeds": scores.seeds(method),
        "findings": _findings(scores, method),
    }


def _tables(scores: Scores, method: str, target: str, split: str) -> Record:
    """For each modality the extractors of a method with their scores on one split."""
    tables: Record = {}
    place = (target, split)
    for part, metrics in METRICS.items():
        columns = [m for m in metrics if scores.of_part(method, OWN, m, part, *place) is not None]
        if scores.score(method, OWN, KEPT[part], *place) is None:
            continue
        rows = [
            {
                "extractor": title_of(extractor),
                "own": extractor == OWN,
                "cells": [
                    {
                        "metric": metric,
                        "score": scores.of_part(method, extractor, metric, part, *place),
                        "lead": scores.lead(method, extractor, metric.name, *place),
                    }
                    for metric in columns
                ],
            }
            for extractor in scores.extractors(method, *place)
            if scores.score(method, extractor, KEPT[part], *place) is not None
        ]
        tables[part] = {"metrics": columns, "rows": rows}
    return tables


def _findings(scores: Scores, method: str) -> list[Record]:
    """For each score that was tested: the method's own, whom it is ahead of, and of whom not."""
    findings = []
    for metric in (m for part in METRICS.values() for m in part):
        own = scores.score(method, OWN, metric.name)
        leads = [(name, scores.lead(method, name, metric.name)) for name in scores.extractors(method)]
        tested = [(title_of(name), lead) for name, lead in leads if lead is not None]
        if own is not None and tested:
            ahead = [name for name, lead in tested if lead["significant"] and lead["difference"] > 0]
            findings.append(
                {
                    "metric": metric,
                    "score": own,
                    "ahead": ahead,
                    "behind": [n for n, lead in tested if lead["significant"] and lead["difference"] < 0],
                    "open": [n for n, lead in tested if not lead["significant"]],
                }
            )
    return findings


def _beside(scores: Scores, parts: Sequence[Record], results: Mapping[str, Any]) -> Record:
    """All methods with rationales, and the macro-F1 that they reach on the rationale alone."""
    reached = {
        row["method"]: row
        for row in results["methods"]
        if (row["dataset"], row["task"], row["target"], row["split"])
        == (scores.dataset, scores.task, "", "test")
    }
    metrics = [metric for metric in OF_METHOD if metric.name in SHORT]
    rows = [
        {
            **part,
            "f1": reached.get(part["method"]),
            "scores": [scores.score(part["method"], OWN, metric.name) for metric in metrics],
        }
        for part in parts
    ]
    return {"metrics": metrics, "rows": rows}


def _transfers(scores: Scores, parts: Sequence[Record]) -> list[Record]:
    """Each target with the tables of the methods that were scored there, in the order of `parts`."""
    found: dict[tuple[str, str], list[Record]] = {}
    for part in parts:
        for target, split in scores.places(part["method"], own_data=False):
            tables = _tables(scores, part["method"], target, split)
            found.setdefault((target, split), []).append({**part, "tables": tables})
    return [{"target": t, "split": s, "methods": methods} for (t, s), methods in found.items()]


def _sheet(
    rows: TaskRows, explained: Explained, extractors: Sequence[str]
) -> tuple[Record, dict[str, bytes]]:
    """Random test rows, each with what every extractor chose."""
    rationales = Rationales(explained, extractors)
    labelled = rows.table.index[rows.table["label"].notna()]
    cards = []
    images: dict[str, bytes] = {}
    for instance_id in ranked_ids(labelled, SEED)[:EXAMPLES]:
        views = {name: rows.rationale(instance_id, rationales, name) for name in extractors}
        file = None
        if any(view.overlay is not None for view in views.values()):
            digest = hashlib.sha256(instance_id.encode()).hexdigest()[:16]
            file = f"{rows.dataset}/extractors/{digest}.jpg"
            images[file] = rows.picture(instance_id, BOX, QUALITY)
        cards.append(
            {
                "instance_id": instance_id,
                "label": str(rows.table.loc[instance_id, "label"]),
                "file": file,
                "answer": views[OWN].target,
                "texts": [
                    (title_of(n), n == OWN, v.phrases) for n, v in views.items() if v.phrases is not None
                ],
                "pictures": [
                    (title_of(n), n == OWN, v.overlay) for n, v in views.items() if v.overlay is not None
                ],
            }
        )
    return {
        "cards": cards,
        "seed": explained.seed,
        "chosen_by": SEED,
        "pictures": bool(images),
        "truth": bool(rows.truth.words or rows.truth.boxes),
    }, images
