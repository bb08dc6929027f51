"""Scores and curves in the plain forms in which `dvc metrics` and `dvc plots` compare revisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from crisisweave.errors import DataError
from crisisweave.evaluation.bootstrap import METRICS
from crisisweave.files import atomic_path, write_csv, write_json


def write_metrics(methods: Iterable[Mapping[str, Any]], out: Path) -> None:
    """One file for each method on each thing scored, `<data set>/<task>[/<target>]/<split>/<method>.json`.

    It holds the mean scores over seeds. Dev scores choose epochs and are left out.
    """
    with atomic_path(out) as folder:
        for row in methods:
            if row["split"] != "dev":
                scores = {name: row[name] for name in METRICS}
                write_json(folder / _name(row, "/") / f"{row['method']}.json", scores)


def write_plots(
    methods: Sequence[Mapping[str, Any]], histories: Mapping[tuple[str, str, str], Sequence[Path]], out: Path
) -> None:
    """`scores/`: one table of methods for each thing scored; `learning/`: one curve for each trained method.

    Args:
        methods: rows of the table of methods.
        histories: (data set, task, method) → `history.csv` of its seeds. A curve is their mean at each epoch,
            over the seeds that came so far.
        out: folder of the plots' data.

    Raises:
        DataError: a history is missing.
    """
    import pandas as pd

    with atomic_path(out) as folder:
        scores: dict[str, list[dict[str, Any]]] = {}
        for row in methods:
            if row["split"] != "dev":
                scores.setdefault(_name(row, "-"), []).append(
                    {"method": row["method"], **{name: row[name] for name in METRICS}}
                )
        for name, rows in scores.items():
            write_csv(folder / "scores" / f"{name}.csv", pd.DataFrame(rows))
        for key, paths in histories.items():
            for path in paths:
                if not path.is_file():
                    raise DataError(f"{path}: no such history; train this run again")
            seeds = pd.concat([pd.read_csv(path) for path in paths])
            curve = seeds.groupby("epoch", as_index=False)[["train_loss", "dev_f1_macro"]].mean()
            write_csv(folder / "learning" / f"{'-'.join(key)}.csv", curve)


def _name(row: Mapping[str, Any], separator: str) -> str:
    return separator.join(row[key] for key in ("dataset", "task", "target", "split") if row[key])
