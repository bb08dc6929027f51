"""`run.json`: what a run was made from and what it cost."""

from __future__ import annotations

import importlib.metadata
import platform
import resource
import shlex
import sys
import time
from typing import Any

# Rough draws for an estimate of energy: a busy server core with its share of the machine, and a data-centre
# GPU under load. Both are printed beside the estimate.
WATTS_PER_CORE = 12.0
WATTS_PER_GPU = 350.0
_PACKAGES = ("crisisweave", "torch", "tokenizers", "timm", "transformers", "numpy", "pandas")


class Meter:
    """Measures a step from its creation on."""

    def __init__(self) -> None:
        self._wall = time.monotonic()
        self._cpu = time.process_time()

    def record(self, device: str, **facts: Any) -> dict[str, Any]:
        """The record so far.

        Args:
            device: "cpu" or the GPU's name.
            facts: what the step adds (seed, config_sha256, parameters, …).
        """
        wall = time.monotonic() - self._wall
        cpu = time.process_time() - self._cpu
        watt_seconds = cpu * WATTS_PER_CORE + (0 if device == "cpu" else wall * WATTS_PER_GPU)
        return {
            "versions": {
                "python": platform.python_version(),
                **{name: importlib.metadata.version(name) for name in _PACKAGES},
            },
            "command": shlex.join(["crisisweave", *sys.argv[1:]]),
            "device": device,
            "wall_s": round(wall, 2),
            "cpu_s": round(cpu, 2),
            "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            "energy_wh": round(watt_seconds / 3600, 4),
            "energy_assumes": {"watts_per_core": WATTS_PER_CORE, "watts_per_gpu": WATTS_PER_GPU},
            **facts,
        }
