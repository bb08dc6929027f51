"""The image store: every image of a data set decoded once, resized, and memory-mapped for all methods.

`pixels.u8` holds the images one after the other as height x width x 3 bytes; `index.parquet` says where each
lies; `images.json` counts what was found. Files with identical bytes share their pixels.
"""

from __future__ import annotations

import hashlib
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from PIL import Image

from crisisweave.config.dataset import DatasetConfig
from crisisweave.datasets.loaders import dataset_folder, read_table, table_files
from crisisweave.datasets.tables import Instance, inside
from crisisweave.errors import ConfigError, DataError
from crisisweave.files import atomic_path, write_json, write_parquet
from crisisweave.images.decode import Decoded, decode, read_bytes
from crisisweave.images.phash import phash_hex
from crisisweave.progress import track

_MAX_EXAMPLES = 5


def build_store(config: DatasetConfig, data_root: Path, out: Path) -> None:
    """Decode, check and store every image that a table of any of the data set's tasks lists.

    A table that is not there lists no images and is named in `images.json`; `prepare` is what refuses a task
    without its tables. Peak memory is one decoded image.

    Raises:
        DataError: an unreadable image (see `decode.decode`), an image path that leads out of the folder, or
            missing images with `missing_images: stop`. Nothing is written then.
    """
    if "image" not in config.modalities:
        raise ConfigError(f"data set '{config.name}' has no images (modalities: text); nothing to store")
    folder = dataset_folder(config, data_root)
    listed, absent_tables = _listed_images(config, folder)
    files = {i.instance_id: inside(folder, str(i.image_path), i.where) for i in listed}
    missing = [i for i in listed if not files[i.instance_id].is_file()]
    if missing and config.missing_images == "stop":
        raise DataError(
            f"data set '{config.name}': {len(missing)} of {len(listed)} images are not there, the first is "
            f"{missing[0].image_path} ({missing[0].where}); obtain them from {config.source} or set "
            "`missing_images: drop` to leave them out"
        )
    gone = {i.instance_id for i in missing}
    present = [i for i in listed if i.instance_id not in gone]
    if not present:
        raise DataError(f"data set '{config.name}': none of the {len(listed)} listed images is there")

    with atomic_path(out) as temporary:
        temporary.mkdir()
        with (temporary / "pixels.u8").open("wb") as pixels:
            writer = _Writer(pixels, config.shorter_side)
            rows = [
                writer.add(i, files[i.instance_id])
                for i in track(present, f"storing images of {config.name}")
            ]
        index = pd.DataFrame(rows)
        write_parquet(temporary / "index.parquet", index)
        write_json(
            temporary / "images.json",
            {
                "dataset": config.name,
                "images": len(index),
                "shorter_side": config.shorter_side,
                "bytes": writer.offset,
                "formats": dict(Counter(index["source_format"])),
                "modes": dict(Counter(index["source_mode"])),
                "smaller_than_shorter_side": int(
                    (index[["height", "width"]].min(axis=1) < config.shorter_side).sum()
                ),
                "identical_files": int(index["sha256"].duplicated().sum()),
                "missing": {"n": len(missing), "examples": [i.instance_id for i in missing[:_MAX_EXAMPLES]]},
                "absent_tables": absent_tables,
            },
        )


def _listed_images(config: DatasetConfig, folder: Path) -> tuple[list[Instance], list[str]]:
    """One instance for each image id of all tables, sorted by id; and the tables that are not there."""
    by_id: dict[str, Instance] = {}
    absent: set[str] = set()
    for task in config.tasks:
        for split, paths in table_files(config, task, folder).items():
            for path in paths:
                if not path.is_file():
                    absent.add(path.relative_to(folder).as_posix())
                    print(f"{path}: no such table; images that only it lists are not stored", file=sys.stderr)
                    continue
                for instance in read_table(config, task, split, path):
                    earlier = by_id.setdefault(instance.instance_id, instance)
                    if earlier.image_path != instance.image_path:
                        raise DataError(
                            f"{instance.where}: image '{instance.instance_id}' has another path in "
                            f"{earlier.where}; correct one of the two rows"
                        )
    return [by_id[name] for name in sorted(by_id)], sorted(absent)


class _Writer:
    """Appends images to the pixel file; the bytes of identical files are decoded and written once."""

    def __init__(self, pixels: BinaryIO, shorter_side: int) -> None:
        self._pixels = pixels
        self._shorter_side = shorter_side
        self._known: dict[str, dict[str, Any]] = {}
        self.offset = 0

    def add(self, instance: Instance, file: Path) -> dict[str, Any]:
        """Store one image and give its index row."""
        data = read_bytes(file)
        sha256 = hashlib.sha256(data).hexdigest()
        if sha256 not in self._known:
            self._known[sha256] = self._store(data, file)
        return {
            "instance_id": instance.instance_id,
            "image_path": instance.image_path,
            **self._known[sha256],
            "sha256": sha256,
        }

    def _store(self, data: bytes, file: Path) -> dict[str, Any]:
        decoded, small = decode_small(data, file, self._shorter_side)
        row = {
            "offset": self.offset,
            "height": small.height,
            "width": small.width,
            "phash": phash_hex(decoded.rgb),
            "source_width": decoded.width,
            "source_height": decoded.height,
            "source_format": decoded.format,
            "source_mode": decoded.mode,
        }
        self.offset += self._pixels.write(small.tobytes())
        return row


def decode_small(data: bytes, file: Path, shorter_side: int) -> tuple[Decoded, Image.Image]:
    """The image in `data`, and what the store keeps of it; see `decode` for the errors."""
    # Twice the wanted size leaves the final, antialiased reduction its full quality.
    decoded = decode(data, file, at_least=2 * shorter_side)
    return decoded, shrink(decoded.rgb, shorter_side)


def shrink(image: Image.Image, shorter_side: int) -> Image.Image:
    """`image` with its shorter side at most `shorter_side` and its longer at most twice its shorter.

    Never enlarged. A longer side beyond twice the shorter loses both ends equally.
    """
    shorter = min(image.size)
    side = min(shorter, shorter_side)
    width, height = (min(length, 2 * shorter) for length in image.size)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    size = (round(width * side / shorter), round(height * side / shorter))
    if size == image.size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, box=(left, top, left + width, top + height))


class ImageStore:
    """A built store, read through a memory map.

    Args:
        folder: `data/images/<dataset>`.

    Raises:
        DataError: the folder holds no complete store.
    """

    def __init__(self, folder: str | Path) -> None:
        folder = Path(folder)
        index, pixels = folder / "index.parquet", folder / "pixels.u8"
        if not (index.is_file() and pixels.is_file()):
            raise DataError(f"{folder}: holds no image store; run `crisisweave images` first")
        self.index = pd.read_parquet(index)
        self._pixels = np.memmap(pixels, dtype=np.uint8, mode="r")
        self._offset = self.index["offset"].to_numpy()
        self._height = self.index["height"].to_numpy()
        self._width = self.index["width"].to_numpy()
        if len(self._pixels) != int((self._offset + self._height * self._width * 3).max()):
            raise DataError(f"{folder}: pixels.u8 does not fit index.parquet; run `crisisweave images` again")
        self._folder = folder
        self._ids = pd.Index(self.index["instance_id"])

    def rows(self, instance_ids: Sequence[str]) -> np.ndarray:
        """Index rows (n,) of instances.

        Raises:
            DataError: an instance has no image in the store; names the first.
        """
        rows = self._ids.get_indexer(pd.Index(instance_ids, dtype=self._ids.dtype))
        if (unknown := np.flatnonzero(rows < 0)).size:
            raise DataError(
                f"{self._folder}: no image of instance '{list(instance_ids)[unknown[0]]}'; run "
                "`crisisweave images` and `crisisweave prepare` again with the same data set config"
            )
        return rows

    def image(self, row: int) -> np.ndarray:
        """One image, (height, width, 3) uint8: a read-only view of the memory map."""
        height, width, start = int(self._height[row]), int(self._width[row]), int(self._offset[row])
        return self._pixels[start : start + height * width * 3].reshape(height, width, 3)

    def batch(self, rows: Sequence[int] | np.ndarray, size: int) -> np.ndarray:
        """The centre squares of images, (n, size, size, 3) uint8, writable; see `centre_squares`.

        A store built with `shorter_side: size` only copies.
        """
        return centre_squares([self.image(int(row)) for row in rows], size)


def centre_squares(images: Sequence[np.ndarray], size: int) -> np.ndarray:
    """The centre squares of images (height, width, 3) uint8: (n, size, size, 3) uint8, writable.

    The square spans the shorter side. Where that is not `size` pixels it is resized (antialiased bicubic,
    within 2 grey levels of Pillow's).
    """
    batch = np.empty((len(images), size, size, 3), dtype=np.uint8)
    to_resize: dict[int, list[int]] = {}
    squares: dict[int, np.ndarray] = {}
    for position, image in enumerate(images):
        side = min(image.shape[:2])
        top, left = ((length - side) // 2 for length in image.shape[:2])
        square = image[top : top + side, left : left + side]
        if side == size:
            batch[position] = square
        else:
            to_resize.setdefault(side, []).append(position)
            squares[position] = square
    for positions in to_resize.values():
        batch[positions] = _resized(np.stack([squares[position] for position in positions]), size)
    return batch


def _resized(squares: np.ndarray, size: int) -> np.ndarray:
    """(n, s, s, 3) uint8 → (n, size, size, 3) uint8; a square's result does not depend on its batch."""
    # Ten times Pillow's speed: the 8-bit kernel is vectorised over channels and images.
    import torch
    from torch.nn.functional import interpolate

    channels_first = torch.from_numpy(squares).permute(0, 3, 1, 2)
    resized = interpolate(channels_first, size=(size, size), mode="bicubic", antialias=True)
    return resized.permute(0, 2, 3, 1).numpy()
