"""Chance for the demo: one stream of random numbers per tweet, so that each tweet stands on its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class Dice:
    """A few ways to draw, all from one numpy Generator seeded by `key` (non-negative whole numbers)."""

    def __init__(self, *key: int) -> None:
        self._uniform = np.random.default_rng(list(key)).random

    def between(self, low: float, high: float) -> float:
        """A real number in [low, high)."""
        return low + (high - low) * self._uniform()

    def whole(self, low: int, high: int) -> int:
        """A whole number in [low, high], both ends included."""
        return low + int((high - low + 1) * self._uniform())

    def chance(self, probability: float) -> bool:
        return self._uniform() < probability

    def sign(self) -> int:
        return 1 if self._uniform() < 0.5 else -1

    def pick(self, options: Sequence[T]) -> T:
        return options[int(len(options) * self._uniform())]

    def pick_weighted(self, options: Sequence[T], weights: Sequence[float]) -> T:
        mark = self._uniform() * sum(weights)
        for option, weight in zip(options, weights, strict=True):
            mark -= weight
            if mark < 0:
                return option
        return options[-1]

    def sample(self, options: Sequence[T], n: int) -> list[T]:
        """`n` different options in random order (all of them when there are fewer)."""
        return self.shuffled(options)[:n]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        order = list(options)
        for last in range(len(order) - 1, 0, -1):
            other = int((last + 1) * self._uniform())
            order[last], order[other] = order[other], order[last]
        return order
