"""What a rationale looks like on a page: words in marked phrases, cells of the picture as one SVG.

The pages of the report and the card of a single prediction draw from the same two records; the macros are in
`templates/rationale.html`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

LEVELS = 3
"""Strengths of a marked word, by its score as a share of the text's highest."""

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels of the stored image."""


class Part(NamedTuple):
    """Words in a row that a page writes alike."""

    text: str
    """The words, joined by blanks."""
    level: int
    """1 to `LEVELS` where they were chosen, else 0."""
    truth: bool
    """Whether they carry the label, where that is known."""


class Phrase(NamedTuple):
    """Words in a row that were all chosen, or all not."""

    chosen: bool
    parts: list[Part]


def phrases(
    words: Sequence[str],
    scores: Sequence[float],
    chosen: Sequence[bool],
    truth: Collection[int] = (),
) -> list[Phrase]:
    """Words in their order, cut where marked and unmarked ones meet.

    Args:
        words: of the text.
        scores: one for each word.
        chosen: whether each word is part of the rationale.
        truth: positions of the words that carry the label, where that is known.
    """
    highest = max((score for score, is_chosen in zip(scores, chosen, strict=True) if is_chosen), default=0.0)
    marked = [
        Part(word, _level(score, highest) if is_chosen else 0, place in truth)
        for place, (word, score, is_chosen) in enumerate(zip(words, scores, chosen, strict=True))
    ]
    parts = [
        Part(" ".join(word.text for word in run), *look) for look, run in groupby(marked, lambda w: w[1:])
    ]
    return [Phrase(is_chosen, list(run)) for is_chosen, run in groupby(parts, lambda part: part.level > 0)]


def _level(score: float, highest: float) -> int:
    """1 to `LEVELS` in equal steps; the highest score, and any where none is above 0, is the last."""
    if highest <= 0:
        return LEVELS
    return min(LEVELS, max(1, 1 + int(LEVELS * score / highest)))


@dataclass(frozen=True)
class Overlay:
    """Chosen cells over a picture; coordinates are pixels of the stored image."""

    width: int
    height: int
    dimmed: str
    """SVG path of what the model read and did not choose (even-odd)."""
    unread: str
    """SVG path of what lies beyond the centre square; empty for a square picture."""
    edge: str
    """SVG path around the chosen cells."""
    truth: Sequence[Box]
    """Boxes that carry the label, where they are known."""
    says: str
    """The same in words."""


def overlay(
    width: int,
    height: int,
    grid: tuple[int, int],
    chosen: Sequence[bool],
    truth: Sequence[Box] = (),
) -> Overlay:
    """The overlay of a stored image whose centre square was read as a grid.

    Args:
        width: of the stored image, in pixels.
        height: of the stored image, in pixels.
        grid: rows and columns over the centre square.
        chosen: rows · columns cells, row by row.
        truth: boxes that carry the label, in pixels of the stored image.
    """
    rows, columns = grid
    side = min(width, height)
    # Rounded down as `images.store.centre_squares` cuts the square.
    left, top = (width - side) // 2, (height - side) // 2
    xs = [left + side * column / columns for column in range(columns + 1)]
    ys = [top + side * row / rows for row in range(rows + 1)]
    cells = [list(chosen[row * columns : (row + 1) * columns]) for row in range(rows)]
    square = _rectangle(left, top, left + side, top + side)
    holes = "".join(
        _rectangle(xs[start], ys[row], xs[end], ys[row + 1])
        for row in range(rows)
        for start, end in _runs(cells[row])
    )
    return Overlay(
        width,
        height,
        dimmed=square + holes,
        # A little beyond the picture: a thumbnail's whole pixels can make it a trifle wider or higher.
        unread="" if width == height else _rectangle(-2, -2, width + 2, height + 2) + square,
        edge=_edge(cells, xs, ys),
        truth=[(max(0, a), max(0, b), min(width, c), min(height, d)) for a, b, c, d in truth],
        says=_in_words(cells),
    )


def _edge(cells: Sequence[Sequence[bool]], xs: Sequence[float], ys: Sequence[float]) -> str:
    """Lines between cells of which one is chosen and one is not; beyond the grid nothing is."""
    rows, columns = len(ys) - 1, len(xs) - 1

    def is_chosen(row: int, column: int) -> bool:
        return 0 <= row < rows and 0 <= column < columns and bool(cells[row][column])

    path = ""
    for row in range(rows + 1):
        between = [is_chosen(row - 1, column) != is_chosen(row, column) for column in range(columns)]
        path += "".join(f"M{_n(xs[a])} {_n(ys[row])}H{_n(xs[b])}" for a, b in _runs(between))
    for column in range(columns + 1):
        between = [is_chosen(row, column - 1) != is_chosen(row, column) for row in range(rows)]
        path += "".join(f"M{_n(xs[column])} {_n(ys[a])}V{_n(ys[b])}" for a, b in _runs(between))
    return path


def _in_words(cells: Sequence[Sequence[bool]]) -> str:
    n, of = sum(map(sum, cells)), sum(map(len, cells))
    if not n:
        return f"None of {of} patches chosen"
    places = []
    for row, values in enumerate(cells, 1):
        runs = [str(a + 1) if b == a + 1 else f"{a + 1} to {b}" for a, b in _runs(values)]
        if runs:
            places.append(f"row {row}, column {' and '.join(runs)}")
    return f"{n} of {of} patches chosen: {'; '.join(places)}"


def _runs(values: Sequence[bool]) -> list[tuple[int, int]]:
    """[start, end) of each run of true values."""
    runs, start = [], 0
    for value, run in groupby(values):
        end = start + len(list(run))
        if value:
            runs.append((start, end))
        start = end
    return runs


def _rectangle(x0: float, y0: float, x1: float, y1: float) -> str:
    return f"M{_n(x0)} {_n(y0)}H{_n(x1)}V{_n(y1)}H{_n(x0)}Z"


def _n(value: float) -> str:
    """A coordinate to a tenth of a pixel, as short as it can be written."""
    return f"{value:.1f}".removesuffix(".0")
