"""What the results of `prepare` and `images` depend on in raw files, as digests.

The workflow states these digests instead of the files' paths and times: raw files that are moved, copied or
touched rerun nothing, an edited row reruns what reads it. Only what a step can notice counts: an image's
presence for `prepare`, its presence and size for `images` (a replaced image of the very same size in bytes is
not noticed; hashing gigabytes before every run would be the price).
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from crisisweave.config.dataset import DatasetConfig
from crisisweave.datasets.loaders import (
    dataset_folder,
    listed_images,
    media_folders,
    table_digest,
    table_files,
    view_files,
)
from crisisweave.errors import DataError
from crisisweave.files import sha256_file


def task_digest(config: DatasetConfig, task: str, data_root: Path) -> str:
    """SHA-256 of the raw tables of one task and of which of their images are there.

    Raises:
        DataError: the data set's folder or a table is not there; says how to obtain it.
    """
    folder = dataset_folder(config, data_root)
    tables = [path for paths in table_files(config, task, folder).values() for path in paths]
    for path in tables:
        if not path.exists():
            raise DataError(
                f"{path}: no such table; see docs/data.md for how to obtain and lay out the data set"
            )
    images = set().union(*(listed_images(config, path) for path in tables))
    missing = sorted(image for image in images if _size(folder / image) is None)
    hashes = [[path.relative_to(folder).as_posix(), table_digest(path)] for path in tables]
    return _digest([hashes, missing])


def images_digest(config: DatasetConfig, data_root: Path) -> str:
    """SHA-256 of the paths and sizes of all images that a table of any task lists.

    Raises:
        DataError: the data set's folder is not there.
    """
    folder = dataset_folder(config, data_root)
    images: set[str] = set()
    for task in config.tasks:
        for paths in table_files(config, task, folder).values():
            images.update(*(listed_images(config, path) for path in paths if path.is_file()))
    return _digest([[image, _size(folder / image)] for image in sorted(images)])


def view_digest(config: DatasetConfig, task: str, data_root: Path) -> str:
    """SHA-256 of the raw files from which the views of a task are made.

    Raises:
        DataError: a file is not there.
    """
    files = view_files(config, task, dataset_folder(config, data_root))
    for path in files:
        if not path.is_file():
            raise DataError(f"{path}: no such file; see docs/data.md for how to obtain the data set")
    return _digest([[path.name, _file_digest(path, path.stat().st_mtime_ns)] for path in files])


def media_digest(config: DatasetConfig, task: str, data_root: Path) -> str:
    """SHA-256 of the names and sizes of all files in the folders of a task's media.

    Raises:
        DataError: a folder is not there.
    """
    root = dataset_folder(config, data_root)
    found: list[object] = []
    for folder in media_folders(config, task, root):
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; see docs/data.md for how to obtain the data set")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        found += [[path.relative_to(root).as_posix(), _size(path)] for path in files]
    return _digest(found)


@cache
def _file_digest(path: Path, modified: int) -> str:
    """The tasks of a data set of views share their files, each of which is read once."""
    return sha256_file(path)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _digest(content: list[object]) -> str:
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
