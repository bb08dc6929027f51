"""`crisisweave study score`: which extractor people prefer, how surely, and how far they agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisisweave.evaluation.bootstrap import BOOTSTRAP_SEED, interval
from crisisweave.study.answers import Votes, read_votes
from crisisweave.study.key import read_key

RESAMPLES = 10_000
Interval = tuple[float, float]


def score_study(key_file: Path, files: Sequence[Path]) -> dict[str, Any]:
    """The study's numbers, as plain values; docs/study.md says what each means.

    Args:
        key_file: `key.json`.
        files: one answers file for each rater.

    Raises:
        DataError, ConfigError: as `read_key` and `read_votes`.
    """
    key = read_key(key_file)
    given = read_votes(key, files)
    return {
        "study": key.study,
        "a": key.a,
        "b": key.b,
        "run": key.run.model_dump(),
        "items": len(key.pairs),
        "raters": {
            "given": len(given.raters) + len(given.failed),
            "counted": len(given.raters),
            "failed_checks": given.failed,
        },
        **scores(given),
    }


def scores(given: Votes) -> dict[str, Any]:
    """Preference, difference, strength, agreement and bias of votes (items, raters)."""
    from scipy.stats import binomtest
    from statsmodels.stats.proportion import proportion_confint

    votes = given.votes
    n_a, n_b = int((votes > 0).sum()), int((votes < 0).sum())
    decided = n_a + n_b
    drawn = _resampled(votes)
    share = n_a / decided if decided else None
    ci = _interval(drawn["share"])
    majority = np.sign(votes.sum(axis=1, dtype=np.int64))
    items_a, items_b = int((majority > 0).sum()), int((majority < 0).sum())
    left = int(given.left.sum())
    return {
        "answers": {"n": votes.size, "a": n_a, "b": n_b, "no_difference": votes.size - decided},
        "preference": {
            "share_a": share,
            "ci": ci,
            "ci_over": "items and raters" if votes.shape[1] > 1 else "items",
            "ci_items": _interval(drawn["share_items"]),
            "ci_independent": _pair(proportion_confint(n_a, decided, method="wilson")) if decided else None,
        },
        "bradley_terry": {
            "log_strength_ratio": _logit(share),
            "ci": None if ci is None else [_logit(end) for end in ci],
        },
        "better": {
            "share_a": n_a / votes.size,
            "share_b": n_b / votes.size,
            "difference": (n_a - n_b) / votes.size,
            "ci": _interval(drawn["difference"]),
        },
        "items_by_majority": {
            "a": items_a,
            "b": items_b,
            "even": len(majority) - items_a - items_b,
            "p": float(binomtest(items_a, items_a + items_b).pvalue) if items_a + items_b else None,
        },
        "agreement": agreement(votes),
        "left": {
            "share": left / decided if decided else None,
            "p": float(binomtest(left, decided).pvalue) if decided else None,
        },
    }


def _resampled(votes: NDArray[np.int8]) -> dict[str, NDArray[np.float64]]:
    """Shares in resamples of the crossed design: `RESAMPLES` values each, fewer where none is decided.

    Answers to one item are alike, and so are answers of one rater. Items and raters are both drawn with
    replacement and an answer counts as often as its item times its rater (Owen 2007, "The pigeonhole
    bootstrap"), which is on the safe side. A single rater cannot be drawn: then items alone are.
    """
    n_items, n_raters = votes.shape
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    items = generator.multinomial(n_items, np.full(n_items, 1 / n_items), size=RESAMPLES)
    raters = np.ones((RESAMPLES, n_raters), dtype=np.int64)
    of_a, of_b = (items @ (votes == side) for side in (1, -1))
    by_item = of_a.sum(axis=1), of_b.sum(axis=1)
    if n_raters > 1:
        raters = generator.multinomial(n_raters, np.full(n_raters, 1 / n_raters), size=RESAMPLES)
    a, b = ((part * raters).sum(axis=1) for part in (of_a, of_b))
    return {
        "share": _ratio(a, a + b),
        "share_items": _ratio(by_item[0], by_item[0] + by_item[1]),
        "difference": (a - b) / votes.size,
    }


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    return part[whole > 0] / whole[whole > 0]


def _interval(samples: NDArray[np.float64]) -> list[float] | None:
    return list(interval(samples)) if len(samples) else None


def _pair(ends: tuple[float, float]) -> list[float]:
    return [float(end) for end in ends]


def _logit(share: float | None) -> float | None:
    """ln(p / (1 − p)): with two extractors the Bradley–Terry estimate; none where one always wins."""
    return math.log(share / (1 - share)) if share is not None and 0 < share < 1 else None


def agreement(votes: NDArray[np.int8]) -> dict[str, float | None] | None:
    """How far raters agree on A, B or no difference; None for a single rater.

    `fleiss_kappa` and `krippendorff_alpha` (nominal) are None where everyone always chose the same: chance
    then explains everything. `pairs_alike` is the share of pairs of raters with the same answer to an item.
    """
    n_items, n_raters = votes.shape
    if n_raters < 2:
        return None
    counts = np.stack([(votes == value).sum(axis=1) for value in (1, 0, -1)], axis=1)
    alike = float((counts * (counts - 1)).sum() / (n_items * n_raters * (n_raters - 1)))
    kappa = alpha = None
    if (counts.sum(axis=0) > 0).sum() > 1:
        import krippendorff
        from statsmodels.stats.inter_rater import fleiss_kappa

        kappa = float(fleiss_kappa(counts))
        alpha = float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))
    return {"fleiss_kappa": kappa, "krippendorff_alpha": alpha, "pairs_alike": alike}
