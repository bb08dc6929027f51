"""CG-MNIST through the real DAG, on small files in MNIST's layout."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from checkout import Checkout, job_counts
from crisisweave.files import read_json
from small_digits import small_views, write_digits

PROFILE = {
    "name": "views",
    "threads": 1,
    "override": {"*": {"training": {"epochs": 3}}},
    "experiments": [
        {
            "dataset": "cg_mnist",
            "task": "sigma_001",
            "methods": ["view_1", "balance_none", "balance_d_sse"],
            "seeds": [1],
        }
    ],
}


@pytest.mark.slow
def test_views_are_made_trained_on_measured_and_reported(tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path / "project", "views")
    config = checkout.folder / "config"
    (config / "views.yaml").write_text(yaml.safe_dump(PROFILE))
    small_views(config / "datasets" / "cg_mnist.yaml")
    write_digits(tmp_path / "raw" / "mnist")
    given = ("--config", f"data_root={tmp_path / 'raw'}")

    checkout.run(*given)
    runs = checkout.folder / "results" / "cg_mnist" / "sigma_001"
    accuracy = {}
    for method in PROFILE["experiments"][0]["methods"]:  # type: ignore[index]
        table = pd.read_parquet(runs / method / "seed-1" / "predictions.parquet")
        test = table[table["split"] == "test"]
        assert len(test) == 200
        accuracy[method] = (test["label"].astype(str) == test["predicted"].astype(str)).mean()
    assert accuracy["view_1"] < 0.5, "colour says little in test"
    assert not (runs / "view_1" / "seed-1" / "balance.json").exists()
    measured = read_json(runs / "balance_d_sse" / "seed-1" / "balance.json")
    assert measured["accuracy"] == pytest.approx(accuracy["balance_d_sse"])
    page = (checkout.folder / "reports" / "pages" / "balance.html").read_text(encoding="utf-8")
    assert "Two views with D-SSE" in page

    assert not checkout.stale(*given), "nothing is to be done a second time"
    with checkout.edited("config/datasets/cg_mnist.yaml", "sigma_train: 0.0125", "sigma_train: 0.02"):
        done = checkout.snakemake("-n", *given)
        counts = job_counts(done.stdout + done.stderr)
        assert (counts["views"], counts["train"], counts["balance"]) == (1, 3, 2)
