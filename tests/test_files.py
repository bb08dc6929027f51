"""Outputs are whole or absent, whatever the disk does."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from crisisweave.files import atomic_path, read_json, sha256_file, write_json, write_parquet, write_text
from small_disk import DISKS, Disk


def test_a_failing_writer_leaves_the_old_file_and_no_trace(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    write_text(target, "old")

    def fail() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaces_a_folder(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    for content in ("one", "two"):
        with atomic_path(target) as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert [p.name for p in target.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [target]


def _write_folder(target: Path, content: str) -> None:
    with atomic_path(target) as temporary:
        temporary.mkdir()
        (temporary / content).write_text(content)


def test_what_a_killed_process_of_the_same_number_left_is_cleared(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    _write_folder(target, "one")
    for leftover in (tmp_path / f".folder.{os.getpid()}.tmp", tmp_path / ".folder.old"):
        leftover.mkdir()
        (leftover / "stale").write_text("stale")
    _write_folder(target, "two")
    assert [p.name for p in target.iterdir()] == ["two"]
    assert list(tmp_path.iterdir()) == [target]


class _Killed(BaseException):
    pass


def test_a_folder_lost_between_the_two_renames_is_put_back(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    _write_folder(target, "one")
    # As a kill between the renames leaves it.
    target.rename(tmp_path / ".folder.old")

    def fail() -> None:
        with atomic_path(target):
            assert [p.name for p in target.iterdir()] == ["one"], "back before the new one is made"
            raise _Killed

    with pytest.raises(_Killed):
        fail()
    assert [p.name for p in target.iterdir()] == ["one"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_second_rename_that_fails_leaves_the_old_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "folder"
    _write_folder(target, "one")
    rename = Path.rename

    def failing(self: Path, to: Path) -> Path:
        if self.suffix == ".tmp":
            raise _Killed
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(_Killed):
        _write_folder(target, "two")
    assert [p.name for p in target.iterdir()] == ["one"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_linked_folder_is_replaced_and_what_it_points_to_stays(tmp_path: Path) -> None:
    elsewhere, target = tmp_path / "elsewhere", tmp_path / "folder"
    _write_folder(elsewhere, "one")
    target.symlink_to(elsewhere)
    _write_folder(target, "two")
    assert [p.name for p in target.iterdir()] == ["two"]
    assert [p.name for p in elsewhere.iterdir()] == ["one"]


def test_same_content_same_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1.5, "a": ["ü"]})
    write_json(tmp_path / "b.json", {"a": ["ü"], "b": 1.5})
    assert sha256_file(tmp_path / "a.json") == sha256_file(tmp_path / "b.json")
    assert read_json(tmp_path / "a.json") == {"a": ["ü"], "b": 1.5}
    table = pd.DataFrame({"x": [1, 2], "y": ["a", None]})
    write_parquet(tmp_path / "a.parquet", table)
    write_parquet(tmp_path / "b.parquet", table)
    assert sha256_file(tmp_path / "a.parquet") == sha256_file(tmp_path / "b.parquet")


_WRITER = """
import sys
from pathlib import Path
from crisisweave.errors import StorageError
from crisisweave.files import write_text
try:
    write_text(Path(sys.argv[1]) / "out", "x" * 1_000_000)
except StorageError as error:
    print(error)
"""


@pytest.mark.parametrize("disk", DISKS)
def test_a_full_or_read_only_disk_is_one_sentence_and_nothing_half_written(
    tmp_path: Path, disk: Disk
) -> None:
    said, left = disk.run(_WRITER, tmp_path)
    assert said == [f"cannot write {tmp_path}/disk/out: {disk.message}"]
    assert left == []
