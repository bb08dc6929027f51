"""The registry of loaders: what is known of a data set's raw files before any is parsed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from crisisweave.config.dataset import DatasetConfig
from crisisweave.config.strict import nearest
from crisisweave.datasets import cg_mnist, crisismmd, dmd, humaid
from crisisweave.datasets.tables import Instance
from crisisweave.errors import ConfigError, DataError


@dataclass(frozen=True)
class _Loader:
    """One layout of raw files."""

    table_files: Callable[[DatasetConfig, str, Path], dict[str, list[Path]]]
    read: Callable[[DatasetConfig, str, str, Path], Iterator[Instance]]
    listed_images: Callable[[Path], set[str]] | None = None
    """Image paths that a table names, found without checking the rows; None where tables name none."""


_LOADERS = {
    "crisismmd": _Loader(crisismmd.table_files, crisismmd.read, crisismmd.listed_images),
    "humaid": _Loader(humaid.table_files, humaid.read),
    "dmd": _Loader(dmd.table_files, dmd.read),
    "cg_mnist": _Loader(cg_mnist.table_files, cg_mnist.read),
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
