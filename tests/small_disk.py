"""Real file systems that are full or read-only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple


class Disk(NamedTuple):
    """A way to mount a disk at {0} that refuses, and the reason and advice a user should read."""

    mount: str
    message: str

    def run(self, program: str, tmp_path: Path) -> tuple[list[str], list[str]]:
        """Run a Python program with such a disk's folder as its argument.

        Returns:
            The lines it printed, and the names of what lay on the disk afterwards.
        """
        folder = tmp_path / "disk"
        folder.mkdir()
        listing = tmp_path / "listing"
        # A real file system of its own, in a mount namespace that ends with the process.
        script = f'{self.mount.format(folder)} && "$0" -c "$1" {folder} && ls -A {folder} > {listing}'
        done = subprocess.run(
            [
                "unshare",
                "--user",
                "--map-root-user",
                "--mount",
                "bash",
                "-c",
                script,
                sys.executable,
                program,
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines(), listing.read_text().split()


DISKS = [
    Disk(
        "mount -t tmpfs -o size=64k none {0}",
        "the disk is full; free some space and run the step again",
    ),
    Disk(
        "mount -t tmpfs none {0} && mount -o remount,ro {0}",
        "the file system is read-only; choose another output folder",
    ),
]
