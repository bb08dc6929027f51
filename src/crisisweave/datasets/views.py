"""The step `views`: the two views of every row of a prepared task, ready to be read batch by batch.

The order is that of `instances.parquet`. The grey view is an array of bytes (N, 28, 28); of the coloured one
only the colour of each row is stored, because a digit of one colour is the grey digit times that colour: 12
bytes a row instead of 9,408, and no rounding of colours that lie outside of what bytes can say.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisisweave.config.dataset import DatasetConfig
from crisisweave.datasets.cg_mnist import colours_of, draw_colours, grey_digits
from crisisweave.datasets.loaders import dataset_folder
from crisisweave.datasets.tables import read_instances
from crisisweave.errors import DataError
from crisisweave.files import atomic_path, read_json, write_bytes, write_json


def build_views(config: DatasetConfig, task: str, data_root: Path, prepared: Path, out: Path) -> None:
    """Write the views of a prepared task: grey.npy, colour.npy and views.json in the folder `out`.

    Raises:
        DataError: raw files are wrong, or do not belong to the prepared task.
    """
    colours = colours_of(config, task)
    frame, _ = read_instances(prepared)
    grey = grey_digits(config, task, dataset_folder(config, data_root))
    if len(grey) != len(frame):
        raise DataError(
            f"{prepared}: has {len(frame)} rows for {len(grey)} images; run `crisisweave prepare` again"
        )
    labels = frame["label"].cat.codes.to_numpy().astype(np.int64)
    drawn = draw_colours(colours, labels, (frame["split"] == "test").to_numpy())
    with atomic_path(out) as temporary:
        _save(temporary / "grey.npy", grey)
        _save(temporary / "colour.npy", drawn)
        write_json(
            temporary / "views.json",
            {
                "rows": len(grey),
                "mean": colours.norm_mean,
                "std": colours.norm_std,
                "colour_view": colours.view,
                "views": ["grey digit", "coloured digit" if colours.view == "digit" else "patch of colour"],
            },
        )


def _save(path: Path, array: NDArray[Any]) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array)
    write_bytes(path, buffer.getbuffer())


class Views:
    """The two views of a prepared task.

    Args:
        folder: what `build_views` wrote.

    Raises:
        DataError: there are none.
    """

    def __init__(self, folder: Path):
        if not (folder / "views.json").is_file():
            raise DataError(f"{folder}: holds no views; run `crisisweave views` first")
        self._about = read_json(folder / "views.json")
        # A plain array over the mapped file: indexing a memmap costs more than the copy itself.
        self._grey = np.asarray(np.load(folder / "grey.npy", mmap_mode="r"))
        self._colour = np.load(folder / "colour.npy")
        # A normalised grey pixel is `floor + slope · byte`.
        mean, std = self._about["mean"], self._about["std"]
        self._floor = np.float32((0 - mean) / std)
        self._slope = np.float32(1 / (255 * std))

    def __len__(self) -> int:
        return int(self._about["rows"])

    @property
    def channels(self) -> list[int]:
        """Of each view."""
        return [1, 3]

    def batch(self, view: int, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """The normalised pixels of one view: grey (B, 1, 28, 28) or colour (B, 3, 28, 28).

        An image that is one colour all over is given as one pixel (B, 3, 1, 1); its encoder knows what that
        means.
        """
        pixels: NDArray[np.float32] = self._grey[rows].astype(np.float32)[:, None]
        if view == 0:
            pixels *= self._slope
        else:
            colour = self._colour[rows][:, :, None, None]
            if self._about["colour_view"] == "plain":
                return colour
            pixels = pixels * ((colour - self._floor) * np.float32(1 / 255))
        pixels += self._floor
        return pixels
