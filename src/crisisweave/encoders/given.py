"""Image features that were made elsewhere, by an encoder that no library here has: `given:<name>`.

They lie in one file for each image, `<data root>/features/<data set>/<name>/<instance_id>.npy`: float32
(cells, d), or (d,) for one vector per image. They are checked and put together once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisisweave.encoders.names import EncoderName
from crisisweave.errors import DataError


def given_folder(name: EncoderName, dataset: str, data_root: Path) -> Path:
    """The folder of a data set's given features."""
    return data_root / "features" / dataset / name.model


def read_given(folder: Path, instance_ids: Sequence[str], cells: int) -> NDArray[np.float32]:
    """The features of all images (n, d), or (n, cells, d) for more than one cell.

    Raises:
        DataError: a file is missing, or is not as described; names the file.
    """
    rows: list[Any] = []
    for instance_id in instance_ids:
        path = folder / f"{Path(instance_id).name}.npy"
        if not path.is_file():
            raise DataError(
                f"{path}: no such file; these features are made elsewhere: put one file of {cells} vectors "
                f"there for each of the {len(instance_ids)} images"
            )
        try:
            row = np.load(path, allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise DataError(f"{path}: is no array of numbers; make it again") from error
        row = row.reshape(-1) if cells == 1 else row
        expected = row.ndim == (1 if cells == 1 else 2) and (cells == 1 or len(row) == cells)
        width = rows[0].shape[-1] if rows else row.shape[-1]
        if row.dtype != np.float32 or not expected or row.shape[-1] != width or not np.isfinite(row).all():
            raise DataError(
                f"{path}: expected {cells} vectors of finite float32 numbers, as wide as those of the first "
                f"image; found {row.dtype} of shape {row.shape}"
            )
        rows.append(row)
    return np.stack(rows)


def given_digest(folder: Path) -> str:
    """SHA-256 of the names and sizes of the given files: more or other ones make the encoding stale."""
    files = [[path.name, path.stat().st_size] for path in sorted(folder.glob("*.npy"))]
    return hashlib.sha256(json.dumps(files).encode()).hexdigest()
