"""A copy of the project in which the real Snakemake runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from crisisweave.config.steps import STEPS

ROOT = Path(__file__).parents[1]
PARTS = ["Snakefile", "workflow", "config", "profiles", "slurm", "envs", "src"]
BIN = Path(sys.executable).parent
# A profile with four short trainings and nothing else, for tests that stop a run half-way.
FOUR_RUNS = """
name: small
threads: 1
demo_tweets: 300
override:
  "*":
    text: {name: "tiny:bert", pooling: mean}
    max_tokens: 32
    training: {lr: 1.0e-3, batch_size: 32, epochs: 1}
experiments:
  - {dataset: demo, task: informative, methods: [text], seeds: [1, 2, 3, 4]}
"""


class Checkout:
    """A folder with the project's files and the commands that a person types in it."""

    def __init__(self, folder: Path, profile: str = "tiny"):
        self.folder = folder
        self.profile = profile

    @classmethod
    def copy(cls, folder: Path, profile: str = "tiny") -> Checkout:
        """Copy the project's files, without anything that a run made."""
        folder.mkdir(parents=True, exist_ok=True)
        for part in PARTS:
            source = ROOT / part
            if source.is_symlink():
                (folder / part).symlink_to(source.readlink())
            elif source.is_dir():
                skipped = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(source, folder / part, ignore=skipped, symlinks=True)
            else:
                shutil.copy(source, folder / part)
        return cls(folder, profile)

    def environment(self) -> dict[str, str]:
        """The caller's environment without settings of another checkout; this copy's package comes first."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CRISISWEAVE_", "SNAKEMAKE_"))}
        path = f"{BIN}{os.pathsep}{kept['PATH']}"
        return {**kept, "PATH": path, "PYTHONPATH": str(self.folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}

    def call(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the project's environment; output and status are the caller's to judge."""
        return subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False
        )

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on the checkout's profile."""
        return self.call("snakemake", *arguments, "--configfile", f"config/{self.profile}.yaml")

    def run(self, *arguments: str) -> str:
        """Run Snakemake, which must succeed; gives what it printed."""
        done = self.snakemake("--cores", "2", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def stale(self, *arguments: str) -> set[str]:
        """The jobs that a dry run would run, each by its message."""
        done = self.snakemake("-n", *arguments)
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        jobs = planned_jobs(output)
        assert jobs or "Nothing to be done" in output, output
        return jobs

    @contextmanager
    def edited(self, file: str, old: str, new: str) -> Iterator[None]:
        """Replace the first occurrence of a string in a file that holds it, for a while."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} does not hold {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(text, encoding="utf-8")


def raised_version(step: str) -> tuple[str, str, str]:
    """The edit that raises a step's version by one: file, old text, new text."""
    version = STEPS[step].version
    return "src/crisisweave/config/steps.py", f'"{step}": Step({version}', f'"{step}": Step({version + 1}'


def planned_jobs(output: str) -> set[str]:
    """The jobs that a dry run lists, each by its message."""
    return set(re.findall(r"^Job \d+: (.+)$", output, flags=re.MULTILINE))


def job_counts(output: str) -> dict[str, int]:
    """Rule → number of jobs, from Snakemake's job statistics."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
    if table is None:
        return {}
    pairs = (line.split() for line in table.group(1).splitlines())
    return {rule: int(count) for rule, count in pairs}
