"""One finished project for all tests of predictions."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_project import build


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which every family of methods has been trained, scored and evaluated; only read it."""
    return build(tmp_path_factory.mktemp("predict") / "project")
