"""ViLT (Kim, Son and Kim, 2021) in plain torch: one transformer over words and image patches.

The same arithmetic and weights as the transformers library's `ViltModel`, held equal by a test, save for one
thing: that model returns the patch tokens in a random order, in evaluation too (it draws them with
`torch.multinomial`), so that a map over patches read from it is scrambled. Here patches keep raster order,
and the visual CLS stands apart.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crisisweave.encoders.bert import attention_weights


class ViltShape(NamedTuple):
    """Sizes of a ViLT encoder."""

    vocabulary: int
    word_dim: int
    """Width of the word embeddings; where it is not `dim`, a linear layer maps one to the other."""
    patch_dim: int
    """Width D of a patch as it is read: 3·32·32 for pixels."""
    grid: tuple[int, int]
    """Rows and columns of patches."""
    dim: int
    layers: int
    heads: int
    intermediate: int
    positions: int
    """Longest text in tokens."""
    types: int = 2
    dropout: float = 0.0
    eps: float = 1e-12


class JointStates(NamedTuple):
    """What a joint encoder gives.

    Attributes:
        tokens: states of the text's tokens (B, L, d).
        visual: state of the visual CLS (B, d).
        patches: states of the patches (B, P, d), row by row.
        pooled: the first token's state through the pooler (B, d).
    """

    tokens: Tensor
    visual: Tensor
    patches: Tensor
    pooled: Tensor


class Layer(nn.Module):
    """One pre-norm transformer layer."""

    def __init__(self, shape: ViltShape):
        super().__init__()
        self.heads = shape.heads
        self.before = nn.LayerNorm(shape.dim, eps=shape.eps)
        self.qkv = nn.Linear(shape.dim, 3 * shape.dim)
        self.attention_output = nn.Linear(shape.dim, shape.dim)
        self.after = nn.LayerNorm(shape.dim, eps=shape.eps)
        self.intermediate = nn.Linear(shape.dim, shape.intermediate)
        self.output = nn.Linear(shape.intermediate, shape.dim)
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, states: Tensor, mask: Tensor | None, attentions: list[Tensor] | None) -> Tensor:
        """States (B, N, d), mask (B, 1, 1, N) or None when nothing is padded → states (B, N, d)."""
        batch, length, dim = states.shape
        query, key, value = (
            self.qkv(self.before(states))
            .view(batch, length, 3, self.heads, dim // self.heads)
            .permute(2, 0, 3, 1, 4)
        )
        if attentions is None:
            attended = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        else:
            attentions.append(attention_weights(query, key, mask))
            attended = attentions[-1] @ value
        attended = self.attention_output(attended.transpose(1, 2).reshape(batch, length, dim))
        states = states + self.dropout(attended)
        hidden = self.output(F.gelu(self.intermediate(self.after(states))))
        return states + self.dropout(hidden)


class Vilt(nn.Module):
    """The transformer of ViLT with its embeddings and its pooler."""

    def __init__(self, shape: ViltShape):
        super().__init__()
        self.shape = shape
        d = shape.dim
        self.word = nn.Embedding(shape.vocabulary, shape.word_dim, padding_idx=0)
        self.word_map = nn.Linear(shape.word_dim, d, bias=False) if shape.word_dim != d else nn.Identity()
        self.text_position = nn.Embedding(shape.positions, d)
        self.text_type = nn.Embedding(shape.types, d)
        self.text_norm = nn.LayerNorm(d, eps=shape.eps)
        self.patch = nn.Linear(shape.patch_dim, d)
        self.visual = nn.Parameter(torch.zeros(d))
        self.image_position = nn.Parameter(torch.zeros(1 + shape.grid[0] * shape.grid[1], d))
        self.modality = nn.Embedding(2, d)
        self.dropout = nn.Dropout(shape.dropout)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(d, eps=shape.eps)
        self.pooler = nn.Linear(d, d)
        self.apply(_initialise)
        for position in (self.visual, self.image_position):
            nn.init.normal_(position, std=0.02)

    def embed(self, ids: Tensor, types: Tensor, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Ids and types (B, L), patches (B, P, D) → embeddings (B, L, d) and (B, P, d) with positions."""
        positions = self.text_position.weight[: ids.shape[1]]
        text = self.text_norm(self.word_map(self.word(ids)) + positions + self.text_type(types))
        image = self.patch(patches) + self.image_position[1:]
        return (
            self.dropout(text) + self.modality.weight[0],
            self.dropout(image) + self.modality.weight[1],
        )

    def encode(
        self, text: Tensor, image: Tensor, mask: Tensor, attentions: list[Tensor] | None = None
    ) -> JointStates:
        """Embeddings (B, L, d) and (B, P, d), mask (B, L) True at real tokens → states.

        Args:
            text: token embeddings.
            image: patch embeddings.
            mask: True at real tokens.
            attentions: receives one (B, heads, N, N) for each layer, N = L + 1 + P in the order tokens,
                visual CLS, patches; gradients flow through them.
        """
        batch, length = text.shape[:2]
        visual = self.dropout(self.visual + self.image_position[0]) + self.modality.weight[1]
        states = torch.cat([text, visual.expand(batch, 1, -1), image], dim=1)
        seen = None
        if not bool(mask.all()):
            whole = mask.new_ones(batch, states.shape[1])
            whole[:, :length] = mask
            seen = whole[:, None, None, :]
        for layer in self.layers:
            states = layer(states, seen, attentions)
        states = self.norm(states)
        return JointStates(
            states[:, :length],
            states[:, length],
            states[:, length + 1 :],
            torch.tanh(self.pooler(states[:, 0])),
        )


def _initialise(module: nn.Module) -> None:
    """Normal(0, 0.02) weights, as ViLT's own."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


def from_transformers(weights: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """Rename the weights of a transformers `ViltModel` to ours; query, key and value are joined."""
    embeddings = "embeddings.text_embeddings"
    renamed = {
        "word.weight": weights[f"{embeddings}.word_embeddings.weight"],
        "text_position.weight": weights[f"{embeddings}.position_embeddings.weight"],
        "text_type.weight": weights[f"{embeddings}.token_type_embeddings.weight"],
        "visual": weights["embeddings.cls_token"].flatten(),
        "image_position": weights["embeddings.position_embeddings"][0],
        # A convolution whose step is its width is a linear map of each patch on its own.
        "patch.weight": weights["embeddings.patch_embeddings.projection.weight"].flatten(1),
        "patch.bias": weights["embeddings.patch_embeddings.projection.bias"],
        "modality.weight": weights["embeddings.token_type_embeddings.weight"],
    }
    for part in ("weight", "bias"):
        renamed[f"text_norm.{part}"] = weights[f"{embeddings}.LayerNorm.{part}"]
        renamed[f"norm.{part}"] = weights[f"layernorm.{part}"]
        renamed[f"pooler.{part}"] = weights[f"pooler.dense.{part}"]
        for i in range(layers):
            old, new = f"encoder.layer.{i}", f"layers.{i}"
            renamed[f"{new}.qkv.{part}"] = torch.cat(
                [weights[f"{old}.attention.attention.{name}.{part}"] for name in ("query", "key", "value")]
            )
            for ours, theirs in (
                ("attention_output", "attention.output.dense"),
                ("before", "layernorm_before"),
                ("after", "layernorm_after"),
                ("intermediate", "intermediate.dense"),
                ("output", "output.dense"),
            ):
                renamed[f"{new}.{ours}.{part}"] = weights[f"{old}.{theirs}.{part}"]
    return renamed
