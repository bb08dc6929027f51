"""What of a source is here: every file that must be there is looked at and hashed.

Hashes are kept in `.cache/hashes.json` by path, size and modification time, so that asking again reads
nothing; `fresh` reads everything anew.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from crisisweave.config.source import FileCheck, FolderCheck
from crisisweave.fetching.download import digest_of_gzip
from crisisweave.files import read_json, sha256_file, write_json

State = Literal["here", "missing", "wrong"]
CACHE = Path(".cache/hashes.json")


class Finding(NamedTuple):
    """One file or folder that must be there, and what was found."""

    path: Path
    state: State
    expected: str
    found: str
    bytes: int


class Hashes:
    """SHA-256 and size of files, remembered between calls.

    Args:
        cache: the file that remembers.
        fresh: forget what it says and read every file.
    """

    def __init__(self, cache: Path = CACHE, fresh: bool = False):
        self._cache = cache
        self._known: dict[str, list[int | str]] = {}
        if cache.is_file() and not fresh:
            try:
                self._known = read_json(cache)
            except ValueError:
                # Only remembered results: a damaged file costs a second reading, no more.
                self._known = {}
        self._changed = fresh

    def of(self, path: Path) -> str:
        """SHA-256 of a file."""
        return self._remembered(path, "", lambda: (sha256_file(path), path.stat().st_size))[0]

    def of_content(self, path: Path) -> tuple[str, int]:
        """SHA-256 and size of what a gzip file holds; "damaged" for what is none."""

        def read() -> tuple[str, int]:
            try:
                return digest_of_gzip(path)
            except (gzip.BadGzipFile, zlib.error, EOFError):
                return "damaged", 0

        return self._remembered(path, "content of ", read)

    def _remembered(self, path: Path, what: str, read: Callable[[], tuple[str, int]]) -> tuple[str, int]:
        status = path.stat()
        key = f"{what}{path.resolve()}"
        known = self._known.get(key)
        if known is None or known[:2] != [status.st_size, status.st_mtime_ns]:
            sha256, size = read()
            known = [status.st_size, status.st_mtime_ns, sha256, size]
            self._known[key] = known
            self._changed = True
        return str(known[2]), int(known[3])

    def save(self) -> None:
        """Remember for the next call."""
        if self._changed:
            write_json(self._cache, self._known)


def look(
    folder: Path, checks: Sequence[FileCheck], folders: Sequence[FolderCheck], hashes: Hashes
) -> list[Finding]:
    """What is found of the files and folders that must be below `folder`."""
    return [_file(folder, check, hashes) for check in checks] + [_folder(folder, check) for check in folders]


def _file(folder: Path, check: FileCheck, hashes: Hashes) -> Finding:
    places = [folder / place for place in (check.path, check.alternative) if place is not None]
    path = next((place for place in places if place.is_file()), places[0])
    expected = check.sha256 or "any content"
    if not path.is_file():
        return Finding(path, "missing", expected, "nothing", 0)
    size = path.stat().st_size
    sha256, measured = hashes.of_content(path) if check.content else ("", size)
    if check.bytes is not None and measured != check.bytes:
        return Finding(path, "wrong", f"{check.bytes:,} bytes", f"{measured:,} bytes", size)
    if check.sha256 is None:
        return Finding(path, "here", expected, "not checked", size)
    found = sha256 or hashes.of(path)
    return Finding(path, "here" if found == check.sha256 else "wrong", check.sha256, found, size)


def _folder(folder: Path, check: FolderCheck) -> Finding:
    path = folder / check.path
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else []
    expected = f"{check.files:,} files" if check.files is not None else "files"
    size = sum(file.stat().st_size for file in files)
    if not files:
        return Finding(path, "missing", expected, "nothing", 0)
    enough = check.files is None or len(files) >= check.files
    return Finding(path, "here" if enough else "wrong", expected, f"{len(files):,} files", size)
