"""How well tweets are marked: word scores against human rationales, beside trivial answers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisisweave.datasets.text import model_words
from crisisweave.rationales.labels import Span
from crisisweave.rationales.plausibility import word_scores

Words = NDArray[np.bool_]
RESAMPLES = 2000
_NO_CONTENT = {"http", "rt", "via"}
_EDGES = re.compile(r"^\W+|\W+$")


def trivial_answers(words: Sequence[str]) -> dict[str, Words]:
    """Answers that need no reading: every word; every word but links, mentions and retweet marks."""
    content = [
        not ("@user" in word or _EDGES.sub("", word).lower() in _NO_CONTENT)
        for word in model_words(" ".join(words))
    ]
    return {"all_words": np.ones(len(words), dtype=bool), "content_words": np.array(content, dtype=bool)}


def scored(
    gold: Sequence[Words],
    selected: Sequence[Words],
    classes: Sequence[str],
    groups: NDArray[np.integer],
) -> dict[str, Any]:
    """Word precision, recall and F1 per tweet, then averaged; all tweets must have a gold rationale.

    Args:
        gold, selected: (n words,) of each tweet.
        classes: name of each tweet's class.
        groups: (N,) copies share a number: they are drawn together for the interval.

    Returns:
        `word_f1` with its 95 % bootstrap interval, `word_precision`, `word_recall`, the mean `share` of words
        that is selected, `n`, and per class `word_f1` and `n`.
    """
    scores = np.array([word_scores(g, s) for g, s in zip(gold, selected, strict=True)])
    names = np.array(classes)
    by_class = {
        name: {"n": int((names == name).sum()), "word_f1": float(scores[names == name, 2].mean())}
        for name in sorted(set(classes))
    }
    return {
        "n": len(scores),
        "word_precision": float(scores[:, 0].mean()),
        "word_recall": float(scores[:, 1].mean()),
        "word_f1": float(scores[:, 2].mean()),
        "word_f1_interval": interval(scores[:, 2], groups),
        "share": float(np.mean([s.mean() for s in selected])),
        "classes": by_class,
    }


def interval(values: NDArray[np.float64], groups: NDArray[np.integer]) -> list[float]:
    """95 % percentile bootstrap interval of a mean; tweets of one group are drawn together."""
    _, member = np.unique(groups, return_inverse=True)
    sums = np.bincount(member, weights=values)
    sizes = np.bincount(member)
    drawn = np.random.default_rng(0).integers(len(sums), size=(RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return [float(q) for q in np.quantile(means, [0.025, 0.975])]


def as_table(answers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Scores of several answers for a terminal."""
    classes = sorted({name for scores in answers.values() for name in scores["classes"]})
    lines = [f"{'':<24}     n  word-F1  (95 % interval)     P      R  share"]
    for name, scores in answers.items():
        low, high = scores["word_f1_interval"]
        lines.append(
            f"{name:<24} {scores['n']:>5}    {scores['word_f1']:.3f}  ({low:.3f} to {high:.3f})"
            f"  {scores['word_precision']:.3f}  {scores['word_recall']:.3f}  {scores['share']:.3f}"
        )
    for label in classes:
        of_class = [scores["classes"][label] for scores in answers.values()]
        values = "  ".join(f"{name} {c['word_f1']:.3f}" for name, c in zip(answers, of_class, strict=True))
        lines.append(f"  {label} (n {of_class[0]['n']}): {values}")
    return lines


def marked_text(words: Sequence[str], span: Span | None) -> str:
    """A tweet with its rationale in double brackets."""
    if span is None:
        return " ".join(words)
    start, end = span
    return " ".join([*words[:start], f"[[{' '.join(words[start:end])}]]", *words[end:]])
