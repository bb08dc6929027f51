"""Captioner configs: the shipped ones load, wrong ones stop with a sentence."""

from pathlib import Path

import pytest

from crisisweave.config.captioner import load_captioner
from crisisweave.errors import ConfigError

CONFIG = Path(__file__).parents[2] / "config"


@pytest.mark.parametrize("name", ["demo_prefix", "clip_cc", "clip_coco"])
def test_shipped_configs_load(name):
    assert load_captioner(name, CONFIG).decoding.candidates == 5


@pytest.mark.parametrize("name", ["clip_cc", "clip_coco"])
def test_published_captioners_have_the_published_shape(name):
    config = load_captioner(name, CONFIG)
    assert (config.mapper.kind, config.mapper.prefix_length) == ("mlp", 10)
    shape = config.language_model
    assert (shape.layers, shape.heads, shape.width, shape.positions) == (12, 12, 768, 1024)
    assert config.image.normalise == "none"
    assert config.decoding.stop == "."


def test_an_override_changes_one_key():
    config = load_captioner("demo_prefix", CONFIG, {"decoding": {"method": "nucleus"}})
    assert config.decoding.method == "nucleus"
    assert config.decoding.candidates == 5


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ({"decodin": {}}, r"unknown key 'decodin'; did you mean 'decoding'\?"),
        ({"mapper": {"prefix_lenght": 4}}, r"did you mean 'prefix_length'\?"),
        ({"training": None}, "either 'training' or 'published'"),
        ({"decoding": {"method": "greedy"}}, "set candidates to 1"),
        ({"decoding": {"max_tokens": 100}}, "prefix and max_tokens need 104 positions"),
        ({"language_model": {"heads": 5}}, "not a multiple of 5 heads"),
    ],
)
def test_wrong_configs_stop(override, sentence):
    with pytest.raises(ConfigError, match=sentence):
        load_captioner("demo_prefix", CONFIG, override)


def test_an_unknown_captioner_gets_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'clip_coco'"):
        load_captioner("clip_cocoa", CONFIG)
