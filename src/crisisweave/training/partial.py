"""The step `read-partly`: a trained model reads tweets without captions, or captions without tweets.

These are the settings TC_T and TC_C of the thesis' table 4.1 (4.4.4). Nothing is trained.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from crisisweave.config.profile import TransferConfig
from crisisweave.config.run import RunConfig, read_run_config, write_run_config
from crisisweave.datasets.tables import read_instances
from crisisweave.files import sha256_file, write_json, write_parquet
from crisisweave.layout import Sources
from crisisweave.seeding import best_device, seed_everything
from crisisweave.training.examples import Examples
from crisisweave.training.loop import probabilities
from crisisweave.training.predict import SCORED_SPLITS, target_rows
from crisisweave.training.record import Meter
from crisisweave.training.runs import load_model
from crisisweave.training.tables import prediction_table


def read_partly(
    config: RunConfig, whole: Path, sources: Sources, out: Path, target: TransferConfig | None = None
) -> None:
    """Score a run's model on text alone or on captions alone; writes predictions.parquet.

    On the run's own data set config.yaml and run.json are written too, as a trained run has them.

    Args:
        config: the partial reading; its method's inputs are shown.
        whole: folder of the run whose model is read.
        sources: inputs of the data set and task that are scored.
        out: folder for the predictions.
        target: the transfer target, or None for dev and test of the run's own data set.

    Raises:
        DataError: inputs are missing, or the target has no row of the run's classes.
        WeightsError: the run has no weights, or another run's.
    """
    meter = Meter()
    if target is None:
        frame, _ = read_instances(sources.prepared, SCORED_SPLITS)
        frame = frame[frame["label"].notna()]
    else:
        frame = target_rows(target, sources, config.classes)
    write_parquet(out / "predictions.parquet", _scored(config, whole, frame, sources))
    if target is not None:
        return
    write_run_config(config, out)
    device = best_device()
    write_json(
        out / "run.json",
        meter.record(
            torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            seed=config.seed,
            threads=config.threads,
            config_sha256=config.digest(),
            model_sha256=sha256_file(whole / "model.safetensors"),
            parameters={"total": 0, "trained": 0},
        ),
    )


def _scored(config: RunConfig, whole: Path, frame: pd.DataFrame, sources: Sources) -> pd.DataFrame:
    trained = read_run_config(whole)
    seed_everything(trained.seed, trained.threads)
    model = load_model(trained, whole)
    device = best_device()
    shown = config.method.inputs
    captioned = None if "caption" in shown else np.zeros(len(frame), dtype=bool)
    examples = Examples(frame, model, trained.method, sources, captioned=captioned, texts="text" in shown)
    return prediction_table(frame, probabilities(model.to(device), examples, device), trained.classes)
