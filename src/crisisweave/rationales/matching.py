"""Verbatim snippets of a tweet → spans over its words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from crisisweave.rationales.labels import Span, merge_spans

_ESCAPED_BREAK = re.compile(r"\\[nrt]")


class Match(NamedTuple):
    """What became of the snippets of one tweet."""

    spans: tuple[Span, ...]
    """[start, end) over the tweet's words: the union of the snippets that were found."""
    snippets: int
    other_case: int
    """Found in other letter case only."""
    overlapping: int
    """Merged into another one."""
    unmatched: int
    """Found nowhere in the tweet: not verbatim."""


def unescaped(text: str) -> str:
    r"""`text` with the characters `\n`, `\r` and `\t`, two each, as white space: an export escaped it."""
    return _ESCAPED_BREAK.sub(" ", text)


def match_snippets(words: list[str], snippets: Iterable[str]) -> Match:
    """Find verbatim snippets in a tweet.

    White space counts as one space; letter case is ignored where the exact text is not found. A snippet may
    begin or end inside a word: the word belongs to the span when at least half of its letters and digits are
    covered ("dead" covers "dead.", and "e people" leaves "the" out). Of several places the first one is taken
    that begins and ends at a word's edge and is not already taken by an earlier snippet. Empty snippets are
    none.

    Args:
        words: the tweet's words (`crisisweave.datasets.text.words`).
        snippets: verbatim parts of it.
    """
    text = " ".join(words)
    found: list[Span] = []
    spans: list[Span] = []
    counted = other_case = unmatched = 0
    for raw in snippets:
        snippet = " ".join(raw.split())
        if not snippet:
            continue
        counted += 1
        places = _places(text, snippet)
        if not places:
            places = _places(text, snippet, re.IGNORECASE)
            other_case += bool(places)
        if not places:
            unmatched += 1
            continue
        place = min(places, key=lambda p: (_overlaps(p, found), _cuts_a_word(text, p), p))
        found.append(place)
        covered = _covered(words, place)
        if covered is None:
            # A lone comma, or a bit of a word: there, but no word of the tweet.
            unmatched += 1
        else:
            spans.append(covered)
    merged, overlapping = merge_spans(spans)
    return Match(merged, counted, other_case, overlapping, unmatched)


def _places(text: str, snippet: str, flags: re.RegexFlag = re.NOFLAG) -> list[Span]:
    pattern = re.compile(f"(?={re.escape(snippet)})", flags)
    return [(m.start(), m.start() + len(snippet)) for m in pattern.finditer(text)]


def _overlaps(place: Span, found: list[Span]) -> bool:
    return any(place[0] < end and start < place[1] for start, end in found)


def _cuts_a_word(text: str, place: Span) -> bool:
    """Whether a letter or digit of the snippet continues on either side of it."""

    def inside(position: int) -> bool:
        return 0 < position < len(text) and text[position - 1].isalnum() and text[position].isalnum()

    return inside(place[0]) or inside(place[1])


def _covered(words: list[str], place: Span) -> Span | None:
    """The words of which a stretch of the joined text covers at least half of what they are made of."""
    chosen = []
    start = 0
    for index, word in enumerate(words):
        # A word without letters or digits (an emoji, a dash) is made of all its characters.
        parts = [start + i for i, c in enumerate(word) if c.isalnum()] or range(start, start + len(word))
        if 2 * sum(place[0] <= position < place[1] for position in parts) >= len(parts):
            chosen.append(index)
        start += len(word) + 1
    return (chosen[0], chosen[-1] + 1) if chosen else None
