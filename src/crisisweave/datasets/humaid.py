"""HumAID (Alam et al., 2021): texts only, 10 humanitarian classes, one table per event and split.

A table is `<event>_<split>.tsv`, in the data set's folder or in a sub-folder of the event's name. The
mapping of its classes to those of another data set is a transfer's matter, not this loader's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crisisweave.config.dataset import DatasetConfig
from crisisweave.datasets.tables import Instance, checked_identifier, class_of, read_tsv
from crisisweave.errors import DataError

_COLUMNS = ("tweet_id", "tweet_text", "class_label")


def table_files(config: DatasetConfig, task_name: str, folder: Path) -> dict[str, list[Path]]:
    """The raw tables of a task by split, whether or not they exist."""
    if not config.events:
        raise DataError(f"data set '{config.name}': name the events to read under `events`")
    files: dict[str, list[Path]] = {}
    for split in config.tasks[task_name].splits:
        names = {event: f"{event}_{split}.tsv" for event in config.events}
        files[split] = [
            nested if (nested := folder / event / name).is_file() else folder / name
            for event, name in names.items()
        ]
    return files


def read(config: DatasetConfig, task_name: str, split: str, file: Path) -> Iterator[Instance]:
    """The instances of one table; the event is in the file's name.

    Raises:
        DataError: as `tables.read_tsv`; unknown label or improper id; names file and line.
    """
    task = config.tasks[task_name]
    event = file.name.removesuffix(f"_{split}.tsv")
    for row in read_tsv(file, _COLUMNS):
        tweet_id = checked_identifier(row["tweet_id"], "tweet_id", row.where)
        label = class_of(row["class_label"], task, "class_label", row.where)
        yield Instance(
            instance_id=tweet_id,
            tweet_id=tweet_id,
            event=event,
            split=split,
            text=row["tweet_text"],
            image_path=None,
            label=label,
            label_text=label,
            label_image=None,
            where=row.where,
        )
