"""Scored rationales of many runs → means and intervals over seeds, and the method against each comparator.

The intervals and tests are those of classification scores (docs/evaluation.md): tweets are drawn, and seeds
are averaged, with the spread between seeds beyond what the tweets explain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crisisweave.errors import DataError
from crisisweave.evaluation.bootstrap import (
    BOOTSTRAP_SEED,
    LEVEL,
    RESAMPLES,
    interval,
    mean_over_seeds,
    two_sided_p,
)
from crisisweave.evaluation.scored import mean_sd
from crisisweave.evaluation.significance import ALPHA, COMPARISON_RESAMPLES, holm
from crisisweave.files import read_json, write_csv, write_json

if TYPE_CHECKING:
    import pandas as pd

METHOD = "method"
"""The extractor that stands for a method's own rationale."""
COMPARED = ("word_f1", "patch_iou", "pointing_game")
"""Scores by which a method's own rationale is tested against the comparators."""
OF_MEANS = {"iou_f1": ("iou_precision", "iou_recall")}
"""A score that is the F1 of two means rather than a mean over instances."""
SCORES_FILE = "rationale_scores.parquet"
KEYS = ("instance_id", "tweet_id", "split", "extractor")
_COLUMNS = ["dataset", "task", "method", "seed", "target", "split", "extractor", "metric", "value", "n"]


class Cell(NamedTuple):
    """What an extractor's scores are averaged within."""

    dataset: str
    task: str
    target: str
    split: str
    method: str


@dataclass(frozen=True)
class Explained:
    """The scored rationales of one run, or of its transfer to a target."""

    folder: Path
    dataset: str
    task: str
    target: str
    method: str
    seed: int
    table: pd.DataFrame
    """One row for each instance and extractor, one column for each score."""


def rationale_tables(folders: Sequence[Path], out: Path) -> None:
    """Write `rationales.csv` (each run's scores) and `rationales.json` (means over seeds, comparisons).

    Args:
        folders: that hold `rationales.json` and `rationale_scores.parquet`; none gives tables without rows.
        out: folder of the tables.

    Raises:
        DataError: a file is missing or of another run, or runs to be averaged are about different instances.
    """
    import pandas as pd

    runs = [_read(folder) for folder in sorted(set(folders))]
    runs.sort(key=lambda run: (run.dataset, run.task, run.target, run.method, run.seed))
    cells: dict[Cell, dict[int, pd.DataFrame]] = {}
    for run in runs:
        for split, rows in run.table.groupby("split", sort=True):
            cell = Cell(run.dataset, run.task, run.target, str(split), run.method)
            cells.setdefault(cell, {})[run.seed] = rows
    rows_of_runs: list[dict[str, Any]] = []
    scores: list[dict[str, Any]] = []
    comparisons: list[dict[str, Any]] = []
    for cell, seeds in cells.items():
        samples = _Samples(cell, seeds)
        rows_of_runs += samples.run_rows()
        scores += samples.score_rows()
        # Epochs were chosen on a run's own dev split.
        if cell.target or cell.split != "dev":
            comparisons += samples.comparison_rows()
    write_csv(out / "rationales.csv", pd.DataFrame(rows_of_runs, columns=_COLUMNS))
    protocol = {
        "level": LEVEL,
        "resamples": RESAMPLES,
        "comparison_resamples": COMPARISON_RESAMPLES,
        "alpha": ALPHA,
        "clusters": "tweet_id",
        "compared": list(COMPARED),
    }
    write_json(out / "rationales.json", {"protocol": protocol, "scores": scores, "comparisons": comparisons})


def _read(folder: Path) -> Explained:
    import pandas as pd

    for name in ("rationales.json", SCORES_FILE):
        if not (folder / name).is_file():
            raise DataError(
                f"{folder}: holds no {name}; run `crisisweave evaluate-rationales` for this run first"
            )
    about = read_json(folder / "rationales.json")
    table = pd.read_parquet(folder / SCORES_FILE)
    for split, extractors in about["splits"].items():
        for extractor, values in extractors.items():
            n = int(((table["split"] == split) & (table["extractor"] == extractor)).sum())
            if n != values["n"]:
                raise DataError(
                    f"{folder}: rationales.json was not made with the {SCORES_FILE} beside it; "
                    "evaluate the rationales again"
                )
    return Explained(
        folder,
        about["dataset"],
        about["task"],
        about["target"] or "",
        about["method"],
        int(about["seed"]),
        table,
    )


def averages(table: pd.DataFrame) -> dict[str, tuple[float, int]]:
    """Score → (its value over some instances, how many have one); scores that none has are left out.

    Args:
        table: one row for each instance, one column for each score; null where a score is not defined.
    """
    values = {name: table[name].to_numpy(dtype=np.float64) for name in table.columns if name not in KEYS}
    known = {name: ~np.isnan(column) for name, column in values.items()}
    found = {
        name: (float(column[known[name]].mean()), int(known[name].sum()))
        for name, column in values.items()
        if known[name].any()
    }
    for name, (precision, recall) in OF_MEANS.items():
        if precision in found and recall in found:
            means = np.array([found[precision][0], found[recall][0]])
            found[name] = (float(_f1(means[:1], means[1:])[0]), found[recall][1])
    parts = {part for pair in OF_MEANS.values() for part in pair}
    return {name: value for name, value in found.items() if name not in parts}


def _f1(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> NDArray[np.float64]:
    total = precision + recall
    return np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)


class _Samples:
    """The runs of one cell with their resamples, which all extractors and seeds share."""

    def __init__(self, cell: Cell, seeds: Mapping[int, pd.DataFrame]):
        self.cell = cell
        self.seeds = tuple(sorted(seeds))
        self.tables = {
            seed: {
                str(name): rows.set_index("instance_id") for name, rows in seeds[seed].groupby("extractor")
            }
            for seed in self.seeds
        }
        first = self.tables[self.seeds[0]]
        self.extractors = sorted(first)
        self._check()
        instances = first[METHOD].sort_index()
        self._instances = instances.index
        _, self._tweets = np.unique(instances["tweet_id"].to_numpy(dtype=object), return_inverse=True)
        self.averages = {
            seed: {name: averages(self.tables[seed][name].reset_index()) for name in self.extractors}
            for seed in self.seeds
        }
        self._times: dict[int, NDArray[np.float32]] = {}

    def _check(self) -> None:
        reference = self.tables[self.seeds[0]]
        for seed in self.seeds:
            same = set(self.tables[seed]) == set(reference) and METHOD in reference
            rows = set(reference[METHOD].index) if same else set()
            same = same and all(
                set(part.index) == rows and part.index.is_unique for part in self.tables[seed].values()
            )
            if not same:
                raise DataError(
                    f"{'/'.join(part for part in self.cell if part)}, seed {seed}: its rationales are of "
                    "other instances or extractors than those of the first seed; explain and evaluate all "
                    "seeds again"
                )

    def run_rows(self) -> list[dict[str, Any]]:
        return [
            {
                **self.cell._asdict(),
                "seed": seed,
                "extractor": extractor,
                "metric": metric,
                "value": value,
                "n": n,
            }
            for seed in self.seeds
            for extractor in self.extractors
            for metric, (value, n) in sorted(self.averages[seed][extractor].items())
        ]

    def score_rows(self) -> list[dict[str, Any]]:
        rows = []
        for extractor in self.extractors:
            for metric in sorted(self.averages[self.seeds[0]][extractor]):
                found = [self.averages[seed][extractor].get(metric) for seed in self.seeds]
                value, sd = mean_sd([None if one is None else one[0] for one in found])
                if value is None:
                    continue
                low, high = interval(self._resampled(extractor, metric, RESAMPLES))
                rows.append(
                    {
                        **self.cell._asdict(),
                        "extractor": extractor,
                        "metric": metric,
                        "value": value,
                        "sd": sd,
                        "low": low,
                        "high": high,
                        "seeds": len(self.seeds),
                        "n": found[0][1] if found[0] else 0,
                    }
                )
        return rows

    def comparison_rows(self) -> list[dict[str, Any]]:
        """The method's own rationale against each comparator; one family for Holm's adjustment."""
        rows = []
        for metric in COMPARED:
            for other in self.extractors:
                found = [
                    (self.averages[seed][METHOD].get(metric), self.averages[seed][other].get(metric))
                    for seed in self.seeds
                ]
                if other == METHOD or any(ours is None or theirs is None for ours, theirs in found):
                    continue
                difference = float(np.mean([a[0] - b[0] for a, b in found if a and b]))
                ours, theirs = (
                    self._resampled(name, metric, COMPARISON_RESAMPLES) for name in (METHOD, other)
                )
                low, high = interval(ours - theirs)
                rows.append(
                    {
                        **self.cell._asdict(),
                        "extractor": other,
                        "metric": metric,
                        "difference": difference,
                        "low": low,
                        "high": high,
                        "p": two_sided_p(difference, ours - theirs),
                        "seeds": len(self.seeds),
                        "n": found[0][0][1] if found[0][0] else 0,
                    }
                )
        for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
            row["p_holm"] = float(p)
            row["significant"] = bool(p < ALPHA)
        return rows

    def _resampled(self, extractor: str, metric: str, resamples: int) -> NDArray[np.float64]:
        """The mean over seeds in every resample (B,)."""
        columns = OF_MEANS.get(metric, (metric,))
        means = [
            np.stack([self._means(seed, extractor, column, resamples) for seed in self.seeds])
            for column in columns
        ]
        scores = _f1(*means) if len(means) == 2 else means[0]
        # Made for scores from 0 to 1; faithfulness lies between −1 and 1, and any stretch gives the same.
        return 2 * mean_over_seeds((scores + 1) / 2, self.seeds) - 1

    def _means(self, seed: int, extractor: str, column: str, resamples: int) -> NDArray[np.float64]:
        values = self.tables[seed][extractor][column].loc[self._instances].to_numpy(dtype=np.float64)
        known = ~np.isnan(values)
        n_tweets = int(self._tweets.max()) + 1
        sums = np.bincount(self._tweets, np.where(known, values, 0.0), n_tweets)
        counts = np.bincount(self._tweets, known, n_tweets)
        drawn = self._drawn(n_tweets, resamples)
        total = drawn @ counts
        # A resample may hold none of a few rows that have the score: it then says nothing new.
        overall = sums.sum() / counts.sum()
        return np.where(total > 0, (drawn @ sums) / np.maximum(total, 1), overall)

    def _drawn(self, n_tweets: int, resamples: int) -> NDArray[np.float32]:
        """How often each resample draws each tweet (B, tweets): the same for all extractors and seeds."""
        if resamples not in self._times:
            generator = np.random.default_rng(BOOTSTRAP_SEED)
            even = np.full(n_tweets, 1 / n_tweets)
            self._times[resamples] = generator.multinomial(n_tweets, even, resamples).astype(np.float32)
        return self._times[resamples]
