"""From boxes in pixels of an image file to patches of the grid over the centre square of the stored image.

The image store cuts both ends of a side that is more than twice the other, resizes (`images.store.shrink`),
and gives encoders the centre square of what is left (`images.store.centre_squares`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

POSITIVE_FROM = 0.5
"""A patch shows what carries the label when boxes cover at least this share of it."""
Boxes = NDArray[np.float64]
"""(n, 4): x0, y0, x1, y1."""


class Sizes(NamedTuple):
    """Width and height of an image file and of what the store keeps of it, in pixels."""

    source_width: int
    source_height: int
    width: int
    height: int


def in_centre_square(boxes: Sequence[Sequence[float]], sizes: Sizes) -> Boxes:
    """Boxes in pixels of the source file → in the centre square, whose sides run from 0 to 1.

    A box reaches beyond 0 and 1 where it reaches out of the square.

    Args:
        boxes: (n, 4) as x0, y0, x1, y1.
        sizes: of the image.
    """
    given = np.asarray(boxes, dtype=np.float64).reshape(-1, 2, 2)
    source = np.array([sizes.source_width, sizes.source_height], dtype=np.float64)
    kept = np.minimum(source, 2 * source.min())
    stored = np.array([sizes.width, sizes.height])
    side = stored.min()
    # As the store does it: half of what is cut goes at either end, the square starts at a whole pixel.
    in_store = (given - (source - kept) / 2) * (stored / kept)
    return ((in_store - (stored - side) // 2) / side).reshape(-1, 4)


def coverage(boxes: Boxes, grid: tuple[int, int]) -> NDArray[np.float64]:
    """Share of each patch that the union of boxes covers, exactly.

    Args:
        boxes: (n, 4) in the square from 0 to 1, see `in_centre_square`.
        grid: (h, w) patches.

    Returns:
        (h · w,) in [0, 1], row by row.
    """
    h, w = grid
    inside = np.clip(np.asarray(boxes, dtype=np.float64).reshape(-1, 4), 0.0, 1.0)
    # All edges of boxes and patches cut the square into cells that a box covers whole or not at all.
    xs = np.unique(np.concatenate([inside[:, [0, 2]].ravel(), np.arange(w + 1) / w]))
    ys = np.unique(np.concatenate([inside[:, [1, 3]].ravel(), np.arange(h + 1) / h]))
    x, y = (xs[1:] + xs[:-1]) / 2, (ys[1:] + ys[:-1]) / 2
    across = (inside[:, 0, None] < x) & (x < inside[:, 2, None])
    down = (inside[:, 1, None] < y) & (y < inside[:, 3, None])
    covered = (down[:, :, None] & across[:, None, :]).any(axis=0)
    areas = np.diff(ys)[:, None] * np.diff(xs) * covered
    patch = (y * h).astype(np.int64)[:, None] * w + (x * w).astype(np.int64)
    shares = np.bincount(patch.ravel(), weights=areas.ravel(), minlength=h * w) * (h * w)
    return np.clip(shares, 0.0, 1.0)


def positive_patches(shares: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Patches that show what carries the label.

    Those that are covered by at least half; where none is (a small thing on the corner of four patches), the
    one that is covered most, the first of several. None where nothing is covered.

    Args:
        shares: (P,) from `coverage`.
    """
    positive: NDArray[np.bool_] = shares >= POSITIVE_FROM
    if not positive.any() and shares.max() > 0:
        positive[shares.argmax()] = True
    return positive
