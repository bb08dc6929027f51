"""P_0 of D-SSE (equation 5.4.3) against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from crisisweave.balancing.probability import change_probabilities, p_zero


@pytest.mark.parametrize(
    ("rho", "a", "expected"),
    [
        # tanh(1.5) = 0.905148, tanh(0.75) = 0.635149, tanh(3) = 0.995055
        (2.0, 1.5, 0.5 + 0.5 * 0.905148),
        (1.5, 1.5, 0.5 + 0.5 * 0.635149),
        (1.0, 1.5, 0.5),
        (0.5, 1.5, 0.5 - 0.5 * 0.905148),
        (2 / 3, 1.5, 0.5 - 0.5 * 0.635149),
        (1 / 3, 1.5, 0.5 - 0.5 * 0.995055),
    ],
)
def test_hand_values_on_both_sides_of_one(rho: float, a: float, expected: float) -> None:
    assert p_zero(rho, a) == pytest.approx(expected, abs=1e-6)


def test_both_branches_meet_at_one_and_rise_without_a_jump() -> None:
    assert p_zero(1 + 1e-9, 1.5) == pytest.approx(p_zero(1 - 1e-9, 1.5), abs=1e-8)
    values = [p_zero(rho, 1.5) for rho in np.linspace(0.2, 5, 2000)]
    assert (np.diff(values) > 0).all()
    assert max(np.diff(values)) < 0.01


def test_the_stronger_modality_changes_more_and_p_1_is_the_rest() -> None:
    assert p_zero(1.3, 1.5) > 0.5 > p_zero(0.8, 1.5)
    assert p_zero(1.3, 1.5) + p_zero(1 / 1.3, 1.5) == pytest.approx(1)


@pytest.mark.parametrize("scores", [(0.9, 0.3), (0.31, 0.3), (0.2, 0.8)])
def test_the_softmax_of_two_modalities_is_the_published_equation(scores: tuple[float, float]) -> None:
    found = change_probabilities(scores, 1.5)
    assert found[0] == pytest.approx(p_zero(scores[0] / scores[1], 1.5), abs=1e-12)
    assert sum(found) == pytest.approx(1)


def test_three_modalities_follow_their_order_and_equal_ones_share_evenly() -> None:
    found = change_probabilities((0.9, 0.5, 0.3), 1.5)
    assert found[0] > found[1] > found[2]
    assert sum(found) == pytest.approx(1)
    assert change_probabilities((0.4, 0.4, 0.4), 1.5) == pytest.approx([1 / 3] * 3)
    swapped = change_probabilities((0.3, 0.5, 0.9), 1.5)
    assert swapped == pytest.approx(found[::-1]), "the order of the modalities says nothing"
