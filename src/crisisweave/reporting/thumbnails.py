"""A data set's images as small JPEG files, and which of them a page shows."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crisisweave.images.store import ImageStore

SAMPLE = 24
"""Tweets on a data page."""
BOX = (320, 240)
"""Largest width and height of a thumbnail, in pixels."""
QUALITY = 80
SMALL = (240, 180)
SMALL_QUALITY = 65
"""In galleries, which hold many: about 6 KB each."""


def sample_ids(instance_ids: Sequence[str], size: int, seed: int) -> list[str]:
    """A simple random sample without replacement, which the order of `instance_ids` does not change."""
    ordered = sorted(instance_ids)
    chosen = np.random.default_rng(seed).choice(len(ordered), size=min(size, len(ordered)), replace=False)
    return [ordered[i] for i in chosen]


def ranked_ids(instance_ids: Iterable[str], seed: int) -> list[str]:
    """All ids in a random order that depends on nothing but the seed and each id by itself.

    The first of any subset are a simple random sample of it, and subsets that overlap (the rows that two
    methods have wrong) tend to show the same rows.
    """
    return sorted(instance_ids, key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())


def thumbnail(
    store: ImageStore, instance_id: str, box: tuple[int, int] = BOX, quality: int = QUALITY
) -> bytes:
    """One stored image as JPEG bytes, whole, within `box` (width, height), never enlarged."""
    from PIL import Image

    image = Image.fromarray(store.image(int(store.rows([instance_id])[0])))
    image.thumbnail(box, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, optimize=True)
    return buffer.getvalue()
