"""`config.yaml` of a run folder: everything that a run was made from, resolved."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from crisisweave.config.captioner import CaptionerConfig
from crisisweave.config.joint import JointConfig
from crisisweave.config.method import MethodConfig
from crisisweave.config.strict import StrictModel, read_yaml, validate
from crisisweave.files import write_text

# What a method's file says to the reader; its result does not depend on it.
DESCRIPTIVE = {"title", "idea", "source", "deviations"}
_SAME_CAPTIONS: dict[str, Any] = {**dict.fromkeys(DESCRIPTIVE, True), "decoding": {"batch_size"}}
_NO_DIFFERENCE: dict[str, Any] = {"method": DESCRIPTIVE, "captioner": _SAME_CAPTIONS, "joint": DESCRIPTIVE}


class RunConfig(StrictModel):
    """One run: data set, task, seed, threads and the resolved method."""

    dataset: str
    task: str
    classes: list[str]
    seed: int
    threads: int
    method: MethodConfig
    shorter_side: int | None
    """Pixels of the shorter side in the data set's image store; null where the method reads no image."""
    captioner: CaptionerConfig | None
    """The resolved captioner of the method's captions."""
    joint: JointConfig | None = None
    """The resolved joint encoder of the method."""

    def in_force(self) -> dict[str, Any]:
        """What the run's result depends on, as plain values, defaults included."""
        return self.model_dump(mode="json", exclude=_NO_DIFFERENCE)

    def content(self) -> dict[str, Any]:
        """The same without defaults, which code holds: a new key with a default makes no run another one."""
        return self.model_dump(mode="json", exclude=_NO_DIFFERENCE, exclude_defaults=True)

    def digest(self) -> str:
        """SHA-256 of what the run's result depends on."""
        return hashlib.sha256(json.dumps(self.content(), sort_keys=True).encode()).hexdigest()


def write_run_config(config: RunConfig, folder: Path) -> None:
    """Write config.yaml."""
    text = yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
    write_text(folder / "config.yaml", text)


def read_run_config(folder: Path) -> RunConfig:
    """Read config.yaml.

    Raises:
        ConfigError: there is none, or it is not a run's config.
    """
    path = Path(folder) / "config.yaml"
    return validate(RunConfig, read_yaml(path), str(path))
