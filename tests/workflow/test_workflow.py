"""The real DAG on the demo's tiny variant, in a copy of the project."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from checkout import Checkout, job_counts
from crisisweave.files import read_json


@pytest.mark.slow
def test_the_whole_chain_runs_and_leaves_the_contracts_files(finished: Checkout) -> None:
    assert (finished.folder / "reports" / "index.html").is_file()
    run = finished.folder / "results/demo/humanitarian/cmb/seed-2"
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
def test_no_instance_of_a_held_out_event_is_trained_or_tested_on(finished: Checkout) -> None:
    instances = pd.read_parquet(finished.folder / "data/prepared/demo/humanitarian/instances.parquet")
    held_out = instances["split"] == "heldout"
    assert not set(instances.loc[held_out, "event"]) & set(instances.loc[~held_out, "event"])
    folder = finished.folder / "results/demo/humanitarian/text/seed-1/transfer/demo_heldout"
    transferred = pd.read_parquet(folder / "predictions.parquet")
    assert set(transferred["instance_id"]) == set(instances.loc[held_out, "instance_id"])


@pytest.mark.slow
def test_decisions_are_combined_from_the_members_predictions(finished: Checkout) -> None:
    base = finished.folder / "results/demo/informative"
    fused, text, image = (
        pd.read_parquet(base / method / "seed-1" / "predictions.parquet")
        for method in ("decision_or", "text", "image")
    )
    positive = [t["predicted"].astype(str) == "informative" for t in (text, image)]
    expected = positive[0] | positive[1]
    assert ((fused["predicted"].astype(str) == "informative") == expected).all()


@pytest.mark.slow
def test_the_same_commands_give_the_same_numbers(finished: Checkout) -> None:
    run = Path("results/demo/humanitarian/text/seed-1")
    names = ["model.safetensors", "history.csv", "predictions.parquet", "metrics.json"]
    before = {name: (finished.folder / run / name).read_bytes() for name in names}
    record = (finished.folder / run / "run.json").read_bytes()
    for name in names:
        (finished.folder / run / name).unlink()
    arguments = ["--dataset", "demo", "--task", "humanitarian", "--method", "text", "--seed", "1"]
    for command in ("train", "predict-splits", "evaluate"):
        done = finished.call("crisisweave", command, "--profile", "config/tiny.yaml", *arguments)
        assert done.returncode == 0, done.stderr
    assert {name: (finished.folder / run / name).read_bytes() for name in names} == before
    # The record holds this run's wall time; the other tests look at the folder as the first run left it.
    (finished.folder / run / "run.json").write_bytes(record)


def test_a_wrong_key_stops_before_anything_runs(tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path)
    with checkout.edited("config/tiny.yaml", "threads:", "treads:"):
        done = checkout.snakemake("-n")
    assert done.returncode != 0
    assert "unknown key 'treads'; did you mean 'threads'?" in done.stdout + done.stderr
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("profile", ["default", "tiny"])
def test_the_shipped_profiles_of_the_demo_build_a_dag(tmp_path: Path, profile: str) -> None:
    done = Checkout.copy(tmp_path, profile).snakemake("-n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert job_counts(done.stdout)["report"] == 1
