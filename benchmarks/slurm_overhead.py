"""The tiny variant on SLURM: time from submission to done against the time of its jobs; what grouping saves.

    python benchmarks/slurm_overhead.py [--sides grouped alone]

Starts the tests' single-node cluster (root, Debian; see tests/slurm/single_node.py) and runs the tiny variant
there from nothing, once by the profile as it is and once with every rule in a job of its own. For each side:
`wall_s` from the start of Snakemake until it ends; `jobs_s`, the sum of the times that SLURM gives for its
jobs, which run side by side; `busy_s`, the time in which at least one job ran. `overhead` is wall time over
busy time: what submitting, waiting and looking after jobs add. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[1] / "tests"), str(Path(__file__).parents[1] / "tests/slurm")]

from single_node import SingleNode  # noqa: E402
from slurm_runs import PROFILE, details, jobs  # noqa: E402

from checkout import Checkout  # noqa: E402


def measure(checkout: Checkout) -> dict[str, Any]:
    """One run from nothing, and what SLURM says of its jobs."""
    start = time.monotonic()
    done = checkout.snakemake("--profile", "slurm")
    wall = time.monotonic() - start
    if done.returncode != 0:
        sys.exit(done.stderr)
    spans = []
    for job in jobs(checkout.folder):
        fields = details(job.number)
        spans.append(tuple(datetime.fromisoformat(fields[name]) for name in ("StartTime", "EndTime")))
    jobs_s = sum((end - start).total_seconds() for start, end in spans)
    busy_s = union(spans)
    return {
        "slurm_jobs": len(spans),
        "wall_s": round(wall, 1),
        "jobs_s": round(jobs_s, 1),
        "busy_s": round(busy_s, 1),
        "wall_over_jobs": round(wall / jobs_s, 2),
        "overhead": round(wall / busy_s, 2),
    }


def union(spans: list[tuple[datetime, ...]]) -> float:
    """Seconds covered by at least one span."""
    covered, until = 0.0, datetime.min
    for start, end in sorted(spans):
        covered += max(0.0, (end - max(start, until)).total_seconds())
        until = max(until, end)
    return covered


def alone(checkout: Checkout) -> Checkout:
    """The profile without its groups."""
    profile = checkout.folder / PROFILE
    text = profile.read_text()
    profile.write_text(text[: text.index("groups:\n")])
    return checkout


def main() -> None:
    """Run both sides and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sides", nargs="+", choices=["grouped", "alone"], default=["grouped", "alone"])
    wanted = parser.parse_args().sides
    sides = {}
    with SingleNode(), tempfile.TemporaryDirectory() as root:
        for side in wanted:
            checkout = Checkout.copy(Path(root) / side)
            sides[side] = measure(alone(checkout) if side == "alone" else checkout)
    result: dict[str, Any] = {"benchmark": "slurm_overhead", "processors": os.cpu_count(), "sides": sides}
    if len(sides) == 2:
        result["grouping_saves"] = round(1 - sides["grouped"]["wall_s"] / sides["alone"]["wall_s"], 2)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
