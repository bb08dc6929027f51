"""Folder names of cached features: one name for one way of encoding. Light: the workflow imports it."""

from __future__ import annotations

from crisisweave.config.method import EncoderUse
from crisisweave.encoders.names import parse


def image_slug(encoder: str, size: int, grid: int = 1) -> str:
    """Folder name of an image encoder's features."""
    cells = f"-grid{grid}" if grid > 1 else ""
    return f"{parse(encoder).slug}-{size}{cells}"


def text_slug(use: EncoderUse, max_tokens: int) -> str:
    """Folder name of a text encoder's features."""
    return f"{parse(use.name).slug}-{use.pooling}-{max_tokens}"
