"""Fixtures that all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest

from toy import Toy


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    """A prepared data set of 64 tweets with images and captions."""
    return Toy(tmp_path)
