"""From a source of rationale labels to the labels of a prepared task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from crisisweave.config.rationales import RationaleSource
from crisisweave.datasets.tables import read_instances
from crisisweave.datasets.text import words
from crisisweave.files import write_json
from crisisweave.rationales.describe import describe
from crisisweave.rationales.labels import RationaleLabel, gold_words, read_given_labels, write_labels
from crisisweave.rationales.truth import label_of, truth_labels

Made = tuple[list[RationaleLabel], dict[str, int]]


def make_labels(
    source: RationaleSource, *, prepared: Path, truth: Path, taggers: Path, data_root: Path, out: Path
) -> dict[str, Any]:
    """Write the labels of a prepared task and, beside them, `<source>.json` that describes them.

    Args:
        source: where the labels come from.
        prepared: `data/prepared/<dataset>/<task>`.
        truth: what a generator marked; read for the kind `truth` only.
        taggers: folder of the trained taggers; read for the kind `silver` only.
        data_root: folder that holds the raw data; read for the kind `file` only.
        out: the JSONL to write.

    Raises:
        DataError: the source has no labels of this task, or labels of other words.
        WeightsError: the tagger is missing or was made with another config.
    """
    instances, _ = read_instances(prepared)
    made: dict[str, int] = {}
    if source.kind == "truth":
        labels = truth_labels(instances, truth)
    elif source.kind == "silver":
        labels, made = _from_tagger(source, taggers / source.name, instances)
    else:
        labels, made = _from_file(data_root / str(source.file), instances)
    write_labels(out, labels)
    described = {**describe(labels), **made, "source": source.name, "instances": len(instances)}
    write_json(out.with_suffix(".json"), described)
    return described


def _from_tagger(source: RationaleSource, folder: Path, instances: pd.DataFrame) -> Made:
    from crisisweave.rationales.tagger_folder import load_tagger

    assert source.tagger is not None
    tagger = load_tagger(folder, source.tagger)
    rows = instances.to_dict("records")
    texts = [words(row["text"]) for row in rows]
    classes = [label_of(row) for row in rows]
    given = [name if source.tagger.class_given else None for name in classes]
    labels = [
        RationaleLabel(
            row["instance_id"], label, tuple(text), (one.span,) if one.span else (), source.name, "silver"
        )
        for row, label, text, one in zip(rows, classes, texts, tagger.mark(texts, given), strict=True)
    ]
    return labels, {"marked_without_class": sum(name not in tagger.classes for name in given)}


def _from_file(path: Path, instances: pd.DataFrame) -> Made:
    """The labels of a given file that are of this task; those of other instances are counted, not kept."""
    given, merged = read_given_labels(path)
    texts = dict(zip(instances["instance_id"], instances["text"], strict=True))
    annotated = gold_words(given, texts, str(path))
    labels = [label for label in given if label.instance_id in annotated]
    return labels, {"merged_spans": merged, "of_other_instances": len(given) - len(labels)}
