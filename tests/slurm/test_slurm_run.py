"""The tiny variant on a real cluster, undisturbed: what SLURM's own records say of its jobs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from single_node import SingleNode
from slurm_runs import Job, jobs

from checkout import Checkout

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

ON_GPU = (
    "rule_balance",
    "rule_captioner",
    "rule_captions",
    "rule_features",
    "rule_infer",
    "rule_train",
)


@pytest.fixture(scope="module")
def folder(cluster: SingleNode, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which `snakemake --profile slurm` has run the tiny variant."""
    checkout = Checkout.copy(tmp_path_factory.mktemp("cluster") / "project")
    done = checkout.snakemake("--profile", "slurm")
    assert done.returncode == 0, done.stdout + done.stderr
    (checkout.folder / "main.log").write_text(done.stdout + done.stderr)
    return checkout.folder


@pytest.fixture(scope="module")
def submitted(folder: Path) -> list[Job]:
    """SLURM's records of its jobs."""
    return jobs(folder)


def test_every_job_ended_well_and_the_report_is_there(folder: Path, submitted: list[Job]) -> None:
    assert {job.state for job in submitted} == {"COMPLETED"}
    assert (folder / "reports/index.html").is_file()


def test_gpu_rules_ran_in_the_gpu_partition_with_a_gpu_and_no_others(submitted: list[Job]) -> None:
    for job in submitted:
        on_gpu = job.comment.startswith(ON_GPU)
        assert (job.partition, job.gres) == (("gpu", "gres:gpu:1") if on_gpu else ("cpu", "N/A")), job
    assert {prefix for prefix in ON_GPU if any(job.comment.startswith(prefix) for job in submitted)} == {
        *ON_GPU
    }


def test_memory_and_time_were_limited(submitted: list[Job]) -> None:
    for job in submitted:
        assert 500 <= int(job.memory.removesuffix("M")) < 32000, job
        assert re.fullmatch(r"(\d+-)?(\d+:)?\d+:\d+", job.limit), job
    train = [job for job in submitted if job.comment.startswith("rule_train")]
    assert {(job.memory, job.limit) for job in train} == {("3000M", "2:00:00")}


def test_short_rules_were_grouped_into_few_jobs(folder: Path, submitted: list[Job]) -> None:
    rules = re.search(r"^total +(\d+)$", (folder / "main.log").read_text(), re.MULTILINE)
    assert rules is not None
    assert len(submitted) * 3 <= int(rules.group(1))
    comments = [job.comment.split("_wildcards")[0] for job in submitted]
    assert comments.count("rule_data_audit_demo_images_prepare") == 1
    assert comments.count("rule_report_aggregate_report") == 1
    alone = [comment for comment in comments if re.search("train|captioner|captions", comment)]
    assert set(alone) == {"rule_train", "rule_captioner", "rule_captions"}, "what takes long stays alone"


def test_logs_lie_where_the_readme_says(folder: Path, submitted: list[Job]) -> None:
    for job in submitted:
        assert len(list((folder / "logs/slurm").rglob(f"{job.number}.log"))) == 1, job
    (log,) = (folder / "logs/slurm/rule_train/demo_humanitarian_text_1").iterdir()
    assert log.stem in {job.number for job in submitted}
    assert (folder / "logs/train/demo/humanitarian/text/seed-1.log").is_file()


def test_right_after_a_run_on_the_cluster_nothing_is_to_be_done(folder: Path) -> None:
    assert Checkout(folder).stale() == set()
