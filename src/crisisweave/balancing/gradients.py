"""OGM-GE (Peng et al., CVPR 2022): damp the dominating modality's gradients, add noise to all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import nn


def damping(right: Sequence[float], alpha: float) -> list[float]:
    """The factor k of each modality's gradient: `1 − tanh(α ρ)` where ρ > 1, else 1 (their equation 10).

    ρ is the modality's score over that of the other; over the mean of the others where there are several.

    Args:
        right: summed probability of the right class by each modality.
        alpha: strength.
    """
    total = sum(right)
    factors = []
    for score in right:
        rho = score / max((total - score) / (len(right) - 1), 1e-12)
        factors.append(1 - math.tanh(alpha * rho) if rho > 1 else 1.0)
    return factors


@torch.no_grad()
def modulate(parameters: Iterable[nn.Parameter], factor: float) -> None:
    """`g ← k g + ε`, `ε ~ N(0, std(g))` elementwise, for every parameter of one modality.

    The public code does this to gradients of four dimensions only, which are those of convolutions: on a
    transformer it does nothing. Here it is done to all parameters of the branch.
    """
    for parameter in parameters:
        if parameter.grad is None:
            continue
        spread = float(parameter.grad.std()) if parameter.grad.numel() > 1 else 0.0
        parameter.grad.mul_(factor).add_(torch.randn_like(parameter.grad), alpha=spread + 1e-8)
