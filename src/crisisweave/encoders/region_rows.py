"""Regions of stored images as LXMERT reads them: of a detector, or the cells of a grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crisisweave.config.regions import Regions
from crisisweave.encoders.features import read_features
from crisisweave.errors import DataError
from crisisweave.images.store import ImageStore
from crisisweave.layout import Sources

SCALE_ROWS = 1000
"""Images from which the scale of the vectors is taken: enough for a mean, and they fit into memory."""


def grid_boxes(cells: int) -> Tensor:
    """The boxes of a grid's cells (cells², 4), row by row; see `Batch.image` for what a box is."""
    edges = torch.arange(cells + 1) / cells
    top, left = (axis.flatten() for axis in torch.meshgrid(edges[:-1], edges[:-1], indexing="ij"))
    bottom, right = (axis.flatten() for axis in torch.meshgrid(edges[1:], edges[1:], indexing="ij"))
    return torch.stack([left, top, right, bottom], dim=1)


def with_boxes(vectors: Tensor, boxes: Tensor) -> Tensor:
    """Vectors (N, R, D) and boxes (N, R, 4) or (R, 4) → regions (N, R, D + 4), float32."""
    return torch.cat([vectors.float(), boxes.float().expand(len(vectors), -1, -1)], dim=-1)


class RegionRows:
    """The regions of some images of a data set, read from their memory map batch by batch.

    Args:
        regions: which ones.
        sources: where they lie.
        instance_ids: the images, in order.

    Raises:
        DataError: there are none of these regions, or they were made otherwise.
    """

    def __init__(self, regions: Regions, sources: Sources, instance_ids: Sequence[str]):
        store = ImageStore(sources.images)
        folder = sources.regions(regions)
        self._rows = store.rows(list(instance_ids))
        command = "region-features" if regions.encoder is None else "features"
        self._vectors = read_features(folder, len(store.index), command)
        if self._vectors.shape[1:] != (regions.count, regions.width):
            raise DataError(
                f"{folder}: holds {' × '.join(map(str, self._vectors.shape[1:]))} numbers of each image, but "
                f"the method's regions are {regions.count} × {regions.width}; correct regions.width"
            )
        self._boxes: NDArray[np.float32] | None = None
        if regions.encoder is None:
            self._boxes = np.load(folder / "boxes.npy", mmap_mode="r")
        self._cells = grid_boxes(regions.cells)

    def batch(self, rows: NDArray[np.int64]) -> Tensor:
        """The regions of `rows` (B, R, D + 4): vectors, then boxes."""
        stored = self._rows[rows]
        boxes = self._cells if self._boxes is None else torch.from_numpy(self._boxes[stored])
        return with_boxes(torch.from_numpy(self._vectors[stored]), boxes)

    def sample(self) -> Tensor:
        """The regions of at most `SCALE_ROWS` images, evenly spread over all."""
        wanted = min(SCALE_ROWS, len(self._rows))
        return self.batch(np.linspace(0, len(self._rows) - 1, wanted).astype(np.int64))
