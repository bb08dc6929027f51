"""PMR (Fan et al., CVPR 2023): the slower modality is pulled towards the prototypes of its classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from crisisweave.config.balance import Balance


def clipped(value: float) -> float:
    """`clip(0, value, 1)` as the paper writes it."""
    return min(max(value, 0.0), 1.0)


def weights_of(rho: float) -> tuple[float, float]:
    """β and γ, the weights of the prototype losses of modality 0 and 1 (their equation 11)."""
    return (clipped(1 / rho - 1), 0.0) if rho < 1 else (0.0, clipped(rho - 1))


class Prototypes:
    """Class prototypes of two modalities and the losses on them.

    Args:
        dims: width of each modality's vectors.
        n_classes: C.
        config: α, μ, ε and the epochs of the entropy term.
    """

    def __init__(self, dims: Sequence[int], n_classes: int, config: Balance, device: torch.device):
        self.centres = [torch.zeros(n_classes, dim, device=device) for dim in dims]
        self._config = config
        self._first = True

    @torch.no_grad()
    def renew(self, vectors: Sequence[Tensor], labels: Tensor) -> None:
        """Means of each class over some training rows, with a share ε of the old ones (equations 6 and 12).

        A class that has no row among them keeps its prototype.
        """
        for centres, z in zip(self.centres, vectors, strict=True):
            one_hot = F.one_hot(labels.to(z.device), len(centres)).to(z.dtype)
            counts = one_hot.sum(dim=0)[:, None]
            fresh = torch.where(counts > 0, one_hot.T @ z / counts.clamp(min=1), centres)
            share = 0.0 if self._first else self._config.momentum
            centres.mul_(share).add_(fresh, alpha=1 - share)
        self._first = False

    def similarities(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Negative Euclidean distances (B, C) to each modality's prototypes (equation 7)."""
        # Written out rather than by cdist, whose gradient at distance 0 is a division by 0.
        return [
            -(z.float()[:, None] - centres[None]).square().sum(dim=2).clamp(min=1e-12).sqrt()
            for z, centres in zip(vectors, self.centres, strict=True)
        ]

    def loss(self, vectors: Sequence[Tensor], labels: Tensor, epoch: int) -> Tensor:
        """`α (β L⁰_PCE + γ L¹_PCE) − μ (γ H⁰ + β H¹)`, to be added to the loss (equations 9, 10 and 13).

        The entropy term ends after the config's epochs. H is the mean entropy of the distribution over
        classes by the distances to the prototypes; the paper's formula names the distance to the own class
        alone, of which no entropy can be taken.
        """
        similar = self.similarities(vectors)
        index = labels[:, None]
        right = [float(one.detach().softmax(dim=1).gather(1, index).sum()) for one in similar]
        beta, gamma = weights_of(right[0] / max(right[1], 1e-12))
        pulled = [F.cross_entropy(one, labels) for one in similar]
        loss = self._config.alpha * (beta * pulled[0] + gamma * pulled[1])
        if epoch < self._config.until:
            entropies = [-(one.softmax(dim=1) * one.log_softmax(dim=1)).sum(dim=1).mean() for one in similar]
            loss = loss - self._config.mu * (gamma * entropies[0] + beta * entropies[1])
        return loss

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"centres": [centres.clone() for centres in self.centres], "first": self._first}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self._first = state["first"]
        for centres, stored in zip(self.centres, state["centres"], strict=True):
            centres.copy_(stored)
