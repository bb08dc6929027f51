"""A causal language model with the architecture of GPT-2 (Radford et al. 2019), in plain torch.

Blocks normalise first, positions are learned, the output layer is the transposed token embedding, and the
activation is GELU's tanh form. Parameter names are those of the published checkpoints (`wte`,
`h.0.attn.c_attn` …), except that linear layers are stored as torch stores them, (out, in).
"""

from __future__ import annotations

import math
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crisisweave.config.captioner import LanguageModel as Shape


class KeyValueCache:
    """Keys and values of the positions read so far, one block per layer, allocated beforehand.

    Attributes:
        length: number of positions held.
    """

    def __init__(self, shape: Shape, rows: int, capacity: int, like: Tensor):
        block = (2, rows, shape.heads, capacity, shape.width // shape.heads)
        self._blocks = [like.new_empty(block) for _ in range(shape.layers)]
        self.length = 0

    def extend(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store new keys and values (rows, heads, t, head width); return all of the layer's, old and new.

        `length` moves on only with `advance`, when all layers have stored theirs.
        """
        block, end = self._blocks[layer], self.length + keys.shape[2]
        block[0, :, :, self.length : end] = keys
        block[1, :, :, self.length : end] = values
        return block[0, :, :, :end], block[1, :, :, :end]

    def advance(self, positions: int) -> None:
        """Count `positions` more as held."""
        self.length += positions

    def select(self, rows: Tensor) -> None:
        """Make row i a copy of the former row `rows[i]`: reorders, repeats or drops rows."""
        for layer, old in enumerate(self._blocks):
            new = old.new_empty((2, len(rows), *old.shape[2:]))
            new[..., : self.length, :] = old[..., : self.length, :].index_select(1, rows)
            self._blocks[layer] = new


class Attention(nn.Module):
    """Causal multi-head self-attention."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.heads = shape.heads
        self.dropout = shape.dropout
        self.c_attn = nn.Linear(shape.width, 3 * shape.width)
        self.c_proj = nn.Linear(shape.width, shape.width)

    def forward(self, x: Tensor, layer: int, cache: KeyValueCache | None) -> Tensor:
        rows, t, width = x.shape
        qkv = self.c_attn(x).view(rows, t, 3, self.heads, width // self.heads)
        queries, keys, values = qkv.permute(2, 0, 3, 1, 4)
        if cache is not None:
            keys, values = cache.extend(layer, keys, values)
        # A single new position sees everything before it, so only longer inputs need the causal mask.
        mixed = F.scaled_dot_product_attention(
            queries, keys, values, dropout_p=self.dropout if self.training else 0.0, is_causal=t > 1
        )
        return cast(Tensor, self.c_proj(mixed.transpose(1, 2).reshape(rows, t, width)))


class FeedForward(nn.Module):
    """Two linear layers, four times wider in between."""

    def __init__(self, width: int):
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.c_proj(F.gelu(self.c_fc(x), approximate="tanh")))


class Block(nn.Module):
    """Attention and feed-forward, each on the normalised input and added to it."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.ln_1 = nn.LayerNorm(shape.width)
        self.attn = Attention(shape)
        self.ln_2 = nn.LayerNorm(shape.width)
        self.mlp = FeedForward(shape.width)
        self.drop = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, layer: int, cache: KeyValueCache | None) -> Tensor:
        x = x + self.drop(self.attn(self.ln_1(x), layer, cache))
        return x + cast(Tensor, self.drop(self.mlp(self.ln_2(x))))


class CausalLanguageModel(nn.Module):
    """GPT-2: reads embeddings, so that a prefix need not consist of tokens."""

    def __init__(self, shape: Shape, vocabulary: int):
        super().__init__()
        self.shape = shape
        self.wte = nn.Embedding(vocabulary, shape.width)
        self.wpe = nn.Embedding(shape.positions, shape.width)
        self.drop = nn.Dropout(shape.dropout)
        self.h = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.ln_f = nn.LayerNorm(shape.width)
        self._initialise()

    def _initialise(self) -> None:
        """GPT-2's: deviation 0.02, smaller by √(2 · layers) where a branch joins the residual sum."""
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                joins = name.endswith("c_proj.weight")
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * self.shape.layers) if joins else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def cache(self, rows: int, capacity: int) -> KeyValueCache:
        """An empty cache for `rows` sequences of at most `capacity` positions."""
        return KeyValueCache(self.shape, rows, capacity, self.wte.weight)

    def states(self, embeddings: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """Final states (rows, t, width) of embeddings (rows, t, width).

        With a cache the embeddings continue what it holds; a cache that holds something takes one position
        at a time.
        """
        t = embeddings.shape[1]
        start = 0 if cache is None else cache.length
        if start and t > 1:
            raise ValueError("a filled cache is continued by one position at a time")
        positions = torch.arange(start, start + t, device=embeddings.device)
        x = self.drop(embeddings + self.wpe(positions))
        for layer, block in enumerate(self.h):
            x = block(x, layer, cache)
        if cache is not None:
            cache.advance(t)
        return cast(Tensor, self.ln_f(x))

    def logits(self, states: Tensor) -> Tensor:
        """Scores (…, vocabulary) of the next token after each state (…, width)."""
        return states @ self.wte.weight.T
