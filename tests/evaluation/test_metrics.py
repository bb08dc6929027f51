import numpy as np
import pytest
from sklearn import metrics as reference

from crisisweave.evaluation.metrics import confusion_counts, per_class, summarise


def test_scores_worked_by_hand_with_a_class_that_never_occurs() -> None:
    # a: 2 of 3 found, one called b; b: 3 of 3; c: absent from the split and never predicted.
    counts = confusion_counts(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 1]), 3)
    assert counts.tolist() == [[2, 1, 0], [0, 3, 0], [0, 0, 0]]
    f1_a, f1_b = 2 * 2 / 5, 2 * 3 / 7
    scores = summarise(counts)
    assert scores["accuracy"] == pytest.approx(5 / 6)
    assert scores["f1_macro"] == pytest.approx((f1_a + f1_b + 0) / 3)
    assert scores["f1_weighted"] == pytest.approx((3 * f1_a + 3 * f1_b) / 6)
    assert scores["precision_macro"] == pytest.approx((1 + 3 / 4 + 0) / 3)
    assert scores["recall_macro"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert per_class(counts)["support"].tolist() == [3, 3, 0]


def test_an_absent_class_that_is_predicted_costs_precision_and_counts_as_zero() -> None:
    counts = confusion_counts(np.array([0, 0]), np.array([0, 1]), 2)
    classes = per_class(counts)
    assert classes["precision"].tolist() == [1, 0]
    assert classes["recall"].tolist() == [0.5, 0]
    assert summarise(counts)["f1_macro"] == pytest.approx((2 / 3 + 0) / 2)


@pytest.mark.parametrize("seed", range(20))
def test_all_averages_agree_with_scikit_learn_over_the_fixed_class_list(seed: int) -> None:
    generator = np.random.default_rng(seed)
    k = int(generator.integers(2, 9))
    n = int(generator.integers(1, 60))  # small: classes are absent in most of these draws
    truth, predicted = generator.integers(k, size=(2, n))
    counts = confusion_counts(truth, predicted, k)
    labels = list(range(k))
    assert np.array_equal(counts, reference.confusion_matrix(truth, predicted, labels=labels))
    scores = summarise(counts)
    assert scores["accuracy"] == pytest.approx(reference.accuracy_score(truth, predicted))
    for average in ("macro", "weighted"):
        expected = reference.precision_recall_fscore_support(
            truth, predicted, labels=labels, average=average, zero_division=0
        )
        for name, value in zip(("precision", "recall", "f1"), expected[:3], strict=True):
            assert scores[f"{name}_{average}"] == pytest.approx(value)
    expected = reference.precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
        assert per_class(counts)[name] == pytest.approx(values)


def test_leading_axes_are_scored_one_by_one() -> None:
    counts = np.random.default_rng(0).integers(0, 9, size=(4, 3, 5, 5))
    together = summarise(counts)["f1_macro"]
    assert together.shape == (4, 3)
    assert together[2, 1] == summarise(counts[2, 1])["f1_macro"]
