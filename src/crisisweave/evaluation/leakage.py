"""The leakage audit: what of dev, test and held-out events a model has already met in a train split.

A row has a twin in train if any of these holds (the `kind` in `duplicates.parquet`):

- `tweet_id`: another image of the same tweet is in train;
- `text`: a train text is the same after `normalise_for_matching` (retweets, other links, other punctuation);
- `image_bytes`: a train image's file has the same SHA-256;
- `image_near`: a train image's perceptual hash differs in at most `NEAR_BITS` bits (contains `image_bytes`).

Splits of different tasks overlap too, so that an encoder tuned on one task has seen test images of another:
`audit.json` counts that for every pair of tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crisisweave.config.dataset import SPLITS
from crisisweave.datasets.tables import read_instances
from crisisweave.datasets.text import normalise_for_matching
from crisisweave.errors import DataError
from crisisweave.files import atomic_path, write_json, write_parquet
from crisisweave.images.phash import from_hex, nearest

NEAR_BITS = 8
"""Largest Hamming distance, of 64 bits, at which two images count as near-duplicates.

Measured on 305 real crisis photographs: copies recompressed at quality 30 or halved in size differ by at most
4 bits, copies with 2 % cut off every edge by at most 8 in 297 cases; no two different photographs are nearer
than 14.
"""
TEXT_KINDS = ("tweet_id", "text")
IMAGE_KINDS = ("image_bytes", "image_near")
_COLUMNS = ["task", "split", "instance_id", "twin_instance_id", "twin_split", "kind", "distance"]


@dataclass(frozen=True)
class _Twins:
    """For each row that has one: the position of its nearest twin in the train table, and the distance."""

    rows: np.ndarray
    """(k,) positions in the table that is asked about, ascending."""
    partners: np.ndarray
    """(k,) positions in train; the first of equals."""
    distances: np.ndarray
    """(k,) bits for `image_near`, else 0."""


def audit(prepared: dict[str, Path], index: Path | None, out: Path) -> None:
    """Write `audit.json` and `duplicates.parquet` into the folder `out`.

    Args:
        prepared: the prepared folder of every task of one data set.
        index: `index.parquet` of the data set's image store; None where only texts are used.
        out: `data/audit/<dataset>`.

    Raises:
        DataError: a prepared row has no image in the index.
    """
    tasks = {task: _with_keys(read_instances(folder)[0], task, index) for task, folder in prepared.items()}
    kinds = TEXT_KINDS if index is None else (*TEXT_KINDS, *IMAGE_KINDS)
    report: dict[str, Any] = {}
    duplicates: list[pd.DataFrame] = []
    for task, frame in tasks.items():
        train = _split(frame, "train")
        report[task] = {}
        for split in _scored_splits(frame):
            rows = _split(frame, split)
            twins = {kind: _twins(rows, train, kind) for kind in kinds}
            duplicates += [_listed(task, split, rows, train, kind, found) for kind, found in twins.items()]
            report[task][split] = {
                "n": len(rows),
                "exact_text": _count(_twins(rows, train, "exact_text").rows, rows),
                **{kind: _count(found.rows, rows) for kind, found in twins.items()},
                "any": _count(np.unique(np.concatenate([t.rows for t in twins.values()])), rows),
            }
    with atomic_path(out) as temporary:
        write_json(
            temporary / "audit.json",
            {
                "near_bits": None if index is None else NEAR_BITS,
                "twins_in_train": report,
                "across_tasks": _across_tasks(tasks, ("instance_id", *kinds)),
            },
        )
        write_parquet(
            temporary / "duplicates.parquet",
            pd.concat([pd.DataFrame(_EMPTY), *duplicates], ignore_index=True)[_COLUMNS],
        )


_EMPTY = {name: pd.Series([], dtype="int64" if name == "distance" else "str") for name in _COLUMNS}


def _with_keys(frame: pd.DataFrame, task: str, index: Path | None) -> pd.DataFrame:
    """The columns by which twins are found; a null key matches nothing."""
    texts = frame["text"]
    normalised = texts.map(normalise_for_matching)
    keys = pd.DataFrame(
        {
            "split": frame["split"],
            "instance_id": frame["instance_id"],
            "tweet_id": frame["tweet_id"],
            "exact_text": texts.mask(texts == ""),
            # A text of nothing but links and emoji is only the same as itself.
            "text": normalised.mask(normalised == "", texts).mask(texts == ""),
        }
    )
    if index is not None:
        hashes = pd.read_parquet(index, columns=["instance_id", "sha256", "phash"]).set_index("instance_id")
        unknown = frame.loc[~frame["instance_id"].isin(hashes.index), "instance_id"]
        if len(unknown):
            raise DataError(
                f"{index}: has no image of instance '{unknown.iloc[0]}' of task '{task}'; run "
                "`crisisweave images` again"
            )
        found = hashes.loc[frame["instance_id"]]
        keys["image_bytes"] = found["sha256"].to_numpy()
        keys["image_near"] = from_hex(found["phash"].tolist())
    return keys


def _split(frame: pd.DataFrame, split: str) -> pd.DataFrame:
    return frame[frame["split"] == split].reset_index(drop=True)


def _scored_splits(frame: pd.DataFrame) -> list[str]:
    present = set(frame["split"])
    return [split for split in SPLITS if split in present and split != "train"]


def _twins(rows: pd.DataFrame, train: pd.DataFrame, kind: str) -> _Twins:
    if kind == "image_near":
        if train.empty:
            none = np.empty(0, dtype=np.int64)
            return _Twins(none, none, none)
        partners, distances = nearest(rows[kind].to_numpy(), train[kind].to_numpy())
        hits = np.flatnonzero(distances <= NEAR_BITS)
        return _Twins(hits, partners[hits], distances[hits])
    first = train[kind].dropna().drop_duplicates()
    partners = pd.Series(first.index, index=first.array, dtype="float64").reindex(rows[kind]).to_numpy()
    hits = np.flatnonzero(~np.isnan(partners))
    return _Twins(hits, partners[hits].astype(np.int64), np.zeros(len(hits), dtype=np.int64))


def _count(hits: np.ndarray, rows: pd.DataFrame) -> dict[str, Any]:
    return {"rows": len(hits), "share": len(hits) / len(rows)}


def _listed(
    task: str, split: str, rows: pd.DataFrame, train: pd.DataFrame, kind: str, twins: _Twins
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "task": task,
            "split": split,
            "instance_id": rows["instance_id"].to_numpy()[twins.rows],
            "twin_instance_id": train["instance_id"].to_numpy()[twins.partners],
            "twin_split": "train",
            "kind": kind,
            "distance": twins.distances,
        }
    )


def _across_tasks(tasks: dict[str, pd.DataFrame], kinds: tuple[str, ...]) -> dict[str, Any]:
    """task → split → other task → how many of the split's rows occur in the other task's train, by kind."""
    return {
        task: {
            split: {
                other: {
                    kind: _count(_twins(rows, _split(others, "train"), kind).rows, rows) for kind in kinds
                }
                for other, others in tasks.items()
                if other != task and (others["split"] == "train").any()
            }
            for split in _scored_splits(frame)
            for rows in [_split(frame, split)]
        }
        for task, frame in tasks.items()
    }
