"""Scores of rationales as the tables hold them, and how pages name and order them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from crisisweave.reporting.site import stem

Record = dict[str, Any]

OWN = "method"
"""The extractor that is the method itself; the others are compared with it."""
COMPARATORS = {
    "attention": "Attention",
    "gradient_input": "Gradient × input",
    "random_words": "Random words",
    "rise": "RISE",
    "grad_cam": "Grad-CAM",
    "attention_rollout": "Attention roll-out",
    "integrated_gradients": "Integrated gradients",
    "random_patches": "Random patches",
    "centre": "Centre",
}
"""Comparators in the order of the pages, and what a reader calls them."""


def title_of(extractor: str) -> str:
    """What a reader calls an extractor."""
    return "The method’s own" if extractor == OWN else COMPARATORS.get(extractor, extractor)


def extractors_file(dataset: str, task: str) -> str:
    """The file of the page that compares extractors."""
    return f"pages/{stem('extractors', dataset, task)}.html"


class Metric(NamedTuple):
    """A score of rationales and how a page writes it."""

    name: str
    title: str
    lower: bool = False
    """Whether less is better."""
    signed: bool = False
    """A difference of probabilities: written with its sign."""
    by_part: bool = False
    """Whether the method's own is known for each modality by itself, as `<name>_text` and `<name>_image`."""


_FAITHFUL = (
    Metric("comprehensiveness", "Comprehensiveness", signed=True, by_part=True),
    Metric("sufficiency", "Sufficiency", lower=True, signed=True, by_part=True),
    Metric("aopc_comprehensiveness", "Comprehensiveness, AOPC", signed=True, by_part=True),
    Metric("aopc_sufficiency", "Sufficiency, AOPC", lower=True, signed=True, by_part=True),
)
METRICS = {
    "text": (
        Metric("word_f1", "Word F1"),
        Metric("word_precision", "Precision"),
        Metric("word_recall", "Recall"),
        Metric("token_f1", "Token F1"),
        Metric("iou_f1", "IOU F1"),
        Metric("auprc", "AUPRC"),
        *_FAITHFUL,
        Metric("selected_words", "Words kept"),
    ),
    "image": (
        Metric("patch_iou", "Patch IoU"),
        Metric("patch_iou_ceiling", "Patch IoU at best"),
        Metric("pointing_game", "Pointing game"),
        Metric("energy_in_box", "Energy in box"),
        *_FAITHFUL,
        Metric("deletion_auc", "Deletion AUC", lower=True),
        Metric("insertion_auc", "Insertion AUC"),
        Metric("selected_patches", "Patches kept"),
    ),
}
"""Modality → the columns of its table, as far as they were measured."""
KEPT = {"text": "selected_words", "image": "selected_patches"}
"""Modality → the score that each of its extractors has."""
_OWN = [metric for part in METRICS.values() for metric in part if not metric.by_part]
OF_METHOD = (
    *(metric for metric in _OWN if metric.name in KEPT.values()),
    *(metric for metric in _OWN if metric.name not in KEPT.values()),
    *_FAITHFUL,
    Metric("flip_consistency", "Flip consistency"),
)
"""Scores of a method's own rationales, both modalities together."""
SHORT = ("word_f1", "patch_iou", "pointing_game", *(metric.name for metric in _FAITHFUL[:2]))
"""Scores by which methods stand beside each other."""


class Scores:
    """The scores and comparisons of one data set and task, from `rationales.json`."""

    def __init__(self, tables: Mapping[str, Any], dataset: str, task: str):
        def here(row: Record) -> bool:
            return bool(row["dataset"] == dataset and row["task"] == task)

        self.dataset, self.task, self.protocol = dataset, task, tables["protocol"]
        self._scores = {_key(row): row for row in tables["scores"] if here(row)}
        self._leads = {_key(row): row for row in tables["comparisons"] if here(row)}

    @property
    def methods(self) -> list[str]:
        """Methods with rationales, in alphabetical order."""
        return sorted({key[0] for key in self._scores})

    def seeds(self, method: str) -> int:
        """Over how many seeds a method's scores are averaged."""
        return int(next(row["seeds"] for key, row in self._scores.items() if key[0] == method))

    def places(self, method: str, own_data: bool) -> list[tuple[str, str]]:
        """(target, split) where a method was scored: of its own data set, or of transfers."""
        found = dict.fromkeys(key[1:3] for key in self._scores if key[0] == method)
        return [place for place in found if (place[0] == "") == own_data]

    def extractors(self, method: str, target: str = "", split: str = "test") -> list[str]:
        """The method's own, then the comparators in their usual order."""
        found = {key[3] for key in self._scores if key[:3] == (method, target, split)}
        order = (OWN, *COMPARATORS)
        return sorted(found, key=lambda name: (order.index(name) if name in order else len(order), name))

    def score(
        self, method: str, extractor: str, metric: str, target: str = "", split: str = "test"
    ) -> Record | None:
        """One score, None where it was not measured."""
        return self._scores.get((method, target, split, extractor, metric))

    def lead(
        self, method: str, extractor: str, metric: str, target: str = "", split: str = "test"
    ) -> Record | None:
        """How far the method's own is ahead of an extractor, None where that was not tested."""
        return self._leads.get((method, target, split, extractor, metric))

    def of_part(
        self, method: str, extractor: str, metric: Metric, part: str, target: str = "", split: str = "test"
    ) -> Record | None:
        """A score of one modality; the method's own faithfulness is told apart by modality."""
        place = (target, split)
        if extractor != OWN or not metric.by_part:
            return self.score(method, extractor, metric.name, *place)
        by_part = self.score(method, OWN, f"{metric.name}_{part}", *place)
        if by_part is not None or self.score(method, OWN, KEPT["image"], *place) is not None:
            return by_part
        # A method without image rationales has but one modality.
        return self.score(method, OWN, metric.name, *place)


def _key(row: Record) -> tuple[str, str, str, str, str]:
    return row["method"], row["target"], row["split"], row["extractor"], row["metric"]


def experiments(tables: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Data sets and tasks whose rationales were scored on a test split."""
    return sorted(
        {(r["dataset"], r["task"]) for r in tables["scores"] if not r["target"] and r["split"] == "test"}
    )


def of_method(scores: Scores, method: str) -> Record:
    """What a method's own page says of its rationales: every split and target, every score of its own."""
    places = [*scores.places(method, own_data=True), *scores.places(method, own_data=False)]
    metrics = [m for m in OF_METHOD if any(scores.score(method, OWN, m.name, *place) for place in places)]
    return {
        "metrics": metrics,
        "patches": any(metric.name == "selected_patches" for metric in metrics),
        "rows": [
            {
                "place": f"{target}, {split}" if target else split,
                "scores": [scores.score(method, OWN, metric.name, target, split) for metric in metrics],
            }
            for target, split in places
        ],
    }
