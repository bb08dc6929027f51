"""Human tables: snippets find their words, and what does not match is said."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from crisisweave.errors import DataError
from crisisweave.rationales.importer import (
    KNOWN_COLUMNS,
    Columns,
    as_labels,
    import_report,
    read_rationale_table,
)
from crisisweave.rationales.matching import match_snippets

TWEET = "RT @user: 12 dead, 3 missing as the bridge fell; the bridge in 🌊 http://t.co/x"


def _table(folder: Path, *rows: list[str], header: list[str] | None = None) -> Path:
    path = folder / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([header or list(KNOWN_COLUMNS[0]), *rows])
    return path


@pytest.mark.parametrize(
    ("snippets", "spans"),
    [
        (["12 dead"], ((2, 4),)),
        (["12  \t dead,"], ((2, 4),)),
        (["12 DEAD"], ((2, 4),)),
        (["12 dead", "the bridge fell"], ((2, 4), (7, 10))),
        (["the bridge fell", "12 dead"], ((2, 4), (7, 10))),
        # Of two places the first; the second snippet of the same text takes the second place.
        (["the bridge"], ((7, 9),)),
        (["the bridge", "the bridge"], ((7, 9), (10, 12))),
        # Begins inside a word: too little of "dead," and of "missing", enough of "missing".
        (["d, 3 missing"], ((4, 6),)),
        (["3 mi"], ((4, 5),)),
        (["3 miss"], ((4, 6),)),
        (["🌊"], ((13, 14),)),
        (["http://t.co/x"], ((14, 15),)),
        ([TWEET], ((0, 15),)),
        (["12 dead, 3", "3 missing"], ((2, 6),)),
        (["", "  "], ()),
        ([], ()),
    ],
)
def test_snippets_find_their_words(snippets: list[str], spans: tuple[tuple[int, int], ...]) -> None:
    match = match_snippets(TWEET.split(), snippets)
    assert match.spans == spans
    assert match.unmatched == 0


@pytest.mark.parametrize(
    "snippet", ["12 persons", "bridge fell the", ",", "12 dead and 3 missing", "(12 dead"]
)
def test_what_is_not_verbatim_or_covers_no_word_is_unmatched(snippet: str) -> None:
    match = match_snippets(TWEET.split(), ["12 dead", snippet])
    assert (match.spans, match.snippets, match.unmatched) == (((2, 4),), 2, 1)


def test_a_place_at_the_edges_of_words_is_preferred() -> None:
    assert match_snippets(["there", "the", "end"], ["the"]).spans == ((1, 2),)
    assert match_snippets(["breathe", "the"], ["the"]).spans == ((1, 2),)


@pytest.mark.parametrize("text", ["one", "http://t.co/x", "🌊🌊", "a " * 200, "😀 😀 😀"])
def test_tweets_of_one_word_a_link_emoji_or_200_words(text: str) -> None:
    words = text.split()
    assert match_snippets(words, [text]).spans == ((0, len(words)),)
    assert match_snippets([], [text]).unmatched == 1


def test_a_table_is_read_with_its_traps(tmp_path: Path) -> None:
    path = _table(
        tmp_path,
        ["11'", "Roads  are\tblocked\\nsend help", "old", "infra", "Roads are\nblocked send"],
        ["12'", "plain words here", "old", "none", ""],
        ["13'", "plain words here", "old", "infra", "plain words\nwords of another tweet"],
        ["14'", "sÃ£o blocked", "old", "infra", "sÃ£o"],
        header=["tweet_id", "tweet_text", "label", "corrected_label", "informative_content"],
    )
    tweets = read_rationale_table(path)
    assert [tweet.tweet_id for tweet in tweets] == ["11", "12", "13", "14"]
    assert tweets[0].words == ["Roads", "are", "blocked", "send", "help"]
    assert tweets[0].match.spans == ((0, 4),)
    assert [tweet.status for tweet in tweets] == ["gold", "empty", "unmatched", "gold"]
    assert tweets[3].words == ["são", "blocked"]
    report = import_report(tweets)
    assert (report["with_gold"], report["without_rationale"], report["with_unmatched_snippets"]) == (2, 1, 1)
    assert (report["snippets"], report["snippets_unmatched"], report["snippets_merged"]) == (5, 1, 1)
    assert report["snippets_unmatched_share"] == pytest.approx(0.2)
    assert report["tweets_with_unmatched_snippets"] == ["13"]
    assert "words" not in str(report)

    labels = as_labels(path, tweets, {"infra": "damage", "none": "not"}, "a", "human")
    assert [(label.instance_id, label.label) for label in labels] == [
        ("11", "damage"),
        ("12", "not"),
        ("14", "damage"),
    ]
    with pytest.raises(DataError, match=r"table\.csv, line 2: unknown label 'infra'.* did you mean 'infta'"):
        as_labels(path, tweets, {"infta": "damage"}, "a", "human")


def test_the_known_column_sets_are_told_apart_and_others_can_be_named(tmp_path: Path) -> None:
    for columns in KNOWN_COLUMNS[1:]:
        path = _table(tmp_path, ["1", "some words", "c", "words"], header=list(columns))
        assert read_rationale_table(path)[0].match.spans == ((1, 2),)
    path = _table(tmp_path, ["1", "some words", "c", "words"], header=["i", "t", "l", "r"])
    with pytest.raises(DataError, match="has the columns i, t, l, r, expected tweet_id, tweet_text, correc"):
        read_rationale_table(path)
    assert read_rationale_table(path, Columns("i", "t", "l", "r"))[0].match.spans == ((1, 2),)
    with pytest.raises(DataError, match="column 'x' is missing"):
        read_rationale_table(path, Columns("i", "t", "l", "x"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"tweet_id,tweet_text,corrected_label,informative_content\n", "has a header and no row"),
        (b"tweet_id,tweet_text,corrected_label,informative_content\n1,caf\xe9,c,x\n", "line 2: is not UTF-8"),
        (b"tweet_id,tweet_text,corrected_label,informative_content\n1,two,c\n", "line 2: has 3 columns"),
        (b'tweet_id,tweet_text,corrected_label,informative_content\n1,"two,c,x\n', "line 2: "),
        (b"tweet_id;tweet_text;corrected_label;informative_content\n1;a;b;c\n", "has the columns tw"),
        ("tweet_id,tweet_text,corrected_label,informative_content\n1,a,b,c\n".encode("utf-16"), "NUL|UTF-8"),
    ],
)
def test_a_broken_table_stops(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_rationale_table(path)


def test_ids_must_be_plain_and_unique_where_labels_are_written(tmp_path: Path) -> None:
    twice = _table(tmp_path, ["1'", "a b", "c", "a"], ["1", "a b", "c", "a"])
    with pytest.raises(DataError, match="line 2: tweet 1 is there 2 times"):
        as_labels(twice, read_rationale_table(twice), {}, "a", "human")
    odd = _table(tmp_path, ["../1", "a b", "c", "a"])
    with pytest.raises(DataError, match="not a plain identifier"):
        as_labels(odd, read_rationale_table(odd), {}, "a", "human")
