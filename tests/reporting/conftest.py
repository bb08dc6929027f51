from collections.abc import Callable
from pathlib import Path

import pytest
from made_up_project import Project, about, build_project


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One project for all tests that only read it."""
    return build_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def make_report(built: Project, tmp_path: Path) -> Callable[..., Path]:
    """Write the report of the made-up project, with changes; gives its folder."""
    from crisisweave.config.published import load_published
    from crisisweave.reporting.pages import report

    published = load_published(Path(__file__).parents[2] / "config")

    def make(name: str = "reports", **changes: object) -> Path:
        arguments: dict = {
            "datasets": built.datasets,
            "audits": built.audits,
            "stores": built.stores,
            "captions": built.captions,
            "about": about(demo=False),
            "descriptions": built.descriptions,
            "published": published,
            "ceilings": built.ceilings,
        }
        report(built.tables, tmp_path / name, **{**arguments, **changes})
        return tmp_path / name

    return make
