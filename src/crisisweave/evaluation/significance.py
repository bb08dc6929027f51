"""Paired comparison of methods on the same rows: bootstrap of the difference, McNemar, Holm.

Which test answers which question, and why, stands in docs/evaluation.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crisisweave.errors import DataError
from crisisweave.evaluation.bootstrap import (
    BOOTSTRAP_SEED,
    METRICS,
    bootstrap_scores,
    interval,
    mean_over_seeds,
    two_sided_p,
)
from crisisweave.evaluation.metrics import confusion_counts, summarise

COMPARISON_RESAMPLES = 10_000
"""More than for an interval, because p is a share of them."""
RESAMPLES_PER_PAIR = 30
"""In large families: the smallest p, one over the resamples, must survive Holm's factor, the pairs."""
ALPHA = 0.05
"""A difference is called significant when its Holm-adjusted p is below."""


@dataclass(frozen=True)
class Difference:
    """Score of the first method minus that of the second."""

    value: float
    low: float
    high: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Comparison:
    """Two methods on the same rows; every p is adjusted over the family of all pairs of the call."""

    first: str
    second: str
    n: int
    differences: dict[str, Difference]
    """accuracy, f1_macro, f1_weighted → difference of the means over seeds."""
    only_first_right: float
    """Rows that only the first method has right: mean over pairs of runs."""
    only_second_right: float
    mcnemar_p: float
    mcnemar_p_holm: float


def mcnemar_p(
    only_first_right: NDArray[np.integer], only_second_right: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Two-sided exact McNemar p, element by element, from the counts of rows that one alone has right."""
    from scipy.stats import binom

    smaller = np.minimum(only_first_right, only_second_right)
    return np.minimum(1.0, 2 * binom.cdf(smaller, only_first_right + only_second_right, 0.5))


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down adjustment (Holm 1979) of a family of p-values (m,)."""
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1))
    return np.minimum(adjusted, 1.0)


def _mcnemar_over_runs(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Mean discordant counts and one p from hits (runs, n) of two methods.

    Every run of one meets every run of the other. Twice the median p is a valid p whatever the dependence
    among them (Rüger 1978); a single pair keeps its own p.
    """
    only_first = first.astype(np.int64) @ (~second).astype(np.int64).T
    only_second = (~first).astype(np.int64) @ second.astype(np.int64).T
    p_values = mcnemar_p(only_first, only_second)
    p = float(p_values.item()) if p_values.size == 1 else min(1.0, 2 * float(np.median(p_values)))
    return float(only_first.mean()), float(only_second.mean()), p


def compare(
    clusters: ArrayLike,
    truth: NDArray[np.integer],
    predicted: Mapping[str, Mapping[int, NDArray[np.integer]]],
    n_classes: int,
    resamples: int | None = None,
    seed: int = BOOTSTRAP_SEED,
) -> list[Comparison]:
    """Compare all pairs of methods; the family for Holm's adjustment is all pairs of this call.

    Args:
        clusters: (n,) the tweet of each row.
        truth: (n,) class ids.
        predicted: method → seed → class ids (n,), rows in the order of `truth`.
        n_classes: length of the fixed class list.
        resamples: bootstrap resamples, shared by all runs; by default as many as the family needs.
        seed: start of the draws.

    Returns:
        One comparison per pair, in the order of `predicted`.

    Raises:
        DataError: a run's number of rows differs from `truth`.
    """
    for method, runs in predicted.items():
        for run_seed, labels in runs.items():
            if len(labels) != len(truth):
                raise DataError(
                    f"{method}, seed {run_seed}: {len(labels)} predictions for {len(truth)} rows; methods "
                    "can only be compared on the same instances: predict again on the same prepared table"
                )
    seeds = {method: tuple(sorted(runs)) for method, runs in predicted.items()}
    stacked = {
        method: np.stack([predicted[method][run_seed] for run_seed in seeds[method]]) for method in predicted
    }
    if len(stacked) < 2:
        return []
    pairs = list(combinations(stacked, 2))
    if resamples is None:
        resamples = max(COMPARISON_RESAMPLES, RESAMPLES_PER_PAIR * len(pairs))
    resampled = bootstrap_scores(
        clusters, truth, np.concatenate(list(stacked.values())), n_classes, resamples, seed
    )
    starts = dict(zip(stacked, np.cumsum([0, *(len(runs) for runs in stacked.values())]), strict=False))
    samples = {
        method: {
            name: mean_over_seeds(
                resampled[name][starts[method] : starts[method] + len(runs)], seeds[method], seed
            )
            for name in METRICS
        }
        for method, runs in stacked.items()
    }
    observed = {
        method: {
            name: float(values.mean())
            for name, values in summarise(
                np.stack([confusion_counts(truth, labels, n_classes) for labels in runs])
            ).items()
        }
        for method, runs in stacked.items()
    }
    raw = {
        name: [
            two_sided_p(
                observed[first][name] - observed[second][name], samples[first][name] - samples[second][name]
            )
            for first, second in pairs
        ]
        for name in METRICS
    }
    adjusted = {name: holm(raw[name]) for name in METRICS}
    mcnemar = [
        _mcnemar_over_runs(stacked[first] == truth, stacked[second] == truth) for first, second in pairs
    ]
    mcnemar_adjusted = holm([p for _, _, p in mcnemar])

    comparisons = []
    for index, (first, second) in enumerate(pairs):
        differences = {}
        for name in METRICS:
            low, high = interval(samples[first][name] - samples[second][name])
            differences[name] = Difference(
                value=observed[first][name] - observed[second][name],
                low=low,
                high=high,
                p=raw[name][index],
                p_holm=float(adjusted[name][index]),
            )
        only_first, only_second, p = mcnemar[index]
        comparisons.append(
            Comparison(
                first,
                second,
                len(truth),
                differences,
                only_first,
                only_second,
                p,
                float(mcnemar_adjusted[index]),
            )
        )
    return comparisons
