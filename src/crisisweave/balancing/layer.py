"""Balancing as a layer over the training of any method with a branch for each modality (thesis, algorithm 2).

The loop asks the balancer which rows change, lets it compute the loss and touch the gradients, and tells it
when an epoch begins and ends. Nothing in a method knows of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crisisweave.balancing.blending import Blending
from crisisweave.balancing.gradients import damping, modulate
from crisisweave.balancing.inside import scores_inside
from crisisweave.balancing.probability import change_probabilities
from crisisweave.balancing.probes import Modulation
from crisisweave.balancing.prototypes import Prototypes
from crisisweave.balancing.swaps import Changes, Swaps
from crisisweave.balancing.watching import one_each, watched
from crisisweave.config.balance import Balance
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch

Read = Callable[[NDArray[np.int64]], Batch]
"""Rows of the training set → their batch, unchanged."""

_CHANGING = ("r_sse", "d_sse", "drop")
# Streams of random numbers of one run: of an epoch's changes, of R-SSE's P_m, of the rows of prototypes.
_CHANGES, _EPOCH, _SUBSET = 11, 12, 13


class Balancer:
    """The balancing of one training run.

    Args:
        model: a method with several branches.
        config: how to balance.
        labels: of the training rows (N,).
        n_classes: C.
        seed: of the run.
        device: where it trains.
    """

    def __init__(
        self,
        model: Classifier,
        config: Balance,
        labels: NDArray[np.int64],
        n_classes: int,
        seed: int,
        device: torch.device,
    ):
        self._model, self._config, self._seed = model, config, seed
        self._labels = labels
        dims = [int(branch.dim) for branch in model.branches]  # type: ignore[arg-type]
        self.modulation = Modulation(dims, n_classes, config.probe_lr, device)
        self._swaps = Swaps(labels, config.p_change, config.p_class if config.method != "drop" else 0.0)
        # P_m in the coming epoch; in the first no score is known and nothing is changed.
        self.p: list[float] = [1 / len(dims)] * len(dims)
        self._epoch = 0
        self._drawn: tuple[int, Changes] | None = None
        self._vectors: list[Tensor] = []
        self._splits = model.split_scores([torch.zeros(1, dim, device=device) for dim in dims]) is not None
        self._means = [torch.zeros(dim, device=device) for dim in dims]
        self._sums = [torch.zeros(dim, device=device) for dim in dims]
        self._prototypes = Prototypes(dims, n_classes, config, device) if config.method == "pmr" else None
        self.blending = Blending(dims, n_classes, device) if config.method == "blending" else None

    def parameters(self) -> list[torch.nn.Parameter]:
        """What is trained beside the method's own parameters."""
        return [] if self.blending is None else self.blending.parameters()

    def begin_epoch(self, epoch: int, read: Read) -> None:
        """Get ready for an epoch (from 0)."""
        self._epoch = epoch
        if self._config.method == "r_sse" and epoch > 0:
            drawn = np.random.default_rng([self._seed, epoch, _EPOCH]).random(len(self.p))
            shares = np.array([drawn[0], 1 - drawn[0]]) if len(drawn) == 2 else drawn / drawn.sum()
            self.p = shares.tolist()
        if self._prototypes is not None:
            rows = self._subset(epoch)
            self._prototypes.renew(self.vectors_of(rows, read), torch.from_numpy(self._labels[rows]))

    def _subset(self, epoch: int) -> NDArray[np.int64]:
        n = max(1, round(self._config.prototype_share * len(self._labels)))
        generator = np.random.default_rng([self._seed, epoch, _SUBSET])
        return np.sort(generator.choice(len(self._labels), n, replace=False))

    def vectors_of(self, rows: NDArray[np.int64], read: Read, at_once: int = 256) -> list[Tensor]:
        """The branches' vectors (n, d_m) of some rows, in evaluation mode and without graph."""
        was_training = self._model.training
        self._model.eval()
        parts: list[list[Tensor]] = [[] for _ in self._model.branches]
        with torch.no_grad():
            for start in range(0, len(rows), at_once):
                with watched(self._model.branches) as seen:
                    self._model(read(rows[start : start + at_once]))
                for found, z in zip(parts, one_each(seen), strict=True):
                    found.append(z.float())
        self._model.train(was_training)
        return [torch.cat(found) for found in parts]

    def draw(self, rows: NDArray[np.int64]) -> Changes | None:
        """The changes of a batch (algorithm 1); None in the first epoch and where no row is to change.

        Each row comes once in an epoch, so that the changes of all are drawn at once, which costs next to
        nothing.
        """
        if self._config.method not in _CHANGING or self._epoch == 0:
            return None
        if self._drawn is None or self._drawn[0] != self._epoch:
            generator = np.random.default_rng([self._seed, self._epoch, _CHANGES])
            self._drawn = self._epoch, self._swaps.draw(np.arange(len(self._labels)), self.p, generator)
        drawn = self._drawn[1]
        return Changes(drawn.modality[rows], drawn.partner[rows])

    def read_rows(self, rows: NDArray[np.int64], changes: Changes | None) -> list[NDArray[np.int64]]:
        """The rows (B,) from which modality 0, 1, … of a batch is read."""
        if changes is None or self._config.method == "drop":
            return [rows] * len(self.p)
        return [changes.rows_of(rows, modality) for modality in range(len(self.p))]

    def loss(self, batch: Batch, labels: Tensor, weights: Tensor | None, changes: Changes | None) -> Tensor:
        """The loss of a batch; the probes learn from the same vectors on the side."""
        branches = self._model.branches
        masks: list[Tensor] | None = None
        if changes is not None and self._config.method == "drop":
            kept = [torch.from_numpy(changes.modality != m) for m in range(len(branches))]
            masks = [mask.to(labels.device) for mask in kept]
        with watched(branches, masks) as outputs:
            loss = self._model.loss(batch, labels, weights)
        seen = one_each(outputs)
        given = [z if masks is None else z * masks[m][:, None] for m, z in enumerate(seen)]
        self.modulation.learn(given, labels)
        # Without their graph, which would live on beside that of the next batch.
        self._vectors = [z.detach() for z in seen]
        if not self._splits:
            for total, z in zip(self._sums, seen, strict=True):
                total += z.detach().float().sum(dim=0)
        if self._prototypes is not None:
            loss = loss + self._prototypes.loss(seen, labels, self._epoch)
        if self.blending is not None:
            loss = self.blending.loss(loss, seen, labels, weights)
        return loss

    def touch_gradients(self, batch: Batch, labels: Tensor) -> None:
        """After the backward pass: OGM-GE damps the branch that dominates and adds noise to both."""
        if self._config.method != "ogm_ge" or self._epoch >= self._config.until:
            return
        parts = scores_inside(self._model, batch, self._vectors, self._means)
        index = labels[:, None]
        right = [float(part.softmax(dim=1).gather(1, index).sum()) for part in parts]
        for branch, factor in zip(self._model.branches, damping(right, self._config.alpha), strict=True):
            modulate(branch.parameters(), factor)

    def close_epoch(self, rows: int) -> dict[str, float]:
        """S^(m), ρ and the P_m that were in force, as columns of the history; sets the next epoch's P_m."""
        scores = self.modulation.close_epoch()
        record = {f"probe_score_{m}": score for m, score in enumerate(scores)}
        if len(scores) == 2:
            record["rho"] = scores[0] / scores[1]
        active = self._config.method in _CHANGING and self._epoch > 0
        record |= {f"p_{m}": p if active else 0.0 for m, p in enumerate(self.p)}
        if self._config.method in ("d_sse", "drop"):
            self.p = change_probabilities(scores, self._config.steepness)
        for mean, total in zip(self._means, self._sums, strict=True):
            mean.copy_(total / rows)
            total.zero_()
        return record

    def means(self) -> list[Tensor]:
        """The mean vector (d_m,) of each modality over the last epoch.

        Zero before the first ends, and where the scores can be split without them.
        """
        return self._means

    def estimate(self, epoch: int, read: Read, dev_read: Read, dev_labels: NDArray[np.int64]) -> None:
        """After an epoch: gradient blending weighs its losses anew where it is time to."""
        if self.blending is None or (epoch + 1) % self._config.every:
            return
        rows = self._subset(0)
        losses = []
        for chosen, reader, labels in (
            (rows, read, self._labels[rows]),
            (np.arange(len(dev_labels)), dev_read, dev_labels),
        ):
            losses.append(self._losses(chosen, reader, torch.from_numpy(labels)))
        self.blending.estimate(losses[0], losses[1])

    def _losses(self, rows: NDArray[np.int64], read: Read, labels: Tensor) -> list[float]:
        """The mean loss of each modality's head and of the method itself."""
        assert self.blending is not None
        labels = labels.to(self._means[0].device)
        vectors = self.vectors_of(rows, read)
        was_training = self._model.training
        self._model.eval()
        with torch.no_grad():
            starts = range(0, len(rows), 256)
            own = torch.cat([self._model(read(rows[i : i + 256])).float() for i in starts])
            scores = [*self.blending.scores(vectors), own]
            losses = [float(torch.nn.functional.cross_entropy(one, labels)) for one in scores]
        self._model.train(was_training)
        return losses

    def state(self) -> dict[str, Any]:
        """All that a resumed run needs besides the seed."""
        return {
            "modulation": self.modulation.state(),
            "p": list(self.p),
            "epoch": self._epoch,
            "means": [mean.clone() for mean in self._means],
            "sums": [total.clone() for total in self._sums],
            "prototypes": None if self._prototypes is None else self._prototypes.state(),
            "blending": None if self.blending is None else self.blending.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from `state`."""
        self.modulation.restore(state["modulation"])
        self.p, self._epoch = list(state["p"]), state["epoch"]
        for name, own in (("means", self._means), ("sums", self._sums)):
            for tensor, stored in zip(own, state[name], strict=True):
                tensor.copy_(stored)
        if self._prototypes is not None:
            self._prototypes.restore(state["prototypes"])
        if self.blending is not None:
            self.blending.restore(state["blending"])
