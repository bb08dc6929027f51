"""The step `combine`: decision fusion of two runs' predictions. It trains nothing and needs no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from crisisweave.config.run import RunConfig, write_run_config
from crisisweave.errors import DataError
from crisisweave.files import write_json, write_parquet
from crisisweave.methods.decision import combine as combine_probabilities
from crisisweave.training.record import Meter
from crisisweave.training.tables import KEYS, prediction_table


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
    if not tables[0][KEYS].astype(str).equals(tables[1][KEYS].astype(str)):
        raise DataError(f"{text} and {image} hold different rows; predict both again")
    fused = combine_probabilities(
        config.method.rule, *(table[columns].to_numpy(dtype=np.float64) for table in tables)
    )
    write_parquet(out / "predictions.parquet", prediction_table(tables[0], fused, config.classes))
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
