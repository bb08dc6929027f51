"""`rationales.parquet`: one row for each instance and extractor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crisisweave.errors import DataError
from crisisweave.rationales.faithfulness import Parts

METHOD = "method"
"""The extractor that stands for a method's own rationale; all others are comparators."""
COLUMNS = (
    "instance_id",
    "split",
    "extractor",
    "target",
    "words",
    "word_scores",
    "word_selected",
    "grid_h",
    "grid_w",
    "patch_scores",
    "patch_selected",
)


class Found(NamedTuple):
    """What one extractor says of some instances, in their order; one of a single modality lacks the other.

    Attributes:
        target: the class that is explained.
        word_scores, word_selected: one array (n words,) for each instance.
        patch_scores, patch_selected: one array (P,) for each instance.
    """

    target: Sequence[str]
    word_scores: Sequence[NDArray[np.float32]] | None = None
    word_selected: Sequence[NDArray[np.bool_]] | None = None
    patch_scores: Sequence[NDArray[np.float32]] | None = None
    patch_selected: Sequence[NDArray[np.bool_]] | None = None


def rationale_table(
    frame: pd.DataFrame,
    words: Sequence[Sequence[str]],
    grid: tuple[int, int] | None,
    found: dict[str, Found],
) -> pd.DataFrame:
    """All extractors' rationales of the instances of `frame`, sorted by split, instance and extractor.

    Args:
        frame: the instances.
        words: of each instance.
        grid: (h, w) of the patches, or None where no image is read.
        found: extractor → what it says.
    """
    n = len(frame)
    nothing = [None] * n
    parts = []
    for extractor, result in found.items():
        seen = result.patch_scores is not None
        part: dict[str, Any] = {
            "instance_id": frame["instance_id"].to_numpy(),
            "split": frame["split"].astype(str).to_numpy(),
            "extractor": extractor,
            "target": list(result.target),
            "words": [list(of_instance) for of_instance in words],
            "word_scores": result.word_scores or nothing,
            "word_selected": result.word_selected or nothing,
            "grid_h": pd.array([grid[0] if grid and seen else None] * n, dtype="Int32"),
            "grid_w": pd.array([grid[1] if grid and seen else None] * n, dtype="Int32"),
            "patch_scores": result.patch_scores or nothing,
            "patch_selected": result.patch_selected or nothing,
        }
        parts.append(pd.DataFrame(part, columns=COLUMNS))
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["split", "instance_id", "extractor"], ignore_index=True)


@dataclass(frozen=True)
class Rationales:
    """One extractor's rationales of one split, padded; instances in the order of their ids.

    Attributes:
        instance_ids: (N,).
        n_words: (N,).
        scores, selected: of words (N, W) and patches (N, P); None where it does not speak of them.
        grid: (h, w), or None without patches.
    """

    instance_ids: list[str]
    n_words: NDArray[np.int64]
    scores: Parts
    selected: Parts
    grid: tuple[int, int] | None

    def at(self, rows: NDArray[np.int64]) -> Rationales:
        """Those of some of the instances."""
        scores, selected = (
            Parts(*(None if part is None else part[rows] for part in parts))
            for parts in (self.scores, self.selected)
        )
        ids = [self.instance_ids[row] for row in rows]
        return Rationales(ids, self.n_words[rows], scores, selected, self.grid)


def read_rationales(path: Path) -> dict[str, dict[str, Rationales]]:
    """Split → extractor → rationales; all extractors of a split have the same instances and padding.

    Raises:
        DataError: the file is missing, or the rows of a split are not of the same instances.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such rationales; run `crisisweave explain` for this run first")
    table = pd.read_parquet(path)
    result: dict[str, dict[str, Rationales]] = {}
    for split, rows in table.groupby("split", sort=True):
        extractors = {
            str(name): _padded(part.sort_values("instance_id"))
            for name, part in rows.groupby("extractor", sort=True)
        }
        ids = {tuple(part.instance_ids) for part in extractors.values()}
        if METHOD not in extractors or len(ids) > 1:
            raise DataError(
                f"{path}: the extractors of split {split} do not speak of the same instances; explain again"
            )
        result[str(split)] = extractors
    return result


def _padded(rows: pd.DataFrame) -> Rationales:
    n_words = np.array([len(words) for words in rows["words"]], dtype=np.int64)
    grid = None
    if rows["grid_h"].notna().all():
        grid = (int(rows["grid_h"].iloc[0]), int(rows["grid_w"].iloc[0]))
    return Rationales(
        list(rows["instance_id"]),
        n_words,
        Parts(*(_matrix(rows[f"{part}_scores"], np.float64) for part in ("word", "patch"))),
        Parts(*(_matrix(rows[f"{part}_selected"], np.bool_) for part in ("word", "patch"))),
        grid,
    )


def _matrix(column: pd.Series, dtype: type) -> NDArray | None:
    """Arrays of a column as one (N, longest), padded with zeros; None where the column is null."""
    if column.isna().any():
        return None
    matrix: NDArray = np.zeros((len(column), max(1, max(map(len, column)))), dtype=dtype)
    for row, values in zip(matrix, column, strict=True):
        row[: len(values)] = values
    return matrix
