"""Small image networks that start from nothing: for tests and for workflows without pretrained weights."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from crisisweave.encoders.bert import BertShape, Layer


class TinyConvNet(nn.Module):
    """Four strided convolutions and a mean."""

    dim = 64

    def __init__(self) -> None:
        super().__init__()
        widths = [3, 16, 32, 48, self.dim]
        self.layers = nn.Sequential()
        for before, after in itertools.pairwise(widths):
            self.layers.append(nn.Conv2d(before, after, kernel_size=3, stride=2, padding=1))
            # Group norm, not batch norm: an image must give the same features in every batch.
            self.layers.append(nn.GroupNorm(4, after))
            self.layers.append(nn.ReLU())

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → (B, d)."""
        return self.layers(pixels).mean(dim=(2, 3))


class TinyVit(nn.Module):
    """A vision transformer (Dosovitskiy et al., 2021) of two layers over patches of 8 pixels."""

    dim = 64
    patch = 8

    def __init__(self) -> None:
        super().__init__()
        shape = BertShape(vocabulary=0, dim=self.dim, layers=2, heads=4, intermediate=128, dropout=0.0)
        self.patches = nn.Conv2d(3, self.dim, kernel_size=self.patch, stride=self.patch)
        self.first = nn.Parameter(0.02 * torch.randn(1, 1, self.dim))
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → the class token's state (B, d)."""
        return self.tokens(pixels)[:, 0]

    def tokens(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → states (B, 1 + N, d): the class token, then patches row by row."""
        cells = self.patches(pixels)
        cells = cells + positions(self.dim, *cells.shape[2:]).to(cells)
        states = torch.cat([self.first.expand(len(pixels), -1, -1), cells.flatten(2).transpose(1, 2)], dim=1)
        for layer in self.layers:
            states = layer(states, None)
        return states


def positions(dim: int, height: int, width: int) -> Tensor:
    """Where a cell lies (dim, H, W): sine and cosine of row and column, so that any size of image is read."""
    frequencies = 100.0 ** -torch.linspace(0, 1, dim // 4)
    rows = torch.arange(height)[None, :, None] * frequencies[:, None, None]
    columns = torch.arange(width)[None, None, :] * frequencies[:, None, None]
    parts = (rows.sin(), rows.cos(), columns.sin(), columns.cos())
    return torch.cat([part.expand(-1, height, width) for part in parts])
