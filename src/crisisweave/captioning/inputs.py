"""What captioner training and captioning read: image features, reference captions, splits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from crisisweave.config.dataset import SPLITS
from crisisweave.errors import DataError
from crisisweave.images.store import ImageStore

LONGEST_CAPTION = 1000


class Images(NamedTuple):
    """Images of a data set: `instance_ids[i]` has the features `features[i]`, (cells, d) float32."""

    instance_ids: list[str]
    features: Tensor

    def block(self, start: int, end: int) -> Tensor:
        """Features (n, cells, d) of the images from `start` to `end`."""
        return self.features[start:end]


class Pixels:
    """Images of a store, read when they are asked for.

    Args:
        store: the image store.
        size: pixels of a side.
    """

    def __init__(self, store: ImageStore, size: int):
        self._store, self._size = store, size
        self.instance_ids: list[str] = store.index["instance_id"].astype(str).tolist()

    def block(self, start: int, end: int) -> Tensor:
        """Pixels (n, S, S, 3) uint8 of the images from `start` to `end`."""
        rows = np.arange(start, min(end, len(self.instance_ids)))
        return torch.from_numpy(self._store.batch(rows, self._size))


def read_images(features: Path, index: Path) -> Images:
    """Read features.npy, (n, d) or (n, cells, d), and the image index whose rows it follows.

    Raises:
        DataError: a file is missing, or the two do not belong together.
    """
    for path, step in ((features, "features"), (index, "images")):
        if not path.is_file():
            raise DataError(f"{path}: no such file; run `crisisweave {step}` first")
    array = np.load(features, allow_pickle=False)
    instance_ids = pd.read_parquet(index, columns=["instance_id"])["instance_id"].astype(str).tolist()
    if array.ndim not in (2, 3) or array.dtype != np.float32:
        raise DataError(
            f"{features}: expected float32 of shape (images, d) or (images, cells, d), found {array.dtype} "
            f"of shape {array.shape}; run `crisisweave features` again"
        )
    if len(array) != len(instance_ids):
        raise DataError(
            f"{features}: holds {len(array)} images, {index} lists {len(instance_ids)}; "
            f"run `crisisweave features` again"
        )
    if not np.isfinite(array).all():
        row = int(np.argwhere(~np.isfinite(array))[0][0])
        raise DataError(
            f"{features}: the features of image {instance_ids[row]} are not finite; "
            f"run `crisisweave features` again"
        )
    cells = array[:, None, :] if array.ndim == 2 else array
    return Images(instance_ids, torch.from_numpy(cells))


def read_references(truth: Path) -> dict[str, list[str]]:
    """Reference captions by image, from a JSONL file with `image_id` and `captions` in each line.

    Raises:
        DataError: the file is missing or a line is not as described; names the line.
    """
    if not truth.is_file():
        raise DataError(f"{truth}: no such file; `crisisweave demo` writes the demo's reference captions")
    references: dict[str, list[str]] = {}
    for number, line in enumerate(truth.read_bytes().splitlines(), start=1):
        try:
            image = json.loads(line.decode())
            image_id, captions = image["image_id"], image["captions"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{truth}, line {number}: expected JSON with image_id and captions") from error
        usable = isinstance(image_id, str) and isinstance(captions, list) and captions
        if not usable or not all(
            isinstance(c, str) and c.strip() and len(c) <= LONGEST_CAPTION for c in captions
        ):
            raise DataError(
                f"{truth}, line {number}: captions must be a list of texts "
                f"of 1 to {LONGEST_CAPTION} characters"
            )
        if image_id in references:
            raise DataError(f"{truth}, line {number}: image {image_id} is listed twice")
        references[image_id] = captions
    return references


def read_splits(instances: Iterable[Path]) -> dict[str, str]:
    """Split of each instance, from the instances.parquet of one or several tasks of a data set.

    Where tasks disagree, the split furthest from training counts (heldout, then test, dev, train), so that
    no image that any task is tested on is trained on.

    Raises:
        DataError: a file is missing.
    """
    rank: dict[str, int] = {split: position for position, split in enumerate(SPLITS)}
    splits: dict[str, str] = {}
    for path in instances:
        if not path.is_file():
            raise DataError(f"{path}: no such file; run `crisisweave prepare` first")
        table = pd.read_parquet(path, columns=["instance_id", "split"]).astype(str)
        for instance_id, split in zip(table["instance_id"], table["split"], strict=True):
            known = splits.get(instance_id, split)
            splits[instance_id] = max(known, split, key=rank.__getitem__)
    return splits


def rows_of(
    split: str, images: Images | Pixels, splits: Mapping[str, str], references: Mapping[str, object]
) -> list[int]:
    """Rows of the images of a split that have reference captions."""
    return [
        row
        for row, instance_id in enumerate(images.instance_ids)
        if splits.get(instance_id) == split and instance_id in references
    ]
