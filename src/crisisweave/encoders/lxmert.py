"""LXMERT (Tan and Bansal, 2019) in plain torch: words and regions of an image through three encoders.

The same arithmetic and weights as the transformers library's `LxmertModel`, held equal by a test. The pooled
state is all that is read of it, so the last layer's work on regions, which never reaches that state, is left
out.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from crisisweave.encoders import bert
from crisisweave.encoders.bert import Bert, BertShape


class LxmertShape(NamedTuple):
    """Sizes of an LXMERT; its language layers are a BERT's, and all others are as wide."""

    language: BertShape
    region_dim: int
    """Width of a region's vector."""
    relation_layers: int
    cross_layers: int


class CrossLayer(nn.Module):
    """One cross-modality layer: words see regions and regions words, then each its own kind."""

    def __init__(self, shape: BertShape, with_regions: bool):
        super().__init__()
        # The two directions share one set of weights, as in the original.
        self.attention = bert.ContextAttention(shape)
        self.language = bert.Layer(shape)
        self.vision = bert.Layer(shape) if with_regions else None

    def forward(self, words: Tensor, regions: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Words (B, L, d), regions (B, R, d), mask of the words (B, 1, 1, L) or None → the same shapes."""
        # Both directions start from the states before this layer.
        seeing = self.attention(words, regions)
        if self.vision is not None:
            regions = self.vision(self.attention(regions, words, mask), None)
        return self.language(seeing, mask), regions


class Lxmert(nn.Module):
    """The three encoders of LXMERT with their embeddings, and the pooler."""

    def __init__(self, shape: LxmertShape, language: Bert | None = None):
        super().__init__()
        self.shape = shape
        common = shape.language
        self.region = nn.Linear(shape.region_dim, common.dim)
        self.region_norm = nn.LayerNorm(common.dim, eps=common.eps)
        self.box = nn.Linear(4, common.dim)
        self.box_norm = nn.LayerNorm(common.dim, eps=common.eps)
        self.dropout = nn.Dropout(common.dropout)
        self.relations = nn.ModuleList(bert.Layer(common) for _ in range(shape.relation_layers))
        last = shape.cross_layers - 1
        self.cross = nn.ModuleList(CrossLayer(common, i < last) for i in range(shape.cross_layers))
        self.pooler = nn.Linear(common.dim, common.dim)
        self.apply(bert.initialise)
        self.language = Bert(common) if language is None else language

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor, regions: Tensor, boxes: Tensor) -> Tensor:
        """The pooled state of a batch.

        Args:
            ids: token ids (B, L), int64.
            mask: True at real tokens (B, L), bool.
            types: token types (B, L), int64.
            regions: vectors of the regions (B, R, D).
            boxes: left, top, right, bottom of each (B, R, 4), as shares of the image's width and height.

        Returns:
            (B, d): the first word's last state through the pooler.
        """
        words = self.language(ids, mask, types)
        seen = (self.region_norm(self.region(regions)) + self.box_norm(self.box(boxes))) / 2
        seen = self.dropout(seen)
        for layer in self.relations:
            seen = layer(seen, None)
        shown = None if bool(mask.all()) else mask[:, None, None, :]
        for layer in self.cross:
            words, seen = layer(words, seen, shown)
        return torch.tanh(self.pooler(words[:, 0]))


def from_transformers(weights: dict[str, Tensor], shape: LxmertShape) -> dict[str, Tensor]:
    """Rename the weights of a transformers `LxmertModel` to ours; queries, keys and values are joined."""
    renamed = {f"language.{k}": v for k, v in weights.items() if k.startswith("embeddings.")}
    renamed |= _linear(weights, "encoder.visn_fc.visn_fc", "region")
    renamed |= _linear(weights, "encoder.visn_fc.visn_layer_norm", "region_norm")
    renamed |= _linear(weights, "encoder.visn_fc.box_fc", "box")
    renamed |= _linear(weights, "encoder.visn_fc.box_layer_norm", "box_norm")
    renamed |= _linear(weights, "pooler.dense", "pooler")
    for kind, ours, count in (
        ("layer", "language.layers", shape.language.layers),
        ("r_layers", "relations", shape.relation_layers),
    ):
        for i in range(count):
            old = f"encoder.{kind}.{i}"
            parts = (f"{old}.attention", f"{old}.intermediate", f"{old}.output")
            renamed |= _layer(weights, parts, f"{ours}.{i}")
    for i in range(shape.cross_layers):
        old, new = f"encoder.x_layers.{i}", f"cross.{i}"
        attention = f"{old}.visual_attention.att"
        renamed |= _linear(weights, f"{attention}.query", f"{new}.attention.query")
        renamed |= _joined(weights, attention, ("key", "value"), f"{new}.attention.key_value")
        renamed |= _linear(weights, f"{old}.visual_attention.output.dense", f"{new}.attention.output")
        renamed |= _linear(weights, f"{old}.visual_attention.output.LayerNorm", f"{new}.attention.norm")
        for theirs, side in (("lang", "language"), ("visn", "vision")):
            if side == "language" or i < shape.cross_layers - 1:
                parts = (f"{old}.{theirs}_self_att", f"{old}.{theirs}_inter", f"{old}.{theirs}_output")
                renamed |= _layer(weights, parts, f"{new}.{side}")
    return renamed


def _layer(weights: dict[str, Tensor], parts: tuple[str, str, str], new: str) -> dict[str, Tensor]:
    attention, intermediate, output = parts
    return {
        **_joined(weights, f"{attention}.self", ("query", "key", "value"), f"{new}.qkv"),
        **_linear(weights, f"{attention}.output.dense", f"{new}.attention_output"),
        **_linear(weights, f"{attention}.output.LayerNorm", f"{new}.attention_norm"),
        **_linear(weights, f"{intermediate}.dense", f"{new}.intermediate"),
        **_linear(weights, f"{output}.dense", f"{new}.output"),
        **_linear(weights, f"{output}.LayerNorm", f"{new}.output_norm"),
    }


def _linear(weights: dict[str, Tensor], old: str, new: str) -> dict[str, Tensor]:
    return {f"{new}.{part}": weights[f"{old}.{part}"] for part in ("weight", "bias")}


def _joined(weights: dict[str, Tensor], old: str, names: tuple[str, ...], new: str) -> dict[str, Tensor]:
    return {
        f"{new}.{part}": torch.cat([weights[f"{old}.{name}.{part}"] for name in names])
        for part in ("weight", "bias")
    }
