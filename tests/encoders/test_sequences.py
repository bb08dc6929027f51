"""Image encoders as sequences: the whole image first, then its parts row by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from crisisweave.encoders.folder import build_image_encoder, describe_image_encoder
from crisisweave.encoders.image import FirstToken, create_timm, load_image_encoder, timm_encoder
from crisisweave.encoders.image_encoder import HALF, ImageEncoder, Views
from crisisweave.encoders.tiny_image import positions
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError


def _pixels(size: int = 32) -> torch.Tensor:
    return torch.full((2, size, size, 3), 128, dtype=torch.uint8)


def _lit(size: int = 32) -> torch.Tensor:
    """The same with a bright top right quarter in the second image."""
    pixels = _pixels(size)
    pixels[1, : size // 2, size // 2 :] = 255
    return pixels


def test_a_small_vit_gives_its_class_token_first_and_reads_any_size() -> None:
    torch.manual_seed(0)
    encoder = load_image_encoder("tiny:vit").eval()
    with torch.no_grad():
        for size, patches in ((32, 16), (64, 64)):
            states = encoder.sequence(_lit(size))
            assert states.shape == (2, 1 + patches, 64)
            assert torch.allclose(states[:, 0], encoder(_lit(size)), atol=1e-6)


def test_parts_stand_row_by_row() -> None:
    torch.manual_seed(0)
    encoder = load_image_encoder("tiny:vit").eval()
    # Without layers a patch's state shows that patch alone.
    encoder.network.layers = torch.nn.ModuleList()
    with torch.no_grad():
        change = (encoder.sequence(_lit())[1, 1:] - encoder.sequence(_pixels())[1, 1:]).norm(dim=1)
    assert (change.view(4, 4) > 0).nonzero().tolist() == [[0, 2], [0, 3], [1, 2], [1, 3]]


def test_each_cell_has_a_place_of_its_own() -> None:
    places = positions(64, 5, 7).flatten(1).T
    distances = torch.cdist(places, places) + 9 * torch.eye(35)
    assert distances.min() > 0.5
    row, column = positions(64, 5, 7).split(32)
    assert torch.equal(row[:, :, 0], row[:, :, 6])
    assert torch.equal(column[:, 0], column[:, 4])


def test_a_convolutional_network_gives_its_map_after_its_mean() -> None:
    torch.manual_seed(0)
    encoder = load_image_encoder("tiny:conv").eval()
    with torch.no_grad():
        states = encoder.sequence(_lit())
        assert states.shape == (2, 1 + 4, 64)
        assert torch.allclose(states[:, 0], encoder(_lit()), atol=1e-6), "the mean is its pooled vector"
        assert torch.allclose(states[:, 1:], encoder.grid(_lit(), 2), atol=1e-6)


@pytest.mark.parametrize(
    ("model", "size", "parts", "dim"),
    [("test_vit", 160, 100, 64), ("test_resnet", 64, 4, 96), ("test_efficientnet", 64, 4, 256)],
)
def test_timm_models_give_sequences(model: str, size: int, parts: int, dim: int) -> None:
    torch.manual_seed(0)
    network = create_timm(model, pretrained=False)
    encoder = timm_encoder(network).eval()
    with torch.no_grad():
        states = encoder.sequence(_lit(size))
        pooled = encoder(_lit(size))
    assert encoder.dim == dim == pooled.shape[1]
    assert states.shape == (2, 1 + parts, dim)
    assert torch.allclose(states[:, 0], pooled, atol=1e-4)


def test_vgg_says_the_width_of_what_a_classifier_reads() -> None:
    prepare_torchvision()
    with torch.device("meta"):
        encoder = timm_encoder(create_timm("vgg16", pretrained=False))
    assert encoder.dim == 4096


def test_a_hub_vit_gives_its_tokens_and_keeps_no_head_that_nothing_reads() -> None:
    prepare_torchvision()
    from transformers import ViTConfig, ViTModel

    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = ViTModel(ViTConfig(image_size=32, patch_size=8, **shape))
    network = FirstToken(model)
    encoder = ImageEncoder(network, 16, HALF, Views(tokens=network.tokens)).train()
    states = encoder.sequence(_lit())
    assert states.shape == (2, 17, 16)
    states.sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())


def test_an_encoder_without_parts_is_explained() -> None:
    encoder = ImageEncoder(torch.nn.Flatten(), 3, HALF)
    with pytest.raises(ConfigError, match="one vector of each image and no sequence: take another"):
        encoder.sequence(_pixels())


def test_a_map_of_another_width_than_the_vector_is_explained() -> None:
    encoder = ImageEncoder(torch.nn.Flatten(), 5, HALF, Views(lambda pixels: pixels))
    with pytest.raises(ConfigError, match="map is 3 wide and its vector 5: take another"):
        encoder.sequence(_pixels())


@pytest.mark.parametrize("name", ["tiny:vit", "timm:test_vit", "timm:test_resnet"])
def test_an_exported_encoder_comes_back_with_its_sequences(tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    kind, model = name.split(":")
    encoder = load_image_encoder(name) if kind == "tiny" else timm_encoder(create_timm(model, False))
    describe_image_encoder(encoder.eval(), name, tmp_path)
    again = build_image_encoder(tmp_path).eval()
    again.load_state_dict(encoder.state_dict())
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 160, 160, 3), dtype=np.uint8))
    with torch.no_grad():
        assert torch.equal(encoder.sequence(pixels), again.sequence(pixels))
