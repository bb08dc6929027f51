"""The IDX files of MNIST, read to the last byte or not at all."""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crisisweave.errors import DataError

SIDE = 28
# Sixty thousand images are 47 MB; nothing that calls itself MNIST is larger.
MAX_BYTES = 64 * 2**20
_UINT8 = 0x08


def find(folder: Path, name: str) -> Path:
    """The file `name`.gz, as it is distributed, or `name`; the former where neither is there."""
    packed, plain = folder / f"{name}.gz", folder / name
    return plain if plain.is_file() and not packed.is_file() else packed


def read_idx(path: Path, dimensions: int, sha256: str | None = None) -> NDArray[np.uint8]:
    """The array of an IDX file of bytes, gzip or plain.

    Args:
        path: the file.
        dimensions: how many the array must have.
        sha256: of the content without gzip; another content stops.

    Raises:
        DataError: missing, damaged, too large, of another type or shape, or not the known content.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; run `crisisweave fetch` or put MNIST's four IDX files there")
    content = _content(path)
    header = 4 + 4 * dimensions
    if len(content) < header or content[:4] != bytes([0, 0, _UINT8, dimensions]):
        raise DataError(f"{path}: is no IDX file of bytes with {dimensions} dimensions; obtain it again")
    shape = tuple(int(n) for n in np.frombuffer(content, ">u4", dimensions, 4))
    size = math.prod(shape)
    if len(content) != header + size:
        raise DataError(
            f"{path}: says it holds {' × '.join(map(str, shape))} bytes but holds {len(content) - header}; "
            "obtain it again"
        )
    if dimensions == 3 and shape[1:] != (SIDE, SIDE):
        raise DataError(f"{path}: its images are {shape[1]} × {shape[2]} where MNIST's are {SIDE} × {SIDE}")
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path}: is not the known file of MNIST (SHA-256 differs); obtain it again")
    return np.frombuffer(content, np.uint8, size, header).reshape(shape)


def _content(path: Path) -> bytes:
    """The bytes, decompressed as far as any file of MNIST can be long."""
    try:
        with path.open("rb") as handle:
            plain = handle.read(2) != b"\x1f\x8b"
        with path.open("rb") if plain else gzip.open(path) as handle:
            content = handle.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); obtain it again") from error
    if len(content) > MAX_BYTES:
        raise DataError(
            f"{path}: holds more than {MAX_BYTES} bytes, which no file of MNIST does; obtain it again"
        )
    return content
