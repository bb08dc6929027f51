"""A run with nothing to do: `snakemake -n` here against a bare Snakefile with as many jobs. Prints JSON.

    python benchmarks/noop_snakemake.py [--jobs 100 1000 5000] [--runs 7]

Ours is a copy of the project whose profile runs the demo's methods with so many seeds that the DAG has about
the wanted number of jobs. The bare side has the same steps, job counts and files per job, written in the
shortest way: no config, no models, no params, resources, logs or functions. Nothing is computed: on both
sides Snakemake runs every job with an executor that writes each output as a small file, so that outputs and
Snakemake's own records of them are what a real run leaves. Then both sides are timed in turn, and the medians
are compared, of wall time and, steadier where other work is running, of processor time. The wanted ratio is
at most 1.5 at every size.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
SNAKEMAKE = Path(sys.executable).with_name("snakemake")

# Snakemake with a "touch" executor that makes the outputs, and counts what each job reads and writes.
MAKE_ALL = """
import json, sys
from collections import Counter
from pathlib import Path
from snakemake.cli import main
from snakemake.executors import touch
from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo

counts = Counter()

def run_job(self, job):
    for file in job.output:
        path = Path(file) / "content" if file.is_directory else Path(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"made for {file}")
    counts.update(jobs=1, inputs=len(job.input), outputs=len(job.output))
    info = SubmittedJobInfo(job=job)
    self.report_job_submission(info)
    self.report_job_success(info)

touch.Executor.run_job = run_job
try:
    main(["--touch", *sys.argv[2:]])
finally:
    Path(sys.argv[1]).write_text(json.dumps(counts))
"""

BARE = """
TRAINED = {trained}
DECISIONS = {decisions}
SEEDS = {seeds}
RUN = "results/{{method}}/seed-{{seed}}/"
RUNS = expand(RUN, method=TRAINED + DECISIONS, seed=SEEDS)
BOTH = RUNS + [run + "transfer/" for run in RUNS]


wildcard_constraints:
    seed="[0-9]+",


rule all:
    input:
        "reports/index.html",


rule demo:
    output:
        "data/demo/manifest.json",
        "data/demo/images.jsonl",
        "data/demo/ceilings.json",
    shell:
        "step demo"


rule prepare:
    input:
        "data/demo/manifest.json",
    output:
        "data/prepared/instances.parquet",
        "data/prepared/dataset.json",
    shell:
        "step prepare"


rule images:
    input:
        "data/demo/manifest.json",
    output:
        "data/images/index.parquet",
        "data/images/pixels.u8",
        "data/images/images.json",
    shell:
        "step images"


rule audit:
    input:
        "data/prepared/instances.parquet",
        "data/images/index.parquet",
    output:
        "data/audit/audit.json",
        "data/audit/duplicates.parquet",
    shell:
        "step audit"


rule features:
    input:
        "data/images/index.parquet",
        "data/images/pixels.u8",
    output:
        "data/features/features.npy",
        "data/features/features.json",
    shell:
        "step features"


rule captioner:
    input:
        "data/demo/images.jsonl",
        "data/features/features.npy",
        "data/images/index.parquet",
        "data/prepared/instances.parquet",
    output:
        "data/captioner/model.safetensors",
        "data/captioner/config.yaml",
        "data/captioner/tokenizer.json",
        "data/captioner/run.json",
    shell:
        "step captioner"


rule captions:
    input:
        "data/captioner/model.safetensors",
        "data/features/features.npy",
        "data/images/index.parquet",
        "data/demo/images.jsonl",
        "data/prepared/instances.parquet",
    output:
        "data/captions/captions.parquet",
        "data/captions/captions.json",
    shell:
        "step captions"


rule train:
    input:
        "data/prepared/instances.parquet",
        "data/features/features.npy",
    output:
        RUN + "model.safetensors",
        RUN + "config.yaml",
        RUN + "history.csv",
        RUN + "run.json",
    wildcard_constraints:
        method="|".join(TRAINED),
    shell:
        "step train {{wildcards.method}} {{wildcards.seed}}"


rule predict:
    input:
        "data/prepared/instances.parquet",
        "data/features/features.npy",
        RUN + "model.safetensors",
        RUN + "config.yaml",
    output:
        RUN + "predictions.parquet",
    wildcard_constraints:
        method="|".join(TRAINED),
    shell:
        "step predict {{wildcards.method}} {{wildcards.seed}}"


rule transfer:
    input:
        "data/prepared/instances.parquet",
        "data/features/features.npy",
        RUN + "model.safetensors",
        RUN + "config.yaml",
    output:
        RUN + "transfer/predictions.parquet",
    wildcard_constraints:
        method="|".join(TRAINED),
    shell:
        "step transfer {{wildcards.method}} {{wildcards.seed}}"


rule combine:
    input:
        "results/text/seed-{{seed}}/predictions.parquet",
        "results/image/seed-{{seed}}/predictions.parquet",
    output:
        RUN + "predictions.parquet",
        RUN + "config.yaml",
        RUN + "run.json",
    wildcard_constraints:
        method="|".join(DECISIONS),
    shell:
        "step combine {{wildcards.method}} {{wildcards.seed}}"


rule combine_transfer:
    input:
        "results/text/seed-{{seed}}/transfer/predictions.parquet",
        "results/image/seed-{{seed}}/transfer/predictions.parquet",
    output:
        RUN + "transfer/predictions.parquet",
    wildcard_constraints:
        method="|".join(DECISIONS),
    shell:
        "step combine {{wildcards.method}} {{wildcards.seed}}"


rule evaluate:
    input:
        RUN + "predictions.parquet",
        "data/audit/duplicates.parquet",
    output:
        RUN + "metrics.json",
    shell:
        "step evaluate {{wildcards.method}} {{wildcards.seed}}"


rule evaluate_transfer:
    input:
        RUN + "transfer/predictions.parquet",
        "data/audit/duplicates.parquet",
    output:
        RUN + "transfer/metrics.json",
    shell:
        "step evaluate {{wildcards.method}} {{wildcards.seed}}"


rule aggregate:
    input:
        [run + "metrics.json" for run in BOTH],
        [run + "predictions.parquet" for run in BOTH],
        [run + "run.json" for run in RUNS],
    output:
        "results/tables.parquet",
    shell:
        "step aggregate"


rule report:
    input:
        "results/tables.parquet",
        "data/prepared/instances.parquet",
        "data/prepared/dataset.json",
        "data/audit/audit.json",
        "data/images/images.json",
        "data/captions/captions.json",
        "data/demo/ceilings.json",
    output:
        "reports/index.html",
    shell:
        "step report"
"""

TRAINED = ["text", "image", "concat", "cmb"]
DECISIONS = ["decision_mean", "decision_max"]
# train, predict, transfer and two evaluations; combine and evaluate, on both targets.
JOBS_PER_SEED = 5 * len(TRAINED) + 4 * len(DECISIONS)
OTHER_JOBS = 10


def lay_ours(folder: Path, seeds: int) -> list[str]:
    """Copy what Snakemake reads of the project, with a profile of so many seeds; its arguments."""
    for name in ("workflow", "config", "profiles", "envs", "src"):
        shutil.copytree(ROOT / name, folder / name)
    shutil.copy(ROOT / "Snakefile", folder)
    profile = yaml.safe_load((ROOT / "config" / "default.yaml").read_text())
    [experiment] = [e for e in profile["experiments"] if e["task"] == "humanitarian"]
    experiment |= {"methods": TRAINED + DECISIONS, "seeds": list(range(1, seeds + 1))}
    profile["experiments"] = [experiment]
    (folder / "config" / "many.yaml").write_text(yaml.safe_dump(profile))
    return ["--configfile", "config/many.yaml"]


def lay_bare(folder: Path, seeds: int) -> list[str]:
    """Write the bare Snakefile, run with the same settings of Snakemake."""
    shutil.copytree(ROOT / "profiles" / "default", folder / "profiles" / "default")
    text = BARE.format(trained=TRAINED, decisions=DECISIONS, seeds=list(range(1, seeds + 1)))
    (folder / "Snakefile").write_text(text)
    return []


def make_all(folder: Path, arguments: list[str]) -> dict[str, int]:
    """Run every job with outputs of one line, in Snakemake's own way; the numbers of jobs and files."""
    counts = folder / "counts.json"
    done = subprocess.run(
        [sys.executable, "-c", MAKE_ALL, str(counts), *arguments], cwd=folder, capture_output=True, text=True
    )
    if done.returncode != 0:
        raise SystemExit(done.stdout + done.stderr)
    return dict(json.loads(counts.read_text()))


def no_op_seconds(folder: Path, arguments: list[str]) -> tuple[float, float]:
    """Wall and processor time of one `snakemake -n`, which must find nothing to do."""
    start, used = time.perf_counter(), children_seconds()
    done = subprocess.run([SNAKEMAKE, "-n", *arguments], cwd=folder, capture_output=True, text=True)
    seconds = time.perf_counter() - start, children_seconds() - used
    if done.returncode != 0 or "Nothing to be done" not in done.stdout + done.stderr:
        raise SystemExit(done.stdout + done.stderr)
    return seconds


def children_seconds() -> float:
    """Processor time of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def compare(jobs: int, runs: int) -> dict[str, object]:
    """Both sides at one size."""
    seeds = max(1, round((jobs - OTHER_JOBS) / JOBS_PER_SEED))
    with tempfile.TemporaryDirectory() as temporary:
        folders, arguments, counts = {}, {}, {}
        for side, lay in (("ours", lay_ours), ("bare", lay_bare)):
            folders[side] = Path(temporary) / side
            folders[side].mkdir()
            arguments[side] = lay(folders[side], seeds)
            counts[side] = make_all(folders[side], arguments[side])
        taken: dict[str, list[tuple[float, float]]] = {"ours": [], "bare": []}
        for _ in range(runs + 1):
            for side, seconds in taken.items():
                seconds.append(no_op_seconds(folders[side], arguments[side]))
    # The first run of each side warms the file cache.
    wall, processor = (
        {side: statistics.median(both[part] for both in seconds[1:]) for side, seconds in taken.items()}
        for part in (0, 1)
    )
    return {
        **{
            side: {**counts[side], "wall_s": round(wall[side], 3), "processor_s": round(processor[side], 3)}
            for side in wall
        },
        "ratio": round(wall["ours"] / wall["bare"], 2),
        "processor_ratio": round(processor["ours"] / processor["bare"], 2),
    }


def main() -> None:
    """Run all sizes and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--runs", type=int, default=7, help="timed runs of each side")
    arguments = parser.parse_args()
    os.environ.pop("SNAKEMAKE_PROFILE", None)
    sizes = {jobs: compare(jobs, arguments.runs) for jobs in arguments.jobs}
    required = 1.5
    result = {
        "benchmark": "noop_snakemake",
        "runs": arguments.runs,
        "sizes": sizes,
        "required_ratio": required,
        "met": all(float(str(size["ratio"])) <= required for size in sizes.values()),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
