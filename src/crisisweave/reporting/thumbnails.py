"""A random sample of a data set's images as small JPEG files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from crisisweave.images.store import ImageStore

SAMPLE = 24
"""Tweets on a data page."""
BOX = (320, 240)
"""Largest width and height of a thumbnail, in pixels."""
QUALITY = 80


def sample_ids(instance_ids: Sequence[str], size: int, seed: int) -> list[str]:
    """A simple random sample without replacement, which the order of `instance_ids` does not change."""
    ordered = sorted(instance_ids)
    chosen = np.random.default_rng(seed).choice(len(ordered), size=min(size, len(ordered)), replace=False)
    return [ordered[i] for i in chosen]


def thumbnail(store: ImageStore, instance_id: str) -> bytes:
    """One stored image as JPEG bytes, whole, within `BOX`, never enlarged."""
    from PIL import Image

    image = Image.fromarray(store.image(int(store.rows([instance_id])[0])))
    image.thumbnail(BOX, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()
