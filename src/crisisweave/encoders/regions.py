"""Regions of images by a detector (DETR; Carion et al., 2020): boxes, and what its backbone sees inside them.

LXMERT was made for 36 regions of a Faster R-CNN trained on Visual Genome, of which no library that is used
here has weights. A DETR stands in its place: its surest boxes, whatever it calls them, and the mean of the
last map of its ResNet-50 inside each, which is as wide (2,048).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from crisisweave.config.regions import TINY_DETECTOR, Regions
from crisisweave.encoders.hub_cache import from_hub_cache
from crisisweave.encoders.image_encoder import Normalisation
from crisisweave.encoders.names import parse
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError

BATCH = 8
POINTS = 7
"""Points along each side of a box at which the map is read."""
STRIDE = 32
"""Pixels of the image for one cell of the backbone's last map."""


class RegionDetector(nn.Module):
    """A detector: pixels in, boxes and their vectors out.

    Args:
        model: transformers' `DetrForObjectDetection`.
        normalisation: of its pixels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, normalisation: Normalisation):
        super().__init__()
        self.model = model
        self.width = int(model.model.backbone.intermediate_channel_sizes[-1])
        self.queries = int(model.config.num_queries)
        mean, std = (torch.tensor(v).view(3, 1, 1) * 255 for v in normalisation)
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        self._maps: list[Tensor] = []
        model.model.backbone.register_forward_hook(self._keep_map)

    def _keep_map(self, module: nn.Module, given: Any, made: Any) -> None:
        self._maps = [made[-1][0]]

    def forward(self, pixels: Tensor, boxes: int) -> tuple[Tensor, Tensor]:
        """The surest boxes of images of one shape.

        Args:
            pixels: (B, H, W, 3) uint8, both sides multiples of 32.
            boxes: how many are kept of each image.

        Returns:
            vectors (B, boxes, D), and boxes (B, boxes, 4): left, top, right, bottom as shares of the image;
            the surest first.
        """
        found = self.model(pixel_values=(pixels.permute(0, 3, 1, 2).float() - self.mean) / self.std)
        # The last of the classes is "nothing".
        sure = found.logits.softmax(dim=-1)[..., :-1].amax(dim=-1)
        order = sure.sort(dim=1, descending=True, stable=True).indices[:, :boxes]
        chosen = found.pred_boxes.gather(1, order[..., None].expand(-1, -1, 4))
        corners = as_corners(chosen)
        return mean_in_boxes(self._maps.pop(), corners), corners


def as_corners(boxes: Tensor) -> Tensor:
    """Centre x, centre y, width, height (..., 4) → left, top, right, bottom, cut to the image (0 to 1)."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], dim=-1).clamp(0, 1)


def mean_in_boxes(features: Tensor, boxes: Tensor) -> Tensor:
    """The mean of a map inside each box, read at 7 × 7 points between its cells (RoIAlign, averaged).

    Args:
        features: (B, D, h, w).
        boxes: (B, R, 4), left, top, right, bottom as shares of the image.

    Returns:
        (B, R, D).
    """
    steps = (torch.arange(POINTS, device=boxes.device) + 0.5) / POINTS
    left, top, right, bottom = boxes.unbind(dim=-1)
    x = left[..., None] + steps * (right - left)[..., None]
    y = top[..., None] + steps * (bottom - top)[..., None]
    shape = (*boxes.shape[:2], POINTS, POINTS)
    points = torch.stack([x[..., None, :].expand(shape), y[..., :, None].expand(shape)], dim=-1)
    # grid_sample's −1 and 1 are the outer edges of the map.
    read = F.grid_sample(
        features, points.flatten(2, 3) * 2 - 1, padding_mode="border", align_corners=False
    )  # (B, D, R, points)
    return read.mean(dim=-1).transpose(1, 2)


def detect(
    detector: RegionDetector, images: Sequence[NDArray[np.uint8]], regions: Regions, device: torch.device
) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """The regions of whole images (height, width, 3), whatever their shapes.

    Each image is brought to `regions.size` pixels along its shorter side, and both sides to multiples of 32.
    Images of one shape go through together without any padding, so that none depends on the others.

    Returns:
        vectors (n, R, D) float16, half of what is much, and boxes (n, R, 4) float32.
    """
    vectors = np.empty((len(images), regions.boxes, detector.width), dtype=np.float16)
    boxes = np.empty((len(images), regions.boxes, 4), dtype=np.float32)
    by_shape: dict[tuple[int, int], list[int]] = {}
    for number, image in enumerate(images):
        by_shape.setdefault(detector_shape(image.shape[0], image.shape[1], regions.size), []).append(number)
    with torch.no_grad():
        for shape, numbers in by_shape.items():
            for start in range(0, len(numbers), BATCH):
                block = numbers[start : start + BATCH]
                pixels = torch.stack([_resized(images[number], shape) for number in block])
                found, corners = detector(pixels.to(device), regions.boxes)
                vectors[block], boxes[block] = found.half().cpu().numpy(), corners.float().cpu().numpy()
    return vectors, boxes


def detector_shape(height: int, width: int, size: int) -> tuple[int, int]:
    """Height and width at which the detector sees an image."""
    scale = size / min(height, width)
    rows, columns = (max(1, round(length * scale / STRIDE)) * STRIDE for length in (height, width))
    return rows, columns


def _resized(image: NDArray[np.uint8], shape: tuple[int, int]) -> Tensor:
    if image.shape[:2] == shape:
        return torch.from_numpy(image.copy())
    channels_first = torch.from_numpy(image.copy()).permute(2, 0, 1)[None]
    return F.interpolate(channels_first, size=shape, mode="bicubic", antialias=True)[0].permute(1, 2, 0)


def load_detector(regions: Regions) -> RegionDetector:
    """The detector of a method's regions with its weights, in evaluation mode.

    Raises:
        ConfigError: it gives other regions than the config says, or no revision is given.
        WeightsError: it is not in the model cache.
    """
    detector = _tiny() if regions.detector == TINY_DETECTOR else _published(regions)
    if detector.width != regions.width:
        raise ConfigError(
            f"regions.width is {regions.width}, but this detector's is {detector.width}; set it"
        )
    if detector.queries < regions.boxes:
        raise ConfigError(
            f"regions.boxes is {regions.boxes}, but this detector finds {detector.queries}; take no more"
        )
    return detector.eval()


def _published(regions: Regions) -> RegionDetector:
    name = parse(regions.detector_name())
    prepare_torchvision()
    from transformers import AutoImageProcessor, DetrForObjectDetection

    with from_hub_cache(name) as where:
        processor = AutoImageProcessor.from_pretrained(name.model, **where)
        model = DetrForObjectDetection.from_pretrained(name.model, use_safetensors=True, **where)
    return RegionDetector(model, Normalisation(tuple(processor.image_mean), tuple(processor.image_std)))


def _tiny() -> RegionDetector:
    """A DETR with a small ResNet and random weights, the same each time."""
    prepare_torchvision()
    from transformers import DetrConfig, DetrForObjectDetection, ResNetConfig

    small = {"embedding_size": 8, "hidden_sizes": [8, 8, 8, 16], "depths": [1] * 4, "layer_type": "basic"}
    backbone = ResNetConfig.from_dict({**small, "out_features": ["stage4"]})
    config = DetrConfig(
        backbone_config=backbone,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = DetrForObjectDetection(config)
        # As they are drawn by default, all boxes would be the same.
        for part in (model.model.query_position_embeddings, model.model.decoder, model.bbox_predictor):
            for parameter in part.parameters():
                if parameter.ndim > 1:
                    nn.init.normal_(parameter, std=0.5)
    half = (0.5, 0.5, 0.5)
    return RegionDetector(model, Normalisation(half, half))
