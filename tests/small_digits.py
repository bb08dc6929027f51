"""Small files in MNIST's layout, and the data set of their views."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import yaml


def write_digits(folder: Path) -> None:
    """1,600 training rows and 200 test rows; a digit is a bright bar at its own height."""
    folder.mkdir(parents=True)
    for name, n in (("train", 1600), ("t10k", 200)):
        labels = np.arange(n, dtype=np.uint8) % 10
        images = np.random.default_rng(n).integers(0, 60, (n, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label + 3 : 2 * label + 5, 4:24] = 240
        for part, array in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
            (folder / f"{name}-{part}-ubyte.gz").write_bytes(gzip.compress(head + array.tobytes(), mtime=0))


def small_views(file: Path) -> None:
    """Edit the data set's config so that it takes other files than MNIST's own."""
    values: dict[str, Any] = yaml.safe_load(file.read_text())
    for task in values["tasks"].values():
        del task["content"], task["counts"]
    values["tasks"]["sigma_001"]["colours"]["sigma_train"] = 0.0125
    file.write_text(yaml.safe_dump(values))
