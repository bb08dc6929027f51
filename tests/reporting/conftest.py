from collections.abc import Callable
from pathlib import Path

import pytest
from made_up_project import Project, build_project, render


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One project for all tests that only read it."""
    return build_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def make_report(built: Project, tmp_path: Path) -> Callable[..., Path]:
    """Write the report of the made-up project, with changes; gives its folder."""

    def make(name: str = "reports", **changes: object) -> Path:
        return render(built, tmp_path / name, **changes)

    return make
