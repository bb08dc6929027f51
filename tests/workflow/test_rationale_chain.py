"""Rationale transfer in the real workflow: every step of it, and what an edit makes stale."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from checkout import Checkout

RUN = Path("results/demo/humanitarian/rationale_transfer/seed-1")
METHOD = Path("config/methods/rationale_transfer.yaml")


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the small variant has run."""
    folder = tmp_path_factory.mktemp("explained") / "project"
    checkout = Checkout.copy(folder, profile="tiny_rationales")
    checkout.run()
    return checkout


@pytest.mark.slow
def test_every_step_has_run_and_nothing_is_left(explained: Checkout) -> None:
    assert explained.stale() == set()


@pytest.mark.slow
@pytest.mark.parametrize("part", [RUN, RUN / "transfer/demo_heldout"])
def test_a_run_says_which_words_and_patches_decided(explained: Checkout, part: Path) -> None:
    table = pd.read_parquet(explained.folder / part / "rationales.parquet")
    own = table[table["extractor"] == "method"]
    assert own["instance_id"].is_unique
    predictions = pd.read_parquet(explained.folder / part / "predictions.parquet")
    assert set(own["instance_id"]) == set(predictions["instance_id"])
    answers = predictions.set_index("instance_id")["predicted"].astype(str)
    assert (own.set_index("instance_id")["target"] == answers.loc[own["instance_id"]]).all()
    for row in own.itertuples():
        assert len(row.word_scores) == len(row.word_selected) == len(row.words)
        assert any(row.word_selected)
        assert (row.grid_h, row.grid_w) == (4, 4)
        assert len(row.patch_selected) == 16
        # Half of the patches, or none where nothing tells them apart.
        assert sum(row.patch_selected) in (0, 8)
    scores = json.loads((explained.folder / part / "rationales.json").read_text(encoding="utf-8"))
    assert "method" in next(iter(scores["splits"].values()))


@pytest.mark.slow
def test_the_report_shows_them(explained: Checkout) -> None:
    pages = explained.folder / "reports/pages"
    assert (pages / "extractors-demo-humanitarian.html").is_file()
    gallery = (pages / "gallery-demo-humanitarian-rationale_transfer-1.html").read_text(encoding="utf-8")
    assert "<mark" in gallery
    assert "This method gives no rationale" not in gallery


@pytest.mark.slow
def test_another_share_of_patches_reruns_the_method_and_not_its_scorer(explained: Checkout) -> None:
    with explained.edited("config/tiny_rationales.yaml", "top: 0.5", "top: 0.25"):
        jobs = explained.stale()
    assert any("Train rationale_transfer" in job for job in jobs)
    # The scorer reads the same inputs with the same weights as before.
    assert not any("vilt_masked" in job.replace("rationale_transfer", "") for job in jobs if "Train" in job)
    assert not any("joint encoder" in job or "patches" in job or "labels" in job for job in jobs)


@pytest.mark.slow
def test_another_joint_encoder_reruns_all_that_reads_with_it(explained: Checkout) -> None:
    with explained.edited("config/tiny_rationales.yaml", "layers: 1", "layers: 2"):
        jobs = explained.stale()
    assert "Make the joint encoder demo_vilt" in jobs
    assert {job.split()[1] for job in jobs if job.startswith("Train ")} == {
        "vilt_masked",
        "rationale_transfer",
    }
    assert not any("patches of the images" in job for job in jobs)


@pytest.mark.slow
def test_words_for_the_reader_rerun_the_report_alone(explained: Checkout) -> None:
    with explained.edited(str(METHOD), "title: Cross-modal", "title: Another"):
        assert explained.stale() == {"Render the report"}
