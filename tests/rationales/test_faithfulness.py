"""Against a scorer whose answers are known: the sum of what each shown part is worth."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from crisisweave.rationales.faithfulness import (
    FixedScorer,
    Parts,
    deletion_insertion,
    faithfulness,
    ranks,
)

WORDS = np.array([[0.3, 0.0, 0.1, 0.0], [0.0, 0.2, 0.0, 0.0]])
PATCHES = np.array([[0.2, 0.1, 0.0, 0.0], [0.0, 0.0, 0.0, 0.4]])
PRESENT = np.array([[True, True, True, True], [True, True, False, False]])
ALL = np.ones((2, 4), dtype=bool)


def additive(
    rows: NDArray[np.int64], words: NDArray[np.bool_], patches: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Class 1 has a quarter and what the shown parts are worth; class 0 has the rest."""
    second = 0.25 + (WORDS[rows] * words).sum(axis=1) + (PATCHES[rows] * patches).sum(axis=1)
    return np.stack([1 - second, second], axis=1)


@pytest.fixture
def scorer() -> FixedScorer:
    return FixedScorer(additive, PRESENT, ALL)


def test_f_is_the_class_of_the_full_input(scorer: FixedScorer) -> None:
    assert scorer.classes.tolist() == [1, 1]
    np.testing.assert_allclose(scorer.full, [0.95, 0.85])


def test_comprehensiveness_and_sufficiency_of_text_and_image_together(scorer: FixedScorer) -> None:
    selected = Parts(
        np.array([[True, False, False, False], [False, True, False, False]]),
        np.array([[True, False, False, False], [True, False, False, False]]),
    )
    scores = faithfulness(scorer, Parts(WORDS, PATCHES), selected)
    # What R is worth, and what the rest is worth.
    np.testing.assert_allclose(scores["comprehensiveness"], [0.5, 0.2])
    np.testing.assert_allclose(scores["sufficiency"], [0.2, 0.4])


def test_one_modality_is_masked_while_the_other_stays_in_full(scorer: FixedScorer) -> None:
    selected = Parts(None, np.array([[True, False, False, False], [False, False, False, True]]))
    scores = faithfulness(scorer, Parts(None, PATCHES), selected)
    np.testing.assert_allclose(scores["comprehensiveness"], [0.2, 0.4])
    np.testing.assert_allclose(scores["sufficiency"], [0.1, 0.0])


def test_a_rationale_of_everything_and_of_nothing(scorer: FixedScorer) -> None:
    everything = faithfulness(scorer, Parts(WORDS, PATCHES), Parts(PRESENT, ALL))
    np.testing.assert_allclose(everything["sufficiency"], 0)
    np.testing.assert_allclose(everything["comprehensiveness"], [0.7, 0.6])
    nothing = faithfulness(scorer, Parts(WORDS, PATCHES), Parts(~ALL, ~ALL))
    np.testing.assert_allclose(nothing["comprehensiveness"], 0)
    np.testing.assert_allclose(nothing["sufficiency"], [0.7, 0.6])


def test_aopc_by_hand(scorer: FixedScorer) -> None:
    """Of 4 words the sizes 1 to 20 % are one word and 50 % is two; of 2 words all sizes are one."""
    scores = faithfulness(scorer, Parts(WORDS, None), Parts(PRESENT, None))
    np.testing.assert_allclose(scores["aopc_comprehensiveness"], [(4 * 0.3 + 0.4) / 5, 0.2])
    np.testing.assert_allclose(scores["aopc_sufficiency"], [(4 * 0.1 + 0.0) / 5, 0.0], atol=1e-12)


def test_deletion_and_insertion_by_hand(scorer: FixedScorer) -> None:
    """Of 4 patches the curve has its points at 0, 1, 2, 3 and 4."""
    deletion, insertion = deletion_insertion(scorer, PATCHES)
    gone = np.array([[0.95, 0.75, 0.65, 0.65, 0.65], [0.85, 0.45, 0.45, 0.45, 0.45]])
    come = np.array([[0.65, 0.85, 0.95, 0.95, 0.95], [0.45, 0.85, 0.85, 0.85, 0.85]])
    for found, curve in ((deletion, gone), (insertion, come)):
        expected = (curve[:, 1:] + curve[:, :-1]).sum(axis=1) / 8
        np.testing.assert_allclose(found, expected)


def test_the_area_of_a_line_is_exact_on_any_grid() -> None:
    """F falls by 1/49 with each patch: the area is one half wherever the curve is measured."""
    present = np.ones((1, 49), dtype=bool)

    def line(
        rows: NDArray[np.int64], _: NDArray[np.bool_], patches: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        return patches.mean(axis=1)[:, None]

    areas = deletion_insertion(FixedScorer(line, present, present), np.arange(49.0)[None])
    assert [float(area[0]) for area in areas] == pytest.approx([0.5, 0.5])


def test_nothing_is_asked_twice() -> None:
    asked: list[tuple[int, bytes]] = []

    def noting(
        rows: NDArray[np.int64], words: NDArray[np.bool_], patches: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        asked.extend(
            (int(row), a.tobytes() + b.tobytes()) for row, a, b in zip(rows, words, patches, strict=True)
        )
        return additive(rows, words, patches)

    scorer = FixedScorer(noting, PRESENT, ALL)
    faithfulness(scorer, Parts(WORDS, None), Parts(PRESENT, None))
    deletion_insertion(scorer, PATCHES)
    assert len(asked) == len(set(asked))


def test_the_right_ranking_beats_its_reverse(scorer: FixedScorer) -> None:
    right, wrong = (deletion_insertion(scorer, scores) for scores in (PATCHES, -PATCHES))
    assert (right[0] < wrong[0]).all()
    assert (right[1] > wrong[1]).all()


def test_ranks_put_absent_parts_last_and_do_not_favour_the_first_of_ties() -> None:
    scores = np.array([[0.0, 5.0, 9.0, 1.0]])
    assert ranks(scores, np.array([[True, True, False, True]])).tolist() == [[2, 0, 3, 1]]
    flat = ranks(np.zeros((2, 49)), np.ones((2, 49), dtype=bool))
    assert sorted(flat[0]) == list(range(49))
    assert flat[0].tolist() != list(range(49))
    assert flat[0].tolist() == flat[1].tolist()
