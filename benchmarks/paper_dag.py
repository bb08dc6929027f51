"""The plan of the whole matrix: `snakemake -n` on config/paper.yaml with nothing made yet. Prints JSON.

    python benchmarks/paper_dag.py [--rounds 5]

The demo generator writes a small data set in CrisisMMD's format, which is all that a plan looks at. Wall time
and processor time are medians. Wanted: at least 1,000 jobs, planned in less than 10 seconds.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from crisisweave.datasets.demo import generate

ROOT = Path(__file__).resolve().parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")
LIMIT_S = 10


def plan(data_root: Path) -> tuple[str, float, float]:
    """What Snakemake says, wall seconds, processor seconds."""
    given = ["--configfile", "config/paper.yaml", "--config", f"data_root={data_root}"]
    command = [str(SNAKEMAKE), "-n", "-q", *given]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout + done.stderr, time.perf_counter() - start, used


def main() -> None:
    """Plan several times and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder) / "CrisisMMD_v2.0", seed=0, tweets=60)
        plans = [plan(Path(folder)) for _ in range(rounds)]
    said = re.search(r"^([\d,]+) jobs; (.*)$", plans[0][0], re.MULTILINE)
    assert said is not None, plans[0][0]
    wall = statistics.median(p[1] for p in plans)
    result = {
        "jobs": int(said[1].replace(",", "")),
        "estimate": said[2],
        "wall_s": round(wall, 2),
        "processor_s": round(statistics.median(p[2] for p in plans), 2),
        "limit_s": LIMIT_S,
        "met": wall < LIMIT_S,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
