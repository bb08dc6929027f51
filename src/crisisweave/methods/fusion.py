"""Branches under one of four kinds of fusion, or one of them alone (thesis, 5.5.4; equations 3.5.10 ff.).

Text and image, or the views of a row, of which concat and sum take any number. Gated and FiLM as in the
public code of the works that the thesis compares with: modality 0 opens the gate, or scales and shifts.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crisisweave.config.method import MethodConfig
from crisisweave.encoders.provider import Encoders
from crisisweave.encoders.views import build_view_encoder
from crisisweave.methods.branches import ImageBranch, TextBranch, classification_head, split_linear
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch


class FusionClassifier(Classifier):
    """`z_m = branch_m(x_m)`, then

    - concat: `head([z_0 | z_1 | …])`
    - sum: `W_0 z_0 + b_0 + W_1 z_1 + b_1 + …`
    - gated: `head(sigmoid(W_0 z_0 + b_0) ⊙ (W_1 z_1 + b_1))`
    - film: `head(γ(z_0) ⊙ z_1 + β(z_0))`
    - only_0, only_1, only_2: `head(z_m)`
    """

    def __init__(self, config: MethodConfig, n_classes: int, encoders: Encoders):
        super().__init__()
        assert config.fusion is not None
        self.fusion = config.fusion
        n = 2 if config.views is None else len(config.views.channels)
        self._read = [int(self.fusion[-1])] if self.fusion.startswith("only_") else list(range(n))
        self.view_branches = nn.ModuleDict()
        for modality in self._read:
            self._add_branch(modality, config, encoders)
        dims = [int(branch.dim) for branch in self._branches()]  # type: ignore[arg-type]
        self.first, self.second, self.head = _layers(self.fusion, dims, n_classes, config)
        self.others = nn.ModuleList(
            [nn.Linear(dim, n_classes) for dim in dims[2:]] if self.fusion == "sum" else []
        )

    def _add_branch(self, modality: int, config: MethodConfig, encoders: Encoders) -> None:
        if config.views is not None:
            self.view_branches[str(modality)] = build_view_encoder(config.views, modality)
        elif modality == 0:
            assert config.text is not None
            self.text_branch = TextBranch(config.text, encoders)
        else:
            assert config.image is not None
            self.image_branch = ImageBranch(config.image, encoders)

    def _branches(self) -> list[nn.Module]:
        own = list(self.view_branches.values())
        return own or [branch for branch in (self.text_branch, self.image_branch) if branch is not None]

    @property
    def branches(self) -> tuple[nn.Module, ...]:
        """All branches, or none where there is only one."""
        found = self._branches()
        return tuple(found) if len(found) > 1 else ()

    def vectors(self, batch: Batch) -> list[Tensor]:
        """The vectors (B, d) of the modalities that are read."""
        if not self.view_branches:
            return [self.text_vector(batch) if m == 0 else self.image_vector(batch) for m in self._read]
        return [self.view_branches[str(m)](batch.views[m]) for m in self._read]

    def fuse(self, vectors: Sequence[Tensor]) -> Tensor:
        """What the head reads: the modalities' vectors made one."""
        if self.fusion.startswith("only_"):
            return vectors[0]
        if self.fusion == "concat":
            return torch.cat(list(vectors), dim=1)
        if self.fusion == "film":
            scale, shift = self.first(vectors[0]).chunk(2, dim=1)
            return scale * vectors[1] + shift
        if self.fusion == "gated":
            return torch.sigmoid(self.first(vectors[0])) * self.second(vectors[1])
        first, *others = self._parts(vectors)
        return sum(others, start=first)

    def _parts(self, vectors: Sequence[Tensor]) -> list[Tensor]:
        """Sum: the scores (B, C) of each modality."""
        layers = (self.first, self.second, *self.others)
        return [layer(z) for layer, z in zip(layers, vectors, strict=True)]

    def forward(self, batch: Batch) -> Tensor:
        """Class scores (B, C)."""
        scores: Tensor = self.head(self.fuse(self.vectors(batch)))
        return scores

    def split_scores(self, vectors: Sequence[Tensor]) -> list[Tensor] | None:
        """Concat and sum: each modality's part of the scores (thesis, 5.5.4)."""
        if self.fusion == "sum":
            return self._parts(vectors)
        return split_linear(self.head, vectors) if self.fusion == "concat" else None


def _layers(
    fusion: str, dims: Sequence[int], n_classes: int, config: MethodConfig
) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Layers on modality 0, on modality 1, and on what they become."""
    none = nn.Identity()
    if fusion == "sum":
        return nn.Linear(dims[0], n_classes), nn.Linear(dims[1], n_classes), none
    if fusion == "gated":
        width = dims[1]
        first, second = nn.Linear(dims[0], width), nn.Linear(dims[1], width)
        return first, second, classification_head(width, n_classes, config.head)
    if fusion == "film":
        first = nn.Linear(dims[0], 2 * dims[1])
        return first, none, classification_head(dims[1], n_classes, config.head)
    return none, none, classification_head(sum(dims), n_classes, config.head)


build = FusionClassifier
