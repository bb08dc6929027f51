"""The step `media-views`: the views of every row of a prepared task, decoded from sound and pictures.

The order is that of `instances.parquet`. Each view is one array `view_<m>.npy`: spectrograms as half floats
(N, 1, F, T), or pictures as bytes (N, T, 3, S, S). They are mapped rather than read: a data set larger than
the memory can be trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisisweave.config.dataset import DatasetConfig
from crisisweave.datasets.loaders import dataset_folder, view_sources
from crisisweave.datasets.tables import read_instances
from crisisweave.datasets.view_sources import ViewSource
from crisisweave.datasets.views import Views
from crisisweave.errors import DataError
from crisisweave.files import atomic_path, read_json, write_json
from crisisweave.progress import track


def build_media_views(config: DatasetConfig, task: str, data_root: Path, prepared: Path, out: Path) -> None:
    """Write the views of a prepared task: view_0.npy, view_1.npy, … and views.json in the folder `out`.

    One row is in memory at a time.

    Raises:
        ConfigError: the data set's loader makes no views from media.
        DataError: files are missing or damaged. Nothing is written then.
    """
    frame, _ = read_instances(prepared)
    names = list(frame["instance_id"])
    sources = view_sources(config, task, dataset_folder(config, data_root))
    files = [_files(config, source, names) for source in sources]
    with atomic_path(out) as temporary:
        temporary.mkdir()
        about = [
            {"name": source.name, "sha256": _write(temporary / f"view_{m}.npy", source, own)}
            for m, (source, own) in enumerate(zip(sources, files, strict=True))
        ]
        # The hashes stand for the arrays wherever it matters whether views are the same.
        write_json(temporary / "views.json", {"rows": len(names), "arrays": about})


def _files(config: DatasetConfig, source: ViewSource, names: Sequence[str]) -> list[list[Path]]:
    files = [source.files(name) for name in names]
    missing = [path for own in files for path in own if not path.is_file()]
    if missing:
        raise DataError(
            f"data set '{config.name}': {len(missing)} files of the view '{source.name}' are not there, the "
            f"first is {missing[0]}; obtain them from {config.source}"
        )
    return files


def _write(path: Path, source: ViewSource, files: Sequence[list[Path]]) -> str:
    """Write one array row by row; gives its SHA-256."""
    dtype = np.dtype(source.dtype)
    header = {"descr": dtype.str, "fortran_order": False, "shape": (len(files), *source.shape)}
    digest = hashlib.sha256()
    # Written rather than mapped: a full disk is then an error that can be explained, and no signal.
    with path.open("wb") as handle:
        np.lib.format.write_array_header_1_0(handle, header)
        for own in track(files, f"decoding {source.name}"):
            row = source.read(own)
            assert row.shape == source.shape, (own, row.shape)
            data = np.ascontiguousarray(row, dtype=dtype).tobytes()
            digest.update(data)
            handle.write(data)
    return digest.hexdigest()


class MediaViews:
    """The views of a prepared task, mapped into memory.

    Args:
        folder: what `build_media_views` wrote.

    Raises:
        DataError: an array is missing, or has other rows than views.json says.
    """

    def __init__(self, folder: Path):
        about = read_json(folder / "views.json")
        self._rows = int(about["rows"])
        self._arrays: list[NDArray[Any]] = []
        for m in range(len(about["arrays"])):
            path = folder / f"view_{m}.npy"
            try:
                array = np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
            except (OSError, ValueError) as error:
                raise DataError(
                    f"{path}: cannot be read ({error}); run `crisisweave media-views` again"
                ) from error
            if len(array) != self._rows:
                raise DataError(f"{path}: belongs to other rows; run `crisisweave media-views` again")
            self._arrays.append(array)

    def __len__(self) -> int:
        return self._rows

    @property
    def channels(self) -> list[int]:
        """Of each view: 1 for sound, 3 for pictures."""
        return [int(array.shape[-3]) for array in self._arrays]

    def batch(self, view: int, rows: NDArray[np.int64]) -> NDArray[Any]:
        """One view of some rows: sound (B, 1, F, T) float32, or pictures (B, T, 3, S, S) uint8."""
        given = self._arrays[view][rows]
        return given if given.dtype == np.uint8 else given.astype(np.float32)


def open_views(folder: Path) -> Views | MediaViews:
    """The views in a folder, of whichever kind.

    Raises:
        DataError: there are none.
    """
    path = folder / "views.json"
    if not path.is_file():
        raise DataError(f"{folder}: holds no views; run `crisisweave views` or `media-views` first")
    return MediaViews(folder) if "arrays" in read_json(path) else Views(folder)
