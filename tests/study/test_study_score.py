"""Scores of studies whose truth is known."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_study import RUN, Project, answer, save, write_key

from crisisweave.errors import CrisisWeaveError
from crisisweave.study.answers import Votes
from crisisweave.study.make import make_study
from crisisweave.study.score import agreement, score_study, scores

COMMAND = str(Path(sys.executable).parent / "crisisweave")
KEY = Path("study/key.json")
Record = dict[str, Any]


@pytest.fixture
def key(project: Project) -> Record:
    """The key of a study of 36 pairs."""
    make_study(RUN, "method", "rise", 36, 0, Path("study"))
    value: Record = json.loads(KEY.read_text())
    return value


def choices(key: Record, votes: list[int]) -> Record:
    """A rater's answers: 1 for A, −1 for B, 0 for no difference, for the first pairs; then no difference."""
    given = answer(key, "x", likes_a=1.0, ties=1.0, seed=0)
    for pair, vote in zip(key["pairs"], votes, strict=False):
        sides = {1: "left", -1: "right", 0: "none"}
        given["answers"][str(pair["number"])] = sides[vote if pair["left"] == key["a"] else -vote]
    return given


def raters(key: Record, likes_a: float, n: int = 6, ties: float = 0.15, seed: int = 0) -> list[Path]:
    return [save(Path(), answer(key, f"r{i}", likes_a, ties, seed=100 * seed + i)) for i in range(n)]


@pytest.mark.parametrize("likes_a", [0.3, 0.5, 0.7, 0.9])
def test_a_known_preference_is_recovered(key: Record, likes_a: float) -> None:
    careless = save(Path(), answer(key, "careless", 0.0, 0.0, seed=9, careless=True))
    result = score_study(KEY, [*raters(key, likes_a), careless])
    low, high = result["preference"]["ci"]
    assert low <= likes_a <= high
    assert high - low < 0.25
    assert abs(result["preference"]["share_a"] - likes_a) < 0.08
    assert result["raters"] == {
        "given": 7, "counted": 6, "failed_checks": {"careless": [c["number"] for c in key["checks"]]},
    }  # fmt: skip
    assert result["answers"]["n"] == 6 * 36
    strength, ends = result["bradley_terry"]["log_strength_ratio"], result["bradley_terry"]["ci"]
    assert ends[0] <= math.log(likes_a / (1 - likes_a)) <= ends[1]
    assert strength == pytest.approx(math.log(result["answers"]["a"] / result["answers"]["b"]))


def test_the_primary_interval_covers_when_raters_and_items_differ() -> None:
    """Answers of one rater and to one item are alike: as if independent, intervals are far too narrow."""
    generator = np.random.default_rng(0)
    normal = generator.normal(size=(100_000, 2)) * [1.0, 0.5]
    truth = float((1 / (1 + np.exp(-1 - normal.sum(axis=1)))).mean())
    covered = {"ci": 0, "ci_independent": 0}
    for _ in range(60):
        inclined = 1 + generator.normal(size=(36, 1)) + 0.5 * generator.normal(size=(1, 5))
        votes = np.where(generator.random((36, 5)) < 1 / (1 + np.exp(-inclined)), 1, -1).astype(np.int8)
        given = Votes(votes, votes > 0, list("abcde"), {})
        preference = scores(given)["preference"]
        for name in covered:
            covered[name] += preference[name][0] <= truth <= preference[name][1]
    assert covered["ci"] >= 55
    assert covered["ci_independent"] <= 52


def test_numbers_of_one_rater_by_hand(key: Record) -> None:
    file = save(Path(), choices(key, [1] * 8 + [-1] * 4))
    result = score_study(KEY, [file])
    assert result["answers"] == {"n": 36, "a": 8, "b": 4, "no_difference": 24}
    assert result["preference"]["share_a"] == pytest.approx(2 / 3)
    assert result["preference"]["ci_over"] == "items"
    # Wilson's interval for 8 of 12.
    assert result["preference"]["ci_independent"] == pytest.approx([0.3906, 0.8619], abs=1e-4)
    assert result["better"]["difference"] == pytest.approx(4 / 36)
    assert result["bradley_terry"]["log_strength_ratio"] == pytest.approx(math.log(2))
    assert {k: result["items_by_majority"][k] for k in ("a", "b", "even")} == {"a": 8, "b": 4, "even": 24}
    # Two-sided sign test, 8 of 12: 2 · Σ_{k ≥ 8} C(12, k) / 2¹².
    assert result["items_by_majority"]["p"] == pytest.approx(2 * (495 + 220 + 66 + 12 + 1) / 4096)
    assert result["agreement"] is None


def test_swapping_a_and_b_in_the_key_mirrors_the_result(key: Record) -> None:
    files = raters(key, 0.7)
    straight = score_study(KEY, files)
    mirrored = score_study(write_key(Path("swapped.json"), {**key, "a": key["b"], "b": key["a"]}), files)
    assert mirrored["preference"]["share_a"] == pytest.approx(1 - straight["preference"]["share_a"])
    for name in ("ci", "ci_items", "ci_independent"):
        ends = [1 - end for end in reversed(straight["preference"][name])]
        assert mirrored["preference"][name] == pytest.approx(ends)
    assert mirrored["better"]["difference"] == pytest.approx(-straight["better"]["difference"])
    strength = -straight["bradley_terry"]["log_strength_ratio"]
    assert mirrored["bradley_terry"]["log_strength_ratio"] == pytest.approx(strength)
    assert mirrored["agreement"] == pytest.approx(straight["agreement"])
    assert mirrored["left"] == straight["left"]


def test_a_liking_for_the_left_side_shows_and_prefers_nobody(key: Record) -> None:
    given = answer(key, "lefty", 1.0, 0.0, seed=0)
    for pair in key["pairs"]:
        given["answers"][str(pair["number"])] = "left"
    result = score_study(KEY, [save(Path(), given)])
    assert result["left"]["share"] == 1.0
    assert result["left"]["p"] < 1e-9
    assert result["preference"]["share_a"] == 0.5


def test_agreement_by_hand() -> None:
    """Four items, two raters: A A, A A, B B, A B. Pairs alike 3/4. Fleiss: P_e = (5/8)² + (3/8)² = 0.53125.
    Alpha: 1 − D_o / D_e with D_o = 2/8 and D_e = 2 · 5 · 3 / (8 · 7).
    """
    votes = np.array([[1, 1], [1, 1], [-1, -1], [1, -1]], dtype=np.int8)
    values = agreement(votes)
    assert values is not None
    assert values["pairs_alike"] == pytest.approx(0.75)
    assert values["fleiss_kappa"] == pytest.approx((0.75 - 0.53125) / (1 - 0.53125))
    assert values["krippendorff_alpha"] == pytest.approx(1 - (2 / 8) / (30 / 56))


def test_unanimous_and_undecided_raters_give_numbers_that_json_can_hold(key: Record) -> None:
    for ties, share, ends in ((0.0, 1.0, [1.0, 1.0]), (1.0, None, None)):
        result = score_study(KEY, raters(key, 1.0, n=2, ties=ties))
        assert result["preference"]["share_a"] == share
        assert result["preference"]["ci"] == ends
        assert result["bradley_terry"]["log_strength_ratio"] is None
        assert result["agreement"] == {"fleiss_kappa": None, "krippendorff_alpha": None, "pairs_alike": 1.0}
        json.dumps(result, allow_nan=False)


def test_files_that_cannot_be_counted_are_refused(key: Record) -> None:
    good = answer(key, "r0", 0.7, 0.1, seed=0)
    number = str(key["pairs"][3]["number"])
    without = {k: v for k, v in good["answers"].items() if k != number}

    def refused(message: str, *contents: Record | str) -> None:
        files = []
        for i, content in enumerate(contents):
            files.append(Path(f"file{i}.json"))
            files[-1].write_text(content if isinstance(content, str) else json.dumps(content))
        with pytest.raises(CrisisWeaveError, match=message) as caught:
            score_study(KEY, files)
        assert "\n" not in str(caught.value)

    refused("file0.json: belongs to another study", {**good, "study": "0" * 64})
    refused(f"has no answer to 1 of 38 items \\(first: {number}\\)", {**good, "answers": without})
    refused("answers item 99", {**good, "answers": {**good["answers"], "99": "left"}})
    refused("file1.json: is of rater 'r0', as is file0.json", good, good)
    refused("has the value 'up'", {**good, "answers": {**good["answers"], number: "up"}})
    refused("key 'rater' is missing", {k: v for k, v in good.items() if k != "rater"})
    refused("key 'rater' has the value", {**good, "rater": "<b>"})
    refused("is not JSON", "{")
    refused("holds no keys", "[]")
    refused("is not JSON", "[" * 100_000)
    refused("is not JSON", "\udcff".encode("utf-8", "surrogatepass").decode("latin-1"))
    refused(
        "none of the 1 raters passed the attention checks",
        answer(key, "r1", 0.7, 0.1, seed=0, careless=True),
    )
    with pytest.raises(CrisisWeaveError, match=r"nowhere\.json: no such file"):
        score_study(KEY, [Path("nowhere.json")])
    with pytest.raises(CrisisWeaveError, match=r"file0\.json"):
        score_study(Path("file0.json"), [Path("file0.json")])


def test_the_command_prints_lines_or_json(key: Record) -> None:
    files = [str(path) for path in raters(key, 0.7, n=3)]
    call = [COMMAND, "study", "score", "--key", str(KEY), *files]
    text = subprocess.run(call, capture_output=True, text=True, check=True).stdout
    assert "36 items × 3 raters (3 gave answers)" in text
    assert "preferred where one was: method" in text
    assert "our reading" in text
    values = json.loads(subprocess.run([*call, "--json"], capture_output=True, text=True, check=True).stdout)
    assert values == json.loads(json.dumps(score_study(KEY, [Path(f) for f in files])))
    broken = subprocess.run([*call, "nowhere.json"], capture_output=True, text=True, check=False)
    assert broken.returncode == 2
    assert "error: nowhere.json: no such file" in broken.stderr
