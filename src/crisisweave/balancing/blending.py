"""Gradient blending (Wang, Tran and Feiszli, CVPR 2020): a loss for each modality beside the common one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def blend_weights(
    train_before: Sequence[float],
    dev_before: Sequence[float],
    train_after: Sequence[float],
    dev_after: Sequence[float],
) -> list[float]:
    """Weights `w_k ∝ G_k / O_k²` that sum to 1 (their proposition 1).

    G is the gain in generalisation, by how much the dev loss fell; O is how much the gap between dev and
    train loss grew. A head whose dev loss rose gets no weight; where none fell, all get the same.

    Args:
        train_before: training loss of each head at the start of the span.
        dev_before: dev loss of each head then.
        train_after: training loss at its end.
        dev_after: dev loss then.
    """
    raw = []
    for t0, d0, t1, d1 in zip(train_before, dev_before, train_after, dev_after, strict=True):
        gain, overfit = d0 - d1, (d1 - t1) - (d0 - t0)
        raw.append(max(gain, 0.0) / max(overfit**2, 1e-12))
    total = sum(raw)
    return [value / total for value in raw] if total > 0 else [1 / len(raw)] * len(raw)


class Blending:
    """A linear head on each modality, and the weights of all losses; the last is the method's own.

    The paper measures G and O by training a copy of each head for a few epochs; here they are read from the
    heads of the run itself, over the epochs since the last reading: one pass instead of several trainings.
    """

    def __init__(self, dims: Sequence[int], n_classes: int, device: torch.device):
        self.heads = nn.ModuleList([nn.Linear(dim, n_classes) for dim in dims]).to(device)
        n = len(dims) + 1
        self.weights = [1 / n] * n
        self._train: list[float] = []
        self._dev: list[float] = []

    def parameters(self) -> list[nn.Parameter]:
        """Of the heads."""
        return list(self.heads.parameters())

    def scores(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Class scores (B, C) of each modality's head."""
        return [head(z.float()) for head, z in zip(self.heads, vectors, strict=True)]

    def loss(self, own: Tensor, vectors: Sequence[Tensor], labels: Tensor, weights: Tensor | None) -> Tensor:
        """The weighted sum of all losses; their gradients reach the encoders."""
        losses = [F.cross_entropy(one, labels, weight=weights) for one in self.scores(vectors)]
        return torch.stack([w * loss for w, loss in zip(self.weights, [*losses, own], strict=True)]).sum()

    def estimate(self, train: Sequence[float], dev: Sequence[float]) -> None:
        """Weigh anew by what changed since the last call; the first call only remembers."""
        if self._train:
            self.weights = blend_weights(self._train, self._dev, train, dev)
        self._train, self._dev = list(train), list(dev)

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {
            "heads": self.heads.state_dict(),
            "weights": list(self.weights),
            "train": list(self._train),
            "dev": list(self._dev),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.heads.load_state_dict(state["heads"])
        self.weights, self._train, self._dev = state["weights"], state["train"], state["dev"]
