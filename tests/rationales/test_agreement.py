"""Agreement: coefficients with known values."""

from __future__ import annotations

import numpy as np
import pytest

from crisisweave.errors import DataError
from crisisweave.rationales.agreement import agreement, bag_agreement


def _marks(**tweets: str) -> dict[str, np.ndarray]:
    return {key: np.array([c == "1" for c in value], dtype=bool) for key, value in tweets.items()}


def test_two_annotators_have_known_coefficients() -> None:
    # 2 × 2 table over the ten words: both 3, first alone 1, second alone 2, neither 4.
    result = agreement({"p": _marks(a="11000", b="11000"), "q": _marks(a="11100", b="10100")})
    pair = result["pairs"][0]
    observed, expected = 0.7, 0.4 * 0.5 + 0.6 * 0.5
    assert pair["cohen_kappa"] == pytest.approx((observed - expected) / (1 - expected))
    assert pair["word_precision"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert pair["word_recall"] == pytest.approx((1 + 1 / 2) / 2)
    assert pair["word_f1"] == pytest.approx((0.8 + 0.5) / 2)
    # Fleiss: expected agreement from the pooled share 9/20; Krippendorff corrects it for the small sample.
    pooled = (9 / 20) ** 2 + (11 / 20) ** 2
    assert result["fleiss_kappa"] == pytest.approx((observed - pooled) / (1 - pooled))
    disagreement = 2 * 9 * 11 / (20 * 19)
    assert result["krippendorff_alpha"] == pytest.approx(1 - 0.3 / disagreement)


def test_perfect_and_opposite_annotators() -> None:
    same = agreement({"p": _marks(a="1100"), "q": _marks(a="1100"), "r": _marks(a="1100")})
    assert (same["fleiss_kappa"], same["krippendorff_alpha"]) == (1.0, 1.0)
    assert [pair["word_f1"] for pair in same["pairs"]] == [1.0] * 3
    opposite = agreement({"p": _marks(a="1100"), "q": _marks(a="0011")})
    assert (opposite["pairs"][0]["cohen_kappa"], opposite["pairs"][0]["word_f1"]) == (-1.0, 0.0)


def test_tweets_that_only_some_annotated_count_where_they_can() -> None:
    result = agreement(
        {"p": _marks(a="1100", b="10"), "q": _marks(b="10", c="111"), "r": _marks(a="1100", d="1")}
    )
    assert result["tweets_of_all"] == 0
    assert result["fleiss_kappa"] is None
    assert result["krippendorff_alpha"] == 1.0
    assert [pair["tweets"] for pair in result["pairs"]] == [1, 1, 0]


def test_scores_are_taken_where_both_gave_a_rationale() -> None:
    pair = agreement({"p": _marks(a="110", b="000", c="011"), "q": _marks(a="110", b="100", c="000")})[
        "pairs"
    ][0]
    assert (pair["tweets"], pair["n"], pair["word_f1"]) == (3, 1, 1.0)


def test_what_is_not_defined_is_null() -> None:
    result = agreement({"p": _marks(a="000"), "q": _marks(a="000")})
    pair = result["pairs"][0]
    assert (result["krippendorff_alpha"], result["fleiss_kappa"]) == (None, None)
    assert (pair["cohen_kappa"], pair["word_f1"], pair["n"]) == (None, None, 0)


@pytest.mark.parametrize(
    ("annotators", "message"),
    [
        ({"p": _marks(a="1")}, "two annotators or more"),
        ({"p": _marks(a="1"), "q": _marks(b="1")}, "no tweet was annotated by two of p, q"),
        (
            {"p": _marks(a="1"), "q": _marks(a="11")},
            "tweet a has 1 words for one annotator and 2 for another",
        ),
    ],
)
def test_annotators_that_cannot_be_compared_stop(annotators: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        agreement(annotators)


def test_words_as_sets_need_no_place_in_the_tweet() -> None:
    human = {"a": {"12", "dead,"}, "b": {"help"}, "c": set(), "d": {"x"}}
    model = {"a": {"12", "dead,", "many", "more"}, "b": {"aid"}, "c": {"y"}, "d": set()}
    result = bag_agreement(human, model)
    assert result == {"n": 2, "word_precision": 0.25, "word_recall": 0.5, "word_f1": pytest.approx(1 / 3)}
    assert bag_agreement(human, {})["word_f1"] is None
