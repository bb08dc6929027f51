"""Image encoders by name, each with the transform that its weights expect."""

from __future__ import annotations

import functools
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from crisisweave.encoders import packages
from crisisweave.encoders.clip import clip_model
from crisisweave.encoders.hub_cache import from_hub_cache
from crisisweave.encoders.image_encoder import HALF, ImageEncoder, Normalisation, Views
from crisisweave.encoders.names import EncoderName, parse
from crisisweave.encoders.tiny_image import TinyConvNet, TinyVit
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError, WeightsError

TINY_IMAGE: dict[str, type[TinyConvNet | TinyVit]] = {"conv": TinyConvNet, "vit": TinyVit}


def load_image_encoder(name: str) -> ImageEncoder:
    """The image encoder of a name (see `crisisweave.encoders.names`) with its pretrained weights.

    Raises:
        ConfigError: the name is unknown or names no image encoder.
        WeightsError: its weights are missing here or altered.
    """
    parsed = parse(name)
    if parsed.kind == "given":
        raise ConfigError(
            f"encoder '{name}' is not here: its features are made elsewhere, so no new image can be encoded"
        )
    builders = {
        "package": _efficientnet_lite0,
        "tiny": _tiny,
        "timm": _timm,
        "open_clip": lambda name: clip_image_encoder(clip_model(name)),
        "hub": _hub,
    }
    return builders[parsed.kind](parsed)


def _tiny(name: EncoderName) -> ImageEncoder:
    if name.model not in TINY_IMAGE:
        raise packages.unknown(name.kind, name.model, tuple(TINY_IMAGE))
    network = TINY_IMAGE[name.model]()
    return ImageEncoder(network, network.dim, HALF, tiny_views(network))


def tiny_views(network: TinyConvNet | TinyVit) -> Views:
    """What a tiny network says of an image's parts."""
    # Methods, not the network itself, whose weights would then be stored twice.
    if isinstance(network, TinyVit):
        return Views(patch_map=network.forward, tokens=network.tokens)
    return Views(network.layers.forward, network.forward)


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
    return ImageEncoder(network, 1280, HALF, efficientnet_views(network))


def efficientnet_views(network: Any) -> Views:
    """What an EfficientNet says of an image's parts."""
    return Views(network.forward_features, partial(last_stages, network))


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
    return timm_encoder(network)


def timm_encoder(network: Any) -> ImageEncoder:
    """A timm model as an encoder, with the normalisation that its weights expect."""
    config = network.pretrained_cfg
    # VGG has fully connected layers between its last map and what a classifier reads.
    dim = network.head_hidden_size
    return ImageEncoder(network, dim, Normalisation(config["mean"], config["std"]), timm_views(network))


def timm_views(network: Any) -> Views:
    """What a timm model says of an image's parts: a transformer tokens, a convolutional network a map."""
    if getattr(network, "num_prefix_tokens", 0) == 1:
        return Views(tokens=network.forward_features)
    if hasattr(network, "patch_embed") or network.num_features != network.head_hidden_size:
        return Views()
    return Views(network.forward_features)


def clip_image_encoder(model: Any) -> ImageEncoder:
    """The image half of an open_clip model, up to the space that it shares with texts."""
    visual = model.visual
    channels = Normalisation(visual.image_mean, visual.image_std)
    return ImageEncoder(visual, visual.output_dim, channels, clip_views(visual))


def clip_views(visual: Any) -> Views:
    """What CLIP's ResNets say of an image's parts before attention pools them; its transformers: nothing."""
    if not hasattr(visual, "layer4"):
        return Views()
    # Its methods, not the stages themselves, whose weights would then be stored twice.
    stages = [visual.stem, *(getattr(visual, f"layer{i}").forward for i in range(1, 5))]
    return Views(lambda pixels: functools.reduce(lambda x, stage: stage(x), stages, pixels))


def _hub(name: EncoderName) -> ImageEncoder:
    prepare_torchvision()
    from transformers import AutoConfig, AutoImageProcessor, AutoModel

    with from_hub_cache(name) as where:
        config = AutoConfig.from_pretrained(name.model, **where)
        processor = AutoImageProcessor.from_pretrained(name.model, **where)
        model = AutoModel.from_pretrained(name.model, use_safetensors=True, **where)
    network = FirstToken(model)
    channels = Normalisation(tuple(processor.image_mean), tuple(processor.image_std))
    return ImageEncoder(network, config.hidden_size, channels, Views(tokens=network.tokens))


class FirstToken(nn.Module):
    """A vision transformer's class token as the pooled vector."""

    def __init__(self, model: Any):
        super().__init__()
        # A head that nothing reads would be trained by nothing and stored for nothing.
        model.pooler = None
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → (B, d)."""
        return self.tokens(pixels)[:, 0]

    def tokens(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, 3, H, W) → states (B, 1 + N, d)."""
        states: Tensor = self.model(pixel_values=pixels).last_hidden_state
        return states
