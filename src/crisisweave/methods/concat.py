"""Feature fusion by concatenation (thesis, equations 3.5.10 and 3.5.11)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crisisweave.config.method import MethodConfig
from crisisweave.encoders.provider import Encoders
from crisisweave.methods.branches import ImageBranch, TextBranch, classification_head, split_linear
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch


class ConcatClassifier(Classifier):
    """`softmax(W [h_text | h_image] + b)`: both vectors side by side under one linear layer."""

    def __init__(self, config: MethodConfig, n_classes: int, encoders: Encoders):
        super().__init__()
        assert config.text is not None
        assert config.image is not None
        self.text_branch = TextBranch(config.text, encoders)
        self.image_branch = ImageBranch(config.image, encoders)
        dim = self.text_branch.dim + self.image_branch.dim
        self.head = classification_head(dim, n_classes, config.head)

    def forward(self, batch: Batch) -> Tensor:
        """Class scores (B, C)."""
        fused = torch.cat([self.text_vector(batch), self.image_vector(batch)], dim=1)
        scores: Tensor = self.head(fused)
        return scores

    def split_scores(self, vectors: Sequence[Tensor]) -> list[Tensor] | None:
        """Both parts of the linear layer."""
        return split_linear(self.head, vectors)


build = ConcatClassifier
