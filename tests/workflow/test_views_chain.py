"""CG-MNIST through the real DAG, on small files in MNIST's layout."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from checkout import Checkout, job_counts
from crisisweave.files import read_json

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


def _write_digits(folder: Path) -> None:
    """1,600 training rows and 200 test rows; a digit is a bright bar at its own height."""
    folder.mkdir(parents=True)
    for name, n in (("train", 1600), ("t10k", 200)):
        labels = np.arange(n, dtype=np.uint8) % 10
        images = np.random.default_rng(n).integers(0, 60, (n, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label + 3 : 2 * label + 5, 4:24] = 240
        for part, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"{name}-{part}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes(), mtime=0))


@pytest.mark.slow
def test_views_are_made_trained_on_measured_and_reported(tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path / "project", "views")
    config = checkout.folder / "config"
    (config / "views.yaml").write_text(yaml.safe_dump(PROFILE))
    file = config / "datasets" / "cg_mnist.yaml"
    values = yaml.safe_load(file.read_text())
    for task in values["tasks"].values():
        del task["content"], task["counts"]
    values["tasks"]["sigma_001"]["colours"]["sigma_train"] = 0.0125
    file.write_text(yaml.safe_dump(values))
    _write_digits(tmp_path / "raw" / "mnist")
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
