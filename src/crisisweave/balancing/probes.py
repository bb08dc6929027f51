"""Linear probes on the branches' vectors, trained apart from the model (thesis, equations 5.3.3 to 5.3.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

MOMENTUM = 0.9


class Modulation:
    """A linear probe on each modality's vectors, and the mean S^(m) of their scores over an epoch (5.4.2).

    Probes are trained by SGD with momentum on the cross-entropy. The gradient is written out: a graph for it
    would cost more than the probes themselves, and the encoder's gradient cannot be touched by what has none.
    All probes are one tensor, zero-padded to the widest modality, so that a step costs a tenth of a
    millisecond.

    Args:
        dims: width of each modality's vectors.
        n_classes: C.
        lr: learning rate.
    """

    def __init__(self, dims: Sequence[int], n_classes: int, lr: float, device: torch.device):
        # The last column is the bias. All zero: every class has the same score at first.
        self.weight = torch.zeros(len(dims), n_classes, max(dims) + 1, device=device)
        self.velocity = torch.zeros_like(self.weight)
        self._dims, self._lr = list(dims), lr
        self._inputs = torch.zeros(0)
        # Looked up rather than scattered, which is not deterministic on a GPU.
        self._one_hot = torch.eye(n_classes, device=device)
        self.sums = torch.zeros(len(dims), device=device)
        self.rows = 0

    def _padded(self, vectors: Sequence[Tensor]) -> Tensor:
        """Vectors with a one for the bias (M, B, max(d_m) + 1), in a buffer that is used again."""
        n = len(vectors[0])
        if self._inputs.shape[1:2] != (n,):
            self._inputs = self.weight.new_zeros(len(self._dims), n, self.weight.shape[2])
            self._inputs[:, :, -1] = 1
        for m, z in enumerate(vectors):
            self._inputs[m, :, : self._dims[m]] = z.detach()
        return self._inputs

    @torch.no_grad()
    def learn(self, vectors: Sequence[Tensor], labels: Tensor) -> None:
        """Score a batch, then take one step on it.

        Args:
            vectors: (B, d_m) of each modality; taken as they are, without their graph.
            labels: class ids (B,).
        """
        z = self._padded(vectors)
        p = torch.bmm(z, self.weight.transpose(1, 2)).softmax(dim=2)
        index = labels[None, :, None].expand(len(p), -1, 1)
        self.sums += p.gather(2, index).sum(dim=(1, 2))
        self.rows += len(labels)
        p -= self._one_hot[labels]
        self.velocity.baddbmm_(p.transpose(1, 2), z, beta=MOMENTUM, alpha=1 / len(labels))
        self.weight.add_(self.velocity, alpha=-self._lr)

    @torch.no_grad()
    def scores(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Class scores before softmax (B, C) of each probe."""
        return list(torch.bmm(self._padded(vectors), self.weight.transpose(1, 2)))

    def close_epoch(self) -> list[float]:
        """S^(m) of each modality over the rows since the last call."""
        means = [float(value) / max(self.rows, 1) for value in self.sums]
        self.sums.zero_()
        self.rows = 0
        return means

    def state(self) -> dict[str, object]:
        """All of it, for a checkpoint."""
        tensors = {name: getattr(self, name).clone() for name in ("weight", "velocity", "sums")}
        return {**tensors, "rows": self.rows}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        for name in ("weight", "velocity", "sums"):
            getattr(self, name).copy_(state[name])
        self.rows = state["rows"]
