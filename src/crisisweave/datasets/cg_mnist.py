"""CG-MNIST: each digit twice, in grey and in a colour that follows its class (thesis, 5.5.1).

View 0 is the grey digit and view 1 the coloured one, as in the numbers of table 5.1 and in the public code of
the works that the thesis compares with; the text of 5.5.1 counts them the other way round.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crisisweave.config.dataset import DatasetConfig, TaskConfig
from crisisweave.config.views import Colours
from crisisweave.datasets.idx import find, read_idx
from crisisweave.datasets.tables import Instance
from crisisweave.errors import ConfigError, DataError

# MNIST has no dev split: its last training rows serve, with colours as in train.
DEV_ROWS = 1000
_FILES = {"train": "train", "dev": "train", "test": "t10k"}
_TEST_STREAM = 1


def _path(folder: Path, split: str, what: str) -> Path:
    name = {"images": "images-idx3-ubyte", "labels": "labels-idx1-ubyte"}[what]
    return find(folder, f"{_FILES[split]}-{name}")


def table_files(config: DatasetConfig, task_name: str, folder: Path) -> dict[str, list[Path]]:
    """The file of labels of each split; train and dev share one."""
    return {split: [_path(folder, split, "labels")] for split in config.tasks[task_name].splits}


def view_files(config: DatasetConfig, task_name: str, folder: Path) -> list[Path]:
    """The files of images of a task, whether or not they exist."""
    return list(dict.fromkeys(_path(folder, split, "images") for split in config.tasks[task_name].splits))


def _labels(path: Path, task: TaskConfig) -> NDArray[np.uint8]:
    labels = read_idx(path, 1, task.content.get(path.name.removesuffix(".gz")))
    if len(labels) and labels.max() > 9:
        raise DataError(f"{path}: row {int(labels.argmax())} has the label {labels.max()}; digits end at 9")
    return labels


def rows_of(split: str, n: int) -> range:
    """Which of the n rows of a split's file belong to it.

    Raises:
        DataError: there are too few for a dev split.
    """
    if split == "test":
        return range(n)
    if n <= DEV_ROWS:
        raise DataError(f"the training file has {n} rows; {DEV_ROWS} of them are for dev, so it needs more")
    return range(n - DEV_ROWS) if split == "train" else range(n - DEV_ROWS, n)


def read(config: DatasetConfig, task_name: str, split: str, file: Path) -> Iterator[Instance]:
    """The instances of one split in the file's order.

    Raises:
        DataError: the file is damaged or not MNIST's.
    """
    task = config.tasks[task_name]
    labels = _labels(file, task)
    for row in rows_of(split, len(labels)):
        name = f"{_FILES[split]}_{row:05d}"
        label = task.classes[labels[row]]
        yield Instance(name, name, "mnist", split, "", None, label, None, None, f"{file}, row {row}")


def grey_digits(config: DatasetConfig, task_name: str, folder: Path) -> NDArray[np.uint8]:
    """The digits (N, 28, 28) of all splits, in the order of `prepare`.

    Raises:
        DataError: a file is damaged, not MNIST's, or has another number of rows than its labels.
    """
    task = config.tasks[task_name]
    parts = []
    for split in task.splits:
        path = _path(folder, split, "images")
        images = read_idx(path, 3, task.content.get(path.name.removesuffix(".gz")))
        n = len(_labels(_path(folder, split, "labels"), task))
        if len(images) != n:
            raise DataError(f"{path}: holds {len(images)} images for {n} labels; obtain both again")
        rows = rows_of(split, n)
        parts.append(images[rows.start : rows.stop])
    return np.concatenate(parts)


def draw_colours(
    colours: Colours, labels: NDArray[np.int64], in_test: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """The colour of each row (N, 3), normalised: N(μ of its digit, σ_train or σ_test).

    Rows are drawn in their order by one generator for train and dev and another for test, so that the test
    colours of all σ_train are the same.
    """
    mean, std = colours.norm_mean, colours.norm_std
    centres = (np.array(colours.means, dtype=np.float64) / 255 - mean) / std
    drawn = np.empty((len(labels), 3))
    for stream, rows, sigma in (
        (0, ~in_test, colours.sigma_train),
        (_TEST_STREAM, in_test, colours.sigma_test),
    ):
        deviation = sigma**0.5 if colours.sigma_is == "variance" else sigma
        noise = np.random.default_rng([colours.seed, stream]).standard_normal((int(rows.sum()), 3))
        drawn[rows] = centres[labels[rows]] + deviation * noise
    if colours.clip:
        drawn = drawn.clip((0 - mean) / std, (1 - mean) / std)
    return drawn.astype(np.float32)


def colours_of(config: DatasetConfig, task_name: str) -> Colours:
    """How the task is coloured.

    Raises:
        ConfigError: it does not say.
    """
    colours = config.tasks[task_name].colours
    if colours is None:
        raise ConfigError(
            f"data set '{config.name}', task '{task_name}': 'colours' is missing; say σ and means"
        )
    return colours
