"""What the project must know about a data set: `config/datasets/<name>.yaml`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from crisisweave.config.strict import StrictModel

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
    loader: Literal["crisismmd", "humaid", "dmd"]
    folder: str
    """Folder below the data root."""
    title: str
    source: str
    """Official address."""
    citation: str
    licence: str
    modalities: list[Literal["text", "image"]]
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
