"""What a loader says of the views that are decoded from media files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from crisisweave.drawing import draw_key
from crisisweave.images.decode import decode, read_bytes


@dataclass(frozen=True)
class ViewSource:
    """One view of every row."""

    name: str
    shape: tuple[int, ...]
    """Of one row: sound (1, F, T) or pictures (T, 3, S, S)."""
    dtype: str
    files: Callable[[str], list[Path]]
    """Instance id → its files, whether or not they exist."""
    read: Callable[[list[Path]], NDArray[Any]]
    """Files → the row."""


def read_pictures(files: Sequence[Path], side: int) -> NDArray[np.uint8]:
    """Pictures (T, 3, side, side), resized without regard to their ratio, as in the public code.

    Raises:
        DataError: one is missing or damaged.
    """
    rows = []
    for path in files:
        rgb = decode(read_bytes(path), path, at_least=2 * side).rgb
        small = rgb.resize((side, side), Image.Resampling.BILINEAR)
        rows.append(np.asarray(small).transpose(2, 0, 1))
    return np.stack(rows)


def drawn(names: Sequence[str], n: int, seed: int) -> set[str]:
    """n of the names, drawn by the seed: the same ones in whatever order they come."""
    return set(sorted(names, key=lambda name: draw_key(seed, name))[:n])
