"""The same rules under another executor, by profile only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yte

from checkout import ROOT, Checkout, job_counts

PROFILE = "profiles/generic"
# Stands in for a cluster's submit command: takes the last argument, a job script, and prints an id.
SUBMIT = """\
#!/bin/sh
echo "$*" >> submitted
for script; do :; done
setsid sh "$script" > /dev/null 2>&1 &
echo $!
"""


@pytest.mark.slow
@pytest.mark.parametrize("profile", [PROFILE, "slurm"])
def test_a_profile_of_a_cluster_plans_the_same_jobs(profile: str, tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path)
    here, there = checkout.snakemake("-n"), checkout.snakemake("-n", "--profile", profile)
    assert here.returncode == there.returncode == 0, there.stderr
    assert job_counts(there.stdout) == job_counts(here.stdout) != {}


@pytest.mark.slow
def test_a_generic_cluster_is_given_what_the_rules_ask_for(tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path)
    (tmp_path / "qsub").write_text(SUBMIT)
    (tmp_path / "qsub").chmod(0o755)
    run = "results/demo/humanitarian/text/seed-1"
    with checkout.edited(f"{PROFILE}/config.yaml", "&& qsub", "&& ./qsub"):
        done = checkout.snakemake(
            "--profile", PROFILE, "--seconds-between-status-checks", "1", f"{run}/metrics.json"
        )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / run / "metrics.json").is_file()
    data, train, predict, evaluate = (tmp_path / "submitted").read_text().splitlines()
    assert "-q cpu" in data
    assert "-q gpu" in train
    assert ":mem=3000mb:ngpus=1 -l walltime=120:00 " in train
    assert ":ngpus=1" in predict
    assert "-q cpu" in evaluate
    assert ":ngpus=0" in evaluate


@pytest.mark.parametrize("profile", [PROFILE, "profiles/slurm"])
def test_the_profiles_send_exactly_the_rules_with_a_gpu_to_the_gpus(profile: str) -> None:
    rules = "\n".join(file.read_text() for file in (ROOT / "workflow/rules").glob("*.smk"))
    blocks = re.findall(r"^rule (\w+):\n((?:(?:    .*)?\n)+)", rules, flags=re.MULTILINE)
    with_gpu = {name for name, block in blocks if re.search(r"^        gpu=1,$", block, flags=re.MULTILINE)}
    assert len(blocks) > len(with_gpu) > 0
    settings = yte.process_yaml((ROOT / profile / "config.yaml").read_text(), require_use_yte=True)
    assert set(settings["set-resources"]) == with_gpu
    assert set(settings["groups"]) <= {name for name, _ in blocks}
