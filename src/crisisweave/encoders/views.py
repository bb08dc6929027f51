"""Encoders of one view each: pictures or a spectrogram to one vector."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crisisweave.config.views import ViewEncoder
from crisisweave.encoders.torchvision_compat import prepare_torchvision

# Of ImageNet, by which the public code normalises pictures.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Convolutions(nn.Module):
    """Two convolutions and one max-pooling (thesis, 5.5.2), to 512 numbers at width 16 and 28 × 28 pixels.

    The thesis says no more of this network. The first convolution has 5 × 5 cells and stride 2, the second
    3 × 3; the pooling lies between them: the cheapest of the forms tried, and as wide as ResNet18.
    """

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.first = nn.Conv2d(channels, width, 5, stride=2)
        self.second = nn.Conv2d(width, 2 * width, 3)
        self.dim = 2 * width * 4 * 4
        # Faster by a quarter on a CPU, same values.
        nn.utils.convert_conv2d_weight_memory_format(self, torch.channels_last)

    def forward(self, pixels: Tensor) -> Tensor:
        """Pixels (B, channels, 28, 28) → vectors (B, dim).

        One pixel (B, channels, 1, 1) stands for an image that is this colour all over. Without padding a
        convolution of a constant is the sum of its cells times that constant, and pooling changes nothing, so
        that the same vector is had at a hundredth of the work.
        """
        if pixels.shape[2:] == (1, 1):
            colour = pixels.flatten(1)
            x = torch.relu(F.linear(colour, self.first.weight.sum(dim=(2, 3)), self.first.bias))
            x = torch.relu(F.linear(x, self.second.weight.sum(dim=(2, 3)), self.second.bias))
            return x.repeat_interleave(self.dim // x.shape[1], dim=1)
        x = pixels.contiguous(memory_format=torch.channels_last)
        x = torch.relu(F.max_pool2d(self.first(x), 2))
        return torch.relu(self.second(x)).flatten(1)


class ResNet18(nn.Module):
    """ResNet-18 from scratch (thesis, 5.5.2), to 512 numbers; several pictures become the mean of theirs.

    Initialised as in the public code of the works that the thesis compares with: the last normalisation of a
    block starts at 1, where timm would start it at 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, channels: int):
        super().__init__()
        prepare_torchvision()
        import timm

        self.network = timm.create_model(
            "resnet18", pretrained=False, in_chans=channels, num_classes=0, zero_init_last=False
        )
        self.dim = int(self.network.num_features)  # type: ignore[arg-type]
        self.register_buffer("mean", torch.tensor(_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(_STD).view(3, 1, 1), persistent=False)

    def forward(self, given: Tensor) -> Tensor:
        """Sound (B, 1, F, T), or pictures (B, T, 3, S, S) as bytes → vectors (B, 512)."""
        if given.ndim == 4:
            sound: Tensor = self.network(given)
            return sound
        pixels = (given.flatten(0, 1).float() / 255 - self.mean) / self.std
        vectors: Tensor = self.network(pixels)
        return vectors.unflatten(0, given.shape[:2]).mean(dim=1)


def build_view_encoder(config: ViewEncoder, view: int) -> nn.Module:
    """The encoder of one view; it has an attribute `dim`."""
    channels = config.channels[view]
    if config.network == "convolutions":
        return Convolutions(channels, config.width)
    return ResNet18(channels)
