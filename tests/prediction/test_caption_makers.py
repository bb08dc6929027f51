"""New images are captioned as the workflow does it, also where the scorer reads features of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models

from crisisweave.captioning.caption import candidates
from crisisweave.captioning.encoder_decoder import TransformerCaptioner
from crisisweave.captioning.folder import Captioner
from crisisweave.captioning.similarity import ClipScorer
from crisisweave.captioning.tokenizer import END
from crisisweave.config.captioner import CaptionerConfig, Clip
from crisisweave.encoders.image import load_image_encoder
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.images.store import centre_squares
from crisisweave.prediction.folder import captioner_parts
from crisisweave.prediction.given import Given
from crisisweave.prediction.network import CaptionMaker

NOTHING = {"sha256": None, "origin": "test"}
CONFIG = {
    "name": "places",
    "title": "places",
    "source": {"document": "test", "section": "1"},
    "image": {"encoder": "tiny:conv", "size": 32, "grid": 2, "normalise": "none"},
    "encoder_decoder": {
        "encoder_layers": 1,
        "decoder_layers": 1,
        "heads": 2,
        "width": 16,
        "feedforward": 16,
    },
    "decoding": {"method": "beam", "candidates": 4, "max_tokens": 5, "batch_size": 2},
    "scorer": {
        "kind": "clip",
        "model": "tiny-clip-of-makers",
        "weights": {"file": "clip.safetensors", **NOTHING},
        "image": {"encoder": "tiny:conv", "size": 24},
    },
    "published": {
        "checkpoint": {"file": "places.pth", **NOTHING},
        "tokenizer": {"file": "words.json", **NOTHING},
    },
}


@pytest.fixture
def captioner(tmp_path: Path) -> Captioner:
    """One with random weights, whose scorer lives in the space of `tiny:conv`."""
    prepare_torchvision()
    import open_clip

    tower = {"width": 32, "layers": 1}
    shape = {
        "embed_dim": 64,
        "vision_cfg": {"image_size": 32, "patch_size": 16, "head_width": 16, **tower},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "heads": 2, **tower},
    }
    (tmp_path / "tiny-clip-of-makers.json").write_text(json.dumps(shape))
    open_clip.add_model_config(tmp_path / "tiny-clip-of-makers.json")
    torch.manual_seed(0)
    config = CaptionerConfig.model_validate(CONFIG)
    words = Tokenizer(models.WordLevel({END: 0, **{f"word{i}": i for i in range(1, 30)}}))
    words.add_special_tokens([END])
    model = TransformerCaptioner(config, 64, 30).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    assert isinstance(config.scorer, Clip)
    return Captioner(model, ClipScorer(config.scorer).eval(), words, 4, 64)


def test_captioner_and_scorer_each_read_their_own_features(captioner: Captioner) -> None:
    config = CaptionerConfig.model_validate(CONFIG)
    assert captioner_parts(config) == [
        ("tiny:conv", "image", "encoder.safetensors"),
        ("tiny:conv", "image-1", "encoder-1.safetensors"),
    ]
    encoders = [load_image_encoder("tiny:conv").eval() for _ in range(2)]
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    given = [Given(None, image, str(i)) for i, image in enumerate(pixels)]
    with torch.no_grad():
        found = CaptionMaker(config, captioner, encoders).captions(given)
        places = encoders[0].grid(torch.from_numpy(pixels), 2)
        seen = encoders[1](torch.from_numpy(centre_squares(list(pixels), 24)))[:, None]
        expected = candidates(captioner, config, places, ["0", "1", "2"], 0, seen)
    assert found == [own.texts[own.chosen] for own in expected]
    assert any(own.chosen != 0 for own in expected), "a choice that is always the first proves nothing"
