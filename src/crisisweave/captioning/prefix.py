"""ClipCap: an image's features become a prefix of pseudo-tokens that a causal language model continues.

Source: Mokady, Hertz, Bermano 2021 (arXiv 2111.09734), section 3, and the authors' public code, whose names
of parameters are kept (`mapper.model.0`, `mapper.transformer.layers.0.attn.to_queries`, …).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from crisisweave.captioning.decode import generate
from crisisweave.captioning.language_model import CausalLanguageModel
from crisisweave.captioning.tokenizer import decode, stop_token
from crisisweave.config.captioner import CaptionerConfig, Decoding, Mapper
from crisisweave.encoders.standardise import Standardise


class MLPMapper(nn.Module):
    """Linear, tanh, linear. Several vectors per image are read as one long one."""

    def __init__(self, config: Mapper, cells: int, dim: int, width: int):
        super().__init__()
        out = config.prefix_length * width
        self.prefix_length = config.prefix_length
        self.model = nn.Sequential(nn.Linear(cells * dim, out // 2), nn.Tanh(), nn.Linear(out // 2, out))

    def forward(self, features: Tensor) -> Tensor:
        """Features (n, cells, d) → prefix (n, k, width)."""
        return cast(Tensor, self.model(features.flatten(1))).unflatten(1, (self.prefix_length, -1))


class MapperAttention(nn.Module):
    """Multi-head self-attention without a mask."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.to_queries = nn.Linear(width, width, bias=False)
        self.to_keys_values = nn.Linear(width, 2 * width, bias=False)
        self.project = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        n, t, width = x.shape
        queries = self.to_queries(x).view(n, t, self.heads, -1).transpose(1, 2)
        keys, values = self.to_keys_values(x).view(n, t, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(queries, keys, values)
        return cast(Tensor, self.project(mixed.transpose(1, 2).reshape(n, t, width)))


class MapperFeedForward(nn.Module):
    """Two linear layers with ReLU, twice wider in between."""

    def __init__(self, width: int):
        super().__init__()
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.fc2(F.relu(self.fc1(x))))


class MapperLayer(nn.Module):
    """Attention and feed-forward, each on the normalised input and added to it."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = MapperAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MapperFeedForward(width)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + cast(Tensor, self.mlp(self.norm2(x)))


class MapperLayers(nn.Module):
    """A stack of mapper layers."""

    def __init__(self, width: int, heads: int, layers: int):
        super().__init__()
        self.layers = nn.ModuleList(MapperLayer(width, heads) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class TransformerMapper(nn.Module):
    """Learned constants attend to the image; what they become is the prefix.

    One vector per image is spread into `image_tokens` by a linear layer, as published. Several vectors are
    one token each, with a learned position added, so that the prefix can look at places in the image.
    """

    def __init__(self, config: Mapper, cells: int, dim: int, width: int):
        super().__init__()
        self.cells = cells
        self.image_tokens = config.image_tokens if cells == 1 else cells
        self.linear = nn.Linear(dim, config.image_tokens * width if cells == 1 else width)
        if cells > 1:
            self.cell_position = nn.Parameter(0.02 * torch.randn(cells, width))
        self.prefix_const = nn.Parameter(torch.randn(config.prefix_length, width))
        self.transformer = MapperLayers(width, config.heads, config.layers)

    def forward(self, features: Tensor) -> Tensor:
        """Features (n, cells, d) → prefix (n, k, width)."""
        n = len(features)
        image = self.linear(features).reshape(n, self.image_tokens, -1)
        if self.cells > 1:
            image = image + self.cell_position
        tokens = torch.cat([image, self.prefix_const.expand(n, -1, -1)], dim=1)
        return cast(Tensor, self.transformer(tokens)[:, self.image_tokens :])


class Normaliser(nn.Module):
    """Image features as a model wants to read them."""

    def __init__(self, kind: Literal["none", "l2", "standard"], dim: int):
        super().__init__()
        self.kind = kind
        self.standardise = Standardise(dim) if kind == "standard" else None

    def fit(self, features: Tensor) -> None:
        """Take what `standard` needs from training features (n, cells, d)."""
        if self.standardise is not None:
            self.standardise.fit(features)

    def forward(self, features: Tensor) -> Tensor:
        """Features (n, cells, d) → the same shape."""
        if self.standardise is not None:
            return cast(Tensor, self.standardise(features))
        return F.normalize(features, dim=-1) if self.kind == "l2" else features


class PrefixCaptioner(nn.Module):
    """Image features → mapper → prefix → language model.

    Args:
        config: the captioner.
        cells: vectors per image, 1 or the grid's number of cells.
        dim: width d of one vector.
        vocabulary: number of tokens.
    """

    def __init__(self, config: CaptionerConfig, cells: int, dim: int, vocabulary: int):
        super().__init__()
        assert config.image is not None
        assert config.mapper is not None
        assert config.language_model is not None
        width = config.language_model.width
        build = MLPMapper if config.mapper.kind == "mlp" else TransformerMapper
        self.normaliser = Normaliser(config.image.normalise, dim)
        self.mapper = build(config.mapper, cells, dim, width)
        self.language_model = CausalLanguageModel(config.language_model, vocabulary)

    def prefix(self, features: Tensor) -> Tensor:
        """Raw features (n, cells, d) → prefix (n, k, width)."""
        return cast(Tensor, self.mapper(self.normaliser(features)))

    def write(
        self, features: Tensor, tokenizer: Tokenizer, decoding: Decoding, seeds: Sequence[int]
    ) -> list[list[str]]:
        """Raw features (n, cells, d) → candidate captions of each image, most probable first."""
        stop = stop_token(tokenizer, decoding.stop)
        found = generate(self.language_model, self.prefix(features), decoding, stop, seeds)
        return [[decode(tokenizer, candidate.tokens) for candidate in own] for own in found]

    def forward(self, prefix: Tensor, tokens: Tensor) -> Tensor:
        """Teacher forcing: scores (n, t, vocabulary) of each of the tokens (n, t) given what precedes it."""
        embeddings = torch.cat([prefix, self.language_model.wte(tokens[:, :-1])], dim=1)
        states = self.language_model.states(embeddings)[:, prefix.shape[1] - 1 :]
        return self.language_model.logits(states)
