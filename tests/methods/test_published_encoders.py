"""The encoders that the shipped methods name: their libraries know them, and their sizes are as published."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from crisisweave.config.method import MethodConfig
from crisisweave.config.profile import method_values
from crisisweave.encoders.image import clip_image_encoder, create_timm, timm_encoder
from crisisweave.encoders.names import parse
from crisisweave.encoders.text import clip_text_encoder
from crisisweave.encoders.torchvision_compat import prepare_torchvision

CONFIG = Path(__file__).parents[2] / "config"


def _named(kind: str) -> set[str]:
    """Names of a kind in the methods' files, without the kind."""
    files = sorted((CONFIG / "methods").glob("*.yaml"))
    methods = [MethodConfig.model_validate(method_values(file.stem, CONFIG)) for file in files]
    uses = [use.name for method in methods for use in (method.text, method.image) if use is not None]
    return {name.removeprefix(f"{kind}:") for name in uses if name.startswith(f"{kind}:")}


def test_timm_and_open_clip_have_pretrained_weights_of_each_name() -> None:
    prepare_torchvision()
    import open_clip
    import timm

    assert _named("timm") == {
        "vit_base_patch16_224.augreg_in21k",
        "densenet161.tv_in1k",
        "vgg16.tv_in1k",
        "resnet152.tv_in1k",
    }
    assert _named("timm") <= set(timm.list_models(pretrained=True))
    assert _named("open_clip") == {"ViT-B-32-quickgelu/openai"}
    pretrained = {f"{model}/{tag}" for model, tag in open_clip.list_pretrained()}
    assert _named("open_clip") <= pretrained


def test_hub_names_are_pinned() -> None:
    assert all(len(parse(f"hub:{name}").detail) == 40 for name in _named("hub"))
    assert any(name.startswith("FacebookAI/roberta-base@") for name in _named("hub"))


@pytest.mark.parametrize(
    ("model", "dim", "millions", "parts"),
    [
        ("vit_base_patch16_224", 768, 85.8, 196),
        ("densenet161", 2208, 26.5, 49),
        ("resnet152", 2048, 58.1, 49),
        ("vgg16", 4096, 134.3, None),
    ],
)
def test_image_encoders_have_their_published_sizes(
    model: str, dim: int, millions: float, parts: int | None
) -> None:
    prepare_torchvision()
    # Shapes without numbers: nothing is allocated, and a pass costs nothing.
    with torch.device("meta"):
        encoder = timm_encoder(create_timm(model, pretrained=False)).eval()
        pixels = torch.zeros(1, 224, 224, 3, dtype=torch.uint8)
        assert encoder(pixels).shape == (1, dim) == (1, encoder.dim)
        if parts is not None:
            assert encoder.sequence(pixels).shape == (1, 1 + parts, dim)
    assert sum(p.numel() for p in encoder.parameters()) / 1e6 == pytest.approx(millions, abs=0.06)


def test_clip_s_encoders_have_their_published_sizes() -> None:
    prepare_torchvision()
    import open_clip
    from open_clip.model import CLIP

    from crisisweave.encoders.clip import clip_tokenizer

    shape = open_clip.get_model_config("ViT-B-32-quickgelu")
    with torch.device("meta"):
        model = CLIP(**shape)
    model.visual.image_mean = model.visual.image_std = (0.5, 0.5, 0.5)
    image, text = clip_image_encoder(model), clip_text_encoder(model, clip_tokenizer())
    assert (image.dim, text.dim, text.longest) == (512, 512, 77)
    counts = [sum(p.numel() for p in part.parameters()) / 1e6 for part in (image, text)]
    assert counts == pytest.approx([87.85, 63.43], abs=0.01)
