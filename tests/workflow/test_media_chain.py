"""CREMA-D and ModelNet40 through the real DAG, on small stand-ins in their official layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from checkout import Checkout, job_counts
from crisisweave.files import read_json
from small_media import small_media, write_clips, write_objects

CLASSES = ["bowl", "night_stand", "xbox"]
SHORT = {"training": {"epochs": 1, "batch_size": 12}}
PROFILE: dict[str, Any] = {
    "name": "media",
    "threads": 1,
    "override": {"pair_concat_none": SHORT, "triple_concat_none": SHORT},
    "experiments": [
        {
            "dataset": "cremad",
            "task": "three_frames",
            "methods": ["pair_only_1", "pair_film_d_sse"],
            "seeds": [1],
        },
        {
            "dataset": "modelnet40",
            "task": "three_sides",
            "methods": ["triple_concat_d_sse"],
            "seeds": [1],
            "override": {"triple_concat_d_sse": {"views": {"channels": [3, 3, 3], "augment": "flip"}}},
        },
    ],
}


@pytest.mark.slow
def test_media_are_decoded_trained_on_measured_and_reported(tmp_path: Path) -> None:
    checkout = Checkout.copy(tmp_path / "project", "media")
    config = checkout.folder / "config"
    (config / "media.yaml").write_text(yaml.safe_dump(PROFILE))
    small_media(config / "datasets", CLASSES)
    write_clips(tmp_path / "raw" / "crema_d")
    write_objects(tmp_path / "raw" / "modelnet40", CLASSES)
    given = ("--config", f"data_root={tmp_path / 'raw'}")

    checkout.run(*given)
    results = checkout.folder / "results"
    pair = results / "cremad" / "three_frames" / "pair_film_d_sse" / "seed-1"
    triple = results / "modelnet40" / "three_sides" / "triple_concat_d_sse" / "seed-1"
    for run, rows in ((pair, 12), (triple, 12)):
        table = pd.read_parquet(run / "predictions.parquet")
        test = table[table["split"] == "test"]
        assert len(test) == rows
        accuracy = (test["label"].astype(str) == test["predicted"].astype(str)).mean()
        assert read_json(run / "balance.json")["accuracy"] == pytest.approx(accuracy)
    assert len(read_json(triple / "balance.json")["inside"]) == 3
    assert not (results / "cremad" / "three_frames" / "pair_only_1" / "seed-1" / "balance.json").exists()
    page = (checkout.folder / "reports" / "pages" / "balance.html").read_text(encoding="utf-8")
    assert "ResNet-18 pair, FiLM with D-SSE" in page
    assert "view 2 alone inside the model" in page, "of three modalities each is told"

    assert not checkout.stale(*given), "nothing is to be done a second time"
    sound = next((tmp_path / "raw" / "crema_d" / "AudioWAV").glob("*.wav"))
    sound.write_bytes(sound.read_bytes() + b"\0\0")
    done = checkout.snakemake("-n", *given)
    counts = job_counts(done.stdout + done.stderr)
    assert counts["media_views"] == 1, "that of the other data set is as it was"
    assert counts["train"] == 2
