"""Agreement between annotators on which words carry a tweet's class.

The unit is the word. Chance-corrected coefficients pool the words of all tweets (Cohen 1960, Fleiss 1971,
Krippendorff 2004, nominal); precision, recall and F1 are taken per tweet and then averaged, as everywhere in
this project, over the tweets to which both annotators gave a rationale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisisweave.errors import DataError
from crisisweave.rationales.importer import read_rationale_table
from crisisweave.rationales.labels import marked, read_labels
from crisisweave.rationales.plausibility import word_scores

Marks = Mapping[str, NDArray[np.bool_]]
"""instance_id → (n words,), True at the words that an annotator marked."""


def agreement(annotators: Mapping[str, Marks]) -> dict[str, Any]:
    """Coefficients over all annotators, and per pair.

    Returns:
        `krippendorff_alpha` over every tweet that at least two annotated; `fleiss_kappa` over the tweets that
        all annotated; `pairs`: for each pair what `pair_agreement` gives of the second against the first. A
        coefficient is null where it is not defined: nothing in common, or
        all marks alike.

    Raises:
        DataError: fewer than two annotators, no tweet in common, or a tweet has other words for one of them.
    """
    if len(annotators) < 2:
        raise DataError("agreement needs the labels of two annotators or more; give one file for each")
    everyone = set.intersection(*(set(marks) for marks in annotators.values()))
    pairs = [
        {"reference": first, "other": second, **pair_agreement(annotators[first], annotators[second])}
        for first, second in combinations(annotators, 2)
    ]
    if not any(pair["tweets"] for pair in pairs):
        raise DataError(f"no tweet was annotated by two of {', '.join(annotators)}; check that ids are alike")
    return {
        "tweets_of_all": len(everyone),
        "krippendorff_alpha": _krippendorff(annotators),
        "fleiss_kappa": _fleiss(annotators, sorted(everyone)),
        "pairs": pairs,
    }


def pair_agreement(reference: Marks, other: Marks) -> dict[str, Any]:
    """Cohen's kappa and word scores of two annotators, over the tweets that both annotated."""
    from sklearn.metrics import cohen_kappa_score

    common = sorted(set(reference) & set(other))
    for instance_id in common:
        _same_words(instance_id, reference, other)
    both = [i for i in common if reference[i].any() and other[i].any()]
    scores = [word_scores(reference[i], other[i]) for i in both]
    pooled = [_pooled(marks, common) for marks in (reference, other)]
    varied = len(np.unique(np.concatenate(pooled))) > 1
    means = np.mean(scores, axis=0) if scores else [None] * 3
    return {
        "tweets": len(common),
        "cohen_kappa": float(cohen_kappa_score(*pooled)) if varied else None,
        "n": len(both),
        **{name: None if m is None else float(m) for name, m in zip(WORD_SCORES, means, strict=True)},
    }


WORD_SCORES = ("word_precision", "word_recall", "word_f1")


def bag_agreement(reference: Mapping[str, set[str]], other: Mapping[str, set[str]]) -> dict[str, Any]:
    """Word scores of two annotators as sets of words, wherever they stand in the tweet.

    For rationales that are not verbatim and so have no place in the tweet: a language model's often are not.
    Case and punctuation count.

    Args:
        reference, other: tweet → the words that an annotator gave; a tweet with none is not scored.
    """
    scores = []
    for instance_id in sorted(set(reference) & set(other)):
        gold, given = reference[instance_id], other[instance_id]
        if gold and given:
            right = len(gold & given)
            precision, recall = right / len(given), right / len(gold)
            scores.append(
                (precision, recall, 2 * precision * recall / (precision + recall) if right else 0.0)
            )
    means = np.mean(scores, axis=0) if scores else [None] * 3
    return {
        "n": len(scores),
        **{name: None if m is None else float(m) for name, m in zip(WORD_SCORES, means, strict=True)},
    }


def _same_words(instance_id: str, first: Marks, second: Marks) -> None:
    if len(first[instance_id]) != len(second[instance_id]):
        raise DataError(
            f"tweet {instance_id} has {len(first[instance_id])} words for one annotator and "
            f"{len(second[instance_id])} for another; agreement needs the same text for all"
        )


def _pooled(marks: Marks, tweets: list[str]) -> NDArray[np.bool_]:
    """The words of some tweets, one after the other."""
    return np.concatenate([np.zeros(0, dtype=bool), *(marks[tweet] for tweet in tweets)])


def _columns(annotators: Mapping[str, Marks]) -> Iterator[NDArray[np.float64]]:
    """For each tweet its (annotators, words), NaN where somebody did not annotate it."""
    for instance_id in sorted(set().union(*annotators.values())):
        given = [marks.get(instance_id) for marks in annotators.values()]
        size = next(len(marks) for marks in given if marks is not None)
        yield np.array([np.full(size, np.nan) if m is None else m.astype(float) for m in given])


def _krippendorff(annotators: Mapping[str, Marks]) -> float | None:
    import krippendorff

    table = np.concatenate(list(_columns(annotators)), axis=1)
    pairable = table[:, (~np.isnan(table)).sum(axis=0) > 1]
    values = np.unique(pairable[~np.isnan(pairable)])
    if len(values) < 2:
        return None
    return float(krippendorff.alpha(reliability_data=pairable, level_of_measurement="nominal"))


def _fleiss(annotators: Mapping[str, Marks], everyone: list[str]) -> float | None:
    from statsmodels.stats.inter_rater import fleiss_kappa

    marked = np.sum([_pooled(marks, everyone) for marks in annotators.values()], axis=0)
    counts = np.stack([len(annotators) - marked, marked], axis=1)
    if not counts.sum(axis=0).all():
        return None
    return float(fleiss_kappa(counts))


def compare_files(paths: Sequence[Path]) -> dict[str, Any]:
    """Agreement of files of labels (`.jsonl`) or tables of snippets (any other name), one for each annotator.

    A row of a table without a rationale, or with a snippet that is not verbatim, counts as not annotated;
    `left_out` counts them. `pairs_as_sets` also compares those that are not verbatim.

    Raises:
        DataError: a file is broken, or the annotators cannot be compared.
    """
    marks: dict[str, Marks] = {}
    bags: dict[str, dict[str, set[str]]] = {}
    left_out = {}
    for path in paths:
        name = str(path)
        if path.suffix == ".jsonl":
            labels = read_labels(path)
            marks[name] = {label.instance_id: label.selected() for label in labels}
            bags[name] = {
                label.instance_id: set(np.array(label.words, dtype=object)[label.selected()])
                for label in labels
            }
            left_out[name] = 0
        else:
            tweets = read_rationale_table(path)
            marks[name] = {
                t.tweet_id: marked(t.match.spans, len(t.words)) for t in tweets if t.status == "gold"
            }
            bags[name] = {t.tweet_id: set(" ".join(t.snippets).split()) for t in tweets}
            left_out[name] = len(tweets) - len(marks[name])
    sets = [
        {"reference": first, "other": second, **bag_agreement(bags[first], bags[second])}
        for first, second in combinations(bags, 2)
    ]
    return {**agreement(marks), "pairs_as_sets": sets, "left_out": left_out}


def as_lines(result: Mapping[str, Any]) -> list[str]:
    """The result of `compare_files` for a terminal."""

    def shown(values: Mapping[str, Any], *names: str) -> str:
        return ", ".join(f"{n} {'-' if values[n] is None else f'{values[n]:.3f}'}" for n in names)

    lines = [
        f"left out, not verbatim or empty: {count} of {name}" for name, count in result["left_out"].items()
    ]
    lines.append(shown(result, "krippendorff_alpha", "fleiss_kappa"))
    for pair, sets in zip(result["pairs"], result["pairs_as_sets"], strict=True):
        lines.append(f"{pair['other']} against {pair['reference']}")
        lines.append(f"  words in place, n {pair['n']}: {shown(pair, *WORD_SCORES, 'cohen_kappa')}")
        lines.append(f"  words as sets, n {sets['n']}: {shown(sets, *WORD_SCORES)}")
    return lines
