"""What is asked of SLURM before the first job is submitted; called by `onstart` in rules/common.smk.

Snakemake's SLURM executor (2.8.0) knows nothing of jobs that an earlier, killed main process left in the
queue, and it can wait for ever for a group of jobs that was never submitted. So both are dealt with here.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from crisisweave.errors import CrisisWeaveError

SITE_FILE = "profiles/slurm/config.yaml"
# `slurm-jobname-prefix` of the profile; the executor adds "_" and a name of its own for each main process.
PREFIX = "crisisweave"
# Longer than SLURM's usual KillWait of 30 s plus the time until a node answers.
GONE_WITHIN = 300.0


class ClusterError(CrisisWeaveError):
    """SLURM is not there or does not take what would be submitted."""


def prepare(folder: Path, dag: Any) -> None:
    """Make sure that jobs can be submitted, and that none of an earlier main process is left.

    Args:
        folder: the checkout in which the workflow runs.
        dag: Snakemake's jobs.

    Raises:
        ClusterError: no SLURM here, or it refuses a job.
    """
    find_slurm()
    keep_to_squeue()
    cancel_leftovers(folder)
    check_requests(folder, {dag.get_job_group(job) or job for job in dag.needrun_jobs()})


def find_slurm() -> None:
    """Raises ClusterError where this machine cannot submit."""
    missing = [name for name in ("sbatch", "squeue", "scancel") if shutil.which(name) is None]
    if missing:
        raise ClusterError(
            f"no SLURM on this machine ({', '.join(missing)} not found):"
            " start from a login node of the cluster, or run without --profile slurm"
        )


def keep_to_squeue() -> None:
    """Have SLURM asked only once how long it remembers jobs that have ended.

    The executor asks before every look at its jobs, and where the controller does not answer it turns to
    sacct; without accounting that fails as well, and then it forgets its jobs and waits for ever. With the
    answer known it asks squeue again (`slurm-status-attempts` in the profile) until the controller is back.
    """
    import snakemake_executor_plugin_slurm as executor

    age = executor.get_min_job_age()
    executor.get_min_job_age = lambda: age


def cancel_leftovers(folder: Path, patience: float = GONE_WITHIN) -> None:
    """Cancel the jobs of an earlier main process of this checkout and wait until SLURM has ended them.

    They cannot be taken over: the executor follows only jobs that it has submitted itself. Whatever they had
    begun starts again, training from its last checkpoint. Jobs of another folder or user are left alone.

    Args:
        folder: the checkout; no other main process may be active in it.
        patience: seconds until the wait is given up.

    Raises:
        ClusterError: SLURM does not answer, or a job does not end.
    """
    left = leftovers(folder)
    if not left:
        return
    print(f"Cancelling {len(left)} SLURM jobs that an earlier run left behind: {', '.join(left)}", flush=True)
    _ask("scancel", *left)
    deadline = time.monotonic() + patience
    while leftovers(folder):
        if time.monotonic() > deadline:
            raise ClusterError(
                f"SLURM jobs of an earlier run have not ended within {patience:.0f} s of scancel"
                f" ({', '.join(leftovers(folder))}): start again when squeue shows them no more"
            )
        time.sleep(1)


def leftovers(folder: Path) -> list[str]:
    """Ids of this user's unfinished jobs that were submitted from a folder by this workflow."""
    table = _ask("squeue", "--noheader", "--user", str(os.getuid()), "--format", "%i|%j|%Z")
    rows = (line.split("|", 2) for line in table.splitlines())
    return [i for i, name, where in rows if name.startswith(f"{PREFIX}_") and Path(where) == folder.resolve()]


def check_requests(folder: Path, jobs: Iterable[Any]) -> None:
    """Ask SLURM whether it would take each kind of job: partition, account, gres, memory, time, processors.

    Args:
        folder: the checkout in which the workflow runs.
        jobs: what is to be submitted, single jobs and groups.

    Raises:
        ClusterError: it would not; names the rules, what was asked for and SLURM's reason.
    """
    rules: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for job in jobs:
        if not job.is_local:
            rules[request(job.resources)] |= set(job.rules)
    for options, names in sorted(rules.items(), key=lambda item: sorted(item[1])):
        _check_account(options, names)
        # The first question leaves no trace, but its answer is also no where nodes are only down or drained.
        if _sbatch(folder, "--test-only", *options).returncode == 0:
            continue
        # This one is refused only where the job can never run. It would start tomorrow; it is taken back now.
        answer = _sbatch(folder, "--begin=now+1day", "--parsable", *options)
        if answer.returncode != 0:
            raise _refusal(options, names, _reason(answer.stderr))
        _ask("scancel", answer.stdout.strip().split(";")[0])


def request(resources: Mapping[str, Any]) -> tuple[str, ...]:
    """The options by which the executor asks SLURM for resources."""
    options = {
        "--partition": resources.get("slurm_partition"),
        "--account": resources.get("slurm_account"),
        "--gres": resources.get("gres"),
        "--gpus": resources.get("gpu"),
        "--mem": resources.get("mem_mb"),
        "--time": resources.get("runtime"),
        "--cpus-per-task": resources.get("_cores"),
    }
    return tuple(f"{option}={value}" for option, value in options.items() if value)


def _check_account(options: tuple[str, ...], names: set[str]) -> None:
    """The executor's own check of the account: it would wait for ever for a group of jobs that fails it."""
    from snakemake_executor_plugin_slurm.accounts import validate_account
    from snakemake_interface_common.exceptions import WorkflowError

    account = dict(option.split("=", 1) for option in options).get("--account")
    if account is None:
        return
    try:
        validate_account(account, _Silent())
    except WorkflowError as error:
        raise _refusal(options, names, " ".join(str(error).split())) from error


class _Silent:
    """The executor says itself what it could not find out."""

    def warning(self, *_: object) -> None:
        pass


def _refusal(options: tuple[str, ...], names: set[str], reason: str) -> ClusterError:
    several = "s" if len(names) > 1 else ""
    return ClusterError(
        f"SLURM refuses rule{several} {', '.join(sorted(names))} ({' '.join(options)}): {reason};"
        f" partitions, account and gres name are set at the top of {SITE_FILE}"
    )


def _reason(stderr: str) -> str:
    """SLURM's words without the program's name, which stands before each of its lines."""
    lines = (line.removeprefix("sbatch: ").removeprefix("error: ").strip() for line in stderr.splitlines())
    return "; ".join(dict.fromkeys(line for line in lines if line)) or "no reason given"


def _sbatch(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    named = [f"--job-name={PREFIX}_check", f"--chdir={folder.resolve()}", "--output=/dev/null"]
    return _run("sbatch", *named, *options, "--wrap=true")


def _ask(*command: str) -> str:
    """What a SLURM command prints.

    Raises:
        ClusterError: it fails.
    """
    done = _run(*command)
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        command_line = shlex.join(command)
        raise ClusterError(f"SLURM does not answer `{command_line}`: {said}; try again later")
    return done.stdout


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
