"""A joint encoder of words and patches, fine-tuned with a linear layer (ViLT; thesis, 3.5.3).

The same with a text encoder alone, for methods that explain words only.
"""

from __future__ import annotations

from torch import Tensor, nn

from crisisweave.config.method import MethodConfig
from crisisweave.encoders.joint import JointEncoder, JointInput
from crisisweave.encoders.provider import Encoders
from crisisweave.encoders.text import Tokens
from crisisweave.encoders.text_only import TextOnly
from crisisweave.encoders.vilt import JointStates
from crisisweave.methods.branches import classification_head
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch
from crisisweave.rationales.masking import randomly_masked


class JointClassifier(nn.Module):
    """A joint encoder and class scores from its pooled state."""

    def __init__(self, config: MethodConfig, n_classes: int, encoders: Encoders):
        super().__init__()
        self.encoder: JointEncoder | TextOnly
        if config.joint is not None:
            self.encoder = encoders.joint(config.joint)
        else:
            assert config.text is not None
            text = encoders.text(config.text.name)
            if not config.text.tune_embeddings:
                text.freeze_embeddings()
            self.encoder = TextOnly(text, config.text.pooling)
        self.head = classification_head(self.encoder.dim, n_classes, config.head)

    def classify(self, states: JointStates) -> Tensor:
        """Class scores (B, C)."""
        scores: Tensor = self.head(states.pooled)
        return scores

    def scores(self, x: JointInput) -> Tensor:
        """Class scores (B, C) of what the encoder reads."""
        return self.classify(self.encoder(x))


def joint_input(encoder: JointEncoder | TextOnly, batch: Batch) -> JointInput:
    """A batch as a joint encoder reads it."""
    assert isinstance(batch.text, Tokens)
    return encoder.read(batch.text, batch.image)


class JointMethod(Classifier):
    """The joint encoder as a method; with `masking`, also trained on inputs of which a part is hidden."""

    def __init__(self, config: MethodConfig, n_classes: int, encoders: Encoders):
        super().__init__()
        self.extractor = JointClassifier(config, n_classes, encoders)
        self.masking = config.masking

    @property
    def joint(self) -> JointEncoder | TextOnly:
        """The joint encoder."""
        return self.extractor.encoder

    def is_pretrained(self, parameter_name: str) -> bool:
        """Whether a parameter came with the joint encoder."""
        return parameter_name.startswith("extractor.encoder.")

    def forward(self, batch: Batch) -> Tensor:
        """Class scores (B, C)."""
        x = joint_input(self.joint, batch)
        if self.training and self.masking:
            x = randomly_masked(x, self.joint, self.masking)
        return self.extractor.scores(x)


build = JointMethod
