"""Features of a frozen encoder on one scale."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """Each feature minus its mean, over its deviation; both are taken from training rows.

    Encoders leave features on scales that differ by orders of magnitude; a layer trained by a few hundred
    steps needs them on one.

    Args:
        dim: number of features d.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, dim: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("deviation", torch.ones(dim))

    def fit(self, features: Tensor) -> None:
        """Take mean and deviation from training rows (..., d), over all axes but the last."""
        rows = features.flatten(0, -2)
        # Measured from the first row, a constant is exactly 0, where its own mean could be rounded.
        shifted = rows - rows[0]
        deviation = shifted.std(dim=0, correction=0)
        self.mean.copy_(rows[0] + shifted.mean(dim=0))
        # A feature that hardly varies in train tells nothing; divided by next to nothing it would drown the
        # others as soon as it varies in a new row.
        floor = (0.01 * deviation.mean()).clamp_min(1e-6)
        self.deviation.copy_(deviation.clamp_min(floor))

    def forward(self, features: Tensor) -> Tensor:
        """(..., d) → the same shape."""
        return (features - self.mean) / self.deviation
