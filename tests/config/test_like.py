"""Methods that say only where they differ from another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from crisisweave.config.profile import Profile, method_values
from crisisweave.errors import ConfigError
from toy import tiny_method

BASE = {
    "name": "base",
    "title": "Base",
    "training": {"lr": 1.0, "epochs": 10, "batch_size": 8},
    "joint": "vilt",
}
VARIANT = {"like": "base", "name": "variant", "title": "Variant", "training": {"lr": 2.0}}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A config folder with a method, a variant of it and a variant of that one."""
    (tmp_path / "methods").mkdir()
    for values in (BASE, VARIANT, {"like": "variant", "name": "third", "training": {"patience": 5}}):
        _write(tmp_path, values)
    return tmp_path


def _write(config: Path, values: dict[str, Any]) -> None:
    (config / "methods" / f"{values['name']}.yaml").write_text(yaml.safe_dump(values))


def test_a_variant_has_the_other_s_values_where_it_says_nothing(config: Path) -> None:
    assert method_values("variant", config) == {
        "name": "variant",
        "title": "Variant",
        "training": {"lr": 2.0, "epochs": 10, "batch_size": 8},
        "joint": "vilt",
    }
    third = method_values("third", config)
    assert third["training"] == {"lr": 2.0, "epochs": 10, "batch_size": 8, "patience": 5}
    assert (third["name"], third["title"]) == ("third", "Variant")


def test_what_a_profile_changes_of_the_base_reaches_its_variants(config: Path) -> None:
    layers = ({"base": {"training": {"batch_size": 16, "lr": 5.0}}},)
    assert method_values("base", config, layers)["training"]["lr"] == 5.0
    for name in ("variant", "third"):
        found = method_values(name, config, layers)["training"]
        assert found["batch_size"] == 16
        assert found["lr"] == 2.0, "what makes it a variant stays"


def test_what_a_profile_changes_of_a_variant_has_the_last_word_and_leaves_the_base(config: Path) -> None:
    layers = ({"base": {"training": {"lr": 5.0}}, "variant": {"training": {"lr": 7.0}}},)
    rates = {
        name: method_values(name, config, layers)["training"]["lr"] for name in ("base", "variant", "third")
    }
    assert rates == {"base": 5.0, "variant": 7.0, "third": 7.0}


def test_a_change_for_every_method_is_applied_once_below_what_makes_a_variant(config: Path) -> None:
    layers = ({"*": {"training": {"lr": 9.0, "epochs": 3}}},)
    assert method_values("base", config, layers)["training"] == {"lr": 9.0, "epochs": 3, "batch_size": 8}
    assert method_values("variant", config, layers)["training"] == {"lr": 2.0, "epochs": 3, "batch_size": 8}


def test_the_experiment_s_changes_lie_over_the_profile_s(config: Path) -> None:
    layers = (
        {"*": {"training": {"epochs": 3}}, "base": {"training": {"batch_size": 16}}},
        {"*": {"training": {"epochs": 4}}, "base": {"training": {"batch_size": 32}}},
    )
    assert method_values("variant", config, layers)["training"] == {"lr": 2.0, "epochs": 4, "batch_size": 32}


def test_a_change_for_every_method_leaves_out_parts_that_a_method_lacks(config: Path) -> None:
    layers = ({"*": {"text": {"name": "tiny:bert"}, "joint": "other", "max_tokens": 16}},)
    found = method_values("variant", config, layers)
    assert "text" not in found
    assert (found["joint"], found["max_tokens"]) == ("other", 16)


@pytest.mark.parametrize("like", ["bsae", "lonely", "../methods/lonely", 3])
def test_a_method_is_like_another_one_that_is_there(config: Path, like: object) -> None:
    _write(config, {"like": like, "name": "lonely"})
    with pytest.raises(ConfigError, match=rf"lonely.yaml: there is no other method '{like}' to be like"):
        method_values("lonely", config)


def test_methods_that_are_like_each_other_are_refused(config: Path) -> None:
    _write(config, {**BASE, "like": "third"})
    with pytest.raises(ConfigError, match="there is no other method 'variant' to be like; name one"):
        method_values("variant", config)


def _profile(tmp_path: Path, **scorer: Any) -> Profile:
    """A profile in which a rationale method is scored by another one."""
    for name in ("methods", "datasets", "joint"):
        (tmp_path / name).mkdir()
    method = tiny_method("rationale_text").model_dump(mode="json", exclude_defaults=True)
    method["rationales"]["scorer"] = "scorer"
    _write(tmp_path, {**method, "name": "found"})
    _write(tmp_path, {"like": "found", "name": "also_found"})
    _write(tmp_path, {**tiny_method("joint_text").model_dump(mode="json"), "name": "scorer", **scorer})
    dataset = {
        "name": "toy", "loader": "crisismmd", "folder": "toy", "title": "Toy", "source": "x", "citation": "x",
        "licence": "x", "modalities": ["text"], "shorter_side": 32,
        "tasks": {"state": {"classes": ["a", "b"], "layout": "agreed", "table": "informative"}},
    }  # fmt: skip
    (tmp_path / "datasets" / "toy.yaml").write_text(yaml.safe_dump(dataset))
    experiment = {"dataset": "toy", "task": "state", "methods": ["found", "also_found"], "seeds": [1]}
    path = tmp_path / "profile.yaml"
    path.write_text(yaml.safe_dump({"name": "profile", "experiments": [experiment]}))
    return Profile(path, tmp_path)


def test_the_scorer_of_rationales_is_run_once_and_first(tmp_path: Path) -> None:
    assert _profile(tmp_path).methods("toy", "state") == ["scorer", "found", "also_found"]


@pytest.mark.parametrize("masking", [0.0, 1.0])
def test_a_scorer_that_saw_only_full_or_only_masked_inputs_is_refused(tmp_path: Path, masking: float) -> None:
    with pytest.raises(ConfigError, match=r"cannot score the rationales of 'found'.*between 0 and 1"):
        _profile(tmp_path, masking=masking)
