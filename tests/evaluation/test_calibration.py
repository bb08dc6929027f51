import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from crisisweave.evaluation.calibration import (
    brier_score,
    expected_calibration_error,
    negative_log_likelihood,
    reliability,
)


def test_calibration_error_worked_by_hand() -> None:
    # Of ten bins, (0.9, 1] holds 0.95 and 0.93, one right: gap |0.5 − 0.94|; (0.5, 0.6] holds 0.55: 0.45.
    confidence = np.array([0.95, 0.93, 0.55])
    correct = np.array([True, False, True])
    expected = 2 / 3 * 0.44 + 1 / 3 * 0.45
    assert expected_calibration_error(confidence, correct, bins=10) == pytest.approx(expected)


def test_perfect_and_worst_calibration() -> None:
    assert expected_calibration_error(np.ones(5), np.ones(5, dtype=bool)) == 0
    assert expected_calibration_error(np.ones(5), np.zeros(5, dtype=bool)) == 1


def test_bins_are_open_below_and_closed_above_and_zero_is_in_the_first() -> None:
    table = reliability(np.array([0.0, 0.5, 0.500001, 1.0]), np.ones(4, dtype=bool), bins=2)
    assert [(row["low"], row["high"], row["n"]) for row in table] == [(0, 0.5, 2), (0.5, 1, 2)]


def test_brier_and_likelihood_by_hand() -> None:
    probabilities = np.array([[0.7, 0.3, 0.0], [0.2, 0.2, 0.6]])
    truth = np.array([0, 1])
    assert brier_score(probabilities, truth) == pytest.approx(((0.09 + 0.09) + (0.04 + 0.64 + 0.36)) / 2)
    assert negative_log_likelihood(probabilities, truth) == pytest.approx(-(np.log(0.7) + np.log(0.2)) / 2)


def test_an_impossible_answer_is_costly_but_finite() -> None:
    assert negative_log_likelihood(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(12 * np.log(10))


def test_agree_with_scikit_learn() -> None:
    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet([1, 1], size=50)
    truth = generator.integers(2, size=50)
    assert brier_score(probabilities, truth) == pytest.approx(
        2 * brier_score_loss(truth, probabilities[:, 1])
    )
    assert negative_log_likelihood(probabilities, truth) == pytest.approx(log_loss(truth, probabilities))
