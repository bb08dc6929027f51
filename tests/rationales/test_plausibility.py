from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import auc, precision_recall_curve

from crisisweave.evaluation.rationale_tables import averages
from crisisweave.rationales.plausibility import auprc, plausibility, span_matches, word_scores


def marked(text: str) -> NDArray[np.bool_]:
    """One character a word: x is marked."""
    return np.array([letter == "x" for letter in text])


def test_word_scores_by_hand() -> None:
    # 3 gold words, 2 selected, 1 of them right.
    precision, recall, f1 = word_scores(marked("xxx..."), marked("..xx.."))
    assert (precision, recall) == (1 / 2, 1 / 3)
    assert f1 == pytest.approx(0.4)


def test_an_empty_prediction_scores_zero() -> None:
    assert word_scores(marked("xx.."), marked("....")) == (0.0, 0.0, 0.0)


def test_a_rationale_that_is_everything_has_full_recall() -> None:
    precision, recall, _ = word_scores(marked("x..."), marked("xxxx"))
    assert (precision, recall) == (0.25, 1.0)


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_auprc_is_that_of_scikit_learn_with_ties_too(levels: int) -> None:
    generator = np.random.default_rng(levels)
    for _ in range(50):
        n = int(generator.integers(1, 30))
        gold = generator.random(n) < 0.4
        gold[generator.integers(n)] = True
        scores = generator.integers(levels, size=n) / levels
        precision, recall, _ = precision_recall_curve(gold, scores)
        assert auprc(gold, scores) == pytest.approx(auc(recall, precision))


def test_auprc_of_a_right_ranking_is_one() -> None:
    assert auprc(marked("xx.."), np.array([0.9, 0.8, 0.2, 0.1])) == pytest.approx(1.0)


def test_spans_match_from_half_of_their_union_on() -> None:
    # [0, 4) and [2, 4): 2 of 4 words shared; [1, 4) and [3, 6): 1 of 5.
    assert span_matches([(0, 4)], [(2, 4)]) == 1
    assert span_matches([(1, 4)], [(3, 6)]) == 0


def test_eraser_by_hand() -> None:
    gold = [marked("xxxx.x"), marked("xx...."), marked("......"), marked("......")]
    selected = [marked("..xx.x"), marked("......"), marked("x....."), marked("......")]
    pairs = zip(gold, selected, strict=True)
    scores = averages(pd.DataFrame([plausibility(truth, chosen, chosen * 1.0) for truth, chosen in pairs]))
    # F1 of the first: precision 1, recall 3/5; then 0, 0; the last has nothing to compare and is left out.
    assert scores["token_f1"] == (pytest.approx((0.75 + 0 + 0) / 3), 3)
    assert scores["word_f1"] == (pytest.approx(0.75 / 2), 2)
    # Recall 2/2 and 0/1 over two tweets; precision 2/2 and 0/1 over the two that select.
    assert scores["iou_f1"][0] == pytest.approx(0.5)


def test_nothing_gold_and_nothing_selected_is_no_score() -> None:
    assert plausibility(marked(".."), marked(".."), np.zeros(2)) == {}
