"""LXMERT: words and regions of the image through one encoder, and a linear layer (thesis, 3.5.3)."""

from __future__ import annotations

from torch import Tensor

from crisisweave.config.method import MethodConfig
from crisisweave.encoders.lxmert_encoder import LxmertEncoder
from crisisweave.encoders.provider import Encoders
from crisisweave.encoders.text import Tokens
from crisisweave.methods.branches import classification_head
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch


class LxmertMethod(Classifier):
    """A fine-tuned LXMERT and class scores from its pooled state."""

    def __init__(self, config: MethodConfig, n_classes: int, encoders: Encoders):
        super().__init__()
        assert config.lxmert is not None
        assert config.regions is not None
        self.encoder = encoders.lxmert(config.lxmert, config.regions)
        self.head = classification_head(self.encoder.dim, n_classes, config.head)
        self._language = config.lxmert.language

    @property
    def lxmert(self) -> LxmertEncoder:
        """The encoder of words and regions."""
        return self.encoder

    def is_pretrained(self, parameter_name: str) -> bool:
        """Whether a parameter came with published weights: all of LXMERT's, or its language layers alone."""
        if self._language is None:
            return parameter_name.startswith("encoder.")
        return parameter_name.startswith("encoder.network.language.") and not self._language.startswith(
            "tiny:"
        )

    def fit_regions(self, regions: Tensor) -> None:
        """Take the scale of the regions' vectors from training rows (N, R, D + 4).

        A published LXMERT keeps them as they come, as it was trained.
        """
        if self._language is not None:
            self.encoder.scale.fit(regions[..., :-4])

    def forward(self, batch: Batch) -> Tensor:
        """Class scores (B, C)."""
        assert isinstance(batch.text, Tokens)
        assert batch.image is not None
        scores: Tensor = self.head(self.encoder(batch.text, batch.image))
        return scores


build = LxmertMethod
