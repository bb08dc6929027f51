"""A small captioner config that every captioning test starts from."""

from __future__ import annotations

from typing import Any

import pytest

from crisisweave.config.captioner import CaptionerConfig
from crisisweave.config.strict import merged

SMALL: dict[str, Any] = {
    "name": "small",
    "title": "small",
    "source": {"document": "test", "section": "1"},
    "image": {"encoder": "tiny:conv", "size": 32, "normalise": "standard"},
    "mapper": {"kind": "mlp", "prefix_length": 3, "image_tokens": 2, "layers": 2, "heads": 2},
    "language_model": {"layers": 2, "heads": 2, "width": 32, "positions": 32, "dropout": 0.0},
    "decoding": {"method": "beam", "candidates": 5, "max_tokens": 16},
    "scorer": {
        "kind": "dual_encoder",
        "width": 32,
        "heads": 2,
        "dropout": 0.0,
        "epochs": 12,
        "patience": 12,
        "batch_size": 32,
        "lr": 0.003,
    },
    "training": {
        "dataset": "demo",
        "tasks": ["humanitarian_all"],
        "vocabulary": 400,
        "epochs": 12,
        "patience": 12,
        "batch_size": 16,
        "lr": 0.003,
    },
}
CLIP_FILE = {"file": "clip.safetensors", "sha256": None, "origin": "test"}


@pytest.fixture(scope="session")
def small_config():
    """Builds the small config with changed keys laid over it."""

    def build(**change: Any) -> CaptionerConfig:
        return CaptionerConfig.model_validate(merged(SMALL, change))

    return build


@pytest.fixture(scope="session")
def published_config(small_config):
    """The small config as a published captioner: same shapes, pinned files instead of training."""

    def build(model: str = "ViT-B-32", **change: Any) -> CaptionerConfig:
        values = merged(SMALL, {"image": {"normalise": "none"}})
        del values["training"], values["scorer"]
        values["scorer"] = {"kind": "clip", "model": model, "weights": CLIP_FILE}
        values["published"] = {
            "checkpoint": {"file": "clipcap.pt", "sha256": None, "origin": "test"},
            "tokenizer": {"file": "tokenizer.json", "sha256": None, "origin": "test"},
        }
        return CaptionerConfig.model_validate(merged(values, change))

    return build
