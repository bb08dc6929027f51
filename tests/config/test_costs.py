"""The estimate of a dry run, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crisisweave.config.costs import Costs, estimate, forward_gflop, load_costs
from crisisweave.config.method import MethodConfig
from crisisweave.config.profile import Profile, Run

CONFIG = Path(__file__).parents[2] / "config"
COSTS = Costs(
    sustained_tflops=2,
    tweet_tokens=40,
    caption_tokens=10,
    per_token={"hub:google-bert/bert-base-uncased": 0.5},
    per_image={"tiny:conv": 7},
    per_pair={"transformer_fusion": 3},
)
SAID = {"title": "T", "idea": "I", "source": {"document": "D", "section": "1"}}
BERT = {"name": "hub:google-bert/bert-base-uncased@86b5e0934494bd15c9632b12f734a8a67f723594"}
TRAINING = {"lr": 1.0, "batch_size": 8, "epochs": 4}


def method(**values: Any) -> MethodConfig:
    return MethodConfig.model_validate({"name": "m", "family": "any", "training": TRAINING, **SAID, **values})


@pytest.mark.parametrize(
    ("values", "gflop"),
    [
        ({"inputs": ["text"], "text": BERT}, 20),
        ({"inputs": ["text", "caption"], "text": BERT, "captioner": "c"}, 25),
        ({"inputs": ["text", "image"], "text": BERT, "image": {"name": "tiny:conv"}}, 27),
        ({"inputs": ["text", "image"], "text": BERT, "image": {"name": "tiny:conv", "tuned": False}}, 20),
        (
            {
                "inputs": ["text", "image"], "text": BERT, "image": {"name": "tiny:conv"},
                "family": "transformer_fusion", "fusion_layers": {},
            },
            30,
        ),
    ],
)  # fmt: skip
def test_a_forward_pass_costs_what_its_tuned_encoders_cost(values: dict[str, Any], gflop: float) -> None:
    assert forward_gflop(method(**values), COSTS) == (gflop, [])


def test_encoders_that_the_table_does_not_know_are_named() -> None:
    values = {"inputs": ["text", "image"], "text": {"name": "tiny:bert"}, "image": {"name": "tiny:vit"}}
    assert forward_gflop(method(**values), COSTS)[1] == ["tiny:bert", "tiny:vit"]


def profile(tmp_path: Path, methods: str) -> Profile:
    path = tmp_path / "some.yaml"
    path.write_text(
        "name: some\nexperiments:\n"
        f"  - {{dataset: crisismmd, task: humanitarian, methods: [{methods}], seeds: [1, 2]}}\n"
    )
    return Profile(path, CONFIG)


def test_hours_are_passes_over_rows_by_what_a_card_does(tmp_path: Path) -> None:
    resolved = profile(tmp_path, "text, image, decision_mean")
    runs = [Run("crisismmd", "humanitarian", name, 1) for name in ("text", "image", "decision_mean")]
    found = estimate(resolved, runs, COSTS)
    # 20 epochs of 3 passes over 6,126 rows and 1 over 998, at 40 tokens of 0.5 GFLOP each.
    assert found.hours == pytest.approx(20 * (3 * 6126 + 998) * 40 * 0.5 / 2000 / 3600)
    assert found.unknown == ("timm:vit_base_patch16_224.augreg_in21k",)
    assert str(found) == (
        "at most 1 GPU hours; not counted: runs with timm:vit_base_patch16_224.augreg_in21k (1)"
    )
    assert str(estimate(resolved, [], COSTS)) == "less than one GPU hour"


def test_the_table_knows_every_encoder_of_the_matrix() -> None:
    resolved = Profile(CONFIG / "paper.yaml", CONFIG)
    found = estimate(resolved, resolved.runs(), load_costs(CONFIG))
    assert found.unknown == ()
    assert 50 < found.hours < 5000
