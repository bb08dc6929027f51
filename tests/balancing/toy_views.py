"""Models and batches of two modalities, small enough to work out by hand."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from crisisweave.config.balance import Balance
from crisisweave.config.method import MethodConfig
from crisisweave.encoders.provider import PRETRAINED
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch
from crisisweave.methods.registry import build_model

TRAINING = {"lr": 0.05, "batch_size": 8, "epochs": 3, "patience": 3, "warmup": 0.0, "optimizer": "sgd"}


def two_views(fusion: str = "concat", **changes: Any) -> MethodConfig:
    """A method on two views."""
    return MethodConfig.model_validate(
        {
            "name": "two_views",
            "family": "fusion",
            "title": "Two views",
            "idea": "for tests",
            "source": {"document": "none", "section": "none"},
            "inputs": ["views"],
            "views": {"width": 4},
            "fusion": fusion,
            "head": {"dropout": 0.0},
            "training": TRAINING,
            **changes,
        }
    )


def built(fusion: str = "concat", n_classes: int = 3, **changes: Any) -> Classifier:
    """Its network, from a fixed seed."""
    torch.manual_seed(0)
    return build_model(two_views(fusion, **changes), n_classes, PRETRAINED)


def batch(n: int = 12, seed: int = 0) -> Batch:
    """Random views."""
    generator = torch.Generator().manual_seed(seed)
    grey, colour = ((n, 1, 28, 28), (n, 3, 1, 1))
    return Batch(torch.randn(grey, generator=generator), torch.randn(colour, generator=generator))


class Sum(Classifier):
    """Scores `w_0 z_0 + w_1 z_1` of vectors that are the inputs themselves."""

    def __init__(self, *weights: float):
        super().__init__()
        self.weights = weights
        self._own = nn.ModuleList([nn.Identity() for _ in weights])
        self.head = nn.Identity()

    @property
    def branches(self) -> tuple[nn.Module, ...]:
        """Identities."""
        return tuple(self._own)

    def forward(self, given: Batch) -> Tensor:
        """Scores (B, C)."""
        inputs = (given.text, given.image)
        vectors = [branch(x) for branch, x in zip(self._own, inputs, strict=True)]
        scores: Tensor = self.head(sum(w * z for w, z in zip(self.weights, vectors, strict=True)))
        return scores


def settings(method: str, **changes: Any) -> Balance:
    """A way of balancing."""
    return Balance.model_validate({"method": method, **changes})
