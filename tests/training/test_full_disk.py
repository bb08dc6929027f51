"""Weights, checkpoints and features on a disk that refuses: one sentence, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from small_disk import DISKS, Disk

_WRITERS = """
import sys
from pathlib import Path
import numpy as np
import torch
from crisisweave.captioning.folder import Captioner, save_captioner
from crisisweave.encoders.features import _write
from crisisweave.errors import StorageError
from crisisweave.files import atomic_path
from crisisweave.training.checkpoint import Checkpoints
from crisisweave.training.runs import save_model
from toy import Toy, tiny_method

disk, large = Path(sys.argv[1]), torch.nn.Linear(500, 500)

def write_captioner():
    with atomic_path(disk / "captioner") as folder:
        folder.mkdir()
        save_captioner(Captioner(large, torch.nn.Identity(), None, 1, 1), None, folder)

run = Toy.run(Toy.__new__(Toy), tiny_method("text"))
for write in (
    lambda: Checkpoints("key", 0, disk / "checkpoints").save(large.state_dict()),
    lambda: save_model(large.state_dict(), run, disk / "run"),
    write_captioner,
    lambda: _write(disk / "features", np.zeros((1000, 64), dtype=np.float32), {}),
):
    try:
        write()
    except StorageError as error:
        print(error)
"""


@pytest.mark.parametrize("disk", DISKS)
def test_every_large_writer_says_what_the_disk_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disk: Disk
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    # The folders are there, so that the file itself is what is refused.
    said, left = disk.run(_WRITERS, tmp_path, ["checkpoints/key", "run"])
    names = ["checkpoints/key/state.pt", "run/model.safetensors", "captioner", "features"]
    assert said == [f"cannot write {tmp_path}/disk/{name}: {disk.message}" for name in names]
    assert left == []
