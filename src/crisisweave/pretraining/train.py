"""The step `joint`: a small joint encoder, from pairs of text and image alone.

No label is read. Only images of train teach it, and those of dev choose the epoch. Training takes a few
minutes, so a killed run starts over and ends with the same numbers; its folder appears only when it is
complete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from crisisweave.config.joint import JointConfig, Pretraining
from crisisweave.encoders.features import grey_patch
from crisisweave.encoders.joint import JointEncoder, JointInput
from crisisweave.encoders.joint_folder import new_encoder, save_joint
from crisisweave.errors import ConfigError
from crisisweave.files import atomic_path, write_csv, write_json
from crisisweave.layout import Sources
from crisisweave.pretraining.objectives import Losses, Objectives
from crisisweave.pretraining.pairs import Pairs, read_pairs
from crisisweave.seeding import best_device, seed_everything
from crisisweave.training.minimise import minimise
from crisisweave.training.record import Meter, digest_of


def train_joint(
    config: JointConfig,
    *,
    images: Sources,
    instances: Sequence[Path],
    truth: Path,
    splits: Mapping[str, str],
    seed: int,
    out: Path,
    threads: int = 1,
) -> None:
    """Train a joint encoder and write its folder.

    Args:
        config: a joint encoder with `training`.
        images: of the data set: image store and patch features.
        instances: instances.parquet of the tasks.
        truth: JSONL with the captions of each image.
        splits: split of each instance (see `captioning.inputs.read_splits`).
        seed: of weights, order, masks and dropout.
        out: the encoder's folder.
        threads: part of the result, as every order of summation is.

    Raises:
        DataError: inputs are missing or do not fit, or train or dev has no captioned image.
    """
    meter = Meter()
    training = config.training
    if training is None:
        raise ConfigError(f"joint encoder {config.name} is published, not trained; import it instead")
    seed_everything(seed, threads)
    device = best_device()
    grey = None if config.patches.encoder is None else grey_patch(config.patches)
    encoder = new_encoder(config, 3 * config.patches.patch**2 if grey is None else len(grey))
    pairs, rows = read_pairs(encoder, images, instances, truth, splits, training.captions, config.max_tokens)
    if grey is not None:
        encoder.fit_patches(pairs.images[rows["train"]], grey)
    learner = _learner(encoder, pairs, rows["train"], training).to(device)
    best = minimise(
        learner, _Loss(learner, pairs, training, seed), rows, training, seed, f"train {config.name}"
    )
    files = [truth, images.images / "index.parquet", *instances]
    with atomic_path(out) as folder:
        folder.mkdir()
        save_joint(encoder, config, folder)
        write_csv(folder / "history.csv", pd.DataFrame(best.history))
        record = meter.record(
            torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            seed=seed,
            threads=threads,
            config_sha256=hashlib.sha256(config.model_dump_json().encode()).hexdigest(),
            data_sha256=digest_of(files, splits),
            parameters=sum(p.numel() for p in encoder.parameters() if p.requires_grad),
            rows={split: len(found) for split, found in rows.items()},
            best_epoch=best.best_epoch,
            dev_metric={"loss": best.dev_loss},
        )
        write_json(folder / "run.json", record)


def _learner(encoder: JointEncoder, pairs: Pairs, rows: Sequence[int], config: Pretraining) -> Objectives:
    first, ids = pairs.first.tolist(), pairs.tokens.ids
    seen = np.unique(
        np.concatenate([ids[text] for row in rows for text in range(first[row], first[row + 1])])
    )
    return Objectives(encoder, torch.from_numpy(seen).long(), encoder.mask, config.mask)


class _Loss:
    """Rows → summed loss: in training each image with one of its texts, on dev each with its tweet."""

    def __init__(self, learner: Objectives, pairs: Pairs, config: Pretraining, seed: int):
        self._learner, self._pairs, self._config = learner, pairs, config
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, rows: Sequence[int]) -> tuple[Tensor, int]:
        learner, device = self._learner, self._learner.vocabulary.device
        chosen = torch.tensor(rows)
        start, count = self._pairs.first[chosen], self._pairs.first[chosen + 1] - self._pairs.first[chosen]
        # Dev is scored with the same masks and pairs in every epoch, so that epochs can be compared.
        generator = self._generator if learner.training else torch.Generator().manual_seed(0)
        drawn = torch.rand(len(rows), generator=generator) if learner.training else torch.zeros(len(rows))
        texts = start + (drawn * count).long()
        tokens = self._pairs.tokens.pad(texts.numpy()).to(device)
        x: JointInput = learner.encoder.read(tokens, self._pairs.images[chosen].to(device))
        losses: Losses = learner(x, generator)
        total = losses.words + losses.matching + self._config.alignment * losses.alignment
        return total * len(rows), len(rows)
