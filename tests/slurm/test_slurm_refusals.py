"""What SLURM would refuse is told before the first job, in one sentence with the rule's name."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import single_node
from single_node import FOLDER, ClusterError, SingleNode, check_machine
from slurm_runs import PROFILE, jobs

from checkout import BIN, ROOT, Checkout
from crisisweave.errors import CrisisWeaveError

pytestmark = pytest.mark.slow

# How the questions stand in SLURM's records: taken back, or refused.
ENDED = {"CANCELLED", "FAILED"}
COMMANDS = SimpleNamespace(**runpy.run_path(str(ROOT / "workflow/cluster.py")))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("gpu_partition: gpu ", "gpu_partition: gpus ", "rule balance (--partition=gpus --gres=gpu:1"),
        ("cpu_partition: cpu ", "cpu_partition: long ", "rules aggregate, report (--partition=long"),
        ("gres: gpu ", "gres: tpu ", "Invalid generic resource (gres) specification"),
        ("gres: gpu ", "gres: gpu:a100 ", "Requested node configuration is not available"),
        ('account: ""', "account: nobody", "Invalid account or account/partition combination specified"),
    ],
)
def test_a_wrong_site_setting_stops_before_the_first_job(
    old: str, new: str, sentence: str, cluster: SingleNode, tmp_path: Path
) -> None:
    checkout = Checkout.copy(tmp_path)
    with checkout.edited(PROFILE, old, new):
        done = checkout.snakemake("--profile", "slurm")
    assert done.returncode != 0
    (line,) = (line for line in done.stderr.splitlines() if "SLURM refuses" in line)
    assert sentence in line
    assert "rule" in line.split("(")[0]
    assert line.endswith("set at the top of profiles/slurm/config.yaml")
    assert {job.state for job in jobs(tmp_path)} <= ENDED
    assert not (tmp_path / "data").exists()


def test_an_account_that_slurm_knows_is_used(cluster: SingleNode, tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path)
    with checkout.edited(PROFILE, 'account: ""', "account: lab"):
        done = checkout.snakemake("--profile", "slurm", "data/demo/manifest.json")
    assert done.returncode == 0, done.stderr


def test_a_node_that_is_only_drained_is_no_refusal(cluster: SingleNode, tmp_path: Path) -> None:
    asked = {"slurm_partition": "gpu", "gres": "gpu:1", "mem_mb": 500, "runtime": 5}
    job = SimpleNamespace(is_local=False, resources=asked, rules=["train"])
    impossible = SimpleNamespace(is_local=False, resources={**asked, "gres": "gpu:99"}, rules=["train"])
    cluster.set("state=drain", "reason=maintenance")
    try:
        COMMANDS.check_requests(tmp_path, [job])
        with pytest.raises(CrisisWeaveError, match="SLURM refuses rule train"):
            COMMANDS.check_requests(tmp_path, [impossible])
    finally:
        cluster.set("state=resume")
    assert {job.state for job in jobs(tmp_path)} <= ENDED, "the question leaves nothing in the queue"


def test_a_controller_that_does_not_answer_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cluster: SingleNode
) -> None:
    broken = tmp_path / "slurm.conf"
    broken.write_text((FOLDER / "slurm.conf").read_text().replace("16817", "16819"))
    monkeypatch.setenv("SLURM_CONF", str(broken))
    with pytest.raises(CrisisWeaveError, match=r"SLURM does not answer `squeue .*try again later"):
        COMMANDS.cancel_leftovers(tmp_path)


def test_without_slurm_one_sentence_says_so(tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path / "project")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "which"):
        (programs / name).symlink_to(str(shutil.which(name)))
    done = checkout.call("env", f"PATH={programs}", str(BIN / "snakemake"), "--profile", "slurm")
    assert done.returncode != 0
    assert "no SLURM on this machine (sbatch, squeue, scancel not found)" in done.stderr
    assert not (checkout.folder / "data").exists()


def test_a_machine_with_its_own_slurm_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "slurm.conf").write_text("ClusterName=site")
    monkeypatch.setattr(single_node, "CLIENTS", tmp_path)
    with pytest.raises(ClusterError, match=r"slurm\.conf is this machine's own SLURM configuration"):
        check_machine()
    assert (tmp_path / "slurm.conf").read_text() == "ClusterName=site"


def test_the_profile_and_the_search_for_leftovers_agree_on_the_name_of_jobs() -> None:
    profile = (ROOT / PROFILE).read_text()
    assert f"slurm-jobname-prefix: {COMMANDS.PREFIX}\n" in profile
    assert (ROOT / "slurm").readlink() == Path("profiles/slurm")
