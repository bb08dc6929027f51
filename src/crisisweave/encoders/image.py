"""Image encoders by name, each with the transform that its weights expect."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crisisweave.encoders import packages
from crisisweave.encoders.names import EncoderName, parse
from crisisweave.encoders.text import missing_from_hub
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError, WeightsError


class Normalisation(NamedTuple):
    """Per-channel mean and standard deviation of pixels in [0, 1]."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


HALF = Normalisation((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


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
        feature_map: Callable[[Tensor], Tensor] | None = None,
        patch_map: Callable[[Tensor], Tensor] | None = None,
    ):
        super().__init__()
        self.network = network
        self.dim = dim
        self._feature_map = feature_map
        self._patch_map = patch_map
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
        if self._feature_map is None:
            raise ConfigError("this image encoder has no map of local features: use a grid of 1")
        features = self._feature_map(self._normalised(pixels))
        return F.adaptive_avg_pool2d(features, cells).flatten(2).transpose(1, 2)

    def patches(self, pixels: Tensor, patch: int) -> Tensor:
        """Pixels (B, H, W, 3) → features (B, P, D) of patches, row by row, each seen alone.

        What one patch shows reaches no other patch's features, so that a patch can be hidden by putting the
        features of a grey one in its place.

        Raises:
            ConfigError: the encoder has no features of patches.
        """
        if self._patch_map is None:
            raise ConfigError(
                "this image encoder gives no features of patches: take another for a joint encoder"
            )
        batch, height, width, _ = pixels.shape
        rows, columns = height // patch, width // patch
        cut = pixels.view(batch, rows, patch, columns, patch, 3).transpose(2, 3)
        alone = self._normalised(cut.reshape(-1, patch, patch, 3)).contiguous(
            memory_format=torch.channels_last
        )
        return self._patch_map(alone).view(batch, rows * columns, -1)

    def _normalised(self, pixels: Tensor) -> Tensor:
        return (pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std


class TinyConvNet(nn.Module):
    """Four strided convolutions and a mean: for tests and for workflows without pretrained weights."""

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


TINY_IMAGE = {"conv": TinyConvNet}


def load_image_encoder(name: str) -> ImageEncoder:
    """The image encoder of a name (see `crisisweave.encoders.names`) with its pretrained weights.

    Raises:
        ConfigError: the name is unknown or names no image encoder.
        WeightsError: its weights are missing here or altered.
    """
    parsed = parse(name)
    builders = {
        "package": _efficientnet_lite0,
        "tiny": _tiny,
        "timm": _timm,
        "open_clip": _open_clip,
        "hub": _hub,
    }
    return builders[parsed.kind](parsed)


def _tiny(name: EncoderName) -> ImageEncoder:
    if name.model not in TINY_IMAGE:
        raise packages.unknown(name.kind, name.model, tuple(TINY_IMAGE))
    network = TINY_IMAGE[name.model]()
    # Its method, not the network itself, whose weights would then be stored twice.
    return ImageEncoder(network, network.dim, HALF, network.layers, network.forward)


def _efficientnet_lite0(name: EncoderName) -> ImageEncoder:
    """EfficientNet-Lite0 (Tan & Le, 2019): the package's weights in timm's architecture.

    Both list the same tensors in the same order under other names; the shapes are checked one by one.
    """
    if name.model not in packages.IMAGE_MODELS:
        raise packages.unknown(name.kind, name.model, packages.IMAGE_MODELS)
    network = create_timm("tf_efficientnet_lite0", pretrained=False)
    path = packages.packaged(packages.EFFICIENTNET_LITE0_WEIGHTS)
    stored = torch.load(path, weights_only=True, map_location="cpu")
    body = [(k, v) for k, v in stored.items() if not k.startswith("_fc.")]
    wanted = network.state_dict()
    if [v.shape for _, v in body] != [v.shape for v in wanted.values()]:
        raise WeightsError(
            f"{path} does not fit timm's tf_efficientnet_lite0; install timm in the pinned version"
        )
    network.load_state_dict({key: value for key, (_, value) in zip(wanted, body, strict=True)})
    return ImageEncoder(network, 1280, HALF, network.forward_features, partial(last_stages, network))


def last_stages(network: Any, pixels: Tensor) -> Tensor:
    """Features of small images by EfficientNet's last two stages (n, 432)."""
    stages = network.forward_intermediates(pixels, indices=[3, 4], intermediates_only=True)
    return torch.cat([stage.mean(dim=(2, 3)) for stage in stages], dim=1)


def create_timm(model: str, pretrained: bool) -> Any:
    """A timm model that gives pooled features."""
    prepare_torchvision()
    import timm

    return timm.create_model(model, pretrained=pretrained, num_classes=0)


def _timm(name: EncoderName) -> ImageEncoder:
    try:
        network = create_timm(name.model, pretrained=True)
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"encoder '{name}' could not be loaded ({' '.join(str(error).split())[:200]}); check the name, "
            f"and run 'crisisweave fetch' with the same profile on a machine with internet"
        ) from error
    config = network.pretrained_cfg
    return ImageEncoder(network, network.num_features, Normalisation(config["mean"], config["std"]))


def _open_clip(name: EncoderName) -> ImageEncoder:
    prepare_torchvision()
    import open_clip

    try:
        model = open_clip.create_model(name.model, pretrained=name.detail)
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"encoder '{name}' could not be loaded ({' '.join(str(error).split())[:200]}); check the name, "
            f"and run 'crisisweave fetch' with the same profile on a machine with internet"
        ) from error
    visual = model.visual
    return ImageEncoder(visual, visual.output_dim, Normalisation(visual.image_mean, visual.image_std))


def _hub(name: EncoderName) -> ImageEncoder:
    prepare_torchvision()
    from transformers import AutoConfig, AutoImageProcessor, AutoModel

    where: dict[str, Any] = {"revision": name.detail, "local_files_only": True}
    try:
        config = AutoConfig.from_pretrained(name.model, **where)
        processor = AutoImageProcessor.from_pretrained(name.model, **where)
        model = AutoModel.from_pretrained(name.model, use_safetensors=True, **where)
    except OSError as error:
        raise missing_from_hub(name) from error
    return ImageEncoder(
        FirstToken(model),
        config.hidden_size,
        Normalisation(tuple(processor.image_mean), tuple(processor.image_std)),
    )


class FirstToken(nn.Module):
    """A vision transformer's class token as the pooled vector."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        state: Tensor = self.model(pixel_values=pixels).last_hidden_state[:, 0]
        return state
