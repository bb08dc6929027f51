"""No change to a step's code can be forgotten: its version is raised or confirmed."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkout import Checkout
from crisisweave.config.steps import FAMILY_VERSIONS, STEPS, made_by
from crisisweave.errors import ConfigError
from crisisweave.methods.registry import families

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout.copy(tmp_path)


def _said(checkout: Checkout, *arguments: str) -> tuple[int, str]:
    done = checkout.call("python", "workflow/step_code.py", *arguments)
    return done.returncode, done.stdout + done.stderr


def test_every_version_is_confirmed_for_the_code_as_it_stands(checkout: Checkout) -> None:
    status, said = _said(checkout)
    assert status == 0, said


def test_code_that_computes_something_else_must_be_decided_on(checkout: Checkout) -> None:
    with checkout.edited("src/crisisweave/evaluation/calibration.py", "ECE_BINS = ", "ECE_BINS = 1 + "):
        status, said = _said(checkout)
        assert status == 1
        lines = [line for line in said.splitlines() if "evaluation.calibration" in line]
        assert [line.split(":")[0] for line in lines] == ["aggregate", "evaluate"]
        assert "Raise the versions" in said
        assert _said(checkout, "--confirm")[0] == 0
        assert _said(checkout)[0] == 0


def test_a_family_belongs_to_the_steps_that_build_methods(checkout: Checkout) -> None:
    with checkout.edited("src/crisisweave/methods/concat.py", "return ", "return not "):
        said = _said(checkout)[1]
    steps = {line.split(":")[0] for line in said.splitlines() if "methods.concat" in line}
    scored = {"predict-splits", "read-partly", "transfer", "balance"}
    assert steps == {"train", *scored, "explain", "evaluate-rationales"}


def test_words_for_the_reader_need_no_decision(checkout: Checkout) -> None:
    with (
        checkout.edited("src/crisisweave/evaluation/metrics.py", '"""', '"""Said otherwise. '),
        checkout.edited("src/crisisweave/training/loop.py", "import ", "import  "),
        checkout.edited("src/crisisweave/files.py", "def ", "# A comment.\ndef "),
    ):
        assert _said(checkout)[0] == 0


def test_every_family_has_a_version() -> None:
    assert set(FAMILY_VERSIONS) == {*families(), "decision"}


def test_every_steps_libraries_are_pinned(tmp_path: Path) -> None:
    made = {step: made_by(step, ROOT / "envs") for step in STEPS}
    assert made["train"]["libraries"]["torch"] == "2.13.0"
    with pytest.raises(ConfigError, match=r"torch-cpu\.lock: no such lock"):
        made_by("train", tmp_path)
