"""Algorithm 1 of the thesis: rates, class constraint and independence, by statistics on 10^5 draws."""

from __future__ import annotations

import numpy as np
import pytest

from crisisweave.balancing.swaps import Changes, Swaps

N_DRAWS = 100_000
# Uneven classes: 10, 30, 60 and a class of one row.
LABELS = np.random.default_rng(0).permutation(np.repeat([0, 1, 2, 3], [10, 30, 60, 1]))


def _draw(p_change: float, p: list[float], p_class: float = 0.0) -> tuple[np.ndarray, Changes]:
    generator = np.random.default_rng(1)
    rows = generator.integers(0, len(LABELS), N_DRAWS)
    return rows, Swaps(LABELS, p_change, p_class).draw(rows, p, generator)


def _close(found: float, expected: float, n: int) -> bool:
    """Within four standard errors of a share of n draws."""
    return abs(found - expected) < 4 * np.sqrt(max(expected * (1 - expected), 1e-9) / n)


@pytest.mark.parametrize(("p_change", "p_zero"), [(0.1, 0.5), (0.1, 0.9), (0.5, 0.2), (1.0, 0.0)])
def test_rows_change_with_p_c_and_in_modality_0_with_p_0(p_change: float, p_zero: float) -> None:
    rows, changes = _draw(p_change, [p_zero, 1 - p_zero])
    changed = changes.modality >= 0
    assert _close(changed.mean(), p_change, N_DRAWS)
    assert _close((changes.modality[changed] == 0).mean(), p_zero, int(changed.sum()))
    assert (changes.partner[~changed] == rows[~changed]).all()


def test_partners_are_of_another_class_and_drawn_evenly_from_the_whole_data_set() -> None:
    rows, changes = _draw(1.0, [0.5, 0.5])
    assert (LABELS[changes.partner] != LABELS[rows]).all()
    for own in range(4):
        partners = changes.partner[LABELS[rows] == own]
        others = np.flatnonzero(own != LABELS)
        counts = np.bincount(partners, minlength=len(LABELS))[others]
        assert counts.min() > 0, "every row of another class can be a partner"
        expected = len(partners) / len(others)
        chi_squared = ((counts - expected) ** 2 / expected).sum()
        freedom = len(others) - 1
        assert abs(chi_squared - freedom) < 5 * np.sqrt(2 * freedom)


def test_modality_partner_and_change_do_not_depend_on_one_another() -> None:
    rows, changes = _draw(0.5, [0.5, 0.5])
    changed = changes.modality >= 0
    for which in (0, 1):
        of_class_2 = LABELS[changes.partner[changes.modality == which]] == 2
        own = LABELS[rows[changes.modality == which]]
        share = np.mean([60 / (101 - np.sum(c == LABELS)) if c != 2 else 0.0 for c in own])
        assert _close(of_class_2.mean(), share, len(own))
    for label in range(3):
        mine = LABELS[rows] == label
        assert _close(changed[mine].mean(), 0.5, int(mine.sum()))
    neighbours = changed[1:] & changed[:-1]
    assert _close(neighbours.mean(), 0.25, N_DRAWS // 3)


def test_p_class_is_the_share_of_partners_of_the_same_class() -> None:
    rows, changes = _draw(1.0, [0.5, 0.5], p_class=0.3)
    lonely = LABELS[rows] == 3
    same = LABELS[changes.partner] == LABELS[rows]
    assert _close(same[~lonely].mean(), 0.3, int((~lonely).sum()))
    assert (changes.partner != rows)[~lonely].all(), "a row is never its own partner"
    # The only row of its class has no partner of its class: it then stays as it is.
    assert _close((changes.modality[lonely] < 0).mean(), 0.3, int(lonely.sum()))


def test_three_modalities_change_with_their_own_probabilities() -> None:
    _, changes = _draw(1.0, [0.2, 0.3, 0.5])
    for modality, p in enumerate((0.2, 0.3, 0.5)):
        assert _close((changes.modality == modality).mean(), p, N_DRAWS)


def test_each_modality_is_read_from_the_partner_only_where_it_is_the_one_that_changes() -> None:
    rows = np.array([4, 5, 6])
    changes = Changes(np.array([0, -1, 1]), np.array([90, 5, 91]))
    assert changes.rows_of(rows, 0).tolist() == [90, 5, 6]
    assert changes.rows_of(rows, 1).tolist() == [4, 5, 91]


def test_with_one_class_alone_nothing_can_change() -> None:
    rows = np.arange(5)
    changes = Swaps(np.zeros(5, dtype=np.int64), 1.0).draw(rows, [0.5, 0.5], np.random.default_rng(0))
    assert (changes.modality == -1).all()
    assert (changes.partner == rows).all()
