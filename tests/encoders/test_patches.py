"""Patches: each is seen alone, stands at its place, and a grey one is what hides it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models
from torch import Tensor, nn
from typer.testing import CliRunner

from crisisweave.cli import app
from crisisweave.config.joint import Patches
from crisisweave.encoders.features import encode_patches, grey_patch, patch_features, read_features
from crisisweave.encoders.image import HALF, ImageEncoder, load_image_encoder
from crisisweave.encoders.joint import JointEncoder
from crisisweave.encoders.text import Tokens
from crisisweave.encoders.vilt import Vilt, ViltShape
from crisisweave.errors import ConfigError
from crisisweave.images.store import ImageStore
from crisisweave.rationales.masking import masked
from toy import Toy

ROOT = Path(__file__).parents[2]
ENCODERS = ["tiny:conv", "package:efficientnet_lite0"]
PATCH, SIDE = 32, 3
PLACES = [0, 2, 3, 8]
NOTHING = Tokens(*[torch.zeros(1, 1, dtype=torch.long)] * 4)


def _encoder(name: str) -> ImageEncoder:
    torch.manual_seed(0)  # of the weights of tiny:conv
    return load_image_encoder(name).eval()


def _pixels() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(0, 256, (2, PATCH * SIDE, PATCH * SIDE, 3), generator=generator).float()


def _grey_at(pixels: Tensor, place: int) -> Tensor:
    """The images with a patch in mid-grey."""
    row, column = divmod(place, SIDE)
    painted = pixels.clone()
    painted[:, row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH] = 127.5
    return painted


def _joint(encoder: str | None, width: int) -> JointEncoder:
    """A joint encoder with random weights that reads patches of some width."""
    words = {word: i for i, word in enumerate(["[PAD]", "[UNK]", "[MASK]", "*"])}
    tokenizer = Tokenizer(models.WordLevel(words))
    shape = ViltShape(4, 8, width, (SIDE, SIDE), 8, 1, 2, 8, 4)
    return JointEncoder(Vilt(shape), tokenizer, Patches(encoder=encoder, size=PATCH * SIDE, patch=PATCH))


@pytest.mark.parametrize("name", ENCODERS)
def test_what_a_patch_shows_reaches_its_own_features_only(name: str) -> None:
    encoder, pixels = _encoder(name), _pixels()
    with torch.no_grad():
        before = patch_features(encoder, pixels, PATCH)
        for place in PLACES:
            changed = (patch_features(encoder, _grey_at(pixels, place), PATCH) - before).abs().amax(dim=2)
            assert (changed > 1e-3).tolist() == [[p == place for p in range(SIDE**2)]] * 2


@pytest.mark.parametrize("name", ENCODERS)
def test_a_patch_in_an_image_has_the_features_of_that_patch_as_an_image(name: str) -> None:
    encoder, pixels = _encoder(name), _pixels()
    with torch.no_grad():
        together = patch_features(encoder, pixels, PATCH)
        for place in PLACES:
            row, column = divmod(place, SIDE)
            alone = pixels[:, row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH]
            assert torch.allclose(patch_features(encoder, alone, PATCH)[:, 0], together[:, place], atol=1e-4)


@pytest.mark.parametrize("name", ENCODERS)
def test_hiding_a_patch_is_reading_an_image_that_is_grey_there(name: str) -> None:
    encoder, pixels = _encoder(name), _pixels()
    torch.manual_seed(0)
    grey = grey_patch(Patches(encoder=name, size=PATCH * SIDE, patch=PATCH))
    with torch.no_grad():
        features = patch_features(encoder, pixels, PATCH)
        joint = _joint(name, features.shape[2])
        joint.fit_patches(features, grey)
        for place in PLACES:
            keep = torch.arange(SIDE**2).expand(2, -1) != place
            hidden = masked(joint.read(NOTHING, features), joint, None, keep)
            painted = joint.read(NOTHING, patch_features(encoder, _grey_at(pixels, place), PATCH))
            assert torch.allclose(hidden.patches, painted.patches, atol=1e-3)


def test_pixels_are_cut_row_by_row_and_grey_is_zero() -> None:
    joint, pixels = _joint(None, 3 * PATCH**2), _pixels()
    x = joint.read(NOTHING, pixels)
    assert x.patches.shape == (2, SIDE**2, 3 * PATCH**2)
    assert (x.patches.min(), x.patches.max()) == (-1, 1)
    for place in PLACES:
        row, column = divmod(place, SIDE)
        cell = pixels[:, row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH]
        # Channels first, as ViLT's convolution reads them.
        assert torch.equal(x.patches[:, place], cell.permute(0, 3, 1, 2).flatten(1) / 127.5 - 1)
        hidden = masked(x, joint, None, torch.arange(SIDE**2).expand(2, -1) != place)
        assert torch.equal(hidden.patches, joint.read(NOTHING, _grey_at(pixels, place)).patches)


def test_features_of_patches_are_brought_to_mean_0_and_deviation_1() -> None:
    joint = _joint("tiny:conv", 2)
    features = torch.tensor([[[1.0, 10.0], [3.0, 30.0]], [[1.0, 10.0], [3.0, 30.0]]])
    joint.fit_patches(features, torch.tensor([2.0, 50.0]))
    deviation = (4 / 3) ** 0.5
    x = joint.read(NOTHING, features)
    assert torch.allclose(x.patches[0], torch.tensor([[-1.0, -1.0], [1.0, 1.0]]) / deviation)
    assert torch.allclose(joint.grey, torch.tensor([0.0, 3.0]) / deviation)


def test_a_feature_that_is_constant_in_train_does_not_explode() -> None:
    joint = _joint("tiny:conv", 2)
    joint.fit_patches(torch.tensor([[[0.0, 5.0], [2.0, 5.0]]]), torch.zeros(2))
    x = joint.read(NOTHING, torch.tensor([[[1.0, 5.01]]]))
    assert x.patches.abs().max() < 2


def test_patches_of_a_store_lie_in_the_order_of_its_index(toy: Toy) -> None:
    patches = Patches(encoder="tiny:conv", size=32, patch=8)
    store = ImageStore(toy.sources.images)
    folder = toy.sources.patch_features(patches)
    torch.manual_seed(0)
    encode_patches(store, patches, folder)
    found = read_features(folder, len(store.index))
    assert (found.shape, found.dtype) == ((64, 16, 64), np.float16)
    rows = np.array([3, 40])
    with torch.no_grad():
        expected = patch_features(_encoder("tiny:conv"), torch.from_numpy(store.batch(rows, 32)), 8)
    assert np.allclose(found[rows], expected.numpy(), atol=2e-3)
    assert not np.allclose(found[3], found[40], atol=0.01)
    assert json.loads((folder / "features.json").read_text()) == {
        "encoder": "tiny:conv",
        "size": 32,
        "patch": 8,
        "shape": [64, 16, 64],
    }


def test_an_encoder_without_features_of_patches_is_refused() -> None:
    with pytest.raises(ConfigError, match="gives no features of patches: take another"):
        ImageEncoder(nn.Identity(), 3, HALF).patches(_pixels(), PATCH)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["patch-features", "--dataset", "demo", "--joint", "vilt_b32_mlm"],
            "reads pixels, so there is nothing",
        ),
        (["patch-features", "--dataset", "demo", "--joint", "demo_vlit"], "did you mean 'demo_vilt'"),
        (
            ["joint", "--joint", "vilt_b32_mlm"],
            "hub.revision is null; fill in the commit hash of dandelin/vilt",
        ),
    ],
)
def test_the_commands_say_what_is_wrong(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(ConfigError, match=message):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
