"""Which tweets a study can compare, and which of them it draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crisisweave.config.strict import nearest
from crisisweave.datasets.tables import read_instances
from crisisweave.errors import ConfigError, DataError
from crisisweave.reporting.thumbnails import ranked_ids

SPLIT = "test"
_COLUMNS = ["instance_id", "split", "extractor", "target", "grid_h", "grid_w", "patch_selected"]


@dataclass(frozen=True)
class Candidate:
    """One tweet with the image rationales of both extractors."""

    instance_id: str
    tweet_id: str
    text: str
    target: str
    a: NDArray[np.bool_]
    """(h, w): the patches that extractor A shows, over the image's centre square."""
    b: NDArray[np.bool_]


@dataclass(frozen=True)
class Candidates:
    """Every tweet that could be drawn, and what was left out."""

    rows: Sequence[Candidate]
    left_out: dict[str, int]
    """Reason → rows that both extractors explain and that cannot be compared."""


def candidates(rationales: Path, prepared: Path, a: str, b: str) -> Candidates:
    """Test rows whose image both extractors explain, for the same class and with different patches.

    Two equal pictures would tell raters that items are tricks, and patches for different classes answer
    different questions; both are left out and counted.

    Args:
        rationales: `rationales.parquet` of a run.
        prepared: `data/prepared/<dataset>/<task>`.
        a, b: names of the extractors.

    Raises:
        ConfigError: A and B are the same, or one of them explains no image of the test split.
        DataError: no such file, or a row that is no test row of the data set.
    """
    if a == b:
        raise ConfigError(f"--a and --b are both '{a}'; a study compares two extractors")
    if not rationales.is_file():
        raise DataError(f"{rationales}: no such file; run `crisisweave explain` for this run first")
    table = pd.read_parquet(rationales, columns=_COLUMNS, filters=[("split", "==", SPLIT)])
    table = table[table["patch_selected"].notna()]
    shown = {
        str(name): part.set_index("instance_id") for name, part in table.groupby("extractor", observed=True)
    }
    for option, name in (("--a", a), ("--b", b)):
        if name not in shown:
            raise ConfigError(
                f"{option}: extractor '{name}' explains no image of the {SPLIT} split in {rationales}; "
                f"{nearest(name, list(shown)) if shown else 'no extractor does'}"
            )
    frame = read_instances(prepared, [SPLIT])[0].set_index("instance_id")
    rows: list[Candidate] = []
    left_out = {"other_class": 0, "same_patches": 0}
    for name in sorted(set(shown[a].index) & set(shown[b].index)):
        if name not in frame.index:
            raise DataError(
                f"{rationales}: instance '{name}' is no {SPLIT} row of {prepared}; "
                "run `crisisweave explain` for this run again"
            )
        of_a, of_b = shown[a].loc[name], shown[b].loc[name]
        patches_a, patches_b = _grid(of_a), _grid(of_b)
        if of_a["target"] != of_b["target"]:
            left_out["other_class"] += 1
        elif np.array_equal(patches_a, patches_b):
            left_out["same_patches"] += 1
        else:
            tweet = frame.loc[name]
            rows.append(
                Candidate(
                    name,
                    str(tweet["tweet_id"]),
                    str(tweet["text"]),
                    str(of_a["target"]),
                    patches_a,
                    patches_b,
                )
            )
    return Candidates(rows, left_out)


def _grid(row: pd.Series) -> NDArray[np.bool_]:
    """The selected patches of a row, (h, w)."""
    return np.asarray(row["patch_selected"], dtype=bool).reshape(int(row["grid_h"]), int(row["grid_w"]))


def one_per_tweet(rows: Sequence[Candidate], seed: int) -> list[Candidate]:
    """The rows in a random order that the seed fixes, one image of each tweet.

    Images of one tweet share text and often motif: comparing one of them keeps items independent.
    """
    by_id = {row.instance_id: row for row in rows}
    ordered = [by_id[name] for name in ranked_ids(by_id, seed)]
    first: dict[str, Candidate] = {}
    for row in ordered:
        first.setdefault(row.tweet_id, row)
    return list(first.values())
