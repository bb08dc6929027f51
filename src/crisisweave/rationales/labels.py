"""Rationale labels: which words of a tweet carry its class, in one JSONL format whatever their source.

One tweet a line, sorted by `instance_id`:

    {"annotator": "a1", "instance_id": "77_0", "kind": "human", "label": "…", "spans": [[2, 5]], "words": […]}

`words` are those of `crisisweave.datasets.text.words`, spans are [start, end) over them, sorted and apart. A
line with an empty `spans` says that the tweet has no rationale; a tweet without a line was not annotated. The
two are never mixed up, and a file in which no tweet has a rationale stops whoever reads it: a loss that is
skipped in silence because its labels are empty looks like training.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from crisisweave.datasets.text import words as words_of
from crisisweave.errors import DataError
from crisisweave.files import write_text

Kind = Literal["human", "silver", "model", "truth"]
"""Who marked the words: a person, a tagger, a language model, or the generator of an artificial data set."""
Span = tuple[int, int]
_KEYS = {"annotator", "instance_id", "kind", "label", "spans", "words"}


@dataclass(frozen=True)
class RationaleLabel:
    """The rationale of one tweet."""

    instance_id: str
    label: str
    """The class for which the words speak."""
    words: tuple[str, ...]
    spans: tuple[Span, ...]
    """[start, end) over `words`, sorted, not overlapping or touching; empty: the tweet has no rationale."""
    annotator: str
    kind: Kind

    def selected(self) -> NDArray[np.bool_]:
        """True at the rationale's words (n words,)."""
        return marked(self.spans, len(self.words))


def marked(spans: Iterable[Span], n: int) -> NDArray[np.bool_]:
    """Spans over `n` words as booleans (n,)."""
    selected = np.zeros(n, dtype=bool)
    for start, end in spans:
        selected[start:end] = True
    return selected


def spans_of(selected: Sequence[bool] | NDArray[np.bool_]) -> tuple[Span, ...]:
    """The runs of True as [start, end): the inverse of `marked`."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], np.asarray(selected, dtype=np.int8), [0]])))
    return tuple((int(start), int(end)) for start, end in edges.reshape(-1, 2))


def write_labels(path: Path, labels: Iterable[RationaleLabel]) -> None:
    """Write labels, sorted by instance; same labels, same bytes.

    Raises:
        DataError: an instance is there twice, or no tweet has a rationale.
    """
    ordered = sorted(labels, key=lambda label: label.instance_id)
    _check_together(path, ordered)
    lines = [
        json.dumps({key: getattr(label, key) for key in sorted(_KEYS)}, ensure_ascii=False)
        for label in ordered
    ]
    write_text(path, "".join(f"{line}\n" for line in lines))


def read_labels(path: Path) -> list[RationaleLabel]:
    """Labels as `write_labels` writes them.

    Raises:
        DataError: the file is missing, empty or without any span, or a line is not of the format (spans that
            leave the text, overlap or touch are not); names the line.
    """
    labels, merged = read_given_labels(path)
    if merged:
        raise DataError(
            f"{path}: {merged} spans overlap or touch; "
            f"import the file as a source of kind 'file', which merges them"
        )
    return labels


def read_given_labels(path: Path) -> tuple[list[RationaleLabel], int]:
    """Labels that were made elsewhere: spans may overlap, touch or be unsorted, and are merged.

    Returns:
        The labels sorted by instance, and how many spans were merged into another one.

    Raises:
        DataError: as `read_labels`, save for overlapping spans.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(
            f"{path}: there are no such rationale labels; make them with `crisisweave rationales labels`"
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8; save the rationale labels as UTF-8") from error
    # Not `splitlines`, which also breaks at characters that may stand inside a JSON string.
    lines = [line for line in text.split("\n") if line.strip()]
    parsed = [_label(line, f"{path}, line {number}") for number, line in enumerate(lines, start=1)]
    labels = sorted((label for label, _ in parsed), key=lambda label: label.instance_id)
    _check_together(path, labels)
    return labels, sum(merged for _, merged in parsed)


def gold_words(
    labels: Iterable[RationaleLabel], texts: Mapping[str, str], where: str
) -> dict[str, NDArray[np.bool_]]:
    """Labels of some instances as booleans over their words.

    Args:
        labels: of these instances, and perhaps of others.
        texts: instance_id → text of the instances that are wanted.
        where: the labels' file, for messages.

    Returns:
        instance_id → (n words,), True at the rationale; an instance that nobody annotated is not in it.

    Raises:
        DataError: the words of a label are not those of its instance, or no wanted instance has a rationale.
    """
    gold = {}
    for label in labels:
        text = texts.get(label.instance_id)
        if text is None:
            continue
        if tuple(words_of(text)) != label.words:
            raise DataError(
                f"{where}: the words of instance {label.instance_id} are not those of its text "
                f"({len(label.words)} words, the text has {len(words_of(text))}); make the labels again"
            )
        gold[label.instance_id] = label.selected()
    if not any(selected.any() for selected in gold.values()):
        raise DataError(
            f"{where}: none of the {len(texts)} instances that are asked for has a rationale there; "
            f"make the labels of this data set and task"
        )
    return gold


def merge_spans(spans: Iterable[Span]) -> tuple[tuple[Span, ...], int]:
    """Sorted spans where those that overlap or touch are one, and how many were merged into another one."""
    given = sorted(spans)
    result: list[Span] = []
    for start, end in given:
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return tuple(result), len(given) - len(result)


def _check_together(path: Path, ordered: Sequence[RationaleLabel]) -> None:
    if not ordered:
        raise DataError(f"{path}: holds no rationale labels; nothing can be learned from it")
    for first, second in pairwise(ordered):
        if first.instance_id == second.instance_id:
            raise DataError(
                f"{path}: instance {first.instance_id} is there twice; "
                f"keep one file for each annotator, with one line for each tweet"
            )
    if not any(label.spans for label in ordered):
        raise DataError(
            f"{path}: not one of the {len(ordered)} tweets has a rationale; nothing can be learned from it"
        )


def _label(line: str, where: str) -> tuple[RationaleLabel, int]:
    try:
        values = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}: is not JSON ({error.msg}); repair or remove the line") from error
    if not isinstance(values, dict) or set(values) != _KEYS:
        raise DataError(f"{where}: expected a JSON object with exactly the keys {', '.join(sorted(_KEYS))}")
    for key in ("annotator", "instance_id", "label"):
        if not (isinstance(values[key], str) and values[key]):
            raise DataError(f"{where}: '{key}' must be a text that is not empty")
    if values["kind"] not in get_args(Kind):
        raise DataError(f"{where}: 'kind' must be one of {', '.join(get_args(Kind))}")
    words = values["words"]
    if not (isinstance(words, list) and all(isinstance(w, str) and words_of(w) == [w] for w in words)):
        raise DataError(f"{where}: 'words' must be a list of words without white space")
    spans, merged = merge_spans(_checked_spans(values["spans"], len(words), where))
    label = RationaleLabel(
        values["instance_id"], values["label"], tuple(words), spans, values["annotator"], values["kind"]
    )
    return label, merged


def _checked_spans(values: Any, n: int, where: str) -> list[Span]:
    if not isinstance(values, list):
        raise DataError(f"{where}: 'spans' must be a list of [start, end) pairs over the words")
    for span in values:
        # bool is an int in Python, and JSON's true would count as 1.
        if not (isinstance(span, list) and len(span) == 2 and all(type(edge) is int for edge in span)):
            raise DataError(f"{where}: a span must be two whole numbers, [start, end) over the words")
        start, end = span
        if not 0 <= start < end <= n:
            raise DataError(
                f"{where}: the span [{start}, {end}) does not lie within the {n} words of the tweet; "
                f"spans are [start, end) over the words, counted from 0"
            )
    return [(start, end) for start, end in values]
