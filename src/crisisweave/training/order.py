"""The order of an epoch: shuffled, with batches of like length so that padding costs little."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Sorting inside windows of this many batches keeps the order random over the epoch and the padding low.
WINDOW = 32


def epoch_batches(
    n: int, batch_size: int, lengths: NDArray[np.int64] | None, seed: int, epoch: int
) -> list[NDArray[np.int64]]:
    """Batches of row numbers for one epoch; every row occurs once.

    The order depends on seed and epoch alone, so a resumed run meets the batches it would have met.

    Args:
        n: rows.
        batch_size: rows per batch; the last may be smaller.
        lengths: tokens per row (n,), or None for an order without regard to length.
        seed: the run's seed.
        epoch: number of the epoch, from 0.
    """
    generator = np.random.default_rng([seed, epoch])
    rows = generator.permutation(n)
    if lengths is not None:
        window = batch_size * WINDOW
        rows = np.concatenate(
            [
                chunk[np.argsort(lengths[chunk], kind="stable")]
                for chunk in (rows[i : i + window] for i in range(0, n, window))
            ]
        )
    batches = [rows[i : i + batch_size] for i in range(0, n, batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]
