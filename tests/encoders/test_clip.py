"""CLIP's encoders are open_clip's own: same tokens, same vectors."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crisisweave.encoders import folder
from crisisweave.encoders.clip import clip_tokenizer
from crisisweave.encoders.features import encode_texts, text_features
from crisisweave.encoders.image import clip_image_encoder, load_image_encoder
from crisisweave.encoders.text import TextEncoder, clip_text_encoder, load_text_encoder
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError, WeightsError

TEXTS = [
    "Flood water everywhere in Houston!! #Harvey http",
    "it's 2017, they'll need 1,500 blankets... @user we've asked; don't wait",
    "Zyclon überflutet São Tomé — ¡ayuda! 日本 🙏🏽🙏",
    "a",
    "water " * 200,
]


@pytest.fixture(scope="module")
def clip() -> Iterator[Any]:
    """A small CLIP of the published kind with random weights."""
    prepare_torchvision()
    from open_clip.model import CLIP

    torch.manual_seed(0)
    model = CLIP(
        embed_dim=24,
        vision_cfg={"image_size": 64, "layers": 2, "width": 64, "head_width": 32, "patch_size": 32},
        text_cfg={"width": 32, "heads": 2, "layers": 2},
        quick_gelu=True,
    ).eval()
    # As `open_clip.create_model` leaves it: the mean and deviation of CLIP's own training.
    model.visual.image_mean, model.visual.image_std = (0.48, 0.46, 0.41), (0.27, 0.26, 0.28)
    yield model


@pytest.fixture(scope="module")
def text(clip: Any) -> TextEncoder:
    return clip_text_encoder(clip, clip_tokenizer()).eval()


def test_texts_become_the_tokens_of_open_clip(text: TextEncoder) -> None:
    from open_clip.tokenizer import SimpleTokenizer

    expected = SimpleTokenizer()(TEXTS)
    lists = text.tokenise([t.split() for t in TEXTS], max_tokens=77)
    found = lists.pad(np.arange(len(TEXTS))).ids
    assert found.shape == expected.shape == (5, 77)
    assert torch.equal(found, expected)


def test_text_vectors_are_those_of_open_clip(clip: Any, text: TextEncoder) -> None:
    from open_clip.tokenizer import SimpleTokenizer

    lists = text.tokenise([t.split() for t in TEXTS], max_tokens=77)
    with torch.no_grad():
        expected = clip.encode_text(SimpleTokenizer()(TEXTS))
        together = text_features(text, lists.pad(np.arange(5)), "end")
        alone = torch.cat([text_features(text, lists.pad(np.array([i])), "end") for i in range(5)])
    assert torch.allclose(together, expected, atol=1e-6)
    assert torch.allclose(alone, expected, atol=1e-6)


def test_image_vectors_are_those_of_open_clip(clip: Any) -> None:
    encoder = clip_image_encoder(clip).eval()
    pixels = torch.randint(0, 256, (3, 64, 64, 3), dtype=torch.uint8)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (clip.visual.image_mean, clip.visual.image_std))
    with torch.no_grad():
        expected = clip.encode_image((pixels.permute(0, 3, 1, 2) / 255 - mean) / std)
        assert torch.allclose(encoder(pixels), expected, atol=1e-5)
    assert encoder.dim == expected.shape[1] == 24


def test_half_precision_gives_nearly_the_same_vectors(clip: Any, text: TextEncoder) -> None:
    tokens = text.tokenise([["water", "here"], ["no"]], max_tokens=77).pad(np.arange(2))
    image = clip_image_encoder(clip).eval()
    pixels = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = (text_features(text, tokens, "end"), image(pixels).float())
    with torch.no_grad():
        full = (text_features(text, tokens, "end"), image(pixels))
    for found, expected in zip(half, full, strict=True):
        assert torch.allclose(found, expected, atol=0.05 * float(expected.abs().max()))


def test_every_parameter_of_a_tuned_clip_learns(clip: Any, text: TextEncoder) -> None:
    image = clip_image_encoder(clip)
    tokens = text.tokenise([["water", "here"]], max_tokens=77).pad(np.arange(1))
    vector = text_features(text, tokens, "end")
    (vector.sum() + image(torch.ones(1, 64, 64, 3, dtype=torch.uint8)).sum()).backward()
    parameters = [*text.named_parameters(), *image.named_parameters()]
    assert [name for name, p in parameters if p.grad is None] == []


def test_frozen_features_are_written_as_open_clip_gives_them(
    clip: Any, text: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from crisisweave.config.method import EncoderUse

    monkeypatch.setattr("crisisweave.encoders.features.load_text_encoder", lambda name: text)
    use = EncoderUse(name="open_clip:small/random", tuned=False, pooling="end")
    encode_texts([t.split() for t in TEXTS], use, 77, tmp_path / "features")
    from open_clip.tokenizer import SimpleTokenizer

    with torch.no_grad():
        expected = clip.encode_text(SimpleTokenizer()(TEXTS)).numpy()
    assert np.allclose(np.load(tmp_path / "features" / "features.npy"), expected, atol=1e-6)


def test_a_longer_limit_than_clip_reads_is_explained(text: TextEncoder) -> None:
    with pytest.raises(ConfigError, match="reads 77 tokens at most: set max_tokens to 77"):
        text.tokenise([["water"]], max_tokens=128)


def test_a_model_that_reads_texts_otherwise_is_refused(clip: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip, "text_pool_type", "last")
    with pytest.raises(ConfigError, match="does not read texts as CLIP does"):
        clip_text_encoder(clip, clip_tokenizer())


def test_an_exported_text_encoder_comes_back(
    clip: Any, text: TextEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "open_clip:ViT-B-32-quickgelu/openai"
    folder.describe_text_encoder(text, name, tmp_path)
    # The full-size model would be built here; the small one stands for it.
    monkeypatch.setattr(folder, "clip_model", lambda name: clip)
    again = folder.build_text_encoder(tmp_path).eval()
    again.load_state_dict(text.state_dict())
    words = [t.split() for t in TEXTS]
    batches = [each.tokenise(words, max_tokens=77).pad(np.arange(5)) for each in (text, again)]
    assert torch.equal(batches[0].ids, batches[1].ids)
    with torch.no_grad():
        assert torch.equal(text(batches[0]), again(batches[1]))


@pytest.mark.parametrize("load", [load_text_encoder, load_image_encoder])
def test_weights_that_are_not_there_say_how_to_fetch_them(
    load: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="on a machine with internet"):
        load("open_clip:ViT-B-32-quickgelu/no-such-tag")
