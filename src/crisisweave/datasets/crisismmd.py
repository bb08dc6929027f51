"""CrisisMMD v2.0 (Alam, Ofli and Imran, 2018; data splits of Ofli, Alam and Imran, 2020).

Two layouts of TAB-separated tables with quoting off lie in the data set's folder:

- `crisismmd_datasplit_agreed_label/task_<table>_text_img_agreed_lab_<split>.tsv`: pairs whose text and image
  were given the same label. `label` is that label (for humanitarian, one of 8); `label_text` and
  `label_image` repeat it (for humanitarian, already merged to 5), so `label` alone is read for both.
- `crisismmd_datasplit_all/task_<table>_text_img_<split>.tsv`: all pairs. Each modality has its own label in
  its own column; `label` is a mixture of the two and is not read. Damage severity was judged on
  images only: its table has `label` alone, which is the image's.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from crisisweave.config.dataset import DatasetConfig
from crisisweave.datasets.tables import (
    Instance,
    Row,
    checked_identifier,
    checked_image_path,
    class_of,
    read_tsv,
)
from crisisweave.errors import DataError

_COLUMNS = ("event_name", "tweet_id", "image_id", "tweet_text", "image", "label")
_MODALITY_COLUMNS = ("label_text", "label_image")
_IMAGE_ONLY_TABLES = {"damage"}


def table_files(config: DatasetConfig, task_name: str, folder: Path) -> dict[str, list[Path]]:
    """The raw tables of a task by split, whether or not they exist."""
    task = config.tasks[task_name]
    if task.layout == "plain" or task.table is None:
        raise DataError(
            f"data set '{config.name}', task '{task_name}': a CrisisMMD task needs `layout: agreed` or "
            "`layout: all`, and `table`; add them to the data set's config"
        )
    parent, suffix = {
        "agreed": ("crisismmd_datasplit_agreed_label", "text_img_agreed_lab"),
        "all": ("crisismmd_datasplit_all", "text_img"),
    }[task.layout]
    return {split: [folder / parent / f"task_{task.table}_{suffix}_{split}.tsv"] for split in task.splits}


def read(config: DatasetConfig, task_name: str, split: str, file: Path) -> Iterator[Instance]:
    """The instances of one table.

    Raises:
        DataError: as `tables.read_tsv`; unknown label, improper id or image path; names file and line.
    """
    task = config.tasks[task_name]
    image_only = task.table in _IMAGE_ONLY_TABLES
    required = _COLUMNS if image_only else (*_COLUMNS, *_MODALITY_COLUMNS)
    for row in read_tsv(file, required):
        label: str | None
        label_text: str | None
        label_image: str | None
        if image_only:
            label_text = None
            label = label_image = class_of(row["label"], task, "label", row.where)
        elif task.layout == "agreed":
            label = label_text = label_image = _agreed_label(row, config, task_name)
        else:
            label_text = class_of(row["label_text"], task, "label_text", row.where)
            label_image = class_of(row["label_image"], task, "label_image", row.where)
            label = label_text if label_text == label_image else None
        yield Instance(
            instance_id=checked_identifier(row["image_id"], "image_id", row.where),
            tweet_id=checked_identifier(row["tweet_id"], "tweet_id", row.where),
            event=checked_identifier(row["event_name"], "event_name", row.where),
            split=split,
            text=row["tweet_text"],
            image_path=checked_image_path(row["image"], row.where),
            label=label,
            label_text=label_text,
            label_image=label_image,
            where=row.where,
        )


def listed_images(file: Path) -> set[str]:
    """Image paths that a table names, as they stand there: no row is checked, `read` does that."""
    header, *lines = file.read_bytes().decode("utf-8-sig", errors="replace").split("\n")
    columns = header.rstrip("\r").split("\t")
    if "image" not in columns:
        return set()
    column = columns.index("image")
    rows = (line.rstrip("\r").split("\t") for line in lines)
    return {row[column] for row in rows if len(row) > column}


def _agreed_label(row: Row, config: DatasetConfig, task_name: str) -> str:
    if row["label_text"] != row["label_image"]:
        raise DataError(
            f"{row.where}: the labels of text and image differ in an agreed-label table "
            f"('{row['label_text']}' and '{row['label_image']}'); correct the row or use `layout: all`"
        )
    return class_of(row["label"], config.tasks[task_name], "label", row.where)
