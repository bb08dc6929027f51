"""Who is right when one modality is wrong (thesis, 4.6, table 4.4).

A fusion should be right wherever one of its halves is: a method that reads one modality with the same
encoder. Of the test rows on which exactly one half is right, this counts those on which the fusion is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisisweave.config.method import MethodConfig
from crisisweave.config.run import read_run_config
from crisisweave.evaluation.bootstrap import BOOTSTRAP_SEED, RESAMPLES, interval
from crisisweave.evaluation.scored import Group, Scored, by_method, mean_sd

Record = dict[str, Any]


def halves_of(method: MethodConfig, others: Mapping[str, MethodConfig]) -> dict[str, str] | None:
    """Modality (text; image or caption) → the method that reads it alone with the same encoder.

    Decision fusion names its own. Of several candidates that learn from the same rows, one whose encoder is
    used in the same way comes first, then the first by name.

    Returns:
        None for a method that reads one modality or three, has one encoder for both, was not shown all
        captions, or whose halves are not among `others`.
    """
    if method.members:
        members = {str(half): name for half, name in method.members.items()}
        return members if set(members.values()) <= set(others) else None
    second = next((name for name in method.inputs if name != "text"), None)
    whole = method.text is not None and method.model_of is None and method.caption_share == 1
    if len(method.inputs) != 2 or "text" not in method.inputs or second is None or not whole:
        return None
    found = {half: _half(method, half, others) for half in ("text", second)}
    return {half: name for half, name in found.items() if name is not None} if all(found.values()) else None


def _half(method: MethodConfig, half: str, others: Mapping[str, MethodConfig]) -> str | None:
    def fits(other: MethodConfig) -> bool:
        same = ["equal_classes", "rows"]
        same += ["captioner"] if half == "caption" else []
        encoder = "image" if half == "image" else "text"
        ours, theirs = getattr(method, encoder), getattr(other, encoder)
        return (
            other.inputs == [half]
            and other.model_of is None
            and other.rationales is None
            and not other.masking
            and all(getattr(method, key) == getattr(other, key) for key in same)
            and theirs is not None
            and theirs.name == ours.name
        )

    def unlike(name: str) -> tuple[bool, str]:
        encoder = "image" if half == "image" else "text"
        return getattr(others[name], encoder).tuned != getattr(method, encoder).tuned, name

    return min((name for name, other in others.items() if fits(other)), key=unlike, default=None)


def one_half_right(group: Group, members: Sequence[Scored]) -> list[Record]:
    """One record for each fusion of a group whose halves are in it too, over the seeds that all three have.

    Counts are means over seeds, shares those of all seeds' rows together, intervals those of a bootstrap over
    tweets; null where no such row exists.
    """
    runs = by_method(members)
    configs = {name: read_run_config(next(iter(own.values())).folder).method for name, own in runs.items()}
    rows = members[0].predictions[group.split]
    _, tweets = np.unique(rows.tweet_ids, return_inverse=True)
    records = []
    for name, config in configs.items():
        halves = halves_of(config, configs)
        seeds = [seed for seed in runs[name] if all(seed in runs[half] for half in (halves or {}).values())]
        if halves is None or not seeds:
            continue

        def right(method: str, seeds: Sequence[int] = seeds) -> NDArray[np.bool_]:
            """(seeds, n)"""
            predicted = [runs[method][seed].predictions[group.split].predicted for seed in seeds]
            return np.stack(predicted) == rows.truth

        (first, second), fused = halves, right(name)
        of_half = {half: right(method) for half, method in halves.items()}
        neither = ~of_half[first] & ~of_half[second]
        wrong = {first: ~of_half[first] & of_half[second], second: ~of_half[second] & of_half[first]}
        records.append(
            {
                "dataset": group.dataset,
                "task": group.task,
                "method": name,
                "halves": halves,
                "seeds": seeds,
                "n": len(rows),
                "neither_right": float(neither.sum(axis=1).mean()),
                "right_against_both": float((neither & fused).sum(axis=1).mean()),
                **_shares(wrong, fused, tweets),
            }
        )
    return records


def _shares(
    wrong: Mapping[str, NDArray[np.bool_]], fused: NDArray[np.bool_], tweets: NDArray[np.int64]
) -> Record:
    """The shares that the fusion has right where one half is wrong, and their unweighted mean.

    Args:
        wrong: half → rows (seeds, n) on which it is wrong and the other half right.
        fused: (seeds, n) whether the fusion is right.
        tweets: (n,) number of each row's tweet.
    """
    per_tweet: list[NDArray[Any]] = []
    cases: list[Record] = []
    for half, rows in wrong.items():
        hit = rows & fused
        per_seed = [float(h.sum() / r.sum()) if r.any() else None for h, r in zip(hit, rows, strict=True)]
        cases.append(
            {
                "wrong": half,
                "rows": float(rows.sum(axis=1).mean()),
                "right": float(hit.sum(axis=1).mean()),
                "share": float(hit.sum() / rows.sum()) if rows.any() else None,
                "share_sd": mean_sd(per_seed)[1],
            }
        )
        per_tweet += [np.bincount(tweets, weights=counts.sum(axis=0)) for counts in (hit, rows)]
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    n = len(per_tweet[0])
    times = generator.multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    right, of_first, right_second, of_second = (times @ np.stack(per_tweet, axis=1)).T
    samples = []
    for case, hits, counts in zip(cases, (right, right_second), (of_first, of_second), strict=True):
        drawn = counts > 0
        shares = np.divide(hits, counts, where=drawn, out=np.full(len(hits), np.nan))
        samples.append(shares)
        case["share_low"], case["share_high"] = interval(shares[drawn]) if drawn.any() else (None, None)
    means = np.mean(samples, axis=0)
    means = means[np.isfinite(means)]
    known = [case["share"] for case in cases]
    return {
        "cases": cases,
        "mean_share": mean_sd(known)[0],
        "mean_share_low": interval(means)[0] if len(means) else None,
        "mean_share_high": interval(means)[1] if len(means) else None,
    }
