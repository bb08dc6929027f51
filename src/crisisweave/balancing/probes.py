"""Linear probes on the branches' vectors, trained apart from the model (thesis, equations 5.3.3 to 5.3.6)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

MOMENTUM = 0.9


class Probe:
    """A linear classifier on one modality's vectors, trained by SGD with momentum on the cross-entropy.

    Its gradient is written out: a graph for it would cost more than the probe itself, and the encoder's
    gradient cannot be touched by what has none.

    Args:
        dim: width d of the vectors.
        n_classes: C.
        lr: learning rate.
    """

    def __init__(self, dim: int, n_classes: int, lr: float, device: torch.device):
        # The last column is the bias. All zero: every class has the same score at first.
        self.weight = torch.zeros(n_classes, dim + 1, device=device)
        self.velocity = torch.zeros_like(self.weight)
        self._lr = lr

    @torch.no_grad()
    def learn(self, vectors: Tensor, labels: Tensor) -> Tensor:
        """Score a batch, then take one step on it.

        Args:
            vectors: (B, d); taken as they are, without their graph.
            labels: class ids (B,).

        Returns:
            s_i, the probability of the right class before the step (B,).
        """
        z = vectors.detach().float()
        p = torch.addmm(self.weight[:, -1], z, self.weight[:, :-1].T).softmax(dim=1)
        index = labels[:, None]
        right = p.gather(1, index)[:, 0]
        p.scatter_add_(1, index, p.new_full(index.shape, -1.0))
        p /= len(labels)
        self.velocity *= MOMENTUM
        self.velocity[:, :-1].addmm_(p.T, z)
        self.velocity[:, -1] += p.sum(dim=0)
        self.weight -= self._lr * self.velocity
        return right

    @torch.no_grad()
    def scores(self, vectors: Tensor) -> Tensor:
        """Class scores before softmax (B, C)."""
        return torch.addmm(self.weight[:, -1], vectors.detach().float(), self.weight[:, :-1].T)


class Modulation:
    """The probes of all modalities, and the mean S^(m) of their scores over an epoch (5.4.2)."""

    def __init__(self, dims: Sequence[int], n_classes: int, lr: float, device: torch.device):
        self.probes = [Probe(dim, n_classes, lr, device) for dim in dims]
        self.sums = torch.zeros(len(dims), device=device, dtype=torch.float64)
        self.rows = 0

    def learn(self, vectors: Sequence[Tensor], labels: Tensor) -> None:
        """Score and learn a batch: the vectors (B, d) of each modality."""
        scores = [probe.learn(z, labels).sum() for probe, z in zip(self.probes, vectors, strict=True)]
        self.sums += torch.stack(scores).double()
        self.rows += len(labels)

    def close_epoch(self) -> list[float]:
        """S^(m) of each modality over the rows since the last call."""
        means = [float(value) / max(self.rows, 1) for value in self.sums]
        self.sums.zero_()
        self.rows = 0
        return means

    def state(self) -> dict[str, object]:
        """All of it, for a checkpoint."""
        return {
            "weights": [probe.weight.clone() for probe in self.probes],
            "velocities": [probe.velocity.clone() for probe in self.probes],
            "sums": self.sums.clone(),
            "rows": self.rows,
        }

    def restore(self, state: dict[str, object]) -> None:
        """Go on from `state`."""
        for name in ("weights", "velocities"):
            stored = state[name]
            assert isinstance(stored, list)
            for probe, value in zip(self.probes, stored, strict=True):
                (probe.weight if name == "weights" else probe.velocity).copy_(value)
        assert isinstance(state["sums"], Tensor)
        assert isinstance(state["rows"], int)
        self.sums.copy_(state["sums"])
        self.rows = state["rows"]
