"""Feature fusion by co-attention (thesis, equations 3.5.18 to 3.5.23).

As cross-attention, but both masks come from both modalities.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crisisweave.config.method import MethodConfig
from crisisweave.encoders.provider import Encoders
from crisisweave.methods.branches import ImageBranch, TextBranch, classification_head
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch


class CoAttentionClassifier(Classifier):
    """Both vectors side by side under one linear layer, each masked by what both show."""

    def __init__(self, config: MethodConfig, n_classes: int, encoders: Encoders):
        super().__init__()
        assert config.text is not None
        assert config.image is not None
        self.text_branch = TextBranch(config.text, encoders)
        self.image_branch = ImageBranch(config.image, encoders)
        text, image = self.text_branch.dim, self.image_branch.dim
        self.text_mask = nn.Linear(text + image, text)
        self.image_mask = nn.Linear(text + image, image)
        self.head = classification_head(text + image, n_classes, config.head)

    def fuse(self, text: Tensor, image: Tensor) -> Tensor:
        """Vectors (B, t) and (B, v) → the fused one (B, t + v)."""
        both = torch.cat([text, image], dim=1)
        seen_text = torch.sigmoid(self.text_mask(both)) * text  # 3.5.18, 3.5.20
        seen_image = torch.sigmoid(self.image_mask(both)) * image  # 3.5.19, 3.5.21
        return torch.cat([seen_text, seen_image], dim=1)  # 3.5.22

    def forward(self, batch: Batch) -> Tensor:
        """Class scores (B, C); equation 3.5.23 before its softmax."""
        scores: Tensor = self.head(self.fuse(self.text_vector(batch), self.image_vector(batch)))
        return scores


build = CoAttentionClassifier
