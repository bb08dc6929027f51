"""Where rationale labels come from: `config/rationales/<name>.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from crisisweave.config.source import RelativePath
from crisisweave.config.strict import StrictModel, nearest, read_yaml, validate
from crisisweave.errors import ConfigError


class RationaleSource(StrictModel):
    """One source of rationale labels."""

    name: str
    title: str
    kind: Literal["truth", "file"]
    """`truth`: the generator of a generated data set; `file`: a file of labels."""
    file: RelativePath | None = None
    """For `file`: a JSONL of labels below the data root (docs/rationale_labels.md)."""

    @model_validator(mode="after")
    def _complete(self) -> RationaleSource:
        if (self.kind == "file") != (self.file is not None):
            raise ValueError("'file' is given for the kind 'file' and for no other")
        return self


def load_rationale_source(name: str, config_dir: Path = Path("config")) -> RationaleSource:
    """Read config/rationales/<name>.yaml.

    Raises:
        ConfigError: there is no such source (the nearest is given), or a key or value is wrong.
    """
    path = config_dir / "rationales" / f"{name}.yaml"
    if not path.is_file():
        known = sorted(p.stem for p in path.parent.glob("*.yaml"))
        hint = nearest(name, known) if known else f"add {path}"
        raise ConfigError(f"{path}: there is no source of rationale labels '{name}'; {hint}")
    config = validate(RationaleSource, read_yaml(path), str(path))
    if config.name != name:
        raise ConfigError(f"{path}: name is '{config.name}'; it must be the file's name, '{name}'")
    return config
