"""Known numbers: where a word is marked, and which part of a picture is outlined."""

from __future__ import annotations

import re

import numpy as np
import pytest

from crisisweave.reporting.marks import Part, Phrase, overlay, phrases

NUMBERS = re.compile(r"[MHV][\d. ]+")


def test_words_are_marked_by_their_share_of_the_highest_score() -> None:
    words = ["a", "b", "c", "d", "e", "f"]
    scores = [0.1, 0.9, 0.85, 0.5, 0.2, 0.99]
    chosen = [False, True, True, True, True, False]
    assert phrases(words, scores, chosen, {0, 2}) == [
        Phrase(False, [Part("a", 0, True)]),
        Phrase(True, [Part("b", 3, False), Part("c", 3, True), Part("d", 2, False), Part("e", 1, False)]),
        Phrase(False, [Part("f", 0, False)]),
    ]


def test_words_that_look_alike_are_one_part() -> None:
    found = phrases(["a", "b", "c", "d"], [0.9, 0.9, 0, 0], [True, True, False, False])
    assert found == [Phrase(True, [Part("a b", 3, False)]), Phrase(False, [Part("c d", 0, False)])]


@pytest.mark.parametrize("score", [0.0, -1.0])
def test_words_chosen_without_any_score_are_still_marked(score: float) -> None:
    (phrase,) = phrases(["a", "b"], [score, score], [True, True])
    assert phrase.chosen
    assert phrases([], [], []) == []


def test_the_grid_covers_the_centre_square_of_a_wide_picture() -> None:
    """A picture of 10 × 4 pixels, 2 × 2 patches of 2 pixels: the square begins at x = 3."""
    view = overlay(10, 4, (2, 2), [False, True, False, False], [(-5, 1, 6, 9)])
    assert view.dimmed == "M3 0H7V4H3Z" + "M5 0H7V2H5Z"
    assert view.unread == "M-2 -2H12V6H-2Z" + "M3 0H7V4H3Z"
    assert view.edge == "M5 0H7" + "M5 2H7" + "M5 0V2" + "M7 0V2"
    assert view.truth == [(0, 1, 6, 4)], "no box leaves the picture"
    assert view.says == "1 of 4 patches chosen: row 1, column 2"


def test_a_tall_picture_of_odd_height_is_cut_where_the_store_cuts_it() -> None:
    view = overlay(4, 9, (1, 3), [True, False, True])
    assert view.dimmed == "M0 2H4V6H0Z" + "M0 2H1.3V6H0Z" + "M2.7 2H4V6H2.7Z"
    assert view.says == "2 of 3 patches chosen: row 1, column 1 and 3"
    assert overlay(4, 4, (1, 1), [False]).unread == ""


@pytest.mark.parametrize("all_or_none", [True, False])
def test_everything_or_nothing_chosen(all_or_none: bool) -> None:
    view = overlay(6, 6, (3, 3), [all_or_none] * 9)
    assert view.says.startswith(
        "9 of 9 patches chosen: row 1, column 1 to 3; row 2" if all_or_none else "None"
    )
    assert view.edge == ("M0 0H6M0 6H6M0 0V6M6 0V6" if all_or_none else "")


def test_the_veil_leaves_exactly_the_chosen_patches_clear() -> None:
    """Painted pixel by pixel by the even-odd rule, for random choices."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        chosen = generator.random((5, 4)) < 0.4
        view = overlay(36, 20, (5, 4), chosen.ravel().tolist())
        crossed = np.zeros((20, 36), dtype=int)
        for x0, y0, x1, y1 in re.findall(r"M([\d.]+) ([\d.]+)H([\d.]+)V([\d.]+)H[\d.]+Z", view.dimmed):
            crossed[int(y0) : int(y1), int(float(x0)) : int(float(x1))] += 1
        expected = np.zeros((20, 36), dtype=bool)
        expected[:, 8:28] = ~np.kron(chosen, np.ones((4, 5), dtype=bool))
        assert ((crossed % 2 == 1) == expected).all()
