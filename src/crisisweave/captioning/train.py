"""The step `captioner`: a prefix captioner and its image–text scorer, from scratch.

Both learn from images of train only; the epoch with the lowest loss on dev is kept. Training takes about a
minute, so a killed run starts over and ends with the same numbers; its folder appears only when it is
complete.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

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
from crisisweave.config.captioner import CaptionerConfig, DualEncoder, Optimisation
from crisisweave.errors import ConfigError, DataError
from crisisweave.files import atomic_path, sha256_file, write_csv, write_json
from crisisweave.progress import track
from crisisweave.seeding import best_device, seed_everything
from crisisweave.training.record import Meter

SCORING_BATCH = 256


class Outcome(NamedTuple):
    """Epoch (from 1) whose weights were kept, its dev loss, and one row per epoch."""

    best_epoch: int
    dev_loss: float
    history: list[dict[str, float]]


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
            data_sha256=_data_digest([features, index, truth], splits),
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
) -> Outcome:
    """Teach mapper and language model the captions, token by token."""
    assert config.training is not None
    model, drop = captioner.model, config.training.feature_dropout
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

    return fit(model, loss, rows, config.training, seed, f"train captioner {config.name}")


def fit_scorer(
    scorer: DualEncoderScorer,
    config: DualEncoder,
    images: Images,
    captions: Sequence[Sequence[str]],
    rows: Mapping[str, list[int]],
    seed: int,
) -> Outcome:
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

    return fit(scorer, loss, rows, config, seed, "train image–text scorer")


def fit(
    module: nn.Module,
    loss: Callable[[Sequence[int]], tuple[Tensor, int]],
    rows: Mapping[str, list[int]],
    config: Optimisation,
    seed: int,
    title: str,
) -> Outcome:
    """Minimise a loss over the rows of train; leave the module with the weights of its best epoch on dev.

    Args:
        loss: rows → summed loss and the number of terms that it sums.
    """
    optimiser = torch.optim.AdamW(_groups(module, config.weight_decay), lr=config.lr, fused=True)
    generator = torch.Generator().manual_seed(seed)
    per_epoch = -(-len(rows["train"]) // config.batch_size)
    steps = config.epochs * per_epoch
    warmup = max(1, round(config.warmup * steps))
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda s: min((s + 1) / warmup, (steps - s) / max(1, steps - warmup))
    )
    best: tuple[float, int, dict[str, Tensor]] | None = None
    history: list[dict[str, float]] = []
    for epoch in track(range(1, config.epochs + 1), title):
        module.train()
        order = [rows["train"][i] for i in torch.randperm(len(rows["train"]), generator=generator).tolist()]
        summed, terms = 0.0, 0
        for start in range(0, len(order), config.batch_size):
            total, n = loss(order[start : start + config.batch_size])
            optimiser.zero_grad(set_to_none=True)
            (total / n).backward()
            nn.utils.clip_grad_norm_(module.parameters(), config.clip)
            optimiser.step()
            schedule.step()
            summed, terms = summed + float(total.detach()), terms + n
        dev_loss = _mean_loss(module, loss, rows["dev"])
        history.append({"epoch": epoch, "train_loss": summed / terms, "dev_loss": dev_loss})
        if best is None or dev_loss < best[0]:
            best = (dev_loss, epoch, copy.deepcopy(module.state_dict()))
        elif epoch - best[1] >= config.patience:
            break
    assert best is not None
    module.load_state_dict(best[2])
    module.eval()
    return Outcome(best[1], best[0], history)


def encode_captions(
    tokenizer: Tokenizer, captions: Sequence[Sequence[str]], longest: int, end: int
) -> list[list[Tensor]]:
    """Token ids of every caption of every image, the end token included, at most `longest`."""
    return [
        [torch.tensor([*encoded.ids[: longest - 1], end]) for encoded in tokenizer.encode_batch(list(own))]
        for own in captions
    ]


def _mean_loss(
    module: nn.Module, loss: Callable[[Sequence[int]], tuple[Tensor, int]], rows: Sequence[int]
) -> float:
    module.eval()
    with torch.inference_mode():
        parts = [loss(rows[i : i + SCORING_BATCH]) for i in range(0, len(rows), SCORING_BATCH)]
    return sum(float(total) for total, _ in parts) / sum(n for _, n in parts)


def _groups(module: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay spares biases and normalisation (vectors), as is usual for transformers."""
    matrices = [p for p in module.parameters() if p.ndim > 1]
    vectors = [p for p in module.parameters() if p.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _check_grid(config: CaptionerConfig, cells: int, features: Path) -> None:
    if cells != config.image.grid**2:
        raise DataError(
            f"{features}: holds {cells} vectors per image, captioner {config.name} reads a grid of "
            f"{config.image.grid} × {config.image.grid}; run `crisisweave features` with that grid"
        )


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _data_digest(files: Sequence[Path], splits: Mapping[str, str]) -> str:
    parts = [*(sha256_file(path) for path in files), json.dumps(splits, sort_keys=True)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
