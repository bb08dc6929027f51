"""Classification scores over a fixed class list, all read off confusion counts.

Every function takes confusion counts with any number of leading axes, so that one run and two thousand
bootstrap resamples of thirty runs go through the same code.

Where a ratio is 0/0 (a class that never occurs, or is never predicted) it counts as 0, and a macro average
divides by the whole class list, whatever occurs in the split. This is scikit-learn's
`labels=<all classes>, zero_division=0`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SUMMARY_METRICS = (
    "accuracy",
    "f1_macro",
    "f1_weighted",
    "precision_macro",
    "precision_weighted",
    "recall_macro",
    "recall_weighted",
)
"""Names of the scores that `summarise` gives; each name says its average."""


def confusion_counts(
    truth: NDArray[np.integer], predicted: NDArray[np.integer], n_classes: int
) -> NDArray[np.int64]:
    """Confusion counts (k, k), rows true and columns predicted, of two vectors (n,) of class ids."""
    cells = truth.astype(np.int64) * n_classes + predicted
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def _ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> NDArray[np.float64]:
    """Element-wise ratio where 0/0 is 0."""
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)


def per_class(confusion: NDArray[np.generic]) -> dict[str, NDArray[np.float64]]:
    """Precision, recall, F1 and support of each class: arrays (..., k) from counts (..., k, k)."""
    counts = confusion.astype(np.float64)
    hits = np.diagonal(counts, axis1=-2, axis2=-1).copy()
    support = counts.sum(axis=-1)
    claimed = counts.sum(axis=-2)
    return {
        "precision": _ratio(hits, claimed),
        "recall": _ratio(hits, support),
        "f1": _ratio(2 * hits, support + claimed),
        "support": support,
    }


def summarise(confusion: NDArray[np.generic]) -> dict[str, NDArray[np.float64]]:
    """All `SUMMARY_METRICS`: arrays (...) from counts (..., k, k); all 0 where there are no rows."""
    classes = per_class(confusion)
    support = classes["support"]
    total = support.sum(axis=-1)
    hits = np.diagonal(confusion, axis1=-2, axis2=-1).sum(axis=-1).astype(np.float64)
    scores = {"accuracy": _ratio(hits, total)}
    for name in ("precision", "recall", "f1"):
        scores[f"{name}_macro"] = classes[name].mean(axis=-1)
        scores[f"{name}_weighted"] = _ratio((classes[name] * support).sum(axis=-1), total)
    return {name: scores[name] for name in SUMMARY_METRICS}
