"""Where rationale labels come from: `config/rationales/<name>.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from crisisweave.config.source import RelativePath
from crisisweave.config.strict import StrictModel, nearest, read_yaml, validate
from crisisweave.errors import ConfigError


class TableColumns(StrictModel):
    """The columns of a table of human rationales."""

    tweet_id: str
    text: str
    label: str
    rationale: str
    """Verbatim snippets of the text, one on each line of the cell."""


class HumanTable(StrictModel):
    """A CSV of human rationales."""

    file: RelativePath
    """Below the data root."""
    columns: TableColumns | None = None
    """Null: found among the known sets of columns (docs/rationale_labels.md)."""
    classes: dict[str, str]
    """Label of the table → class of the labels to be made."""


class TaggerConfig(StrictModel):
    """A tagger that learns from a human table of one event and marks the tweets of others."""

    table: HumanTable
    encoder: str
    """A text encoder of kind `package`; frozen."""
    layers: list[int] = Field(min_length=1)
    """Encoder layers whose states are read, side by side; 0 is the embeddings."""
    max_tokens: int = Field(default=128, ge=3)
    """Words beyond are not read and not marked."""
    hidden: int = Field(default=128, ge=1)
    """Units of the GRU in each direction."""
    members: int = Field(default=3, ge=1)
    """Heads from different seeds whose span probabilities are averaged."""
    dropout: float = Field(default=0.3, ge=0, lt=1)
    class_dropout: float = Field(default=0.3, gt=0, lt=1)
    """Share of the training tweets whose class is hidden, so that others are marked without it as well."""
    word_loss: float = Field(default=1.0, ge=0)
    """Weight of the rebalanced word loss (eq. 1) beside the span's likelihood."""
    epochs: int = Field(default=5, ge=1)
    batch_size: int = Field(default=64, ge=1)
    lr: float = Field(default=0.002, gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient."""
    folds: int = Field(default=5, ge=2)
    """Of the cross-validation that says how good the tagger is; copies of a tweet stay together."""
    class_given: bool = True
    """Whether the tweets to be marked are given with their class, as annotators were."""

    def class_names(self) -> list[str]:
        """The classes that the tagger knows, sorted."""
        return sorted(set(self.table.classes.values()))


class RationaleSource(StrictModel):
    """One source of rationale labels."""

    name: str
    title: str
    kind: Literal["truth", "silver", "file"]
    """`truth`: the generator of a generated data set; `silver`: a tagger; `file`: a file of labels."""
    tagger: TaggerConfig | None = None
    """For `silver`."""
    file: RelativePath | None = None
    """For `file`: a JSONL of labels below the data root (docs/rationale_labels.md)."""

    @model_validator(mode="after")
    def _complete(self) -> RationaleSource:
        if (self.kind == "file") != (self.file is not None):
            raise ValueError("'file' is given for the kind 'file' and for no other")
        if (self.kind == "silver") != (self.tagger is not None):
            raise ValueError("'tagger' is given for the kind 'silver' and for no other")
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


def load_tagger_config(name: str, config_dir: Path = Path("config")) -> TaggerConfig:
    """The tagger of a source.

    Raises:
        ConfigError: as `load_rationale_source`, and when the source is of another kind.
    """
    source = load_rationale_source(name, config_dir)
    if source.tagger is None:
        raise ConfigError(
            f"{config_dir / 'rationales' / name}.yaml: is of kind '{source.kind}', which has no tagger; "
            f"name a source of kind 'silver'"
        )
    return source.tagger
