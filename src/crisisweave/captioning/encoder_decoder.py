"""A transformer that reads the features of an image's places and writes a caption word by word.

Source: Vaswani et al. 2017 as used for captions by the public code of self-critical.pytorch (Trans_cap in
the thesis) and of Cho et al. 2022 (arXiv 2205.13115, CLIP_reward): layers normalise first, places have no
position, and the normalisation divides by the unbiased deviation plus a small number.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from crisisweave.captioning.decode import generate
from crisisweave.captioning.language_model import KeyValueCache
from crisisweave.captioning.prefix import Normaliser
from crisisweave.captioning.tokenizer import decode, end_token, stop_token
from crisisweave.config.captioner import CaptionerConfig, Decoding, EncoderDecoder, LanguageModel

LONGEST = 512
"""Positions that are computed beforehand; captions are far shorter."""


class Norm(nn.Module):
    """Mean 0 and unbiased deviation 1, scaled and shifted."""

    def __init__(self, width: int):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(width))
        self.shift = nn.Parameter(torch.zeros(width))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        return self.scale * centred / (x.std(-1, keepdim=True) + 1e-6) + self.shift


class Attention(nn.Module):
    """Multi-head attention."""

    def __init__(self, shape: EncoderDecoder):
        super().__init__()
        self.heads = shape.heads
        self.query, self.key, self.value, self.out = (nn.Linear(shape.width, shape.width) for _ in range(4))

    def read(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (n, heads, t, width / heads) of states (n, t, width)."""
        return self._split(self.key(x)), self._split(self.value(x))

    def forward(self, x: Tensor, keys: Tensor, values: Tensor, causal: bool = False) -> Tensor:
        """States (n, t, width) attend to keys and values."""
        mixed = F.scaled_dot_product_attention(self._split(self.query(x)), keys, values, is_causal=causal)
        return cast(Tensor, self.out(mixed.transpose(1, 2).flatten(2)))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class FeedForward(nn.Module):
    """Linear, ReLU, linear."""

    def __init__(self, shape: EncoderDecoder):
        super().__init__()
        self.widen = nn.Linear(shape.width, shape.feedforward)
        self.narrow = nn.Linear(shape.feedforward, shape.width)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.narrow(F.relu(self.widen(x))))


class EncoderLayer(nn.Module):
    """Places attend to places."""

    def __init__(self, shape: EncoderDecoder):
        super().__init__()
        self.attend, self.feed = Attention(shape), FeedForward(shape)
        self.norms = nn.ModuleList(Norm(shape.width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        normed = self.norms[0](x)
        x = x + self.attend(normed, *self.attend.read(normed))
        return cast(Tensor, x + self.feed(self.norms[1](x)))


class DecoderLayer(nn.Module):
    """Words attend to the words before them, then to places."""

    def __init__(self, shape: EncoderDecoder):
        super().__init__()
        self.attend, self.look, self.feed = Attention(shape), Attention(shape), FeedForward(shape)
        self.norms = nn.ModuleList(Norm(shape.width) for _ in range(3))

    def forward(self, x: Tensor, layer: int, cache: PlacesCache) -> Tensor:
        normed = self.norms[0](x)
        # A single new word sees everything before it, so only longer inputs need the causal mask.
        x = x + self.attend(normed, *cache.extend(layer, *self.attend.read(normed)), causal=x.shape[1] > 1)
        x = x + self.look(self.norms[1](x), *cache.places[layer])
        return cast(Tensor, x + self.feed(self.norms[2](x)))


class PlacesCache(KeyValueCache):
    """Keys and values of the words written so far, and those of the image's places for each layer.

    Attributes:
        places: keys and values (rows, heads, cells, width / heads) of each layer.
    """

    def __init__(self, shape: LanguageModel, rows: int, capacity: int, like: Tensor):
        super().__init__(shape, rows, capacity, like)
        self.places: list[tuple[Tensor, Tensor]] = []

    def select(self, rows: Tensor) -> None:
        """Make row i a copy of the former row `rows[i]`."""
        super().select(rows)
        self.places = [(keys[rows], values[rows]) for keys, values in self.places]


class TransformerCaptioner(nn.Module):
    """Image features → encoder → decoder → words.

    Args:
        config: the captioner.
        dim: width d of one of an image's vectors.
        vocabulary: number of tokens; token 0 begins, ends and fills up.
    """

    positions: Tensor

    def __init__(self, config: CaptionerConfig, dim: int, vocabulary: int):
        super().__init__()
        shape = config.encoder_decoder
        assert shape is not None
        assert config.image is not None
        self.shape = shape
        self.normaliser = Normaliser(config.image.normalise, dim)
        self.image = nn.Linear(dim, shape.width)
        self.encoder = nn.ModuleList(EncoderLayer(shape) for _ in range(shape.encoder_layers))
        self.encoder_norm = Norm(shape.width)
        self.words = nn.Embedding(vocabulary, shape.width)
        self.decoder = nn.ModuleList(DecoderLayer(shape) for _ in range(shape.decoder_layers))
        self.decoder_norm = Norm(shape.width)
        self.output = nn.Linear(shape.width, vocabulary)
        self.register_buffer("positions", sinusoids(LONGEST, shape.width), persistent=False)

    def places(self, features: Tensor) -> Tensor:
        """Raw features (n, cells, d) → states of the image's places (n, cells, width)."""
        x = F.relu(self.image(self.normaliser(features)))
        for layer in self.encoder:
            x = layer(x)
        return cast(Tensor, self.encoder_norm(x))

    def write(
        self, features: Tensor, tokenizer: Tokenizer, decoding: Decoding, seeds: Sequence[int]
    ) -> list[list[str]]:
        """Raw features (n, cells, d) → candidate captions of each image, most probable first."""
        with torch.inference_mode():
            writer = Writer(self, self.places(features))
            begin = torch.full((len(features), 1), end_token(tokenizer), device=features.device)
            stop = stop_token(tokenizer, decoding.stop)
            found = generate(writer, writer.wte(begin), decoding, stop, seeds)
        return [[decode(tokenizer, candidate.tokens) for candidate in own] for own in found]


class Writer:
    """The decoder in front of the images of one batch; see `decode.Decoder`."""

    def __init__(self, model: TransformerCaptioner, places: Tensor):
        self._model, self._places = model, places

    def wte(self, tokens: Tensor) -> Tensor:
        """Tokens (n, t) → embeddings (n, t, width)."""
        return cast(Tensor, self._model.words(tokens)) * math.sqrt(self._model.shape.width)

    def cache(self, rows: int, capacity: int) -> PlacesCache:
        """A cache that holds no words yet, and the places of each image."""
        shape = self._model.shape
        own = LanguageModel(
            layers=shape.decoder_layers, heads=shape.heads, width=shape.width, positions=LONGEST
        )
        cache = PlacesCache(own, rows, capacity, self._places)
        cache.places = [cast(DecoderLayer, layer).look.read(self._places) for layer in self._model.decoder]
        return cache

    def states(self, embeddings: Tensor, cache: KeyValueCache) -> Tensor:
        """Final states (n, t, width) of embeddings that continue what the cache holds."""
        start, t = cache.length, embeddings.shape[1]
        x = embeddings + self._model.positions[start : start + t]
        for i, layer in enumerate(self._model.decoder):
            x = layer(x, i, cache)
        cache.advance(t)
        return cast(Tensor, self._model.decoder_norm(x))

    def logits(self, states: Tensor) -> Tensor:
        """Scores (n, vocabulary) of the next word."""
        return cast(Tensor, self._model.output(states))


def sinusoids(length: int, width: int) -> Tensor:
    """Positions (length, width) of Vaswani et al. 2017, section 3.5."""
    position = torch.arange(length).float()[:, None]
    rate = torch.exp(torch.arange(0, width, 2).float() * -(math.log(10000.0) / width))
    found = torch.zeros(length, width)
    found[:, 0::2] = torch.sin(position * rate)
    found[:, 1::2] = torch.cos(position * rate)
    return found
