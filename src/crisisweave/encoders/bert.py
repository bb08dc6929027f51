"""BERT (Devlin et al., 2019) in plain torch.

The same arithmetic and weights as the transformers library's `BertModel`, held equal by a test. It exists
because a step that needs nothing but BERT then starts in one second instead of three, and because the
fused query–key–value product and the mask-free path for batches without padding are faster.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class BertShape(NamedTuple):
    """Sizes of a BERT encoder."""

    vocabulary: int
    dim: int
    layers: int
    heads: int
    intermediate: int
    positions: int = 512
    types: int = 2
    dropout: float = 0.1
    eps: float = 1e-12


class Embeddings(nn.Module):
    """Word + position + token-type embeddings, normalised."""

    def __init__(self, shape: BertShape):
        super().__init__()
        self.word_embeddings = nn.Embedding(shape.vocabulary, shape.dim, padding_idx=0)
        self.position_embeddings = nn.Embedding(shape.positions, shape.dim)
        self.token_type_embeddings = nn.Embedding(shape.types, shape.dim)
        self.LayerNorm = nn.LayerNorm(shape.dim, eps=shape.eps)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, ids: Tensor, types: Tensor) -> Tensor:
        """Token ids and types (B, L) → embeddings (B, L, d)."""
        positions = self.position_embeddings.weight[: ids.shape[1]]
        summed = self.word_embeddings(ids) + positions + self.token_type_embeddings(types)
        return self.dropout(self.LayerNorm(summed))


class Layer(nn.Module):
    """One post-norm transformer layer."""

    def __init__(self, shape: BertShape):
        super().__init__()
        self.heads = shape.heads
        self.attention_dropout = shape.dropout
        self.qkv = nn.Linear(shape.dim, 3 * shape.dim)
        self.attention_output = nn.Linear(shape.dim, shape.dim)
        self.attention_norm = nn.LayerNorm(shape.dim, eps=shape.eps)
        self.intermediate = nn.Linear(shape.dim, shape.intermediate)
        self.output = nn.Linear(shape.intermediate, shape.dim)
        self.output_norm = nn.LayerNorm(shape.dim, eps=shape.eps)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor, mask: Tensor | None, attentions: list[Tensor] | None = None) -> Tensor:
        """States (B, L, d), mask (B, 1, 1, L) or None when nothing is padded → states (B, L, d)."""
        return self.feed(self.attend(states, mask, attentions))

    def attend(self, states: Tensor, mask: Tensor | None, attentions: list[Tensor] | None = None) -> Tensor:
        """The layer's first half: states after attention to what the mask (B, 1, 1 or L, L) shows."""
        batch, length, dim = states.shape
        query, key, value = (
            self.qkv(states).view(batch, length, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        )
        if attentions is None:
            attended = F.scaled_dot_product_attention(
                query,
                key,
                value,
                attn_mask=mask,
                dropout_p=self.attention_dropout if self.training else 0.0,
            )
        else:
            attentions.append(attention_weights(query, key, mask))
            attended = attentions[-1] @ value
        attended = self.attention_output(attended.transpose(1, 2).reshape(batch, length, dim))
        return self.attention_norm(states + self.dropout(attended))

    def feed(self, states: Tensor) -> Tensor:
        """The layer's second half."""
        hidden = self.output(F.gelu(self.intermediate(states)))
        return self.output_norm(states + self.dropout(hidden))


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax of the scaled products (B, heads, N, N), for readers of attention: the fast path keeps none."""
    scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    return (scores if mask is None else scores.masked_fill(~mask, float("-inf"))).softmax(dim=-1)


class ContextAttention(nn.Module):
    """Multi-head attention of states to others, a context, added to them and normalised."""

    def __init__(self, shape: BertShape):
        super().__init__()
        self.heads, self.attention_dropout = shape.heads, shape.dropout
        self.query = nn.Linear(shape.dim, shape.dim)
        self.key_value = nn.Linear(shape.dim, 2 * shape.dim)
        self.output = nn.Linear(shape.dim, shape.dim)
        self.norm = nn.LayerNorm(shape.dim, eps=shape.eps)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor, context: Tensor, mask: Tensor | None = None) -> Tensor:
        """States (B, L, d), context (B, C, d), its mask (B, 1, 1, C) or None → states (B, L, d)."""
        batch, length, dim = states.shape
        width = dim // self.heads
        query = self.query(states).view(batch, length, self.heads, width).transpose(1, 2)
        key, value = self.key_value(context).view(batch, -1, 2, self.heads, width).permute(2, 0, 3, 1, 4)
        dropout = self.attention_dropout if self.training else 0.0
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout)
        mixed = self.output(seen.transpose(1, 2).reshape(batch, length, dim))
        normed: Tensor = self.norm(states + self.dropout(mixed))
        return normed


class Bert(nn.Module):
    """A BERT encoder without its pooler: token ids → token states."""

    def __init__(self, shape: BertShape):
        super().__init__()
        self.shape = shape
        self.dim = shape.dim
        self.types = shape.types
        self.embeddings = Embeddings(shape)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.apply(initialise)

    def words(self) -> nn.Embedding:
        """The word vectors."""
        return self.embeddings.word_embeddings

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """Encode a batch.

        Args:
            ids: token ids (B, L), int64.
            mask: True at real tokens (B, L), bool.
            types: token types (B, L), int64.

        Returns:
            token states (B, L, d).
        """
        return self.encode(self.embeddings(ids, types), mask)

    def encode(self, states: Tensor, mask: Tensor, attentions: list[Tensor] | None = None) -> Tensor:
        """Embeddings (B, L, d), mask (B, L) → states (B, L, d).

        `attentions` receives one (B, heads, L, L) for each layer.
        """
        attention_mask = None if bool(mask.all()) else mask[:, None, None, :]
        for layer in self.layers:
            states = layer(states, attention_mask, attentions)
        return states


def initialise(module: nn.Module) -> None:
    """Normal(0, 0.02) weights, as in the paper."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear):
        nn.init.zeros_(module.bias)
    if isinstance(module, nn.Embedding) and module.padding_idx is not None:
        with torch.no_grad():
            module.weight[module.padding_idx].zero_()


def from_transformers(weights: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Rename the weights of a transformers `BertModel` to ours; query, key and value are joined."""
    renamed = {
        key: weights[key]
        for key in weights
        if key.startswith("embeddings.") and not key.endswith("position_ids")
    }
    for i in range(layers):
        old, new = f"encoder.layer.{i}", f"layers.{i}"
        for part in ("weight", "bias"):
            renamed[f"{new}.qkv.{part}"] = torch.cat(
                [weights[f"{old}.attention.self.{name}.{part}"] for name in ("query", "key", "value")]
            )
            for ours, theirs in (
                ("attention_output", "attention.output.dense"),
                ("attention_norm", "attention.output.LayerNorm"),
                ("intermediate", "intermediate.dense"),
                ("output", "output.dense"),
                ("output_norm", "output.LayerNorm"),
            ):
                renamed[f"{new}.{ours}.{part}"] = weights[f"{old}.{theirs}.{part}"]
    return renamed
