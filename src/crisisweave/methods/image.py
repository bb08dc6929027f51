"""Image alone: encoder, linear layer (thesis, 3.4.2)."""

from __future__ import annotations

from torch import Tensor

from crisisweave.config.method import MethodConfig
from crisisweave.encoders.provider import Encoders
from crisisweave.methods.branches import ImageBranch, classification_head
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch


class ImageClassifier(Classifier):
    """A fine-tuned or frozen image encoder with a classification layer."""

    def __init__(self, config: MethodConfig, n_classes: int, encoders: Encoders):
        super().__init__()
        assert config.image is not None
        self.image_branch = ImageBranch(config.image, encoders)
        self.head = classification_head(self.image_branch.dim, n_classes, config.head)

    def forward(self, batch: Batch) -> Tensor:
        """Class scores (B, C)."""
        scores: Tensor = self.head(self.image_vector(batch))
        return scores


build = ImageClassifier
