"""Minimising a loss over rows, for small models that are trained in a minute: captioners, joint encoders."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from crisisweave.config.captioner import Optimisation
from crisisweave.progress import track

SCORING_BATCH = 256


class Best(NamedTuple):
    """Epoch (from 1) whose weights were kept, its dev loss, and one row per epoch."""

    best_epoch: int
    dev_loss: float
    history: list[dict[str, float]]


def minimise(
    module: nn.Module,
    loss: Callable[[Sequence[int]], tuple[Tensor, int]],
    rows: Mapping[str, list[int]],
    config: Optimisation,
    seed: int,
    title: str,
) -> Best:
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
    return Best(best[1], best[0], history)


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
