"""What happens to pictures in training: mirrored, or a part of them cut out and brought to full size."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

AREA = (0.08, 1.0)
"""Share of a picture's area that is cut out."""
RATIO = (3 / 4, 4 / 3)
"""Width over height of the part."""
_TRIES = 10


def augmented(pictures: NDArray[np.uint8], how: str, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Each picture changed on its own, as the works that the thesis compares with do it.

    Args:
        pictures: (B, T, 3, S, S).
        how: `flip` mirrors half of them; `crop` also cuts out a part of random area and ratio.
        generator: of this batch.
    """
    flat = pictures.reshape(-1, *pictures.shape[2:]).copy()
    if how == "crop":
        side = flat.shape[-1]
        for i, (top, left, height, width) in enumerate(random_parts(len(flat), side, generator)):
            part = torch.from_numpy(flat[i : i + 1, :, top : top + height, left : left + width])
            flat[i] = F.interpolate(part, (side, side), mode="bilinear", antialias=True)[0].numpy()
    mirrored = generator.random(len(flat)) < 0.5
    flat[mirrored] = flat[mirrored][..., ::-1]
    return flat.reshape(pictures.shape)


def random_parts(n: int, side: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Top, left, height and width (n, 4) of random parts of squares.

    Area and ratio are drawn until the part fits, ten times at most; then it is the whole picture.
    """
    area = side**2 * generator.uniform(AREA[0], AREA[1], (n, _TRIES))
    ratio = np.exp(generator.uniform(np.log(RATIO[0]), np.log(RATIO[1]), (n, _TRIES)))
    height = np.rint(np.sqrt(area / ratio)).astype(np.int64)
    width = np.rint(np.sqrt(area * ratio)).astype(np.int64)
    fits = (height <= side) & (width <= side) & (height > 0) & (width > 0)
    first, rows = fits.argmax(axis=1), np.arange(n)
    height = np.where(fits.any(axis=1), height[rows, first], side)
    width = np.where(fits.any(axis=1), width[rows, first], side)
    top = (generator.random(n) * (side - height + 1)).astype(np.int64)
    left = (generator.random(n) * (side - width + 1)).astype(np.int64)
    return np.stack([top, left, height, width], axis=1)
