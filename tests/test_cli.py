"""The command line: quick, and clear when something is wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
COMMAND = str(Path(sys.executable).parent / "crisisweave")


RUN = ["--dataset", "demo", "--task", "humanitarian", "--seed", "1"]


def _call(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def test_help_lists_every_step_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; sys.argv = ['crisisweave', '--help']\n"
        "from crisisweave.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as stop:\n    assert stop.code in (0, None)\n"
        "heavy = {'torch', 'transformers', 'pandas', 'numpy', 'sklearn', 'PIL', 'timm', 'pydantic'}\n"
        "print('HEAVY', sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "HEAVY []" in done.stdout
    for step in ("prepare", "images", "audit", "captions", "train", "predict-splits", "predict", "export"):
        assert f"\n  {step} " in done.stdout


def test_help_answers_in_under_three_tenths_of_a_second() -> None:
    def seconds() -> float:
        start = time.perf_counter()
        assert _call("--help").returncode == 0
        return time.perf_counter() - start

    assert min(seconds() for _ in range(5)) < 0.3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["train", *RUN, "--method", "cbm"],
            "config/default.yaml: method 'cbm' is not run on demo/humanitarian; did you mean 'cmb'?",
        ),
        (
            ["train", "--dataset", "demo", "--task", "humanitarian", "--method", "cmb", "--seed", "99"],
            "seed 99 is not run on demo/humanitarian; its seeds are",
        ),
        (
            ["prepare", "--dataset", "crisismd", "--task", "damage"],
            "there is no entry 'crisismd' in datasets; did you mean 'crisismmd'?",
        ),
        (
            ["train", *RUN, "--method", "decision_max"],
            "method 'decision_max' is not trained; use `crisisweave combine` for it",
        ),
        (
            ["predict-splits", *RUN, "--method", "decision_max"],
            "method 'decision_max' has no weights of its own; use `crisisweave combine` for it",
        ),
        (
            ["evaluate", *RUN, "--method", "text", "--target", "demo_heldot"],
            "has no transfer target 'demo_heldot'; did you mean 'demo_heldout'?",
        ),
        (
            ["text-features", "--dataset", "demo", "--task", "humanitarian", "--method", "image"],
            "method 'image' has no frozen text encoder",
        ),
        (["demo", "--profile", "config/nowhere.yaml"], "config/nowhere.yaml: no such config file"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_status_2(arguments: list[str], message: str) -> None:
    done = _call(*arguments)
    assert done.returncode == 2
    command, error = done.stderr.splitlines()
    assert command.startswith("+ crisisweave ")
    assert error.startswith("error: ")
    assert message in error


def test_steps_out_of_order_name_the_missing_step(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    done = _call("train", *RUN, "--method", "text", folder=tmp_path)
    assert done.returncode == 2
    assert "holds no prepared task; run `crisisweave prepare` first" in done.stderr
    assert not (tmp_path / "results").exists()
