"""What happens to a run on one machine: a config that goes away, a main process killed with −9."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from checkout import FOUR_RUNS, Checkout


def _start(checkout: Checkout, output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as file:
        return subprocess.Popen(
            ["snakemake", "--cores", "1", "--configfile", "config/small.yaml"],
            cwd=checkout.folder,
            env=checkout.environment(),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 240
    while not condition():
        assert process.poll() is None, "the run ended before anything was done to it"
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.slow
def test_a_deleted_config_and_a_killed_main_process_cost_no_finished_job(tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path / "project", profile="small")
    (checkout.folder / "config/small.yaml").write_text(FOUR_RUNS)
    results = checkout.folder / "results/demo/informative/text"

    def trained() -> list[Path]:
        return sorted(results.glob("seed-*/model.safetensors"))

    # A config goes away under a run: the next job that reads it says so, and the run ends with an error.
    output = tmp_path / "deleted.txt"
    process = _start(checkout, output)
    _wait(lambda: len(trained()) >= 1, process)
    config = checkout.folder / "config/methods/text.yaml"
    content = config.read_text()
    config.unlink()
    assert process.wait(timeout=240) != 0
    assert "config/methods/text.yaml: there is no entry 'text' in methods" in output.read_text()
    config.write_text(content)

    # The main process dies at once, with its jobs: no lock stays behind, nothing finished is done again.
    n = len(trained())
    process = _start(checkout, tmp_path / "killed.txt")
    _wait(lambda: len(trained()) > n, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # The newest may be of the job that was killed before Snakemake knew that it was done.
    newest = max(trained(), key=lambda path: path.stat().st_mtime_ns)
    finished = {path: path.stat().st_mtime_ns for path in trained() if path != newest}
    assert finished
    checkout.run()
    assert checkout.stale() == set()
    assert len(trained()) == 4
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
