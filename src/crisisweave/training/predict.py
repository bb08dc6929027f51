"""Scoring of a trained run by `predict-splits` and `transfer`: each gives a table of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from crisisweave.config.profile import TransferConfig
from crisisweave.config.run import read_run_config
from crisisweave.datasets.tables import read_instances
from crisisweave.errors import DataError
from crisisweave.files import write_parquet
from crisisweave.layout import Sources
from crisisweave.seeding import best_device, seed_everything
from crisisweave.training.examples import Examples
from crisisweave.training.loop import probabilities
from crisisweave.training.runs import load_model
from crisisweave.training.tables import prediction_table

SCORED_SPLITS = ("dev", "test")


def _scored(run: Path, frame: pd.DataFrame, sources: Sources) -> pd.DataFrame:
    config = read_run_config(run)
    seed_everything(config.seed, config.threads)
    model = load_model(config, run)
    device = best_device()
    examples = Examples(frame, model, config.method, sources)
    return prediction_table(frame, probabilities(model.to(device), examples, device), config.classes)


def predict(run: Path, sources: Sources, splits: Sequence[str] = SCORED_SPLITS) -> None:
    """Score a trained run on the labelled rows of `splits`; writes predictions.parquet into its folder.

    Rows on whose label the modalities disagree have none and are left out (thesis, 3.5.1).
    """
    frame, _ = read_instances(sources.prepared, splits)
    write_parquet(run / "predictions.parquet", _scored(run, frame[frame["label"].notna()], sources))


def transfer_rows(frame: pd.DataFrame, target: TransferConfig, classes: Sequence[str]) -> pd.DataFrame:
    """The target's labelled rows with their labels in the trained task's classes."""
    mapped = frame["label"].astype(object).map(target.class_map)
    frame = frame.assign(label=pd.Categorical(mapped, categories=list(classes)))
    return frame[frame["label"].notna()]


def target_rows(target: TransferConfig, sources: Sources, classes: Sequence[str]) -> pd.DataFrame:
    """The same rows, read from the target's prepared table.

    Raises:
        DataError: no row has a label of the trained task.
    """
    frame, _ = read_instances(sources.prepared, target.splits)
    rows = transfer_rows(frame, target, classes)
    if rows.empty:
        raise DataError(f"transfer target {target.name}: no row is left after its class_map; correct it")
    return rows


def transfer(run: Path, target: TransferConfig, sources: Sources, out: Path) -> None:
    """Score a trained run on another data set without training (zero-shot); writes predictions.parquet.

    Args:
        run: folder of the trained run.
        target: which rows, and what their labels mean in the trained task.
        sources: inputs of the target's data set and task.
        out: folder for the predictions.
    """
    rows = target_rows(target, sources, read_run_config(run).classes)
    write_parquet(out / "predictions.parquet", _scored(run, rows, sources))
