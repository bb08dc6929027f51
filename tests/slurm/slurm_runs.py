"""Runs of the workflow on the cluster: their main process, their training process and their jobs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from single_node import slurm, until

from checkout import BIN, Checkout

PROFILE = "profiles/slurm/config.yaml"
# One short training, with a checkpoint after every step; nothing of it is worth anything.
SMALL = """\
name: small
threads: 1
demo_tweets: 150
override:
  "*": {text: {name: "tiny:bert", pooling: mean}, max_tokens: 48}
  text: {training: {lr: 1.0e-3, batch_size: 32, epochs: 4}}
experiments: [{dataset: demo, task: humanitarian, methods: [text], seeds: [1]}]
"""
RUN = Path("results/demo/humanitarian/text/seed-1")


class Job(NamedTuple):
    """What SLURM's own records say of a job."""

    number: str
    name: str
    folder: str
    comment: str
    partition: str
    state: str
    gres: str
    memory: str
    limit: str
    reason: str


def jobs(folder: Path, comment: str = "") -> list[Job]:
    """Jobs of a folder in the order of their submission, finished ones included."""
    told = slurm("squeue", "-h", "-t", "all", "-S", "i", "-o", "%i|%j|%Z|%k|%P|%T|%b|%m|%l|%r")
    found = [Job(*line.split("|")) for line in told.splitlines()]
    return [job for job in found if job.folder == str(folder) and job.comment.startswith(comment)]


def details(number: str) -> dict[str, str]:
    """All fields of a job."""
    told = slurm("scontrol", "show", "job", "-o", number)
    return dict(field.split("=", 1) for field in told.split() if "=" in field)


class Run:
    """A main process, started as a person does, and what it has made so far."""

    def __init__(self, checkout: Checkout):
        self.checkout, self.folder = checkout, checkout.folder
        self.log = self.folder / "main.log"
        self.main: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start `snakemake --profile slurm`, up to the scores."""
        command = [
            BIN / "snakemake",
            "--profile",
            "slurm",
            f"--configfile=config/{self.checkout.profile}.yaml",
        ]
        environment = {**self.checkout.environment(), "CRISISWEAVE_CHECKPOINT_EVERY": "0"}
        with self.log.open("ab") as log:
            self.main = subprocess.Popen(
                [*command, str(RUN / "metrics.json")],
                cwd=self.folder,
                env=environment,
                stdout=log,
                stderr=log,
            )

    def finish(self) -> None:
        """Wait for the main process, which must succeed."""
        assert self.main is not None
        assert self.main.wait(timeout=600) == 0, self.log.read_text()[-5000:]

    def give_up(self) -> None:
        """End a main process that a failed test has left; its jobs end with the cluster."""
        if self.main is not None and self.main.poll() is None:
            self.main.kill()
            self.main.wait()

    def training_job(self) -> str:
        """The number of the latest training job."""
        return jobs(self.folder, "rule_train")[-1].number

    def hold_training(self) -> int:
        """Stop the training process right after its first checkpoint, so that an accident meets it there."""

        def begun() -> bool:
            assert self.main is not None and self.main.poll() is None, self.log.read_text()[-5000:]
            return self._training() is not None and any(self.folder.glob(".cache/checkpoints/*/state.pt"))

        until(begun, f"training in {self.folder} writes a checkpoint", seconds=240, every=0.05)
        process = self._training()
        assert process is not None, "training ended before it was stopped: give it more epochs"
        os.kill(process, signal.SIGSTOP)
        return process

    def questions(self) -> set[int]:
        """Processes by which the main process asks SLURM for its jobs at this moment."""
        return set(self._processes(lambda words: words[0].endswith(b"squeue")))

    def _training(self) -> int | None:
        command = [os.fsencode(BIN / "crisisweave"), b"train"]
        return next(self._processes(lambda words: words[1:3] == command), None)

    def _processes(self, matches: Callable[[list[bytes]], bool]) -> Iterator[int]:
        """Processes in this folder whose command line matches."""
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended while it was looked at
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if matches(words) and (entry / "cwd").readlink() == self.folder:
                    yield int(entry.name)
