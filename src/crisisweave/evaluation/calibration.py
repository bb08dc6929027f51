"""How far probabilities can be trusted: ECE, Brier score, negative log-likelihood."""

from __future__ import annotations

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

ECE_BINS = 15
"""Equal-width bins of the calibration error (Guo et al. 2017, "On Calibration of Modern Neural Networks")."""

SMALLEST_PROBABILITY = 1e-12
"""A true class that got less counts as having got this: one impossible answer costs 27.6, not infinity."""


class Bin(TypedDict):
    """One bin of the reliability diagram, over confidences in (low, high]."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def reliability(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = ECE_BINS
) -> list[Bin]:
    """The non-empty bins of the reliability diagram.

    `confidence` (n,) is the probability of the *predicted* class, `correct` (n,) whether it was right. For
    a method that predicts its most probable class this is the usual top-label calibration. The first bin
    also holds a confidence of exactly 0.
    """
    edges = np.linspace(0.0, 1.0, bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    confidences = np.bincount(place, weights=confidence, minlength=bins)
    hits = np.bincount(place, weights=correct.astype(np.float64), minlength=bins)
    return [
        {
            "low": float(edges[b]),
            "high": float(edges[b + 1]),
            "n": int(counts[b]),
            "confidence": float(confidences[b] / counts[b]),
            "accuracy": float(hits[b] / counts[b]),
        }
        for b in np.flatnonzero(counts)
    ]


def expected_calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], bins: int = ECE_BINS
) -> float:
    """Mean |accuracy − confidence| over the bins of `reliability`, weighted by the rows in each (0 to 1)."""
    table = reliability(confidence, correct, bins)
    return sum(row["n"] * abs(row["accuracy"] - row["confidence"]) for row in table) / len(confidence)


def brier_score(probabilities: NDArray[np.float64], truth: NDArray[np.integer]) -> float:
    """Brier's own multi-class score: mean over rows of Σ_c (p_c − [c is true])², from 0 to 2.

    `probabilities` (n, k), `truth` (n,). For two classes it is twice scikit-learn's binary score.
    """
    wanted = np.zeros_like(probabilities)
    wanted[np.arange(len(truth)), truth] = 1.0
    return float(((probabilities - wanted) ** 2).sum(axis=1).mean())


def negative_log_likelihood(probabilities: NDArray[np.float64], truth: NDArray[np.integer]) -> float:
    """Mean −ln p(true class) in nats, from `probabilities` (n, k) and `truth` (n,)."""
    of_truth = probabilities[np.arange(len(truth)), truth]
    return float(-np.log(np.maximum(of_truth, SMALLEST_PROBABILITY)).mean())
