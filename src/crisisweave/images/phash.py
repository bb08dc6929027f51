"""Perceptual hashes, and near-duplicate search by Hamming distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

_QUERIES_AT_ONCE = 256


def phash_hex(image: Image.Image) -> str:
    """The 64-bit DCT hash of an image (`imagehash.phash`) as 16 hexadecimal digits."""
    import imagehash

    return str(imagehash.phash(image))


def from_hex(hashes: Sequence[str]) -> np.ndarray:
    """Hexadecimal hashes as (n,) uint64."""
    return np.array([int(value, 16) for value in hashes], dtype=np.uint64)


def nearest(queries: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The nearest reference of every query by Hamming distance.

    Args:
        queries: (n,) uint64.
        references: (m,) uint64, m >= 1.

    Returns:
        (n,) positions in `references` (the first of equals) and (n,) distances in bits. Exhaustive: all n x m
        pairs are compared, a few hundred queries at a time, so that memory stays at m x 256 x 9 bytes.
    """
    positions = np.empty(len(queries), dtype=np.int64)
    distances = np.empty(len(queries), dtype=np.int64)
    for start in range(0, len(queries), _QUERIES_AT_ONCE):
        chunk = slice(start, start + _QUERIES_AT_ONCE)
        bits = np.bitwise_count(queries[chunk, None] ^ references[None, :])
        positions[chunk] = bits.argmin(axis=1)
        distances[chunk] = np.take_along_axis(bits, positions[chunk, None], axis=1)[:, 0]
    return positions, distances
