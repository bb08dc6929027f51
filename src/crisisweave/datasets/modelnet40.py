"""ModelNet40 (Wu et al., 2015) as ready views, in the layout of MVCNN (Su et al., 2015).

In the data set's folder: `views/<class>/<train|test>/<object>_<number>.png`, or as MVCNN's later pictures are
called, `<object>.obj.shaded_v<number>.png`. `<object>` is `<class>_<4 digits>`; `<number>` has three digits
and counts from 1 around the object. There is no list: which files are there says which objects there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from crisisweave.config.dataset import DatasetConfig
from crisisweave.config.views import Objects
from crisisweave.datasets.tables import Instance, inside
from crisisweave.datasets.view_sources import ViewSource, drawn, read_pictures
from crisisweave.errors import ConfigError, DataError

FOLDER = "views"
_FOLDERS = {"train": "train", "dev": "train", "test": "test"}
_TYPES = {".png", ".jpg", ".jpeg"}
_FILE = re.compile(r"(?P<object>.+_\d{4})(?:_|\.obj\.shaded_v)(?P<number>\d{3})\.\w+", re.ASCII)

Found = dict[str, dict[int, Path]]
"""Object → number of the view → file."""


def objects_of(config: DatasetConfig, task_name: str) -> Objects:
    """Which views the task reads.

    Raises:
        ConfigError: it does not say.
    """
    objects = config.tasks[task_name].objects
    if objects is None:
        raise ConfigError(
            f"data set '{config.name}', task '{task_name}': 'objects' is missing; say `numbers`"
        )
    return objects


def table_files(config: DatasetConfig, task_name: str, folder: Path) -> dict[str, list[Path]]:
    """The folder of views stands for the list of each split."""
    return {split: [folder / FOLDER] for split in config.tasks[task_name].splits}


def _scan(place: Path, name: str) -> Found:
    """The pictures of one class and split.

    Raises:
        DataError: there is no such folder, or a picture is not called as it should be, or is there twice.
    """
    if not place.is_dir():
        raise DataError(f"{place}: no such folder of views; obtain the data set or complete it")
    found: Found = {}
    for path in sorted(place.iterdir()):
        if path.suffix.lower() not in _TYPES or path.name.startswith("."):
            continue
        match = _FILE.fullmatch(path.name)
        if match is None or match["object"][:-5] != name:
            raise DataError(
                f"{place}: {path.name!r:.100} is not called {name}_<4 digits>_<3 digits>.png; rename or "
                "remove it"
            )
        numbers = found.setdefault(match["object"], {})
        if (number := int(match["number"])) in numbers:
            raise DataError(f"{place}: view {number} of {match['object']} is there twice; remove one of them")
        numbers[number] = path
    return found


def read(config: DatasetConfig, task_name: str, split: str, file: Path) -> Iterator[Instance]:
    """The objects of one split, class by class.

    Raises:
        DataError: as `_scan`, or an object lacks a view that is read.
    """
    task, objects = config.tasks[task_name], objects_of(config, task_name)
    by_class = {name: _scan(file / name / _FOLDERS[split], name) for name in task.classes}
    names = [name for found in by_class.values() for name in found]
    dev = drawn(names, round(objects.dev_share * len(names)), objects.seed)
    for label, found in by_class.items():
        for name, numbers in found.items():
            if split != "test" and (name in dev) != (split == "dev"):
                continue
            where = f"{file / label / _FOLDERS[split]}, {name}"
            for number in objects.numbers:
                if number not in numbers:
                    raise DataError(f"{where}: view {number} is not there; add it or read others (`numbers`)")
            yield Instance(name, name, "modelnet40", split, "", None, label, None, None, where)


def _view(folder: Path, found: Found, number: int, name: str) -> list[Path]:
    # Files are asked for in the order of prepared rows; what has gone since is missing, not an error of ours.
    path = found.get(name, {}).get(number, folder / FOLDER / f"{name}_{number:03d}.png")
    return [inside(folder, path.relative_to(folder).as_posix(), f"object {name}")]


def views(config: DatasetConfig, task_name: str, folder: Path) -> list[ViewSource]:
    """The views in the order of `numbers`: front, then back."""
    task, objects = config.tasks[task_name], objects_of(config, task_name)
    found: Found = {}
    for label in task.classes:
        for split in dict.fromkeys(_FOLDERS[split] for split in task.splits):
            found |= _scan(folder / FOLDER / label / split, label)
    return [
        ViewSource(
            f"view {number}",
            (1, 3, objects.side, objects.side),
            "uint8",
            partial(_view, folder, found, number),
            partial(read_pictures, side=objects.side),
        )
        for number in objects.numbers
    ]


def media(config: DatasetConfig, task_name: str, folder: Path) -> list[Path]:
    """The folder of the files from which views are made."""
    return [folder / FOLDER]
