"""Start-up of each step: what a job pays for imports, against the usual high-level stack. Prints JSON.

    python benchmarks/startup.py [--runs 5]

The small profile (config/tiny.yaml) is run for real in a copy of the project, one job at a time, with a hook
in each process that adds up the time spent in importing modules, late imports included. A step's start-up is
that time plus the interpreter's own; the least over its jobs is reported, with the large packages that it
imports. The usual stack is what a script of the same kind starts with: torch, pandas, scikit-learn's metrics,
and the model, tokenizer and Trainer classes of transformers, imported and nothing more. Times are processor
times, which other work on the machine disturbs least.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noop_snakemake import ROOT, children_seconds

LARGE = ["numpy", "pandas", "pyarrow", "scipy", "sklearn", "statsmodels", "torch", "torchvision", "timm"]
LARGE += ["transformers", "tokenizers", "PIL", "jinja2"]

USUAL = """
from crisisweave.encoders.torchvision_compat import prepare_torchvision
prepare_torchvision()
import pandas
from sklearn.metrics import f1_score
from transformers import AutoModelForSequenceClassification, AutoTokenizer, Trainer, TrainingArguments
"""

# Python imports a module of this name by itself at its start, before anything else.
HOOK = """
import atexit, json, os, sys, time
if os.path.basename(sys.orig_argv[1] if len(sys.orig_argv) > 2 else "") == "crisisweave":
    import _frozen_importlib as importer

    seconds, depth, load = 0.0, 0, importer._find_and_load

    def timed(name, import_):
        global seconds, depth
        if depth:
            return load(name, import_)
        depth, start = 1, time.process_time()
        try:
            return load(name, import_)
        finally:
            depth = 0
            seconds += time.process_time() - start

    def write():
        large = [name for name in LARGE if name in sys.modules]
        with open(f"{FOLDER}/{os.getpid()}.json", "w") as file:
            json.dump({"step": sys.orig_argv[2], "seconds": seconds, "packages": large}, file)

    importer._find_and_load = timed
    atexit.register(write)
"""


def fastest(command: list[str], runs: int, environment: Mapping[str, str]) -> float:
    """Processor time of the fastest run."""
    seconds = []
    for _ in range(runs):
        used = children_seconds()
        subprocess.run(command, check=True, capture_output=True, env=environment)
        seconds.append(children_seconds() - used)
    return min(seconds)


def real_run(folder: Path) -> list[dict[str, Any]]:
    """Run the small profile in a copy of the project; one record per process of a step."""
    for name in ("workflow", "config", "profiles", "envs", "src"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    hook, records = folder / "hook", folder / "records"
    hook.mkdir()
    records.mkdir()
    (hook / "sitecustomize.py").write_text(f"LARGE = {LARGE!r}\nFOLDER = {str(records)!r}\n{HOOK}")
    snakemake = Path(sys.executable).with_name("snakemake")
    done = subprocess.run(
        [snakemake, "--configfile", "config/tiny.yaml", "--cores", "1"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(hook)},
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return [json.loads(file.read_text()) for file in records.iterdir()]


def main() -> None:
    """Measure both sides and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="runs of the usual stack")
    arguments = parser.parse_args()
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as temporary:
        records = real_run(Path(temporary))
    interpreter = fastest([sys.executable, "-c", ""], arguments.runs, environment)
    usual = fastest([sys.executable, "-c", USUAL], arguments.runs, environment)
    by_step: dict[str, list[float]] = defaultdict(list)
    packages: dict[str, set[str]] = defaultdict(set)
    for record in records:
        by_step[record["step"]].append(interpreter + record["seconds"])
        packages[record["step"]].update(record["packages"])
    steps = {
        step: {
            "jobs": len(seconds),
            "startup_s": round(min(seconds), 2),
            "ratio": round(usual / min(seconds), 1),
            "packages": sorted(packages[step]),
        }
        for step, seconds in sorted(by_step.items())
    }
    paid = sum(min(seconds) * len(seconds) for seconds in by_step.values())
    result = {
        "benchmark": "startup",
        "interpreter_s": round(interpreter, 3),
        "usual_s": round(usual, 2),
        "steps": steps,
        "jobs": len(records),
        "paid_s": round(paid, 1),
        "usual_paid_s": round(usual * len(records), 1),
        "ratio": round(usual * len(records) / paid, 2),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
