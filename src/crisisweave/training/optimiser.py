"""Optimiser and learning-rate schedule."""

from __future__ import annotations

import math

import torch
from torch import nn

from crisisweave.config.method import Training
from crisisweave.methods.classifier import Classifier


def build_optimiser(model: Classifier, config: Training) -> torch.optim.Optimizer:
    """An optimiser over the parameters that are trained in the method's current phase.

    New parameters step with `head_lr`, pretrained ones with `lr`. Weight decay spares biases and
    normalisation (vectors), as is usual for transformers.
    """
    head_lr = config.lr if config.head_lr is None else config.head_lr
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and model.learns(name):
            lr = config.lr if model.is_pretrained(name) else head_lr
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            groups.setdefault((lr, decay), []).append(parameter)
    settings = [
        {"params": parameters, "lr": lr, "weight_decay": decay}
        for (lr, decay), parameters in sorted(groups.items(), key=lambda item: item[0])
    ]
    if config.optimizer == "sgd":
        return torch.optim.SGD(settings, momentum=0.9)
    return torch.optim.AdamW(settings, fused=True)


def scale_at(step: int, steps: int, config: Training) -> float:
    """The factor on the learning rate at a step (from 0): a linear rise, then the schedule's fall."""
    warmup = round(config.warmup * steps)
    if step < warmup:
        return (step + 1) / warmup
    if config.schedule == "constant":
        return 1.0
    progress = (step - warmup) / max(1, steps - warmup)
    left = 1 - progress if config.schedule == "linear" else 0.5 * (1 + math.cos(math.pi * progress))
    return config.floor + (1 - config.floor) * left
