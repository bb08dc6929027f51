"""Reading and writing files so that a reader never sees half of one.

Everything a step leaves behind is written to a temporary name in the target's folder and renamed in one
step; a killed or failing step leaves no output.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisisweave.errors import StorageError

if TYPE_CHECKING:
    import pandas as pd

_REFUSALS = {
    errno.ENOSPC: "the disk is full; free some space and run the step again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the step again",
    errno.EROFS: "the file system is read-only; choose another output folder",
    errno.EACCES: "writing there is not permitted; choose another output folder or change its permissions",
    errno.EPERM: "writing there is not permitted; choose another output folder or change its permissions",
}


@contextmanager
def refusals_explained(target: Path) -> Iterator[None]:
    """Turn the disk's own refusals at `target` into a `StorageError`; other errors pass unchanged."""
    try:
        yield
    except OSError as error:
        reason = _REFUSALS.get(error.errno or 0)
        if reason is None:
            raise
        raise StorageError(f"cannot write {target}: {reason}") from error


def _discard(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _settle(target: Path, old: Path, temporary: Path) -> None:
    """Finish what a replacement that was cut off left at `old`: undo it, or remove the replaced folder."""
    if not old.is_dir():
        return
    if os.path.lexists(target):
        # Renamed before it is emptied, so that a folder at `old` is always a whole one.
        old.rename(temporary)
        _discard(temporary)
    else:
        old.rename(target)


@contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `target`; rename it into place when the block ends well.

    The caller may create a file or a folder under the temporary path; nothing is there when the block
    starts. When the block raises, the temporary path is removed and `target` is left as it was.

    A file replaces a file in one step. A folder replaces a folder in two renames: the old one goes to
    `.<name>.old`, then the new one takes its place. A process that is killed exactly between the two leaves
    no `target`; the next writer puts the old folder back before it starts. One folder has one writer at a
    time.

    Raises:
        StorageError: the disk is full, read-only or not writable.
    """
    target = Path(target)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    old = target.with_name(f".{target.name}.old")
    with refusals_explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        # A killed process that had the same number may have left one.
        _discard(temporary)
        _settle(target, old, temporary)
        try:
            yield temporary
            if temporary.is_dir() and target.is_dir():
                target.rename(old)
                temporary.rename(target)
            else:
                temporary.replace(target)
        except BaseException:
            _discard(temporary)
            raise
        finally:
            _settle(target, old, temporary)


def write_bytes(target: str | Path, data: bytes | memoryview) -> None:
    """Write bytes.

    Libraries that open the file themselves report a full disk as an error of their own; what they write is
    made in memory and goes through here.
    """
    with atomic_path(target) as temporary:
        temporary.write_bytes(data)


def write_text(target: str | Path, text: str) -> None:
    """Write UTF-8 text with LF line ends."""
    write_bytes(target, text.encode("utf-8"))


def write_json(target: str | Path, value: Any) -> None:
    """Write canonical JSON: sorted keys, two spaces, no NaN, final newline: same value, same bytes."""
    write_text(
        target, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    )


def read_json(path: str | Path) -> Any:
    """Read a JSON file written by `write_json`."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def write_parquet(target: str | Path, table: pd.DataFrame) -> None:
    """Write a table without its index; same table, same bytes."""
    with atomic_path(target) as temporary:
        table.to_parquet(temporary, index=False, compression="zstd")


def write_csv(target: str | Path, table: pd.DataFrame) -> None:
    """Write a table as CSV without its index; floats keep all their digits."""
    write_text(target, table.to_csv(index=False, lineterminator="\n"))


def sha256_file(path: str | Path) -> str:
    """SHA-256 of a file as lower-case hexadecimal."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
