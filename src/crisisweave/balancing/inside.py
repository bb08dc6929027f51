"""What one modality says inside a model of several (thesis, 5.5.4)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crisisweave.balancing.watching import watched
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch


@torch.no_grad()
def scores_inside(
    model: Classifier, batch: Batch, vectors: Sequence[Tensor], means: Sequence[Tensor]
) -> list[Tensor]:
    """Class scores (B, C) of each modality alone inside the model.

    Where the scores are a sum of one part for each modality (concat under one linear layer, sum), its part:
    the thesis' split of the last layer. Everywhere else (gated, FiLM, attention, a hidden layer), where the
    thesis gives no rule: the whole model's scores with the vectors of all other modalities replaced by their
    mean over training rows, so that nothing of them can tell two rows apart. Not by zero, which shuts the
    gate and gives the fusion what it never saw in training.

    Args:
        model: the method.
        batch: B rows.
        vectors: what its branches give for them (B, d_m).
        means: mean vectors of the training rows (d_m,).
    """
    parts = model.split_scores(vectors)
    if parts is not None:
        return parts
    return [
        scores_with(model, batch, [None if m == kept else mean for m, mean in enumerate(means)])
        for kept in range(len(means))
    ]


@torch.no_grad()
def scores_with(model: Classifier, batch: Batch, replace: Sequence[Tensor | None]) -> Tensor:
    """Class scores (B, C) with the vectors of some modalities replaced (None keeps them)."""
    with watched(model.branches, replace):
        scores: Tensor = model(batch)
    return scores
