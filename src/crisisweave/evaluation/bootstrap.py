"""Bootstrap over tweets: the images of one tweet are drawn together, because they are not independent.

Resamples are formed from confusion counts: the drawn counts of every tweet times the tweets' confusion
cells is one matrix product, and all runs on the same rows share the same draws, which makes differences
between them paired.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crisisweave.evaluation.metrics import per_class

RESAMPLES = 2000
"""Resamples behind every interval."""
LEVEL = 0.95
"""Level of every interval."""
BOOTSTRAP_SEED = 20240229
"""All draws start here, so that the same predictions give the same interval."""

METRICS = ("accuracy", "f1_macro", "f1_weighted")
"""The scores that get an interval."""

_DRAWS_PER_BLOCK = 8_000_000
"""Draws held at a time (32 MB as float32): keeps memory flat for splits of any size."""
_CELLS_PER_BLOCK = 40_000_000
"""Cells of confusion tables held at a time: the same for any number of runs."""


def bootstrap_scores(
    clusters: ArrayLike,
    truth: NDArray[np.integer],
    predicted: NDArray[np.integer],
    n_classes: int,
    resamples: int = RESAMPLES,
    seed: int = BOOTSTRAP_SEED,
) -> dict[str, NDArray[np.float64]]:
    """Scores of every run in every resample.

    Args:
        clusters: (n,) what is drawn together: the tweet of each row.
        truth: (n,) class ids.
        predicted: (runs, n) class ids of runs on the same rows.
        n_classes: length k of the fixed class list.
        resamples: number B of resamples.
        seed: start of the draws.

    Returns:
        `METRICS` → (runs, B).
    """
    _, cluster = np.unique(np.asarray(clusters), return_inverse=True)
    n_clusters = int(cluster.max()) + 1
    runs, width = len(predicted), len(predicted) * n_classes**2
    cell = (np.arange(runs)[:, None] * n_classes + truth) * n_classes + predicted
    cells = np.bincount((cluster * width + cell).ravel(), minlength=n_clusters * width)
    per_cluster = cells.reshape(n_clusters, width).astype(np.float32)

    generator = np.random.default_rng(seed)
    block = max(1, min(_DRAWS_PER_BLOCK // n_clusters, _CELLS_PER_BLOCK // width))
    occurring = len(np.unique(truth)) / n_classes
    scores: dict[str, list[NDArray[np.float64]]] = {name: [] for name in METRICS}
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        drawn = generator.integers(n_clusters, size=(size, n_clusters), dtype=np.int32)
        drawn += np.arange(size, dtype=np.int32)[:, None] * np.int32(n_clusters)
        times = np.bincount(drawn.ravel(), minlength=size * n_clusters)
        # Whole numbers far below 2**24: float32 is exact, whatever order the product sums in.
        counts = times.reshape(size, n_clusters).astype(np.float32) @ per_cluster
        drawn_scores = _scores(counts.reshape(size, runs, n_classes, n_classes), occurring)
        for name in METRICS:
            scores[name].append(drawn_scores[name].T)
    return {name: np.concatenate(parts, axis=1) for name, parts in scores.items()}


def _scores(counts: NDArray[np.float32], occurring: float) -> dict[str, NDArray[np.float64]]:
    """`METRICS` of resamples (..., k, k).

    A rare class of the split may have no row in a resample. That is an accident of drawing and says nothing
    about the run, so macro-F1 is taken over the classes that were drawn. Classes that the split itself lacks
    keep counting as 0: `occurring` is the share of the class list that occurs in the split.
    """
    classes = per_class(counts)
    support, f1 = classes["support"], classes["f1"]
    rows = support.sum(axis=-1)
    drawn = support > 0
    return {
        "accuracy": np.diagonal(counts, axis1=-2, axis2=-1).sum(axis=-1) / rows,
        "f1_macro": occurring * (f1 * drawn).sum(axis=-1) / drawn.sum(axis=-1),
        "f1_weighted": (f1 * support).sum(axis=-1) / rows,
    }


def mean_over_seeds(
    scores: NDArray[np.float64], seeds: tuple[int, ...], start: int = BOOTSTRAP_SEED
) -> NDArray[np.float64]:
    """Mean over a method's seeds in every resample, with the spread that other seeds would have brought.

    A claim about a method is wider than one about the weights at hand: the training runs that might have been
    are part of its uncertainty. Runs differ partly because of their seeds and partly because each meets the
    same few test rows with its own luck. The resampled tweets already carry the second part, so only the
    spread beyond it is added (the between-seed variance of a random-effects model, by moments), by drawing
    the seeds' deviations with replacement. Drawing whole runs instead would count the second part twice or
    more (Owen 2007, "The pigeonhole bootstrap"). One seed stays as it is: nothing is known of its spread.

    Methods with the same seeds get the same draws, which pairs them by seed (decision fusion of seed 3 reads
    the unimodal runs of seed 3).

    Args:
        scores: (seeds, B) from `bootstrap_scores`, in the order of `seeds`.
        seeds: the seeds' numbers; they fix the draws.
        start: start of the draws.

    Returns:
        (B,)
    """
    mean = scores.mean(axis=0)
    s = len(seeds)
    if s == 1:
        return mean
    of_seed = scores.mean(axis=1)
    observed = of_seed.var(ddof=1)
    if observed == 0:
        return mean
    by_rows = (scores - mean).var(axis=1).mean() * s / (s - 1)
    between = max(0.0, 1 - by_rows / observed)
    generator = np.random.default_rng([start, *(seed % 2**32 for seed in seeds)])
    picks = generator.integers(s, size=scores.shape)
    # s / (s − 1): the s deviations scatter less about their own mean than about the true one.
    shift = np.sqrt(between * s / (s - 1)) * (of_seed - of_seed.mean())[picks].mean(axis=0)
    return np.clip(mean + shift, 0.0, 1.0)


def interval(samples: NDArray[np.float64], level: float = LEVEL) -> tuple[float, float]:
    """Percentile interval of resampled scores (B,)."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def two_sided_p(observed: float, differences: NDArray[np.float64]) -> float:
    """p-value of "there is no difference" from resampled differences (B,).

    The resamples scatter about the observed difference as it would scatter about 0 if there were none, so p
    is the share that lies at least as far from the observed difference as that lies from 0 (Hall & Wilson
    1991; the paired bootstrap test of Berg-Kirkpatrick et al. 2012, two-sided). One is added to count and
    total, so that p is never 0.
    """
    # The slack lets differences that are equal on paper count as equal.
    beyond = int((np.abs(differences - observed) >= abs(observed) - 1e-12).sum())
    return (1 + beyond) / (1 + len(differences))
