"""What every image encoder is: pixels in, one vector or a sequence of states out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crisisweave.errors import ConfigError


class Normalisation(NamedTuple):
    """Per-channel mean and standard deviation of pixels in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


HALF = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


class Views(NamedTuple):
    """What an encoder says of an image's parts, each from normalised pixels (B, 3, H, W).

    Attributes:
        feature_map: a map of local features (B, d, h, w).
        patch_map: a vector (n, D) of small images.
        tokens: states (B, 1 + N, d), of the whole image (class token) and of its patches row by row.
    """

    feature_map: Callable[[Tensor], Tensor] | None = None
    patch_map: Callable[[Tensor], Tensor] | None = None
    tokens: Callable[[Tensor], Tensor] | None = None


NO_VIEWS = Views()


class ImageEncoder(nn.Module):
    """An image encoder: uint8 pixels in, one pooled vector out.

    Attributes:
        dim: width d of the pooled vector.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        dim: int,
        normalisation: Normalisation,
        views: Views = NO_VIEWS,
    ):
        super().__init__()
        self.network = network
        self.dim = dim
        self._views = views
        # 255 is folded in, so that uint8 pixels are normalised by one subtraction and one division.
        mean, std = (torch.tensor(v).view(3, 1, 1) * 255 for v in normalisation)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (B, H, W, 3) uint8 → pooled features (B, d)."""
        pooled: Tensor = self.network(self._normalised(pixels))
        return pooled

    def grid(self, pixels: Tensor, cells: int) -> Tensor:
        """Pixels (B, H, W, 3) uint8 → features (B, cells², d): one mean per cell, row by row.

        Raises:
            ConfigError: the encoder has no map of local features.
        """
        if self._views.feature_map is None:
            raise ConfigError("this image encoder has no map of local features: use a grid of 1")
        features = self._views.feature_map(self._normalised(pixels))
        return F.adaptive_avg_pool2d(features, cells).flatten(2).transpose(1, 2)

    def sequence(self, pixels: Tensor) -> Tensor:
        """Pixels (B, H, W, 3) uint8 → states (B, 1 + N, d): of the whole image, then of its parts row by row.

        A transformer gives its tokens; a convolutional network its map of local features, before them their
        mean.

        Raises:
            ConfigError: the encoder gives neither, or a map of another width than its vector.
        """
        if self._views.tokens is not None:
            return self._views.tokens(self._normalised(pixels))
        if self._views.feature_map is None:
            raise ConfigError(
                "this image encoder gives one vector of each image and no sequence: take another for methods "
                "that read sequences"
            )
        cells = self._views.feature_map(self._normalised(pixels)).flatten(2).transpose(1, 2)
        if cells.shape[2] != self.dim:
            raise ConfigError(
                f"this image encoder's map is {cells.shape[2]} wide and its vector {self.dim}: take another "
                f"for methods that read sequences"
            )
        return after_mean(cells)

    def patches(self, pixels: Tensor, patch: int) -> Tensor:
        """Pixels (B, H, W, 3) → features (B, P, D) of patches, row by row, each seen alone.

        What one patch shows reaches no other patch's features, so that a patch can be hidden by putting the
        features of a grey one in its place.

        Raises:
            ConfigError: the encoder has no features of patches.
        """
        if self._views.patch_map is None:
            raise ConfigError(
                "this image encoder gives no features of patches: take another for a joint encoder"
            )
        batch, height, width, _ = pixels.shape
        rows, columns = height // patch, width // patch
        cut = pixels.view(batch, rows, patch, columns, patch, 3).transpose(2, 3)
        alone = self._normalised(cut.reshape(-1, patch, patch, 3)).contiguous(
            memory_format=torch.channels_last
        )
        return self._views.patch_map(alone).view(batch, rows * columns, -1)

    def _normalised(self, pixels: Tensor) -> Tensor:
        return (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std


def after_mean(cells: Tensor) -> Tensor:
    """Cells (B, N, d) → (B, 1 + N, d): their mean stands first, where a transformer has its class token."""
    return torch.cat([cells.mean(dim=1, keepdim=True), cells], dim=1)
