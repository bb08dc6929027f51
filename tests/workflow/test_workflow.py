"""The real DAG on the demo's tiny variant, in a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from crisisweave.files import read_json

ROOT = Path(__file__).parents[2]
PARTS = ["Snakefile", "workflow", "config", "profiles"]
BIN = Path(sys.executable).parent


def _snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CRISISWEAVE_")}
    return subprocess.run(
        [str(BIN / "snakemake"), "--configfile", "config/tiny.yaml", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _jobs(output: str) -> dict[str, int]:
    """Rule → number of jobs, from Snakemake's job statistics."""
    table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
    if table is None:
        return {}
    pairs = (line.split() for line in table.group(1).splitlines())
    return {rule: int(count) for rule, count in pairs}


def _copy(folder: Path) -> Path:
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part)
        else:
            shutil.copy(source, folder / part)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the tiny variant has run."""
    folder = _copy(tmp_path_factory.mktemp("project"))
    done = _snakemake(folder, "--cores", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.slow
def test_the_whole_chain_runs_and_leaves_the_contracts_files(finished: Path) -> None:
    assert (finished / "reports" / "index.html").is_file()
    run = finished / "results/demo/humanitarian/cmb/seed-2"
    assert sorted(p.name for p in run.iterdir()) == [
        "config.yaml",
        "history.csv",
        "metrics.json",
        "model.safetensors",
        "predictions.parquet",
        "run.json",
        "transfer",
    ]
    metrics = read_json(run / "metrics.json")
    predictions = pd.read_parquet(run / "predictions.parquet")
    test = predictions[predictions["split"] == "test"]
    accuracy = (test["label"].astype(str) == test["predicted"].astype(str)).mean()
    assert metrics["splits"]["test"]["accuracy"] == pytest.approx(accuracy)
    assert metrics["splits"]["test"]["deduplicated"]["n"] < len(test)


@pytest.mark.slow
def test_no_instance_of_a_held_out_event_is_trained_or_tested_on(finished: Path) -> None:
    instances = pd.read_parquet(finished / "data/prepared/demo/humanitarian/instances.parquet")
    held_out = instances["split"] == "heldout"
    assert not set(instances.loc[held_out, "event"]) & set(instances.loc[~held_out, "event"])
    folder = finished / "results/demo/humanitarian/text/seed-1/transfer/demo_heldout"
    transferred = pd.read_parquet(folder / "predictions.parquet")
    assert set(transferred["instance_id"]) == set(instances.loc[held_out, "instance_id"])


@pytest.mark.slow
def test_decisions_are_combined_from_the_members_predictions(finished: Path) -> None:
    base = finished / "results/demo/informative"
    fused, text, image = (
        pd.read_parquet(base / method / "seed-1" / "predictions.parquet")
        for method in ("decision_or", "text", "image")
    )
    positive = [t["predicted"].astype(str) == "informative" for t in (text, image)]
    expected = positive[0] | positive[1]
    assert ((fused["predicted"].astype(str) == "informative") == expected).all()


@pytest.mark.slow
def test_right_after_a_run_nothing_is_to_be_done(finished: Path) -> None:
    again = _snakemake(finished, "-n")
    assert again.returncode == 0
    assert "Nothing to be done" in again.stdout + again.stderr


@pytest.mark.slow
def test_the_same_commands_give_the_same_numbers(finished: Path) -> None:
    run = Path("results/demo/humanitarian/text/seed-1")
    names = ["model.safetensors", "history.csv", "predictions.parquet", "metrics.json"]
    before = {name: (finished / run / name).read_bytes() for name in names}
    record = (finished / run / "run.json").read_bytes()
    for name in names:
        (finished / run / name).unlink()
    arguments = ["--dataset", "demo", "--task", "humanitarian", "--method", "text", "--seed", "1"]
    for command in ("train", "predict", "evaluate"):
        subprocess.run(
            [str(BIN / "crisisweave"), command, "--profile", "config/tiny.yaml", *arguments],
            cwd=finished,
            check=True,
            capture_output=True,
        )
    assert {name: (finished / run / name).read_bytes() for name in names} == before
    # The record holds this run's wall time; the other tests look at the folder as the first run left it.
    (finished / run / "run.json").write_bytes(record)


def _after_edit(folder: Path, file: str, old: str, new: str) -> str:
    """What a dry run says after an edit that is then taken back."""
    path = folder / "config" / file
    text = path.read_text()
    assert old in text
    try:
        path.write_text(text.replace(old, new))
        return _snakemake(folder, "-n").stdout
    finally:
        path.write_text(text)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("methods/cmb.yaml", "title: Caption-based", "title: Captions"),
        ("tiny.yaml", "# The demo with everything small", "# Everything small"),
        ("captioners/demo_prefix.yaml", "title: Prefix", "title: A prefix"),
    ],
)
def test_words_for_the_reader_rerun_nothing(finished: Path, file: str, old: str, new: str) -> None:
    assert _jobs(_after_edit(finished, file, old, new)) == {}


@pytest.mark.slow
def test_another_decoding_captions_again_but_trains_no_captioner(finished: Path) -> None:
    edit = ("{method: greedy, candidates: 1,", "{method: beam, candidates: 2,")
    jobs = _jobs(_after_edit(finished, "tiny.yaml", *edit))
    assert jobs["captions"] == 1
    assert jobs["train"] == 2, "cmb, two seeds"
    assert "captioner" not in jobs


@pytest.mark.slow
def test_one_methods_learning_rate_reruns_that_method_alone(finished: Path) -> None:
    edit = ("cmb: {training: {lr: 1.0e-3", "cmb: {training: {lr: 2.0e-3")
    jobs = _jobs(_after_edit(finished, "tiny.yaml", *edit))
    assert jobs == {
        "train": 2,
        "predict": 2,
        "transfer": 2,
        "evaluate": 2,
        "evaluate_transfer": 2,
        "aggregate": 1,
        "report": 1,
        "all": 1,
    }


def test_a_wrong_key_stops_before_anything_runs(tmp_path: Path) -> None:
    folder = _copy(tmp_path)
    config = folder / "config" / "tiny.yaml"
    config.write_text(config.read_text().replace("threads:", "treads:"))
    done = _snakemake(folder, "-n")
    assert done.returncode != 0
    assert "unknown key 'treads'; did you mean 'threads'?" in done.stdout + done.stderr
    assert not (folder / "results").exists()


@pytest.mark.parametrize("profile", ["default", "tiny"])
def test_the_shipped_profiles_of_the_demo_build_a_dag(tmp_path: Path, profile: str) -> None:
    folder = _copy(tmp_path)
    done = _snakemake(folder, "-n", "--configfile", f"config/{profile}.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert _jobs(done.stdout)["report"] == 1
