"""What the project must know about a data set: `config/datasets/<name>.yaml`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from crisisweave.config.source import load_source
from crisisweave.config.strict import StrictModel, read_yaml
from crisisweave.config.views import Clips, Colours, Objects
from crisisweave.errors import ConfigError

Split = Literal["train", "dev", "test", "heldout"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test", "heldout")


class TaskConfig(StrictModel):
    """One classification task of a data set, with its fixed class list."""

    classes: list[str] = Field(min_length=2)
    """Class names in their fixed order: class ids, metrics and tables all follow it."""
    layout: Literal["agreed", "all", "plain"] = "plain"
    """CrisisMMD only: `agreed` reads crisismmd_datasplit_agreed_label/, `all` crisismmd_datasplit_all/."""
    table: str | None = None
    """CrisisMMD only: the table's task name in the file name (informative, humanitarian, damage)."""
    splits: list[Literal["train", "dev", "test"]] = ["train", "dev", "test"]
    """Splits that the data set provides. Every one must hold rows, and `train` must hold every class."""
    merge: dict[str, str] = {}
    """Raw label → class, for labels that are merged into another class; all others must be classes."""
    counts: dict[str, int] = {}
    """Official rows per split; a difference stops the run. Empty: nothing is published, nothing checked."""
    content: dict[str, str] = {}
    """CG-MNIST only: raw file without `.gz` → SHA-256 of its content; a difference stops."""
    colours: Colours | None = None
    """CG-MNIST only: how colour follows the digit."""
    clips: Clips | None = None
    """CREMA-D only: what is read of a clip."""
    objects: Objects | None = None
    """ModelNet40 only: which views of an object are read."""

    @model_validator(mode="after")
    def _merge_ends_in_classes(self) -> TaskConfig:
        for raw, target in self.merge.items():
            if target not in self.classes:
                raise ValueError(f"merge sends '{raw}' to '{target}', which is not among the classes")
        if len(set(self.classes)) != len(self.classes):
            raise ValueError("a class is listed twice")
        if unknown := sorted(set(self.counts) - set(self.splits)):
            raise ValueError(f"counts names the split '{unknown[0]}', which is not among the splits")
        return self


class DatasetConfig(StrictModel):
    """A data set: where its files lie, under which licence, and its tasks."""

    name: str
    loader: Literal["crisismmd", "humaid", "dmd", "cg_mnist", "cremad", "modelnet40"]
    registry: str | None = None
    """The entry of config/sources/ that the data set comes from; null for a generated one."""
    folder: str
    """Folder below the data root."""
    title: str
    source: str
    """Official address."""
    citation: str
    licence: str
    modalities: list[Literal["text", "image", "views"]]
    missing_images: Literal["stop", "drop"] = "stop"
    """What to do with a row whose image file is not there. There is no third choice."""
    held_out_events: list[str] = []
    """Events whose rows leave train, dev and test and form the split `heldout` (for transfer)."""
    events: list[str] = []
    """HumAID only: the events to read, each from its own <event>_<split>.tsv."""
    shorter_side: int = Field(default=256, ge=8, le=1024)
    """Pixels of the shorter side in the image store."""
    redistributable: bool = False
    """Whether tweets and images may stand in a published report."""
    generated: bool = False
    """True for the embedded demo, which `crisisweave demo` writes."""
    tasks: dict[str, TaskConfig]


def dataset_values(path: Path, config_dir: Path) -> dict[str, Any]:
    """The values of a data set's file, completed from the registry.

    With `registry`, address, citation and licence are said there and nowhere else; the folder is that of the
    registry unless the file names another.

    Raises:
        ConfigError: the file says again what the registry says, or names no entry of it.
    """
    values: dict[str, Any] = read_yaml(path)
    if "registry" not in values:
        return values
    for key in ("source", "citation", "licence"):
        if key in values:
            raise ConfigError(f"{path}: '{key}' is said by source '{values['registry']}'; remove it here")
    source = load_source(str(values["registry"]), config_dir)
    known = {"source": source.address, "citation": source.citation, "licence": source.licence.name}
    return {"folder": source.folder, **values, **known}
