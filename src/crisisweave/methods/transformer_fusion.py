"""Feature fusion by transformer layers over the tokens of both modalities (thesis, 3.5.2).

Vanilla attention: each token sees all tokens of both. Bottleneck attention (Nagrani et al., 2021): a modality
sees the other only in a few tokens that both share, so that attention costs the squares of both lengths and
not the square of their sum.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crisisweave.config.method import FusionLayers, MethodConfig
from crisisweave.encoders.bert import BertShape, Layer, initialise
from crisisweave.encoders.provider import Encoders
from crisisweave.errors import ConfigError
from crisisweave.methods.branches import ImageBranch, TextBranch, classification_head
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch


class VanillaFusion(nn.Module):
    """Layers over both sequences put together."""

    def __init__(self, shape: BertShape):
        super().__init__()
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))

    def forward(self, text: Tensor, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Text (B, L, d) with the mask of its real tokens (B, L) and image (B, N, d) → the same shapes."""
        length = text.shape[1]
        states = torch.cat([text, image], dim=1)
        seen = attention_mask(mask, image.shape[1])
        for layer in self.layers:
            states = layer(states, seen)
        return states[:, :length], states[:, length:]


class BottleneckFusion(nn.Module):
    """In each layer the text and the shared tokens see each other, then the image and the shared tokens."""

    def __init__(self, shape: BertShape, tokens: int):
        super().__init__()
        self.tokens = nn.Parameter(0.02 * torch.randn(tokens, shape.dim))
        self.text_layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.image_layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))

    def forward(self, text: Tensor, image: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """As `VanillaFusion`."""
        length, parts = text.shape[1], image.shape[1]
        shared = self.tokens.expand(len(text), -1, -1)
        seen = attention_mask(mask, shared.shape[1])
        for text_layer, image_layer in zip(self.text_layers, self.image_layers, strict=True):
            states = text_layer(torch.cat([text, shared], dim=1), seen)
            text, shared = states[:, :length], states[:, length:]
            states = image_layer(torch.cat([image, shared], dim=1), None)
            image, shared = states[:, :parts], states[:, parts:]
        return text, image


def attention_mask(mask: Tensor, more: int) -> Tensor | None:
    """Mask (B, L) and `more` tokens that all are real → (B, 1, 1, L + more), None where nothing is padded."""
    if bool(mask.all()):
        return None
    return torch.cat([mask, mask.new_ones(len(mask), more)], dim=1)[:, None, None, :]


class TransformerFusionClassifier(Classifier):
    """Fusion layers over both encoders' sequences; a linear layer reads both first tokens."""

    def __init__(self, config: MethodConfig, n_classes: int, encoders: Encoders):
        super().__init__()
        assert config.text is not None
        assert config.image is not None
        assert config.fusion_layers is not None
        self.text_branch = TextBranch(config.text, encoders)
        self.image_branch = ImageBranch(config.image, encoders)
        width = config.fusion_layers.width or self.text_branch.dim
        self.text_in = _to_width(self.text_branch.dim, width)
        self.image_in = _to_width(self.image_branch.dim, width)
        self.fusion = _layers(config.fusion_layers, width)
        self.head = classification_head(2 * width, n_classes, config.head)

    def forward(self, batch: Batch) -> Tensor:
        """Class scores (B, C)."""
        assert self.text_branch is not None
        assert self.image_branch is not None
        text, mask = self.text_branch.states(batch)
        image = self.image_branch.states(batch)
        text, image = self.fusion(self.text_in(text), self.image_in(image), mask)
        scores: Tensor = self.head(torch.cat([text[:, 0], image[:, 0]], dim=1))
        return scores


def _to_width(dim: int, width: int) -> nn.Module:
    return nn.Identity() if dim == width else nn.Linear(dim, width)


def _layers(config: FusionLayers, width: int) -> VanillaFusion | BottleneckFusion:
    if width % config.heads:
        raise ConfigError(
            f"a width of {width} cannot be shared by {config.heads} heads; set fusion_layers.heads or "
            f"fusion_layers.width"
        )
    shape = BertShape(
        vocabulary=0,
        dim=width,
        layers=config.layers,
        heads=config.heads,
        intermediate=4 * width,
        dropout=config.dropout,
    )
    if config.bottleneck is None:
        return VanillaFusion(shape).apply(initialise)
    return BottleneckFusion(shape, config.bottleneck).apply(initialise)


build = TransformerFusionClassifier
