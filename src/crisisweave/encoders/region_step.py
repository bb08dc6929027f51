"""The step `region-features`: the regions of every image of a store, found once for all methods and seeds."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crisisweave.config.regions import Regions
from crisisweave.config.steps import STEPS
from crisisweave.encoders.regions import RegionDetector, detect, load_detector
from crisisweave.files import atomic_path, sha256_file, write_bytes, write_json
from crisisweave.images.store import ImageStore
from crisisweave.progress import track
from crisisweave.seeding import best_device

CACHE = Path(".cache") / "region-features"
CHUNK = 256
"""Images between two writes: what a killed run loses at most."""


class Chunk(NamedTuple):
    """Regions of some neighbouring rows of a store: see `detect`."""

    vectors: NDArray[np.float16]
    boxes: NDArray[np.float32]


def find_regions(images: Path, regions: Regions, out: Path, cache: Path = CACHE) -> None:
    """Find the regions of every image of a store.

    Writes `features.npy`, float16 (n, R, D), `boxes.npy`, float32 (n, R, 4), and `features.json`; row i is
    row i of the store's index. A run that was killed goes on where it was and writes the same bytes.

    Args:
        images: folder of the store.
        regions: with a detector.
        out: folder to write.
        cache: where finished chunks live until all are there.

    Raises:
        ConfigError, WeightsError: as `load_detector`.
    """
    store = ImageStore(images)
    n = len(store.index)
    index, version = sha256_file(images / "index.parquet"), STEPS["region-features"].version
    made_from = [regions.model_dump(mode="json"), index, version]
    chunks = cache / hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:32]
    finder = _Finder(store, regions)
    starts = range(0, n, CHUNK)
    for start in track(starts, "find regions"):
        if not _file(chunks, start).is_file():
            _save(_file(chunks, start), finder.chunk(start, min(start + CHUNK, n)))
    with atomic_path(out) as folder:
        folder.mkdir()
        _write(folder, regions, n, (_load(_file(chunks, start)) for start in starts))
    shutil.rmtree(chunks)


class _Finder:
    """A detector that is loaded when the first image is wanted: a run that only has to gather needs none."""

    def __init__(self, store: ImageStore, regions: Regions):
        self._store, self._regions, self._device = store, regions, best_device()
        self._detector: RegionDetector | None = None

    def chunk(self, start: int, end: int) -> Chunk:
        """The regions of the rows from `start` to before `end`."""
        if self._detector is None:
            self._detector = load_detector(self._regions).to(self._device)
        shown = [self._store.image(row) for row in range(start, end)]
        return Chunk(*detect(self._detector, shown, self._regions, self._device))


def _file(chunks: Path, start: int) -> Path:
    return chunks / f"{start:08d}.npz"


def _save(path: Path, chunk: Chunk) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, vectors=chunk.vectors, boxes=chunk.boxes)
    write_bytes(path, buffer.getbuffer())


def _load(path: Path) -> Chunk:
    with np.load(path, allow_pickle=False) as stored:
        return Chunk(stored["vectors"], stored["boxes"])


def _write(folder: Path, regions: Regions, n: int, chunks: Iterator[Chunk]) -> None:
    """Write what is found chunk by chunk: of all images it is more than fits into memory."""
    shape = (n, regions.boxes, regions.width)
    boxes = []
    with (folder / "features.npy").open("wb") as file:
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in chunks:
            file.write(np.ascontiguousarray(chunk.vectors).data)
            boxes.append(chunk.boxes)
    joined = np.concatenate(boxes)
    with (folder / "boxes.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(joined))
        file.write(joined.data)
    write_json(
        folder / "features.json",
        {
            "encoder": regions.detector_name(),
            "size": regions.size,
            "boxes": regions.boxes,
            "shape": list(shape),
        },
    )
