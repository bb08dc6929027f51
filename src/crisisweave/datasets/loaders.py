"""The registry of loaders: what is known of a data set's raw files before any is parsed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crisisweave.config.dataset import DatasetConfig
from crisisweave.config.strict import nearest
from crisisweave.datasets import cg_mnist, cremad, crisismmd, dmd, humaid, modelnet40
from crisisweave.datasets.tables import Instance
from crisisweave.datasets.view_sources import ViewSource
from crisisweave.errors import ConfigError, DataError
from crisisweave.files import sha256_file


@dataclass(frozen=True)
class _Loader:
    """One layout of raw files."""

    table_files: Callable[[DatasetConfig, str, Path], dict[str, list[Path]]]
    read: Callable[[DatasetConfig, str, str, Path], Iterator[Instance]]
    listed_images: Callable[[Path], set[str]] | None = None
    """Image paths that a table names, found without checking the rows; None where tables name none."""
    view_files: Callable[[DatasetConfig, str, Path], list[Path]] | None = None
    """The few files from which the step `views` makes its arrays."""
    views: Callable[[DatasetConfig, str, Path], list[ViewSource]] | None = None
    """What the step `media-views` decodes for each row."""
    media: Callable[[DatasetConfig, str, Path], list[Path]] | None = None
    """The folders in which the files of these views lie."""


_LOADERS = {
    "crisismmd": _Loader(crisismmd.table_files, crisismmd.read, crisismmd.listed_images),
    "humaid": _Loader(humaid.table_files, humaid.read),
    "dmd": _Loader(dmd.table_files, dmd.read),
    "cg_mnist": _Loader(cg_mnist.table_files, cg_mnist.read, view_files=cg_mnist.view_files),
    "cremad": _Loader(cremad.table_files, cremad.read, views=cremad.views, media=cremad.media),
    "modelnet40": _Loader(
        modelnet40.table_files, modelnet40.read, views=modelnet40.views, media=modelnet40.media
    ),
}


def dataset_folder(config: DatasetConfig, data_root: Path) -> Path:
    """The folder of a data set's raw files.

    Raises:
        DataError: it does not exist; says where the data set is to be had.
    """
    folder = Path(data_root) / config.folder
    if not folder.is_dir():
        raise DataError(
            f"data set '{config.name}': no folder {folder}; run `crisisweave fetch`, obtain it from "
            f"{config.source} or give another data root"
        )
    return folder


def table_files(config: DatasetConfig, task_name: str, folder: Path) -> dict[str, list[Path]]:
    """The raw tables of a task by split, whether or not they exist."""
    if task_name not in config.tasks:
        hint = nearest(task_name, list(config.tasks))
        raise ConfigError(f"data set '{config.name}' has no task '{task_name}'; {hint}")
    return _LOADERS[config.loader].table_files(config, task_name, folder)


def read_table(config: DatasetConfig, task_name: str, split: str, file: Path) -> Iterator[Instance]:
    """The instances of one raw table, checked row by row, in the file's order."""
    return _LOADERS[config.loader].read(config, task_name, split, file)


def listed_images(config: DatasetConfig, file: Path) -> set[str]:
    """Image paths, relative to the data set's folder, that a raw table names; none for a set of texts."""
    read = _LOADERS[config.loader].listed_images
    return read(file) if read is not None and "image" in config.modalities else set()


def view_files(config: DatasetConfig, task_name: str, folder: Path) -> list[Path]:
    """The few files from which a task's views are made, whether or not they exist; none for other loaders."""
    files = _LOADERS[config.loader].view_files
    return [] if files is None else files(config, task_name, folder)


def has_media(config: DatasetConfig) -> bool:
    """Whether the views of a data set are decoded from many files of sound and pictures."""
    return _LOADERS[config.loader].media is not None


def media_folders(config: DatasetConfig, task_name: str, folder: Path) -> list[Path]:
    """The folders in which the files of a task's views lie; none for loaders without such."""
    folders = _LOADERS[config.loader].media
    return [] if folders is None else folders(config, task_name, folder)


def view_sources(config: DatasetConfig, task_name: str, folder: Path) -> list[ViewSource]:
    """What is decoded for each row of a task.

    Raises:
        ConfigError: the loader decodes nothing.
    """
    views = _LOADERS[config.loader].views
    if views is None:
        raise ConfigError(
            f"data set '{config.name}': its loader decodes no views from media; use `crisisweave views`"
        )
    return views(config, task_name, folder)


def table_digest(path: Path) -> str:
    """SHA-256 of a raw table; of the names of all files in it where the table is a folder."""
    if path.is_dir():
        names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
        return hashlib.sha256("\n".join(names).encode("utf-8", "surrogateescape")).hexdigest()
    return sha256_file(path)
