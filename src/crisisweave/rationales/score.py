"""A tagger scored against human rationales of another event."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crisisweave.errors import DataError
from crisisweave.rationales.importer import Columns, read_rationale_table
from crisisweave.rationales.labels import marked
from crisisweave.rationales.tagger_folder import Tagger
from crisisweave.rationales.tagger_scores import as_table, scored, trivial_answers
from crisisweave.rationales.tagger_training import columns_of, copies


def score(tagger: Tagger, gold: Path, columns: Columns | None = None) -> dict[str, Any]:
    """Word scores on a human table, told each tweet's class and not told, beside trivial answers.

    A tweet is scored when all its snippets are verbatim and at least one word is marked. The others are
    counted: `empty` has no rationale, for which precision, recall and F1 are not defined; of `unmatched` the
    rationale is not known. A label that the tagger's config does not map is an unknown class.

    Args:
        tagger: a trained tagger.
        gold: a CSV of human rationales.
        columns: its columns; None: those of the tagger's own table, else found among the known sets.

    Returns:
        The scores of the tagger as it is used (`word_f1` …, see `tagger_scores.scored`), `answers` with those
        of all answers, and which rows were skipped.

    Raises:
        DataError: the table is broken, or no tweet can be scored.
    """
    imported = read_rationale_table(gold, columns or columns_of(tagger.config))
    tweets = [tweet for tweet in imported if tweet.status == "gold"]
    if not tweets:
        raise DataError(f"{gold}: no tweet has a rationale whose snippets are in its text; nothing to score")
    words = [tweet.words for tweet in tweets]
    known = [tagger.config.table.classes.get(tweet.label) for tweet in tweets]
    trivial = [trivial_answers(tweet) for tweet in words]
    told, untold = tagger.mark_each_way(words, [known, [None] * len(words)])
    answers = {
        **{name: [answer[name] for answer in trivial] for name in trivial[0]},
        "tagger_without_class": [t.selected() for t in untold],
        "tagger": [t.selected() for t in told],
    }
    truth = [marked(tweet.match.spans, len(tweet.words)) for tweet in tweets]
    classes = [name or f"unknown: {tweet.label}" for name, tweet in zip(known, tweets, strict=True)]
    groups = copies([" ".join(tweet) for tweet in words])
    scores = {name: scored(truth, selected, classes, groups) for name, selected in answers.items()}
    skipped = Counter(tweet.status for tweet in imported if tweet.status != "gold")
    return {
        **scores["tagger"],
        "answers": scores,
        "rows": len(imported),
        "skipped": {reason: skipped[reason] for reason in ("empty", "unmatched")},
        "unknown_class": known.count(None),
    }


def as_lines(result: Mapping[str, Any]) -> list[str]:
    """The result of `score` for a terminal."""
    skipped = result["skipped"]
    return [
        *as_table(result["answers"]),
        f"{result['n']} of {result['rows']} rows scored; skipped: {skipped['empty']} without a rationale, "
        f"{skipped['unmatched']} with a snippet that is not in the text",
        f"the class of {result['unknown_class']} scored rows is none that the tagger knows",
        f"word_f1 {result['word_f1']:.4f}",
    ]
