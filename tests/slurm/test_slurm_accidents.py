"""A cluster's accidents cost nothing: each ends in the same scores as a run that nothing disturbed."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from single_node import SingleNode, slurm, until
from slurm_runs import PROFILE, RUN, SMALL, Run, details, jobs

from checkout import Checkout
from crisisweave.files import read_json

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the small variant has run without a cluster."""
    checkout = Checkout.copy(tmp_path_factory.mktemp("undisturbed") / "project", profile="small")
    (checkout.folder / "config/small.yaml").write_text(SMALL)
    checkout.run(str(RUN / "metrics.json"))
    return checkout


def cancelled(run: Run, cluster: SingleNode) -> None:
    """scancel of a running job."""
    run.hold_training()
    slurm("scancel", run.training_job())


def over_memory(run: Run, cluster: SingleNode) -> None:
    """A job that needs more memory than its first attempt may have; see `LIMITS`."""


def over_time(run: Run, cluster: SingleNode) -> None:
    """A job that is not done at the end of its time; see `LIMITS`."""
    run.hold_training()
    until(lambda: jobs(run.folder, "rule_train")[0].state == "TIMEOUT", "SLURM ends the job", seconds=240)


def killed(run: Run, cluster: SingleNode) -> None:
    """The main process killed with −9 and started again; beside its running job, one of another folder."""
    run.hold_training()
    elsewhere = str(run.folder.parent)
    slurm(
        "sbatch",
        "--job-name=crisisweave_other",
        f"--chdir={elsewhere}",
        "--output=/dev/null",
        "--mem=50",
        "--time=60",
        "--wrap=sleep 3000",
    )
    run.give_up()
    run.start()


def drained(run: Run, cluster: SingleNode) -> None:
    """The node taken out of service under a running job, and given back."""
    held = run.hold_training()
    cluster.set("state=drain", "reason=maintenance")
    os.kill(held, signal.SIGCONT)
    until(lambda: jobs(run.folder)[-1].state == "PENDING", "the next job waits for the node", seconds=240)
    assert "drained" in cluster.state() or "draining" in cluster.state()
    cluster.set("state=resume")


def controller_restarted(run: Run, cluster: SingleNode) -> None:
    """slurmctld gone while Snakemake asks for its jobs, and back."""
    held = run.hold_training()
    cluster.stop("slurmctld")
    try:
        asked: set[int] = set()
        until(lambda: bool(asked.update(run.questions()) or asked), "Snakemake asks", seconds=200, every=0.02)
        until(lambda: not asked & run.questions(), "Snakemake has asked in vain", seconds=200)
    finally:
        cluster.start_controller()
    os.kill(held, signal.SIGCONT)


ACCIDENTS: dict[str, Callable[[Run, SingleNode], None]] = {
    accident.__name__: accident for accident in (cancelled, over_memory, over_time, killed, drained)
}
# What the profile says of training here. It needs more than 300 MB; SLURM counts time in minutes.
LIMITS = {
    "over_memory": 'mem_mb: "300 if attempt == 1 else 3000"',
    "over_time": "runtime: attempt",
}


def disturb(
    name: str, checkout: Checkout, cluster: SingleNode, accident: Callable[[Run, SingleNode], None]
) -> Run:
    """One run with its accident, to the end."""
    if name in LIMITS:
        profile = checkout.folder / PROFILE
        last = "      slurm_partition: ?gpu_partition\n"
        assert last in profile.read_text()
        limit = f'{last}      ?if rule == "train":\n        {LIMITS[name]}\n'
        profile.write_text(profile.read_text().replace(last, limit))
    run = Run(checkout)
    run.start()
    try:
        accident(run, cluster)
        run.finish()
    finally:
        run.give_up()
    return run


@pytest.fixture(scope="module")
def runs(
    undisturbed: Checkout, cluster: SingleNode, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Run]]:
    """Every accident in a checkout of its own, on prepared data; all but the last at the same time."""
    root = tmp_path_factory.mktemp("accidents")

    def copy(name: str) -> Checkout:
        folder = root / name / "project"
        shutil.copytree(undisturbed.folder, folder, symlinks=True)
        shutil.rmtree(folder / "results")
        return Checkout(folder, profile="small")

    with ThreadPoolExecutor() as pool:
        started = {
            name: pool.submit(disturb, name, copy(name), cluster, accident)
            for name, accident in ACCIDENTS.items()
        }
        runs = {name: future.result() for name, future in started.items()}
    name = controller_restarted.__name__
    runs[name] = disturb(name, copy(name), cluster, controller_restarted)
    yield runs


def attempts(run: Run) -> list[str]:
    """How the training jobs of a run ended, in order."""
    return [job.state for job in jobs(run.folder, "rule_train")]


@pytest.mark.parametrize("name", [*ACCIDENTS, controller_restarted.__name__])
def test_an_accident_changes_no_score(name: str, runs: dict[str, Run], undisturbed: Checkout) -> None:
    for file in ("metrics.json", "history.csv", "model.safetensors"):
        assert (runs[name].folder / RUN / file).read_bytes() == (undisturbed.folder / RUN / file).read_bytes()


@pytest.mark.parametrize("name", ["cancelled", "over_time", "killed"])
def test_training_goes_on_from_its_checkpoint(name: str, runs: dict[str, Run], undisturbed: Checkout) -> None:
    assert read_json(runs[name].folder / RUN / "run.json")["resumed"]
    assert not read_json(undisturbed.folder / RUN / "run.json")["resumed"]


def test_a_cancelled_job_is_submitted_again(runs: dict[str, Run]) -> None:
    assert attempts(runs["cancelled"]) == ["CANCELLED", "COMPLETED"]


def test_a_job_over_its_memory_gets_more(runs: dict[str, Run]) -> None:
    run = runs["over_memory"]
    assert attempts(run) in (["FAILED", "COMPLETED"], ["OUT_OF_MEMORY", "COMPLETED"])
    first, second = jobs(run.folder, "rule_train")
    assert (first.memory, second.memory) == ("300M", "3000M")
    (log,) = run.folder.glob(f"logs/slurm/rule_train/*/{first.number}.log")
    assert "exceeded memory limit" in log.read_text() or "oom" in log.read_text().lower()


def test_a_job_over_its_time_gets_more(runs: dict[str, Run]) -> None:
    assert attempts(runs["over_time"]) == ["TIMEOUT", "COMPLETED"]
    assert [job.limit for job in jobs(runs["over_time"].folder, "rule_train")] == ["1:00", "2:00"]


def test_after_a_kill_no_job_is_in_the_queue_twice(runs: dict[str, Run]) -> None:
    run = runs["killed"]
    assert attempts(run) == ["CANCELLED", "COMPLETED"]
    first, second = (details(job.number) for job in jobs(run.folder, "rule_train"))
    assert first["EndTime"] <= second["SubmitTime"]
    assert f"Cancelling 1 SLURM jobs that an earlier run left behind: {first['JobId']}" in run.log.read_text()


def test_after_a_kill_jobs_of_other_folders_are_left_alone(runs: dict[str, Run]) -> None:
    (other,) = jobs(runs["killed"].folder.parent)
    assert other.state == "RUNNING"
    slurm("scancel", other.number)


@pytest.mark.parametrize("name", ["drained", controller_restarted.__name__])
def test_nothing_is_done_twice_when_the_cluster_pauses(name: str, runs: dict[str, Run]) -> None:
    assert {job.state for job in jobs(runs[name].folder)} == {"COMPLETED"}
    assert attempts(runs[name]) == ["COMPLETED"]


def test_a_finished_run_leaves_no_checkpoint(runs: dict[str, Run]) -> None:
    left: list[Path] = [file for run in runs.values() for file in run.folder.glob(".cache/checkpoints/*")]
    assert not left
