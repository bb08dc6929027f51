"""Configs of joint encoders and of the methods that read with them: what is refused, and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from crisisweave.config.joint import JointConfig, Patches, Transformer, load_joint
from crisisweave.config.method import MethodConfig
from crisisweave.config.strict import merged
from crisisweave.errors import ConfigError
from toy import RATIONALES, TINY_TEXT, joint_config, tiny_method

HUB = {"repository": "somebody/vilt", "revision": "0" * 40}


def test_word_embeddings_that_would_differ_at_each_reading_are_refused() -> None:
    assert Transformer(words="package:minilm", width=8, layers=1, heads=1).words == "package:minilm"
    with pytest.raises(ValidationError, match="'tiny:bert' are random"):
        Transformer(words="tiny:bert", width=8, layers=1, heads=1)


def test_an_image_is_cut_into_whole_patches() -> None:
    assert Patches(size=224, patch=32).side == 7
    with pytest.raises(ValidationError, match="size 224 is not a multiple of patch 30"):
        Patches(size=224, patch=30)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"transformer": {"heads": 3}}, "width 16 is not a multiple of 3 heads"),
        ({"hub": HUB}, "give either 'training' or 'hub'"),
        ({"training": None, "transformer": None}, "give either 'training' or 'hub'"),
        ({"transformer": None}, "'training' and 'transformer' belong together"),
        ({"training": None, "hub": HUB}, "'training' and 'transformer' belong together"),
        (
            {"training": None, "transformer": None, "hub": HUB, "patches": {"encoder": "tiny:conv"}},
            "a published joint encoder reads pixels: set patches.encoder to null",
        ),
        (
            {"training": None, "transformer": None, "hub": {**HUB, "revision": "main"}},
            "hub.revision\n.*should match pattern",
        ),
    ],
)
def test_a_joint_encoder_is_trained_or_published(changes: dict[str, Any], message: str) -> None:
    values = joint_config().model_dump(mode="json")
    with pytest.raises(ValidationError, match=message):
        JointConfig.model_validate(merged(values, changes))


def test_a_published_model_is_named_by_its_revision() -> None:
    values = {**joint_config().model_dump(), "training": None, "transformer": None, "hub": HUB}
    hub = JointConfig.model_validate(values).hub
    assert hub is not None
    assert hub.encoder_name("config/joint/toy.yaml: hub") == f"hub:somebody/vilt@{'0' * 40}"
    with pytest.raises(
        ConfigError, match=r"^config/joint/toy.yaml: hub.revision is null; fill in the commit"
    ):
        hub.model_copy(update={"revision": None}).encoder_name("config/joint/toy.yaml: hub")


def test_a_file_s_values_are_read_with_changes_over_them(tmp_path: Path) -> None:
    path = tmp_path / "joint" / "toy.yaml"
    path.parent.mkdir()
    path.write_text(yaml.safe_dump(joint_config().model_dump(mode="json")))
    assert load_joint("toy", tmp_path) == joint_config()
    longer = load_joint("toy", tmp_path, {"training": {"epochs": 5}}).training
    assert longer is not None
    assert (longer.epochs, longer.batch_size) == (5, 8)
    with pytest.raises(ConfigError, match=r"no joint encoder 'tyo'; did you mean 'toy'"):
        load_joint("tyo", tmp_path)
    with pytest.raises(ConfigError, match=r"toy.yaml: unknown key 'training.epoch'; did you mean 'epochs'"):
        load_joint("toy", tmp_path, {"training": {"epoch": 5}})
    path.rename(path.with_name("other.yaml"))
    with pytest.raises(ConfigError, match=r"other.yaml: name is 'toy'; it must be the file's name, 'other'"):
        load_joint("other", tmp_path)


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("joint", {"text": TINY_TEXT}, "reads text and image itself: remove text, image, captioner"),
        ("joint", {"inputs": ["text"]}, r"a 'joint' encoder needs inputs: \[text, image\]"),
        ("text", {"masking": 0.5}, "'masking' belongs to family: joint; remove it"),
        ("rationale", {"masking": 0.5}, "'masking' belongs to family: joint; remove it"),
        ("rationale", {"rationales": None}, "'rationales' and family: rationale belong together"),
        ("joint", {"rationales": RATIONALES}, "'rationales' and family: rationale belong together"),
        (
            "rationale",
            {"rationales": {**RATIONALES, "patches": "none"}},
            "rationales.patches is none exactly where there is no joint encoder",
        ),
        (
            "rationale_text",
            {"rationales": RATIONALES},
            "rationales.patches is none exactly where there is no joint encoder",
        ),
        ("rationale_text", {"text": {**TINY_TEXT, "tuned": False}}, "set text.tuned to true"),
        ("joint_text", {"text": {**TINY_TEXT, "tuned": False}}, "set text.tuned to true"),
        ("rationale", {"rationales": {**RATIONALES, "share": 0}}, "greater than 0"),
        ("rationale", {"rationales": {**RATIONALES, "alpha": -1}}, "greater than or equal to 0"),
    ],
)
def test_a_method_that_does_not_fit_together_is_refused(
    family: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        tiny_method(family, **changes)


def test_a_rationale_method_names_its_scorer() -> None:
    assert tiny_method("text").scorers == tiny_method("rationale").scorers == []
    found: MethodConfig = tiny_method("rationale", rationales={**RATIONALES, "scorer": "vilt_masked"})
    assert found.scorers == ["vilt_masked"]
