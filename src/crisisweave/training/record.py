"""`run.json`: what a run was made from and what it cost."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import resource
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from crisisweave.files import sha256_file
from crisisweave.invocation import PROFILE, command_line

# Rough draws for an estimate of energy: a busy server core with its share of the machine, and a data-centre
# GPU under load. Both are printed beside the estimate.
WATTS_PER_CORE = 12.0
WATTS_PER_GPU = 350.0
_PACKAGES = ("crisisweave", "torch", "tokenizers", "timm", "transformers", "numpy", "pandas")


class Meter:
    """Measures a step from its creation on; a resumed one also counts what it had spent before."""

    def __init__(self) -> None:
        self._wall = time.monotonic()
        self._cpu = time.process_time()
        self._before = {"wall_s": 0.0, "cpu_s": 0.0}
        self._resumed = False

    def spent(self) -> dict[str, float]:
        """Wall and processor seconds so far: what a checkpoint stores for `resume`."""
        return {
            "wall_s": self._before["wall_s"] + time.monotonic() - self._wall,
            "cpu_s": self._before["cpu_s"] + time.process_time() - self._cpu,
        }

    def resume(self, spent: dict[str, float]) -> None:
        """Count what earlier processes spent up to the checkpoint that this one goes on from."""
        self._before, self._resumed = spent, True

    def record(self, device: str, **facts: Any) -> dict[str, Any]:
        """The record so far.

        Times and energy are those of all processes of a resumed step, less what a killed one did after its
        last checkpoint; peak memory is this process's.

        Args:
            device: "cpu" or the GPU's name.
            facts: what the step adds (seed, config_sha256, parameters, …).
        """
        spent = self.spent()
        watt_seconds = spent["cpu_s"] * WATTS_PER_CORE
        if device != "cpu":
            watt_seconds += spent["wall_s"] * WATTS_PER_GPU
        return {
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in _PACKAGES},
            },
            "command": command_line(PROFILE),
            "device": device,
            "resumed": self._resumed,
            **{name: round(seconds, 2) for name, seconds in spent.items()},
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "energy_wh": round(watt_seconds / 3600, 4),
            "energy_assumes": {"watts_per_core": WATTS_PER_CORE, "watts_per_gpu": WATTS_PER_GPU},
            **facts,
        }


def digest_of(files: Sequence[Path], splits: Mapping[str, str]) -> str:
    """SHA-256 over files and over the split of each instance."""
    parts = [*(sha256_file(path) for path in files), json.dumps(splits, sort_keys=True)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
