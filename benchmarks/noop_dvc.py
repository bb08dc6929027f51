"""DVC with nothing to do: `dvc status` on this project against bare stages of the same number. Prints JSON.

    python benchmarks/noop_dvc.py [--runs 7]

Ours is a copy of the project in which the demo's whole DAG was run by Snakemake with an executor that writes
each output as a small file (see noop_snakemake.py), so that dvc.yaml's stages have the dependencies, outputs
and records that a real run leaves. The bare side has as many stages, each with one small file in and one out.
Both are committed to DVC and must be up to date. Each is timed in turn, also under `dvc repro`, which on our
side starts no command.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from noop_snakemake import ROOT, make_all

DVC = Path(sys.executable).with_name("dvc")
UP_TO_DATE = "Data and pipelines are up to date."


def run(folder: Path, *command: str | Path) -> str:
    """A command's output; a failing one ends the benchmark."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command}\n{done.stdout}{done.stderr}")
    return done.stdout


def lay_ours(folder: Path) -> int:
    """A clone of the project as it lies here, every output of the demo made; the number of stages."""
    listed = run(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    run(folder, "git", "init", "--quiet")
    make_all(folder, [])
    stages = yaml.safe_load((folder / "dvc.yaml").read_text())["stages"]
    for stage in stages.values():
        for name in [*stage["deps"], *(out for outs in stage["outs"] for out in outs)]:
            # Folders for which the demo has no use, which the stages' commands make as well.
            if not (folder / name).exists():
                (folder / name).mkdir(parents=True)
    run(folder, DVC, "commit", "--force")
    return len(stages)


def lay_bare(folder: Path, stages: int) -> None:
    """As many stages in a row, each a copy of a small file."""
    run(folder, "git", "init", "--quiet")
    run(folder, DVC, "init", "--quiet")
    run(folder, DVC, "config", "core.analytics", "false")
    (folder / "0.txt").write_text("start\n")
    chain = {
        f"stage{n}": {"cmd": f"cp {n}.txt {n + 1}.txt", "deps": [f"{n}.txt"], "outs": [f"{n + 1}.txt"]}
        for n in range(stages)
    }
    (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": chain}))
    run(folder, DVC, "repro", "--quiet")


def no_op_seconds(folder: Path, command: str) -> float:
    """Wall time of a DVC command that must find nothing to do."""
    start = time.perf_counter()
    output = run(folder, DVC, command)
    seconds = time.perf_counter() - start
    if UP_TO_DATE not in output:
        raise SystemExit(f"dvc {command} in {folder}:\n{output}")
    return seconds


def main() -> None:
    """Run both sides and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=7, help="timed runs of each side")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folders = {side: Path(temporary) / side for side in ("ours", "bare")}
        for folder in folders.values():
            folder.mkdir()
        stages = lay_ours(folders["ours"])
        lay_bare(folders["bare"], stages)
        result: dict[str, object] = {"benchmark": "noop_dvc", "stages": stages, "runs": arguments.runs}
        for command in ("status", "repro"):
            seconds: dict[str, list[float]] = {"ours": [], "bare": []}
            for _ in range(arguments.runs + 1):
                for side, taken in seconds.items():
                    taken.append(no_op_seconds(folders[side], command))
            # The first run of each side warms the file cache and DVC's own.
            medians = {side: statistics.median(taken[1:]) for side, taken in seconds.items()}
            result[command] = {
                **{f"{side}_s": round(median, 3) for side, median in medians.items()},
                "ratio": round(medians["ours"] / medians["bare"], 2),
            }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
