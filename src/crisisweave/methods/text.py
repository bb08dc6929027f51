"""Text alone: encoder, pooling, linear layer (thesis, 3.4.1)."""

from __future__ import annotations

from torch import Tensor

from crisisweave.config.method import MethodConfig
from crisisweave.encoders.provider import Encoders
from crisisweave.methods.branches import TextBranch, classification_head
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch


class TextClassifier(Classifier):
    """A fine-tuned text encoder with a classification layer."""

    def __init__(self, config: MethodConfig, n_classes: int, encoders: Encoders):
        super().__init__()
        assert config.text is not None
        self.text_branch = TextBranch(config.text, encoders)
        self.head = classification_head(self.text_branch.dim, n_classes, config.head)

    def forward(self, batch: Batch) -> Tensor:
        """Class scores (B, C)."""
        scores: Tensor = self.head(self.text_vector(batch))
        return scores


build = TextClassifier
