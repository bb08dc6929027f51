"""Draws of rows that depend on their names and a seed alone, in whatever order the rows come."""

from __future__ import annotations

import hashlib


def draw_key(seed: int, name: str) -> str:
    """A random key of a row: rows sorted by it are a draw that depends on their ids and the seed alone."""
    return hashlib.sha256(f"{seed} {name}".encode()).hexdigest()
