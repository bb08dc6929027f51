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


def eraser(gold: Sequence[Words], selected: Sequence[Words]) -> dict[str, float | None]:
    """ERASER's scores of hard predictions over annotated tweets, one boolean array of words for each.

    Returns:
        `token_f1`: mean F1 over the tweets in which anything is gold or selected (a tweet without a gold
        rationale counts 0 as soon as a word is selected). `iou_f1`: F1 of mean span recall, over tweets with
        a gold rationale, and mean span precision, over tweets with a selection. Null where there is no such
        tweet.
    """
    tokens, precisions, recalls = [], [], []
    for truth, chosen in zip(gold, selected, strict=True):
        gold_spans, spans = spans_of(truth), spans_of(chosen)
        matches = span_matches(gold_spans, spans)
        if gold_spans or spans:
            tokens.append(word_scores(truth, chosen)[2])
        if gold_spans:
            recalls.append(matches / len(gold_spans))
        if spans:
            precisions.append(matches / len(spans))
    precision, recall = (float(np.mean(values)) if values else 0.0 for values in (precisions, recalls))
    iou_f1 = 2 * precision * recall / (precision + recall) if precision and recall else 0.0
    return {
        "token_f1": float(np.mean(tokens)) if tokens else None,
        "iou_f1": iou_f1 if tokens else None,
    }
