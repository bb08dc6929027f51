import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright
from report_reader import Reader

sys.path.append(str(Path(__file__).parents[1] / "reporting"))  # where the made-up project lies


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A project with hostile text wherever data can put text; only read it."""
    from made_up_project import build_project

    return build_project(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="session")
def folder(project: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of that project."""
    from made_up_project import render

    return render(project, tmp_path_factory.mktemp("made") / "reports")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, installed where it is missing."""
    if shutil.which("chromium") is None:
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        install = [
            "apt-get",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "chromium",
            "fonts-liberation",
        ]
        for command in (["apt-get", "update", "-qq"], install):
            done = subprocess.run(command, env=quiet, capture_output=True, text=True)
            assert done.returncode == 0, f"{' '.join(command)} failed: {done.stderr.strip()}"
    with sync_playwright() as playwright:
        # Root has no use of Chromium's sandbox in a container.
        started = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def reader(browser: Browser, folder: Path) -> Iterator[Reader]:
    """The test fails at its end if a page had an error, ran a foreign script or asked for anything else."""
    reader = Reader(browser, folder)
    yield reader
    assert reader.troubles == []
