"""Human rationale tables (CSV with verbatim snippets) → spans over words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crisisweave.config.strict import nearest
from crisisweave.datasets.tables import checked_identifier, read_csv
from crisisweave.datasets.text import repair_mojibake, words
from crisisweave.errors import DataError
from crisisweave.rationales.labels import Kind, RationaleLabel
from crisisweave.rationales.matching import Match, match_snippets, unescaped


class Columns(NamedTuple):
    """The columns of a table of rationales."""

    tweet_id: str
    text: str
    label: str
    rationale: str


KNOWN_COLUMNS = (
    # `corrected_label` is the annotators' revision of `label`, made when they marked the rationale: the words
    # speak for it, not for the first label (the two differ on half of the rows, some by names alone).
    Columns("tweet_id", "tweet_text", "corrected_label", "informative_content"),
    Columns("tweet_id", "tweet_text", "cls_labels", "human_rationales"),
    Columns("tweet_id", "tweet_text", "cls_labels", "gpt_rationales"),
)


class ImportedTweet(NamedTuple):
    """One row of a table of rationales."""

    where: str
    """File and line, for messages."""
    tweet_id: str
    label: str
    """As in the table."""
    words: list[str]
    snippets: list[str]
    match: Match

    @property
    def status(self) -> str:
        """`gold`; `unmatched`: a snippet is not verbatim, so the gold is not known; `empty`: no rationale."""
        if self.match.unmatched:
            return "unmatched"
        return "gold" if self.match.spans else "empty"


def read_rationale_table(path: Path, columns: Columns | None = None) -> list[ImportedTweet]:
    """Read a table: UTF-8, comma-separated, quoted where needed; each snippet of a rationale on its own line.

    Mojibake is repaired in text and snippets alike; the two characters backslash-n are a line break that an
    export escaped.

    Args:
        path: the CSV.
        columns: its columns; None: the first of `KNOWN_COLUMNS` that it has.

    Raises:
        DataError: the file is missing, not UTF-8, has other columns, a broken line or no row; names the line.
    """
    path = Path(path)
    columns = columns or _known_columns(path)
    tweets = []
    for row in read_csv(path, columns):
        text = words(unescaped(repair_mojibake(row[columns.text])))
        parts = row[columns.rationale].split("\n")
        snippets = [part for s in parts if (part := " ".join(unescaped(repair_mojibake(s)).split()))]
        tweet_id = row[columns.tweet_id].strip().removesuffix("'")
        match = match_snippets(text, snippets)
        tweets.append(ImportedTweet(row.where, tweet_id, row[columns.label].strip(), text, snippets, match))
    if not tweets:
        raise DataError(f"{path}: has a header and no row; obtain it again")
    return tweets


def as_labels(
    path: Path, tweets: Sequence[ImportedTweet], classes: Mapping[str, str], annotator: str, kind: Kind
) -> list[RationaleLabel]:
    """The tweets whose rationale is known, as labels; those with a snippet that is not verbatim are left out.

    Args:
        path: the table, for messages.
        classes: label of the table → class; empty: labels stay as they are.

    Raises:
        DataError: `classes` does not name a label, or an id is no plain identifier or is there twice.
    """
    ids = Counter(tweet.tweet_id for tweet in tweets)
    labels = []
    for tweet in tweets:
        checked_identifier(tweet.tweet_id, "tweet_id", tweet.where)
        if ids[tweet.tweet_id] > 1:
            raise DataError(
                f"{tweet.where}: tweet {tweet.tweet_id} is there {ids[tweet.tweet_id]} times; keep one row"
            )
        label = class_of(tweet, classes)
        if tweet.status != "unmatched":
            labels.append(
                RationaleLabel(tweet.tweet_id, label, tuple(tweet.words), tweet.match.spans, annotator, kind)
            )
    return labels


def class_of(tweet: ImportedTweet, classes: Mapping[str, str]) -> str:
    """The class of a tweet's label.

    Raises:
        DataError: `classes` does not name the label; gives the nearest that it names.
    """
    if classes and tweet.label not in classes:
        raise DataError(
            f"{tweet.where}: unknown label '{tweet.label}'; add it to 'classes' of the source's config, or "
            f"correct the row: {nearest(tweet.label, list(classes))}"
        )
    return classes.get(tweet.label, tweet.label)


def import_report(tweets: Sequence[ImportedTweet]) -> dict[str, Any]:
    """What became of the rows and snippets, without a word of any tweet."""
    snippets = sum(tweet.match.snippets for tweet in tweets)
    unmatched = sum(tweet.match.unmatched for tweet in tweets)
    status = Counter(tweet.status for tweet in tweets)
    return {
        "tweets": len(tweets),
        "with_gold": status["gold"],
        "without_rationale": status["empty"],
        "with_unmatched_snippets": status["unmatched"],
        "snippets": snippets,
        "snippets_unmatched": unmatched,
        "snippets_unmatched_share": unmatched / snippets if snippets else 0.0,
        "snippets_other_case": sum(tweet.match.other_case for tweet in tweets),
        "snippets_merged": sum(tweet.match.overlapping for tweet in tweets),
        "tweets_with_unmatched_snippets": sorted(t.tweet_id for t in tweets if t.status == "unmatched"),
    }


def _known_columns(path: Path) -> Columns:
    # An empty list of required columns: the header is looked at here, against every known set.
    first = next(read_csv(path, ()), None)
    if first is None:
        raise DataError(f"{path}: has a header and no row; obtain it again")
    for columns in KNOWN_COLUMNS:
        if set(columns) <= set(first.values):
            return columns
    known = "; or ".join(", ".join(columns) for columns in KNOWN_COLUMNS)
    raise DataError(f"{path}: has the columns {', '.join(first.values)}, expected {known}")
