"""Agreement of text rationales with gold ones: word scores per tweet, and those of ERASER.

ERASER: DeYoung et al. 2020, "ERASER: A Benchmark to Evaluate Rationalized NLP Models", section 4.1 (agreement
with human rationales), with the averages that its public code takes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crisisweave.rationales.labels import Span, spans_of

IOU_THRESHOLD = 0.5
"""A predicted span matches when it shares at least this much of its union with a gold span."""
SCORES = (
    "word_precision",
    "word_recall",
    "word_f1",
    "token_f1",
    "iou_precision",
    "iou_recall",
    "auprc",
)
"""What `plausibility` gives."""
Words = NDArray[np.bool_]


def word_scores(gold: Words, selected: Words) -> tuple[float, float, float]:
    """Precision, recall and F1 of the selected words of one tweet; 0 where nothing right was selected.

    Args:
        gold: (n words,) the gold rationale.
        selected: (n words,) the predicted one.
    """
    right = int((gold & selected).sum())
    if right == 0:
        return 0.0, 0.0, 0.0
    precision, recall = right / int(selected.sum()), right / int(gold.sum())
    return precision, recall, 2 * precision * recall / (precision + recall)


def auprc(gold: Words, scores: NDArray[np.floating]) -> float:
    """Area under the precision–recall curve of one tweet's word scores, by trapezoids as ERASER takes it.

    Words of equal score enter together, so the order of ties does not matter. A word that no score can be
    compared with (not finite) is the caller's defect.

    Args:
        gold: (n words,) with at least one true.
        scores: (n words,) higher means more of a rationale.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    right = np.cumsum(gold[order])[ends]
    # The curve starts at recall 0 with precision 1, as in scikit-learn.
    precision = np.concatenate([[1.0], right / (ends + 1)])
    recall = np.concatenate([[0.0], right / right[-1]])
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2))


def span_matches(gold: Sequence[Span], predicted: Sequence[Span]) -> int:
    """How many predicted spans [start, end) have an IoU of at least `IOU_THRESHOLD` with some gold span."""
    return sum(any(_iou(p, g) >= IOU_THRESHOLD for g in gold) for p in predicted)


def _iou(first: Span, second: Span) -> float:
    shared = max(0, min(first[1], second[1]) - max(first[0], second[0]))
    return shared / (first[1] - first[0] + second[1] - second[0] - shared)


def plausibility(gold: Words, selected: Words, scores: NDArray[np.floating]) -> dict[str, float]:
    """Scores of one annotated tweet; those that are not defined for it are left out of the result.

    Without a gold rationale `word_precision`, `word_recall`, `word_f1`, `iou_recall` and `auprc` are not
    defined, without a selection `iou_precision` is not. As in ERASER's code, `token_f1` is the F1 of words
    where anything is gold or selected (so a tweet without a gold rationale counts 0 as soon as a word is
    selected), and IOU-F1 is the F1 of mean `iou_precision` and mean `iou_recall` over tweets.

    Args:
        gold: (n words,) the gold rationale, perhaps empty.
        selected: (n words,) the predicted one, perhaps empty.
        scores: (n words,) higher means more of a rationale.
    """
    precision, recall, f1 = word_scores(gold, selected)
    gold_spans, spans = spans_of(gold), spans_of(selected)
    matches = span_matches(gold_spans, spans)
    found = {}
    if gold_spans or spans:
        found["token_f1"] = f1
    if spans:
        found["iou_precision"] = matches / len(spans)
    if gold_spans:
        found |= {"word_precision": precision, "word_recall": recall, "word_f1": f1}
        found |= {"iou_recall": matches / len(gold_spans), "auprc": auprc(gold, scores)}
    return found
