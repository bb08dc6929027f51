"""From one modality to one vector or a sequence: the branches that methods are put together from."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from crisisweave.config.method import EncoderUse, Head
from crisisweave.encoders.image_encoder import after_mean
from crisisweave.encoders.provider import Encoders
from crisisweave.encoders.standardise import Standardise
from crisisweave.encoders.text import TextEncoder, Tokens, pool
from crisisweave.methods.inputs import Batch


class TextBranch(nn.Module):
    """Text → one vector (B, d), or one for each token (B, L, d).

    Args:
        use: the encoder and how it is used.
        encoders: who gives it.
        words_only: take no more of it than its word vectors.
    """

    def __init__(self, use: EncoderUse, encoders: Encoders, words_only: bool = False):
        super().__init__()
        self.use = use
        encoder = encoders.text(use.name)
        if words_only:
            encoder = encoder.words_only()
        self.dim = encoder.dim
        self.frozen = None if use.tuned else Standardise(encoder.dim)
        self.encoder: TextEncoder | None = encoder if use.tuned else None
        if self.encoder is not None and not use.tune_embeddings:
            self.encoder.freeze_embeddings()

    def forward(self, batch: Batch) -> Tensor:
        """Pooled token states of the tuned encoder, or the standardised frozen vectors."""
        if self.encoder is None:
            assert self.frozen is not None
            assert isinstance(batch.text, Tensor)
            return self.frozen(batch.text)
        assert isinstance(batch.text, Tokens)
        return pool(*self.states(batch), self.use.pooling)

    def states(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """States of the tuned encoder's tokens (B, L, d) and which of them are real (B, L)."""
        assert self.encoder is not None
        assert isinstance(batch.text, Tokens)
        return self.encoder(batch.text), batch.text.mask


class ImageBranch(nn.Module):
    """Image → one vector (B, d), or a sequence (B, 1 + N, d)."""

    def __init__(self, use: EncoderUse, encoders: Encoders):
        super().__init__()
        self.use = use
        encoder = encoders.image(use.name)
        self.dim = encoder.dim
        self.frozen = None if use.tuned else Standardise(encoder.dim)
        self.encoder = encoder if use.tuned else None

    def forward(self, batch: Batch) -> Tensor:
        """Pooled features of the tuned encoder, or the standardised frozen vectors."""
        assert batch.image is not None
        if self.encoder is None:
            assert self.frozen is not None
            return self.frozen(batch.image)
        return self.encoder(batch.image)

    def states(self, batch: Batch) -> Tensor:
        """States of the whole image and of its parts (B, 1 + N, d).

        Tokens of a tuned encoder, or the standardised frozen cells after their mean.
        """
        assert batch.image is not None
        if self.encoder is None:
            assert self.frozen is not None
            return after_mean(self.frozen(batch.image))
        return self.encoder.sequence(batch.image)


def split_linear(head: nn.Module, vectors: Sequence[Tensor]) -> list[Tensor] | None:
    """Each vector's part of the scores of one linear layer over all of them side by side (thesis, 5.5.4).

    The weights are split by columns and the bias in equal parts, so that the parts sum to the scores.

    Args:
        head: dropout and a linear layer, as `classification_head` makes it.
        vectors: (B, d_m) of each modality.

    Returns:
        Scores (B, C) of each modality; None where the head has a hidden layer and cannot be split.
    """
    layers = [layer for layer in head.modules() if isinstance(layer, nn.Linear)]
    if len(layers) != 1:
        return None
    weights = layers[0].weight.split([z.shape[1] for z in vectors], dim=1)
    bias = layers[0].bias / len(vectors)
    return [F.linear(z, weight, bias) for z, weight in zip(vectors, weights, strict=True)]


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
