"""The best that any classifier can do on the demo, from text, from the image, and from both.

The generator draws (text label, image label) from `labels.JOINT`, then the text's kind from
P(kind | text label) and the image's from P(kind | image label), each on its own. Clear content shows its
label; ambiguous content is drawn without looking at the label. So all that content says about a row's class
is, for each modality, either the label or the ambiguous kind: the *evidence*. The Bayes classifier takes
argmax P(class | evidence).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from crisisweave.datasets.demo import labels

TASKS: dict[str, tuple[tuple[str, ...], Callable[[str], str]]] = {
    "humanitarian": (labels.CLASSES, labels.merged),
    "informative": (("not_informative", "informative"), labels.informative),
}
INPUTS = ("text", "image", "both")


@dataclass(frozen=True)
class Row:
    """What the generator did in one row of a table."""

    text_label: str
    text_kind: str
    image_label: str
    image_kind: str


Evidence = tuple[str, ...]


def evidence(row: Row, given: str, task: str) -> Evidence:
    """What can be known of a row's class from one modality or from both.

    Clear content counts with its raw label and not with its class: on an agreed informative row, a text about
    rescue says more about an ambiguous image than 'informative' does — though never about the class itself.
    """
    text = row.text_label if row.text_kind == labels.CLEAR else f"? {row.text_kind}"
    image = row.image_label if row.image_kind == labels.CLEAR else f"? {row.image_kind}"
    return {"text": (text,), "image": (image,), "both": (text, image)}[given]


def _population(task: str) -> Iterable[tuple[Row, str, float]]:
    """Every kind of row on which both modalities agree, its class and its probability among such rows."""
    _, class_of = TASKS[task]
    rows = []
    for t, text_label in enumerate(labels.RAW_CLASSES):
        for i, image_label in enumerate(labels.RAW_CLASSES):
            if class_of(text_label) != class_of(image_label):
                continue
            for text_kind, p_text in labels.kinds_of("text", text_label).items():
                for image_kind, p_image in labels.kinds_of("image", image_label).items():
                    weight = labels.JOINT[t, i] * p_text * p_image
                    if weight:
                        row = Row(text_label, text_kind, image_label, image_kind)
                        rows.append((row, class_of(text_label), float(weight)))
    total = sum(weight for *_, weight in rows)
    return [(row, label, weight / total) for row, label, weight in rows]


@cache
def posterior(task: str, given: str) -> dict[Evidence, dict[str, float]]:
    """P(class | evidence) on the agreed rows of a task, in the order of the task's classes."""
    classes, _ = TASKS[task]
    table: dict[Evidence, dict[str, float]] = {}
    for row, label, weight in _population(task):
        table.setdefault(evidence(row, given, task), dict.fromkeys(classes, 0.0))[label] += weight
    return {seen: {name: p / sum(row.values()) for name, p in row.items()} for seen, row in table.items()}


def _best(chances: dict[str, float]) -> str:
    return max(chances, key=lambda name: chances[name])


def _scores(confusion: dict[tuple[str, str], float], classes: tuple[str, ...]) -> dict[str, float]:
    """Accuracy and macro-F1 over all classes of a (weighted) confusion table keyed (true, predicted)."""
    total = sum(confusion.values())
    f1 = []
    for name in classes:
        hit = confusion.get((name, name), 0.0)
        missed = sum(n for (true, _), n in confusion.items() if true == name)
        said = sum(n for (_, predicted), n in confusion.items() if predicted == name)
        f1.append(2 * hit / (missed + said) if missed + said else 0.0)
    return {
        "accuracy": sum(confusion.get((name, name), 0.0) for name in classes) / total,
        "f1_macro": sum(f1) / len(f1),
    }


def population(task: str, given: str) -> dict[str, float]:
    """Accuracy and macro-F1 of the Bayes classifier in the long run."""
    classes, _ = TASKS[task]
    chances = posterior(task, given)
    confusion: dict[tuple[str, str], float] = {}
    for row, label, weight in _population(task):
        cell = (label, _best(chances[evidence(row, given, task)]))
        confusion[cell] = confusion.get(cell, 0.0) + weight
    return _scores(confusion, classes)


def on_rows(task: str, given: str, rows: list[Row]) -> dict[str, float]:
    """On given agreed rows: the expected accuracy (mean of the largest posterior), and what the Bayes
    classifier in fact scores there (rows are few: it may score a little above or below)."""
    classes, class_of = TASKS[task]
    chances = posterior(task, given)
    confusion: dict[tuple[str, str], float] = {}
    expected = 0.0
    for row in rows:
        seen = chances[evidence(row, given, task)]
        expected += max(seen.values())
        cell = (class_of(row.text_label), _best(seen))
        confusion[cell] = confusion.get(cell, 0.0) + 1.0
    return {"n": len(rows), "expected_accuracy": expected / len(rows), **_scores(confusion, classes)}


def report(rows: dict[str, dict[str, list[Row]]]) -> dict[str, Any]:
    """The content of truth/ceilings.json from {task: {split: agreed rows}}; empty splits are left out."""
    return {
        task: {
            given: {
                "population": population(task, given),
                "splits": {split: on_rows(task, given, of) for split, of in rows[task].items() if of},
            }
            for given in INPUTS
        }
        for task in TASKS
    }
