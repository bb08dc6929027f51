"""What a file of rationale labels holds: shares of words per class, and what their length gives away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisisweave.rationales.labels import RationaleLabel


def describe(labels: Sequence[RationaleLabel]) -> dict[str, Any]:
    """Counts and shares, overall and per class.

    Per class: `tweets`, `without_rationale`, `words` (mean number a tweet), `share` (words in the rationale,
    per tweet, then averaged; tweets without words left out), and `share_auc`: the chance that a tweet of the
    class has a larger share than one of another class. At 0.5 the length of a rationale says nothing of the
    class; away from it, a classifier that reads masked tweets can count words instead of reading them.
    """
    shares = np.array([_share(label) for label in labels])
    classes = np.array([label.label for label in labels])
    by_class = {}
    for name in sorted(set(classes.tolist())):
        of_class = classes == name
        chosen = [label for label, inside in zip(labels, of_class, strict=True) if inside]
        by_class[name] = {**_counts(chosen), "share_auc": _auc(shares[of_class], shares[~of_class])}
    return {
        **_counts(labels),
        "annotators": sorted({label.annotator for label in labels}),
        "kinds": sorted({label.kind for label in labels}),
        "classes": by_class,
    }


def as_lines(described: Mapping[str, Any]) -> list[str]:
    """A description for a terminal."""
    lines = [f"{'class':<42} tweets  without  words  share  AUC of share"]
    rows = {"all": described, **described["classes"]}
    for name, row in rows.items():
        auc = row.get("share_auc")
        share = "-" if row["share"] is None else f"{row['share']:.3f}"
        lines.append(
            f"{name:<42} {row['tweets']:>6}  {row['without_rationale']:>7}  {row['words']:>5.1f}"
            f"  {share:>5}  {'-' if auc is None else f'{auc:.3f}'}"
        )
    return lines


def _counts(labels: Sequence[RationaleLabel]) -> dict[str, Any]:
    shares = [_share(label) for label in labels if label.words]
    return {
        "tweets": len(labels),
        "without_rationale": sum(not label.spans for label in labels),
        "words": float(np.mean([len(label.words) for label in labels])),
        "share": float(np.mean(shares)) if shares else None,
    }


def _share(label: RationaleLabel) -> float:
    return float(label.selected().mean()) if label.words else 0.0


def _auc(inside: NDArray[np.float64], outside: NDArray[np.float64]) -> float | None:
    """P(inside > outside) + P(equal) / 2; None without an outside."""
    if not len(outside):
        return None
    ordered = np.sort(outside)
    below = np.searchsorted(ordered, inside, "left")
    up_to = np.searchsorted(ordered, inside, "right")
    return float((below + up_to).mean() / 2 / len(outside))
