"""Outputs are whole or absent, whatever the disk does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from crisisweave.files import atomic_path, read_json, sha256_file, write_json, write_parquet, write_text


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
from crisisweave.errors import StorageError
from crisisweave.files import write_text
try:
    write_text(sys.argv[1], "x" * 1_000_000)
except StorageError as error:
    print(error)
    sys.exit(2)
"""


@pytest.mark.parametrize(
    ("mount", "message"),
    [
        ("mount -t tmpfs -o size=64k none {0}", "the disk is full; free some space"),
        (
            "mount -t tmpfs none {0} && mount -o remount,ro {0}",
            "the file system is read-only; choose another",
        ),
    ],
)
def test_a_full_or_read_only_disk_is_one_sentence_and_nothing_half_written(
    tmp_path: Path, mount: str, message: str
) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    # A real file system of its own, in a mount namespace that ends with the process.
    script = (
        f"{mount.format(folder)} && {sys.executable} -c '{_WRITER}' {folder}/out; code=$?; ls -A {folder}"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", f"{script}; exit $code"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout.startswith(f"cannot write {folder}/out: {message}")
    assert done.stdout.count("\n") == 1, "the listing after the message must be empty"
