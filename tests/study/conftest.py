from pathlib import Path

import pytest
from made_up_study import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one explained run, in whose folder the test runs."""
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)
