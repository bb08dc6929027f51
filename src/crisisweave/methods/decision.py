"""Decision fusion: the unimodal decisions combined, nothing trained (thesis, 3.5.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Probabilities = NDArray[np.float64]


def combine(rule: str, text: Probabilities, image: Probabilities) -> Probabilities:
    """Fuse two distributions over the same classes.

    `mean` is equation 3.5.5 and `max` 3.5.7, rescaled to sum to one. `or` (3.5.2) and `and` (3.5.4) are
    defined on decisions over two classes, the second of which is the positive one. The larger (smaller) of
    the two positive probabilities exceeds one half exactly where one (both) of the decisions is positive,
    so it gives the same decisions and a probability besides.

    Args:
        rule: mean, max, or, and.
        text: probabilities of the text method (N, C).
        image: probabilities of the image method (N, C).

    Returns:
        fused probabilities (N, C), rows summing to one.

    Raises:
        ValueError: `or`/`and` with other than two classes, or an unknown rule.
    """
    if rule == "mean":
        return (text + image) / 2
    if rule == "max":
        largest = np.maximum(text, image)
        return largest / largest.sum(axis=1, keepdims=True)
    if rule not in ("or", "and"):
        raise ValueError(f"unknown rule '{rule}'")
    if text.shape[1] != 2:
        raise ValueError(f"'{rule}' is defined for two classes, not {text.shape[1]}")
    pick = np.maximum if rule == "or" else np.minimum
    positive = pick(text[:, 1], image[:, 1])
    return np.stack([1 - positive, positive], axis=1)
