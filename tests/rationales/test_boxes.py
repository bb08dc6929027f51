from __future__ import annotations

import numpy as np
import pytest

from crisisweave.rationales.boxes import energy_in_box, patch_iou, patch_iou_ceiling, pointing_game

UPPER_LEFT = np.array([[0.0, 0.0, 0.5, 0.5]])


def test_patch_iou_by_hand() -> None:
    selected = np.array([True, True, False, False])
    assert patch_iou(selected, np.array([False, True, True, False])) == pytest.approx(1 / 3)
    assert patch_iou(selected, selected) == 1.0
    assert patch_iou(np.zeros(4, dtype=bool), selected) == 0.0


def test_the_ceiling_is_the_best_that_as_many_patches_can_reach() -> None:
    positive = np.array([True, True, True, True])
    assert patch_iou_ceiling(np.array([True, False, False, False]), positive) == 0.25
    assert patch_iou_ceiling(positive, np.array([True, False, False, False])) == 0.25
    assert patch_iou_ceiling(~positive, positive) == 0.0


def test_the_pointing_game_looks_at_the_highest_patch() -> None:
    assert pointing_game(np.array([0.9, 0.1, 0.2, 0.3]), UPPER_LEFT, (2, 2)) == 1.0
    assert pointing_game(np.array([0.1, 0.9, 0.2, 0.3]), UPPER_LEFT, (2, 2)) == 0.0


def test_ties_share_the_point() -> None:
    assert pointing_game(np.array([0.9, 0.9, 0.0, 0.0]), UPPER_LEFT, (2, 2)) == 0.5
    assert pointing_game(np.zeros(4), UPPER_LEFT, (2, 2)) == 0.25


def test_rows_are_rows_on_a_grid_that_is_not_square() -> None:
    # Patch 4 of a 2 x 3 grid is the middle of the lower row.
    scores = np.array([0, 0, 0, 0, 1, 0])
    assert pointing_game(scores, np.array([[0.4, 0.6, 0.6, 0.9]]), (2, 3)) == 1.0


def test_energy_by_hand() -> None:
    shares = np.array([1.0, 0.5, 0.0, 0.0])
    assert energy_in_box(np.array([2.0, 1.0, 1.0, 0.0]), shares) == pytest.approx(2.5 / 4)


def test_energy_ignores_negative_scores_and_a_common_base() -> None:
    shares = np.array([1.0, 0.0, 0.0, 0.0])
    assert energy_in_box(np.array([1.0, 1.0, -5.0, -1.0]), shares) == 0.5
    assert energy_in_box(np.array([11.0, 11.0, 10.0, 10.0]), shares) == 0.5


@pytest.mark.parametrize("level", [0.0, 3.0, -2.0])
def test_a_flat_map_has_the_energy_of_chance(level: float) -> None:
    assert energy_in_box(np.full(4, level), np.array([1.0, 0.5, 0.0, 0.0])) == 0.375
