"""The Damage Multimodal Dataset (Mouzannar, Rizk and Awad, 2018) as CSV tables of texts and classes.

`train.csv` and `test.csv` hold filename, tweet, label, image, with quoting on: a tweet may hold line breaks.
One label covers the pair. The images are not part of these tables' release, so the loader gives texts only.
There is neither a tweet id nor an event; the file name's stem identifies a tweet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crisisweave.config.dataset import DatasetConfig
from crisisweave.datasets.tables import Instance, checked_identifier, class_of, read_csv

_COLUMNS = ("filename", "tweet", "label")


def table_files(config: DatasetConfig, task_name: str, folder: Path) -> dict[str, list[Path]]:
    """The raw tables of a task by split, whether or not they exist."""
    return {split: [folder / f"{split}.csv"] for split in config.tasks[task_name].splits}


def read(config: DatasetConfig, task_name: str, split: str, file: Path) -> Iterator[Instance]:
    """The instances of one table.

    Raises:
        DataError: as `tables.read_csv`; unknown label or improper file name; names file and line.
    """
    task = config.tasks[task_name]
    for row in read_csv(file, _COLUMNS):
        stem = checked_identifier(row["filename"].removesuffix(".txt"), "filename", row.where)
        label = class_of(row["label"], task, "label", row.where)
        yield Instance(
            instance_id=stem,
            tweet_id=stem,
            event="all",
            split=split,
            text=row["tweet"],
            image_path=None,
            label=label,
            label_text=label,
            label_image=None,
            where=row.where,
        )
