# Reads the profile with its typed models, so that a wrong key stops here, before anything runs; says what a
# result depends on; keeps a second run out.
import atexit
import fcntl
import gc
import json
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from crisisweave.config.costs import estimate, load_costs
from crisisweave.config.profile import Profile, Run
from crisisweave.config.steps import family_version, made_by
from crisisweave.errors import CrisisWeaveError
from crisisweave.invocation import DATA_ROOT as DATA_ROOT_VARIABLE
from crisisweave.invocation import PROFILE as PROFILE_VARIABLE

# A DAG is many small objects that live to the end. Looking through them again and again for garbage is an
# eighth of a no-op at 5,000 jobs.
gc.set_threshold(200_000, 20, 100)

# Jobs find the `crisisweave` command of the environment that runs Snakemake, activated or not.
os.environ.update(
    PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
)


def relative(path):
    """The path as a person would type it from the project's root."""
    path = Path(path).resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if len(workflow.overwrite_configfiles) > 1:
    raise WorkflowError(
        "give one --configfile: a profile is one file and says everything that is run"
    )
profile_file = relative([*workflow.overwrite_configfiles, "config/default.yaml"][0])

try:
    PROFILE = Profile(profile_file)
    RUNS = list(PROFILE.runs())
except CrisisWeaveError as error:
    raise WorkflowError(str(error))

THREADS = PROFILE.config.threads
TRAINED = sorted(
    {r.method for r in RUNS if PROFILE.method(r.dataset, r.task, r.method).is_trained}
)
PARTIAL = sorted(
    {
        r.method
        for r in RUNS
        if PROFILE.method(r.dataset, r.task, r.method).model_of is not None
    }
)
DECISIONS = sorted({r.method for r in RUNS} - {*TRAINED, *PARTIAL})
EXPLAINED = [
    r
    for r in RUNS
    if PROFILE.method(r.dataset, r.task, r.method).rationales is not None
]
EXPLAINED_METHODS = sorted({r.method for r in EXPLAINED})
SEVERAL_BRANCHES = [
    r for r in RUNS if PROFILE.method(r.dataset, r.task, r.method).n_branches
]
TRANSFERS = [(run, target) for run in RUNS for target in PROFILE.transfers_of(run)]

# The commands read these two from the environment: which file lists a run and where raw data lies on one
# machine is no part of any result, and so must not stand in a rule's command line or params.
DATA_ROOT = str(
    config.get("data_root") or os.environ.get(DATA_ROOT_VARIABLE) or "data/raw"
)
os.environ.update({PROFILE_VARIABLE: str(profile_file), DATA_ROOT_VARIABLE: DATA_ROOT})


wildcard_constraints:
    dataset="[a-z0-9_]+",
    task="[a-z0-9_]+",
    method="[a-z0-9_]+",
    captioner="[a-z0-9_]+",
    joint="[a-z0-9_]+",
    target="[a-z0-9_]+",
    seed=r"\d+",
    source="[a-z0-9_]+",


def one_of(names):
    """A wildcard constraint: exactly these names."""
    return "|".join(names) if names else "none_in_this_profile"


LOCKS = Path(workflow.basedir) / "envs"


def made_from(step, **parts):
    """A rule's one param of record: all that its result depends on besides its input files.

    One value, because Snakemake compares params as a set without names, so that two that swap their values
    would go unnoticed; JSON with sorted keys, so that the order of keys in a YAML never counts. Formatting and
    comments do not count either: the parts are parsed values. A part may be a function of the wildcards.
    """
    made = made_by(step, LOCKS)

    def value(wildcards):
        try:
            given = {
                k: part(wildcards) if callable(part) else part
                for k, part in parts.items()
            }
        except CrisisWeaveError as error:
            raise WorkflowError(str(error))
        return json.dumps({**made, **given}, sort_keys=True)

    return value


def grows(amount):
    """A resource that grows with each attempt: a job that was killed for want of it gets more."""
    return lambda wildcards, attempt: amount * attempt


def say_cost():
    """After a dry run: how many jobs there are to run, and what their training costs by config/costs/gflop.yaml."""
    if not workflow.dryrun or not workflow.dag:
        return
    # A dry run ends with all jobs counted as finished.
    jobs = list(workflow.dag.needrun_jobs(exclude_finished=False))
    if jobs:
        trained = [job.wildcards for job in jobs if job.rule.name == "train"]
        runs = [Run(w.dataset, w.task, w.method, int(w.seed)) for w in trained]
        cost = estimate(PROFILE, runs, load_costs(PROFILE.config_dir))
        print(f"{len(jobs):,} jobs; training costs {cost}", file=sys.stderr)


atexit.register(say_cost)


onstart:
    # Stands in for Snakemake's own locks (profiles/default sets `nolock`): those are deleted by any second
    # call, even by one that has nothing to do, and are left behind by a killed one.
    global RUN_LOCK
    RUN_LOCK = Path(".snakemake/run.lock").open("w")
    try:
        fcntl.flock(RUN_LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise WorkflowError(
            f"another run is active in {Path.cwd()}: wait for it, or work in another clone"
        )
    sys.path.insert(0, str(Path(workflow.basedir) / "workflow"))
    import cluster
    import records

    records.unlink_shared(Path(".snakemake/metadata"))
    if workflow.executor_plugin.name == "slurm":
        try:
            cluster.prepare(Path.cwd(), workflow.dag)
        except CrisisWeaveError as error:
            raise WorkflowError(str(error))
