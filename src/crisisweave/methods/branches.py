"""From one modality to one vector: the branches that methods are put together from."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crisisweave.config.method import EncoderUse, Head
from crisisweave.encoders.image import load_image_encoder
from crisisweave.encoders.text import TextEncoder, Tokens, load_text_encoder, pool
from crisisweave.methods.inputs import Batch


class FrozenFeatures(nn.Module):
    """Vectors of a frozen encoder, standardised with the training rows' mean and deviation.

    Encoders leave features on scales that differ by orders of magnitude; a linear layer trained by a few
    hundred steps needs them on one.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim
        self.register_buffer("mean", torch.zeros(dim))
        self.register_buffer("deviation", torch.ones(dim))

    def fit(self, features: Tensor) -> None:
        """Take mean and deviation from the training rows' features (N, d)."""
        self.mean.copy_(features.mean(dim=0))
        deviation = features.std(dim=0, correction=0)
        # A feature that hardly varies in train tells nothing; divided by next to nothing it would drown the
        # others as soon as it varies in a new row.
        self.deviation.copy_(deviation.clamp_min(0.01 * deviation.mean()))

    def forward(self, features: Tensor) -> Tensor:
        """(B, d) → (B, d)."""
        return (features - self.mean) / self.deviation


class TextBranch(nn.Module):
    """Text → one vector (B, d)."""

    def __init__(self, use: EncoderUse):
        super().__init__()
        self.use = use
        encoder = load_text_encoder(use.name)
        self.dim = encoder.dim
        self.frozen = None if use.tuned else FrozenFeatures(encoder.dim)
        self.encoder: TextEncoder | None = encoder if use.tuned else None
        if self.encoder is not None and not use.tune_embeddings:
            for parameter in self.encoder.embedding_parameters():
                parameter.requires_grad_(False)

    def forward(self, batch: Batch) -> Tensor:
        """Pooled token states of the tuned encoder, or the standardised frozen vectors."""
        if self.encoder is None:
            assert self.frozen is not None
            assert isinstance(batch.text, Tensor)
            return self.frozen(batch.text)
        assert isinstance(batch.text, Tokens)
        return pool(self.encoder(batch.text), batch.text.mask, self.use.pooling)


class ImageBranch(nn.Module):
    """Image → one vector (B, d)."""

    def __init__(self, use: EncoderUse):
        super().__init__()
        self.use = use
        encoder = load_image_encoder(use.name)
        self.dim = encoder.dim
        self.frozen = None if use.tuned else FrozenFeatures(encoder.dim)
        self.encoder = encoder if use.tuned else None

    def forward(self, batch: Batch) -> Tensor:
        """Pooled features of the tuned encoder, or the standardised frozen vectors."""
        assert batch.image is not None
        if self.encoder is None:
            assert self.frozen is not None
            return self.frozen(batch.image)
        return self.encoder(batch.image)


def classification_head(dim: int, n_classes: int, head: Head) -> nn.Sequential:
    """Dropout and a linear layer; with `hidden`, linear – ReLU – dropout – linear (thesis, 4.4.3)."""
    if head.hidden is None:
        return nn.Sequential(nn.Dropout(head.dropout), nn.Linear(dim, n_classes))
    return nn.Sequential(
        nn.Linear(dim, head.hidden),
        nn.ReLU(),
        nn.Dropout(head.dropout),
        nn.Linear(head.hidden, n_classes),
    )
