"""Checkpoints for resuming: outside the declared outputs, replaced atomically, gone when the run is done."""

from __future__ import annotations

import io
import shutil
import time
from pathlib import Path
from typing import Any

import torch

from crisisweave.errors import WeightsError
from crisisweave.files import write_bytes

CACHE = Path(".cache") / "checkpoints"


class Checkpoints:
    """The latest state of one training run.

    Args:
        key: identifies config and data; a run with another key never sees this one's state.
        every: seconds between two writes; 0 writes at every step.
        folder: where checkpoints live.
    """

    def __init__(self, key: str, every: float, folder: Path = CACHE):
        self._folder = folder / key
        self._every = every
        self._last = time.monotonic()

    @property
    def _file(self) -> Path:
        return self._folder / "state.pt"

    def due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() - self._last >= self._every

    def save(self, state: dict[str, Any]) -> None:
        """Replace the stored state."""
        buffer = io.BytesIO()
        torch.save(state, buffer)
        write_bytes(self._file, buffer.getbuffer())
        self._last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The stored state, or None where the run starts afresh.

        Raises:
            WeightsError: the file is there but cannot be read.
        """
        if not self._file.is_file():
            return None
        try:
            state: dict[str, Any] = torch.load(self._file, weights_only=True, map_location="cpu")
        except Exception as error:
            raise WeightsError(
                f"{self._file} cannot be read ({type(error).__name__}); delete it to start this run afresh"
            ) from error
        return state

    def discard(self) -> None:
        """Remove the stored state."""
        if self._folder.is_dir():
            shutil.rmtree(self._folder)
