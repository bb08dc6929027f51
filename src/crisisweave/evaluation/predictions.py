"""Reading `predictions.parquet`, and refusing what cannot be scored."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from crisisweave.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

_TEXT_COLUMNS = ("instance_id", "tweet_id", "event", "split")
_SUM_TOLERANCE = 1e-4
"""Single-precision softmax over some dozen classes is off by 1e-6 at most."""


@dataclass(frozen=True)
class Predictions:
    """The predictions of one run on one split, ordered by instance id."""

    classes: tuple[str, ...]
    instance_ids: NDArray[np.object_]
    tweet_ids: NDArray[np.object_]
    events: NDArray[np.object_]
    truth: NDArray[np.int64]
    """(n,) class ids."""
    predicted: NDArray[np.int64]
    """(n,) class ids."""
    probabilities: NDArray[np.float64]
    """(n, k)"""

    def __len__(self) -> int:
        return len(self.truth)

    def keep(self, chosen: NDArray[np.bool_]) -> Predictions:
        """The rows where `chosen` (n,) is true."""
        return Predictions(
            self.classes,
            self.instance_ids[chosen],
            self.tweet_ids[chosen],
            self.events[chosen],
            self.truth[chosen],
            self.predicted[chosen],
            self.probabilities[chosen],
        )


def read_predictions(path: Path) -> dict[str, Predictions]:
    """Read a predictions file: split → predictions, splits in the order of their names.

    Raises:
        DataError: the file is missing or cannot be read, a column is missing or of the wrong kind, a label
            is null, probabilities are not a distribution over exactly the class list, an id occurs twice.
    """
    import pandas as pd

    if not path.is_file():
        raise DataError(
            f"{path}: no such predictions file; run `crisisweave predict-splits` for this run first"
        )
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not a readable Parquet file; delete it and predict again") from error
    classes = _classes(table, path)
    _check_rows(table, path)
    probabilities = _probabilities(table, classes, path)
    truth = table["label"].cat.codes.to_numpy().astype(np.int64)
    predicted = table["predicted"].cat.codes.to_numpy().astype(np.int64)

    splits = {}
    for split in sorted(table["split"].unique()):
        rows = np.flatnonzero((table["split"] == split).to_numpy())
        part = table.iloc[rows]
        order = np.argsort(part["instance_id"].to_numpy(dtype=object), kind="stable")
        twice = part["instance_id"][part["instance_id"].duplicated()]
        if len(twice):
            raise DataError(
                f"{path}: instance '{twice.iloc[0]}' occurs twice in split {split}; predict again"
            )
        rows = rows[order]
        splits[str(split)] = Predictions(
            classes,
            part["instance_id"].to_numpy(dtype=object)[order],
            part["tweet_id"].to_numpy(dtype=object)[order],
            part["event"].to_numpy(dtype=object)[order],
            truth[rows],
            predicted[rows],
            probabilities[rows],
        )
    return splits


def _classes(table: pd.DataFrame, path: Path) -> tuple[str, ...]:
    """The fixed class list, from the categorical columns."""
    import pandas as pd

    for name in (*_TEXT_COLUMNS, "label", "predicted"):
        if name not in table.columns:
            raise DataError(f"{path}: column '{name}' is missing; predict again with this version")
    for name in ("label", "predicted"):
        if not isinstance(table[name].dtype, pd.CategoricalDtype):
            raise DataError(
                f"{path}: column '{name}' is not categorical, so the class list is unknown; predict again"
            )
    classes = tuple(str(name) for name in table["label"].cat.categories)
    if tuple(table["predicted"].cat.categories) != classes:
        raise DataError(
            f"{path}: 'label' and 'predicted' have different class lists; predict again with one task"
        )
    return classes


def _check_rows(table: pd.DataFrame, path: Path) -> None:
    if table.empty:
        raise DataError(f"{path}: no rows, so there is nothing to score; check the split's prepared table")
    for name in (*_TEXT_COLUMNS, "label", "predicted"):
        missing = table[name].isna()
        if missing.any():
            where = table["instance_id"][missing].iloc[0]
            raise DataError(
                f"{path}: '{name}' is null in {int(missing.sum())} rows (first: instance '{where}'); "
                "only rows with a label can be scored: leave the others out when predicting"
            )


def _probabilities(table: pd.DataFrame, classes: tuple[str, ...], path: Path) -> NDArray[np.float64]:
    found = [name for name in table.columns if name.startswith("p_")]
    wanted = [f"p_{name}" for name in classes]
    for name in found:
        if name not in wanted:
            raise DataError(f"{path}: column '{name}' belongs to no class of this task; predict again")
    for name in wanted:
        if name not in found:
            raise DataError(f"{path}: probability column '{name}' is missing; predict again")
    try:
        values = table[wanted].to_numpy(dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{path}: a probability column holds something else than numbers") from error
    wrong = ~np.isfinite(values).all(axis=1) | (values < 0).any(axis=1)
    wrong |= ~(np.abs(values.sum(axis=1) - 1) <= _SUM_TOLERANCE)
    if wrong.any():
        where = table["instance_id"][wrong].iloc[0]
        raise DataError(
            f"{path}: the probabilities of {int(wrong.sum())} rows (first: instance '{where}') are negative, "
            "not finite or do not sum to one; the model or its precision is at fault: predict again"
        )
    return values
