"""Real file systems that are full or read-only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Disk(NamedTuple):
    """A disk that refuses: how it is mounted, what is done to it then, and what the user should read."""

    options: str
    then: str
    message: str

    def run(self, program: str, tmp_path: Path, folders: Sequence[str] = ()) -> tuple[list[str], list[str]]:
        """Run a Python program with such a disk's folder as its argument.

        Args:
            program: source text.
            tmp_path: where to mount the disk, as `disk`.
            folders: made on the disk before it refuses.

        Returns:
            The lines the program printed, and the files that lay on the disk afterwards.
        """
        disk, listing = tmp_path / "disk", tmp_path / "listing"
        disk.mkdir()
        made = " ".join(str(disk / name) for name in folders)
        # A real file system of its own, in a mount namespace that ends with the process.
        script = (
            f"set -e; mount -t tmpfs -o {self.options} none {disk}; mkdir -p {disk} {made}; "
            f'{self.then.format(disk)}; "$0" -c "$1" {disk}; find {disk} -type f > {listing}'
        )
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
        return done.stdout.splitlines(), listing.read_text().splitlines()


DISKS = [
    Disk("size=64k", "true", "the disk is full; free some space and run the step again"),
    Disk(
        "size=1m",
        "mount -o remount,ro {0}",
        "the file system is read-only; choose another output folder",
    ),
]
