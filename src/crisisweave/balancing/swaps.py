"""Algorithm 1 of the thesis, vectorised: which rows of a batch are changed, in which modality, by whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Changes(NamedTuple):
    """What is changed in a batch of B rows.

    Attributes:
        modality: the modality that is changed, −1 where none is (B,).
        partner: the row of the data set that it comes from; the row itself where none is changed (B,).
    """

    modality: NDArray[np.int64]
    partner: NDArray[np.int64]

    def rows_of(self, rows: NDArray[np.int64], modality: int) -> NDArray[np.int64]:
        """The rows (B,) from which one modality of the batch is read."""
        return np.where(self.modality == modality, self.partner, rows)


class Swaps:
    """Draws partners from the whole data set.

    Args:
        labels: class of each row (N,).
        p_change: P_c, the probability that a row is changed.
        p_class: P_class, the probability that its partner is of the same class.
    """

    def __init__(self, labels: NDArray[np.int64], p_change: float, p_class: float = 0.0):
        self._labels = labels
        self._p_change, self._p_class = p_change, p_class
        # Rows in the order of their classes: those of one class lie together, so that "any row of another
        # class" is a number below N − n_c, with a jump over the class.
        self._sorted = np.argsort(labels, kind="stable")
        self._count = np.bincount(labels)
        self._start = np.concatenate([[0], np.cumsum(self._count)[:-1]])
        self._place = np.empty_like(self._sorted)
        self._place[self._sorted] = np.arange(len(labels))

    def draw(
        self, rows: NDArray[np.int64], p_modality: Sequence[float], generator: np.random.Generator
    ) -> Changes:
        """The changes of a batch.

        Args:
            rows: of the data set (B,).
            p_modality: P_m of each modality; they sum to 1.
            generator: of this batch.
        """
        n = len(rows)
        changed = generator.random(n) < self._p_change
        which = np.searchsorted(np.cumsum(p_modality)[:-1], generator.random(n), side="right")
        same = generator.random(n) < self._p_class
        partner = np.where(
            same, self._same_class(rows, generator.random(n)), self._other_class(rows, generator.random(n))
        )
        # A row without a possible partner stays as it is.
        changed &= partner >= 0
        return Changes(np.where(changed, which, -1), np.where(changed, partner, rows))

    def _other_class(self, rows: NDArray[np.int64], u: NDArray[np.float64]) -> NDArray[np.int64]:
        own = self._labels[rows]
        others = len(self._labels) - self._count[own]
        place = (u * others).astype(np.int64)
        place += np.where(place >= self._start[own], self._count[own], 0)
        return np.where(others > 0, self._sorted[np.minimum(place, len(self._labels) - 1)], -1)

    def _same_class(self, rows: NDArray[np.int64], u: NDArray[np.float64]) -> NDArray[np.int64]:
        own = self._labels[rows]
        others = self._count[own] - 1
        place = self._start[own] + (u * others).astype(np.int64)
        place += place >= self._place[rows]
        return np.where(others > 0, self._sorted[np.minimum(place, len(self._labels) - 1)], -1)
