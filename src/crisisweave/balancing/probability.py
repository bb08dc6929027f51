"""Which modality is changed: P_0 of D-SSE, and its form for any number of modalities."""

from __future__ import annotations

import math
from collections.abc import Sequence


def discrepancy(rho: float) -> float:
    """How far a ratio of scores is from 1: ρ − 1 where ρ ≥ 1, 1 − 1/ρ below; odd under ρ → 1/ρ."""
    return rho - 1 if rho >= 1 else 1 - 1 / rho


def p_zero(rho: float, a: float) -> float:
    """P_0, the probability that modality 0 is the one that is changed (thesis, equation 5.4.3).

    Both branches as printed; they meet at ρ = 1, where P_0 = 1/2.

    Args:
        rho: S^(0) / S^(1).
        a: steepness.
    """
    if rho >= 1:
        return 0.5 + 0.5 * math.tanh(a * (rho - 1))
    return 1 - (0.5 + 0.5 * math.tanh(a * (1 / rho - 1)))


def change_probabilities(scores: Sequence[float], a: float) -> list[float]:
    """P_m of each modality from the scores S^(m): the softmax that the thesis leaves to future work (5.6).

    `P = softmax(a · mean_{k≠m} discrepancy(S^(m) / S^(k)))`. Because ½ + ½ tanh(x) = 1 / (1 + e^(−2x)), this
    is equation 5.4.3 itself for two modalities.

    Args:
        scores: S^(m) > 0 of two or more modalities.
        a: steepness.
    """
    logits = [
        a * sum(discrepancy(one / other) for k, other in enumerate(scores) if k != m) / (len(scores) - 1)
        for m, one in enumerate(scores)
    ]
    top = max(logits)
    weights = [math.exp(value - top) for value in logits]
    return [weight / sum(weights) for weight in weights]
