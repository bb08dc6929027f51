"""The step `train`: one data set, task, method and seed to a run folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from crisisweave.config.method import MethodConfig
from crisisweave.config.run import RunConfig, write_run_config
from crisisweave.config.steps import STEPS, family_version
from crisisweave.datasets.tables import read_instances
from crisisweave.errors import ConfigError, DataError
from crisisweave.files import write_csv, write_json
from crisisweave.layout import Sources
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.lxmert import LxmertMethod
from crisisweave.methods.registry import build_model
from crisisweave.seeding import best_device, seed_everything
from crisisweave.training.balanced import balanced_rows
from crisisweave.training.captioned import captioned_rows
from crisisweave.training.checkpoint import CACHE, Checkpoints
from crisisweave.training.examples import Examples
from crisisweave.training.gold import training_gold
from crisisweave.training.loop import fit
from crisisweave.training.record import Meter
from crisisweave.training.runs import data_digest, save_model


def training_rows(frame: pd.DataFrame, config: MethodConfig) -> pd.DataFrame:
    """The rows that a method learns from: those with its target label, concordant ones only if it says so."""
    keep = frame[config.target].notna()
    if config.rows == "concordant":
        keep &= frame["concordant"].fillna(True).astype(bool)
    return frame[keep]


def _fit_frozen(model: Classifier, train: Examples) -> None:
    """Standardise frozen features by the training rows."""
    for branch, features in (
        (model.text_branch, train.text_features),
        (model.image_branch, train.image_features),
    ):
        if branch is not None and branch.frozen is not None:
            assert features is not None
            branch.frozen.fit(features)
    if isinstance(model, LxmertMethod):
        assert train.regions is not None
        model.fit_regions(train.regions.sample())


def train(
    config: RunConfig,
    sources: Sources,
    folder: Path,
    checkpoint_every: float = 120.0,
    checkpoint_folder: Path = CACHE,
) -> None:
    """Train one run and write model.safetensors, config.yaml, history.csv and run.json.

    Only the splits train and dev are read. A run that was killed goes on from its last checkpoint and ends
    with the numbers of an undisturbed run.

    Args:
        config: the resolved run.
        sources: where its inputs lie.
        folder: the run folder.
        checkpoint_every: seconds between two checkpoints.
        checkpoint_folder: where checkpoints live until the run is done.

    Raises:
        DataError: inputs are missing, or a class has no training row.
    """
    meter = Meter()
    method = config.method
    if method.training is None:
        step = "combine" if method.is_decision else "read-partly"
        raise ConfigError(f"method '{method.name}' is not trained; use `crisisweave {step}` for it")
    seed_everything(config.seed, config.threads)
    device = best_device()
    frame, _ = read_instances(sources.prepared, ["train", "dev"])
    rows = {split: training_rows(frame[frame["split"] == split], method) for split in ("train", "dev")}
    counts = rows["train"][method.target].value_counts()
    for name in config.classes:
        if counts.get(name, 0) == 0:
            raise DataError(
                f"{sources.prepared}: class '{name}' has no row in train that method {method.name} may "
                f"learn from; merge the class into another or leave it out of the task"
            )
    if rows["dev"].empty:
        raise DataError(
            f"{sources.prepared}: split 'dev' has no labelled row, so no epoch can be chosen for "
            f"method {method.name}; give the data set a dev split"
        )
    if method.equal_classes:
        rows["train"] = balanced_rows(rows["train"], method.target, config.seed)
    model = build_model(method, len(config.classes))
    train_examples, dev_examples = (
        Examples(
            rows[split],
            model,
            method,
            sources,
            training_gold(config, sources, rows[split], needed),
            captioned_rows(rows[split], method.caption_share, config.seed),
        )
        for split, needed in (("train", True), ("dev", False))
    )
    _fit_frozen(model, train_examples)
    digest = data_digest(config, sources)
    # The versions are part of the key: half a run of older code is not gone on with.
    versions = f"v{STEPS['train'].version}.{family_version(method.family)}"
    key = f"{config.digest()[:16]}-{digest[:16]}-{versions}"
    stores = [
        Checkpoints(f"{key}-{phase}" if phase else key, checkpoint_every, checkpoint_folder)
        for phase in model.phases
    ]
    history: list[dict[str, Any]] = []
    for phase, checkpoints in zip(model.phases, stores, strict=True):
        model.begin(phase)
        outcome = fit(
            model,
            train_examples,
            dev_examples,
            len(config.classes),
            method.training,
            config.seed,
            device,
            checkpoints,
            meter,
            method.balance,
        )
        model.load_state_dict(outcome.state, strict=False)
        if checkpoints is not stores[-1]:
            checkpoints.save({**outcome.finished, "spent": meter.spent()})
        best_epoch = len(history) + outcome.best_epoch
        told = {"phase": phase} if len(stores) > 1 else {}
        history += [{**told, **row, "epoch": len(history) + row["epoch"]} for row in outcome.history]
    save_model(outcome.state, config, folder)
    write_run_config(config, folder)
    write_csv(folder / "history.csv", pd.DataFrame(history))
    write_json(
        folder / "run.json",
        meter.record(
            torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            seed=config.seed,
            threads=config.threads,
            config_sha256=config.digest(),
            data_sha256=digest,
            parameters={
                "total": sum(p.numel() for p in model.parameters()),
                "trained": sum(p.numel() for p in model.parameters() if p.requires_grad),
            },
            rows={"train": len(train_examples), "dev": len(dev_examples)},
            best_epoch=best_epoch,
            dev_metric={method.training.select_on: outcome.dev_score},
        ),
    )
    for checkpoints in stores:
        checkpoints.discard()
