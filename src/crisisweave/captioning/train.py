"""The step `captioner`: a prefix captioner and its image–text scorer, from scratch.

Both learn from images of train only; the epoch with the lowest loss on dev is kept. Training takes about a
minute, so a killed run starts over and ends with the same numbers; its folder appears only when it is
complete.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from crisisweave.captioning.folder import Captioner, save_captioner
from crisisweave.captioning.inputs import Images, read_images, read_references, rows_of
from crisisweave.captioning.prefix import PrefixCaptioner
from crisisweave.captioning.similarity import DualEncoderScorer
from crisisweave.captioning.tokenizer import end_token, learn_tokenizer
from crisisweave.config.captioner import CaptionerConfig, DualEncoder
from crisisweave.errors import ConfigError, DataError
from crisisweave.files import atomic_path, write_csv, write_json
from crisisweave.seeding import best_device, seed_everything
from crisisweave.training.minimise import Best, minimise
from crisisweave.training.record import Meter, digest_of


def train_captioner(
    config: CaptionerConfig,
    *,
    features: Path,
    index: Path,
    truth: Path,
    splits: Mapping[str, str],
    seed: int,
    out: Path,
    threads: int = 1,
) -> None:
    """Train a captioner and write its folder.

    Args:
        config: a captioner with `training`.
        features: features.npy of the image encoder, rows as in `index`.
        index: index.parquet of the image store.
        truth: JSONL with the reference captions of each image.
        splits: split of each instance (see `inputs.read_splits`).
        seed: of weights, order and dropout.
        out: the captioner folder.
        threads: part of the result, as every order of summation is.

    Raises:
        ConfigError: the captioner is a published one.
        DataError: inputs are missing or do not fit, or train or dev has no captioned image.
    """
    meter = Meter()
    training, scorer_config = config.training, config.scorer
    if training is None or not isinstance(scorer_config, DualEncoder):
        raise ConfigError(f"captioner {config.name} is published, not trained; import its checkpoint instead")
    seed_everything(seed, threads)
    device = best_device()
    images, references = read_images(features, index), read_references(truth)
    rows = {split: rows_of(split, images, splits, references) for split in ("train", "dev")}
    for split, found in rows.items():
        if not found:
            raise DataError(
                f"{truth}: no image of split '{split}' has captions; a captioner needs train and dev"
            )
    captions = [references.get(instance_id, []) for instance_id in images.instance_ids]
    cells, dim = images.features.shape[1:]
    _check_grid(config, cells, features)

    tokenizer = learn_tokenizer([c for row in rows["train"] for c in captions[row]], training.vocabulary)
    model = PrefixCaptioner(config, cells, dim, tokenizer.get_vocab_size()).to(device)
    scorer = DualEncoderScorer(config, cells, dim, tokenizer).to(device)
    for module in (model, scorer):
        module.normaliser.fit(images.features[rows["train"]].to(device))
    captioner = Captioner(model, scorer, tokenizer, cells, dim)
    outcomes = {
        "captioner": fit_language(captioner, config, images, captions, rows, seed),
        "scorer": fit_scorer(scorer, scorer_config, images, captions, rows, seed),
    }
    history = pd.DataFrame(
        [{"part": part, **row} for part, outcome in outcomes.items() for row in outcome.history]
    )
    with atomic_path(out) as folder:
        folder.mkdir()
        save_captioner(captioner, config, folder)
        write_csv(folder / "history.csv", history)
        record = meter.record(
            torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
            seed=seed,
            threads=threads,
            config_sha256=hashlib.sha256(config.model_dump_json().encode()).hexdigest(),
            data_sha256=digest_of([features, index, truth], splits),
            parameters={"captioner": _parameters(model), "scorer": _parameters(scorer)},
            rows={split: len(found) for split, found in rows.items()},
            best_epoch={part: outcome.best_epoch for part, outcome in outcomes.items()},
            dev_metric={f"{part}_loss": outcome.dev_loss for part, outcome in outcomes.items()},
        )
        write_json(folder / "run.json", record)


def fit_language(
    captioner: Captioner,
    config: CaptionerConfig,
    images: Images,
    captions: Sequence[Sequence[str]],
    rows: Mapping[str, list[int]],
    seed: int,
) -> Best:
    """Teach mapper and language model the captions, token by token."""
    assert config.training is not None
    model, drop = captioner.model, config.training.feature_dropout
    assert isinstance(model, PrefixCaptioner)
    end = end_token(captioner.tokenizer)
    tokens = encode_captions(captioner.tokenizer, captions, config.decoding.max_tokens, end)
    device = next(model.parameters()).device

    def loss(batch: Sequence[int]) -> tuple[Tensor, int]:
        """Summed cross-entropy of all captions of the images at rows `batch`, and the number of tokens."""
        features = model.normaliser(images.features[batch].to(device))
        prefix = model.mapper(F.dropout(features, drop, model.training))
        counts = torch.tensor([len(tokens[row]) for row in batch], device=device)
        own = [caption for row in batch for caption in tokens[row]]
        targets = nn.utils.rnn.pad_sequence(own, batch_first=True, padding_value=-100).to(device)
        logits = model(prefix.repeat_interleave(counts, dim=0), targets.clamp_min(0))
        total = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum", ignore_index=-100)
        return total, sum(len(caption) for caption in own)

    return minimise(model, loss, rows, config.training, seed, f"train captioner {config.name}")


def fit_scorer(
    scorer: DualEncoderScorer,
    config: DualEncoder,
    images: Images,
    captions: Sequence[Sequence[str]],
    rows: Mapping[str, list[int]],
    seed: int,
) -> Best:
    """Teach the scorer which caption belongs to which image."""
    device = scorer.log_scale.device
    generator = torch.Generator().manual_seed(seed)

    def loss(batch: Sequence[int]) -> tuple[Tensor, int]:
        """Summed InfoNCE of the images at rows `batch`, each with one of its captions (dev: its first)."""
        picks = [
            int(torch.randint(len(captions[row]), (), generator=generator)) if scorer.training else 0
            for row in batch
        ]
        texts = [captions[row][pick] for row, pick in zip(batch, picks, strict=True)]
        return scorer.loss(images.features[batch].to(device), texts) * len(batch), len(batch)

    return minimise(scorer, loss, rows, config, seed, "train image–text scorer")


def encode_captions(
    tokenizer: Tokenizer, captions: Sequence[Sequence[str]], longest: int, end: int
) -> list[list[Tensor]]:
    """Token ids of every caption of every image, the end token included, at most `longest`."""
    return [
        [torch.tensor([*encoded.ids[: longest - 1], end]) for encoded in tokenizer.encode_batch(list(own))]
        for own in captions
    ]


def _check_grid(config: CaptionerConfig, cells: int, features: Path) -> None:
    assert config.image is not None
    if cells != config.image.grid**2:
        raise DataError(
            f"{features}: holds {cells} vectors per image, captioner {config.name} reads a grid of "
            f"{config.image.grid} × {config.image.grid}; run `crisisweave features` with that grid"
        )


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
