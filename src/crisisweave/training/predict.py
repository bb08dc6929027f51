"""The steps that score: `predict`, `transfer` and `combine`. Each gives a table of probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crisisweave.config.profile import TransferConfig
from crisisweave.datasets.tables import read_instances
from crisisweave.errors import DataError
from crisisweave.files import write_json, write_parquet
from crisisweave.layout import Sources
from crisisweave.methods.decision import combine as combine_probabilities
from crisisweave.training.examples import Examples
from crisisweave.training.loop import probabilities
from crisisweave.training.record import Meter
from crisisweave.training.runs import RunConfig, load_model, read_run_config, write_run_config
from crisisweave.training.seeding import best_device, seed_everything

SCORED_SPLITS = ("dev", "test")
_KEYS = ["instance_id", "tweet_id", "event", "split", "label"]


def _scored(run: Path, frame: pd.DataFrame, sources: Sources) -> pd.DataFrame:
    config = read_run_config(run)
    seed_everything(config.seed, config.threads)
    model = load_model(config, run)
    device = best_device()
    examples = Examples(frame, model, config.method, sources)
    return _table(frame, probabilities(model.to(device), examples, device), config.classes)


def _table(frame: pd.DataFrame, values: NDArray[np.float64], classes: Sequence[str]) -> pd.DataFrame:
    table = frame[_KEYS].reset_index(drop=True)
    names = np.array(classes)[values.argmax(axis=1)]
    table["predicted"] = pd.Categorical(names, categories=list(classes))
    for i, name in enumerate(classes):
        table[f"p_{name}"] = values[:, i]
    return table


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


def transfer(run: Path, target: TransferConfig, sources: Sources, out: Path) -> None:
    """Score a trained run on another data set without training (zero-shot); writes predictions.parquet.

    Args:
        run: folder of the trained run.
        target: which rows, and what their labels mean in the trained task.
        sources: inputs of the target's data set and task.
        out: folder for the predictions.
    """
    frame, _ = read_instances(sources.prepared, target.splits)
    rows = transfer_rows(frame, target, read_run_config(run).classes)
    if rows.empty:
        raise DataError(f"transfer target {target.name}: no row is left after its class_map; correct it")
    write_parquet(out / "predictions.parquet", _scored(run, rows, sources))


def combine(config: RunConfig, text: Path, image: Path, out: Path, write_config: bool = True) -> None:
    """Fuse the predictions of a text run and an image run; writes predictions.parquet.

    Args:
        config: the resolved decision-fusion run.
        text: predictions of the text method.
        image: predictions of the image method.
        out: folder for the predictions.
        write_config: also write config.yaml and run.json, as a trained run has them.

    Raises:
        DataError: the two tables are not about the same rows and classes.
    """
    meter = Meter()
    assert config.method.rule is not None
    tables = [pd.read_parquet(path) for path in (text, image)]
    columns = [f"p_{name}" for name in config.classes]
    for path, table in zip((text, image), tables, strict=True):
        if [c for c in table.columns if c.startswith("p_")] != columns:
            raise DataError(f"{path}: its classes are not those of {config.task}; predict it again")
    if not tables[0][_KEYS].astype(str).equals(tables[1][_KEYS].astype(str)):
        raise DataError(f"{text} and {image} hold different rows; predict both again")
    fused = combine_probabilities(
        config.method.rule, *(table[columns].to_numpy(dtype=np.float64) for table in tables)
    )
    write_parquet(out / "predictions.parquet", _table(tables[0], fused, config.classes))
    if write_config:
        write_run_config(config, out)
        write_json(
            out / "run.json",
            meter.record(
                "cpu",
                seed=config.seed,
                threads=config.threads,
                config_sha256=config.digest(),
                parameters={"total": 0, "trained": 0},
            ),
        )
