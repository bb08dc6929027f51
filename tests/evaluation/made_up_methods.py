"""Methods that are made up: a config that is valid, whatever would come of running it."""

from __future__ import annotations

from typing import Any

from crisisweave.config.method import MethodConfig


def method(name: str, inputs: list[str], **values: Any) -> MethodConfig:
    """A method that reads `inputs`; `values` stand above the defaults."""
    given: dict[str, Any] = {"training": {"lr": 1.0, "batch_size": 8, "epochs": 1}}
    if {"text", "caption"} & set(inputs):
        given["text"] = {"name": "tiny:bert"}
    if "image" in inputs:
        given["image"] = {"name": "tiny:conv"}
    if "caption" in inputs:
        given["captioner"] = "one"
    given |= {"family": "any", "title": "T", "idea": "I", "source": {"document": "D", "section": "1"}}
    return MethodConfig.model_validate({"name": name, "inputs": inputs, **given, **values})
