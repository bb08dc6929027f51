"""The matrix of the thesis, small: every method of config/paper.yaml end to end on the demo."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from checkout import Checkout
from crisisweave.config.profile import Profile
from crisisweave.datasets.demo import generate

ROOT = Path(__file__).parents[2]

# Runs each command of a workflow in one process, in which libraries are imported once.
_DRIVER = """
import json, os, sys
sys.argv = ["crisisweave"]
os.environ["HF_HUB_OFFLINE"] = "1"
from crisisweave.cli import app
for command in json.load(open("commands.json")):
    print("+", " ".join(command), flush=True)
    app(command, standalone_mode=False)
"""


def methods(profile: str) -> set[str]:
    return {run.method for run in Profile(ROOT / "config" / profile, ROOT / "config").runs()}


def test_the_small_matrix_leaves_out_no_method() -> None:
    assert methods("paper_tiny.yaml") == methods("paper.yaml")


def test_a_dry_run_of_the_whole_matrix_counts_jobs_and_gpu_hours(tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path / "project", "paper")
    # The demo has CrisisMMD's format, which is all that a plan looks at.
    generate(tmp_path / "raw" / "CrisisMMD_v2.0", seed=0, tweets=60)
    done = checkout.snakemake("-n", "-q", "--config", f"data_root={tmp_path / 'raw'}")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    said = re.search(r"^([\d,]+) jobs; training costs at most ([\d,]+) GPU hours$", output, re.MULTILINE)
    assert said is not None, output
    assert int(said[1].replace(",", "")) > 1000


@pytest.mark.slow
def test_every_method_runs_end_to_end(tmp_path: Path) -> None:
    """The commands that Snakemake would run, in its order and in one process (starting takes longer)."""
    checkout = Checkout.copy(tmp_path / "project", "paper_tiny")
    plan = checkout.snakemake("-n", "-p")
    lines = re.findall(r"^Shell command: (crisisweave .*?) > ", plan.stdout + plan.stderr, re.MULTILINE)
    commands = [shlex.split(line)[1:] for line in lines]
    assert sum(command[0] == "train" for command in commands) >= 30
    assert commands[-1] == ["report"]
    (checkout.folder / "commands.json").write_text(json.dumps(commands))
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER],
        cwd=checkout.folder,
        env={**checkout.environment(), "CRISISWEAVE_PROFILE": "config/paper_tiny.yaml"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    pages = {path.name for path in (checkout.folder / "reports/pages").glob("*.html")}
    assert {"fusion-demo-humanitarian.html", "against-demo-humanitarian-cmb.html"} <= pages
    assert sum(name.startswith("method-") for name in pages) == len(
        list(Profile(ROOT / "config/paper_tiny.yaml", ROOT / "config").runs())
    )
