"""What a job pays before it works: steps import what they need and nothing large besides."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LARGE = ["torch", "torchvision", "transformers", "timm", "sklearn", "statsmodels", "open_clip", "accelerate"]


@pytest.mark.parametrize(
    ("modules", "allowed"),
    [
        (
            [
                "crisisweave.datasets.demo",
                "crisisweave.datasets.prepare",
                "crisisweave.images.store",
                "crisisweave.evaluation.leakage",
                "crisisweave.evaluation.evaluate",
                "crisisweave.evaluation.aggregate",
                "crisisweave.training.combine",
                "crisisweave.reporting.pages",
            ],
            set(),
        ),
        (
            [
                "crisisweave.training.train",
                "crisisweave.training.predict",
                "crisisweave.encoders.features",
                "crisisweave.captioning.train",
                "crisisweave.explaining.explain",
                "crisisweave.explaining.evaluate",
                "crisisweave.prediction",
            ],
            {"torch"},
        ),
        (
            [
                "crisisweave.config.profile",
                "crisisweave.config.run",
                "crisisweave.config.steps",
                "crisisweave.datasets.raw",
                "crisisweave.layout",
            ],
            set(),
        ),
    ],
    ids=["steps without a model", "steps with a model", "workflow/rules"],
)
def test_steps_import_nothing_large_that_they_do_not_need(modules: list[str], allowed: set[str]) -> None:
    program = (
        "import importlib, json, sys\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(json.dumps([name for name in {LARGE!r} if name in sys.modules]))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert set(json.loads(result.stdout)) == allowed
