"""Unpacking an archive that nobody vouches for.

Every entry is looked at before any is written: only plain files and folders with plain names that stay
inside, each name once (also for file systems that ignore case), no more and no larger than declared. What an
entry really holds is counted while it is read, whatever its header says. The archive is unpacked into a
temporary folder; the caller puts it in place by a rename.
"""

from __future__ import annotations

import shutil
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from crisisweave.errors import FetchError, StorageError
from crisisweave.files import refusals_explained
from crisisweave.progress import byte_bar

_CHUNK = 1 << 20


class Limits(NamedTuple):
    """What an archive may unpack to."""

    bytes: int
    entries: int = 500_000


def limits_for(archive: Path, declared: int | None) -> Limits:
    """The declared size, or 100 times the archive's own, which text and images stay far below."""
    return Limits(declared if declared is not None else max(100 * archive.stat().st_size, 100 << 20))


class _Entry(NamedTuple):
    """One entry: its raw name, whether it is a folder, the size its header states, and how to read it."""

    name: str
    is_folder: bool
    size: int
    handle: zipfile.ZipInfo | tarfile.TarInfo


def extract(archive: Path, folder: Path, limits: Limits) -> None:
    """Unpack a zip or tar archive (gzip, bzip2, xz or plain) into the new folder `folder`.

    Raises:
        FetchError: the archive is damaged, or an entry is hostile; nothing of it should be used.
        StorageError: the disk is full or not writable.
    """
    with refusals_explained(folder), _damage_explained(archive):
        with archive.open("rb") as file:
            is_zip = file.read(2) == b"PK"
        if is_zip:
            with zipfile.ZipFile(archive) as opened:
                _extract(archive, opened, _zip_entries(archive, opened), folder, limits)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as opened_tar:
                _extract(archive, opened_tar, _tar_entries(archive, opened_tar, limits), folder, limits)
        else:
            raise FetchError(f"{archive}: is neither a zip nor a tar archive; look at the source's address")


def _extract(
    archive: Path,
    opened: zipfile.ZipFile | tarfile.TarFile,
    entries: Iterator[_Entry],
    folder: Path,
    limits: Limits,
) -> None:
    checked = _checked(archive, entries, limits)
    total = sum(entry.size for entry in checked.values())
    folder.mkdir(parents=True)
    if total > (free := shutil.disk_usage(folder).free):
        raise StorageError(
            f"cannot write {folder}: {archive.name} unpacks to {total:,} bytes and {free:,} are free; free "
            f"some space or choose another folder"
        )
    left = limits.bytes
    with byte_bar(f"unpacking {archive.name}", total) as bar:
        for path, entry in checked.items():
            target = folder / path
            if entry.is_folder:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            source = _open(opened, entry)
            with source, target.open("xb") as file:
                while block := source.read(_CHUNK):
                    left -= len(block)
                    if left < 0:
                        raise _hostile(archive, entry.name, f"unpacks to more than {limits.bytes:,} bytes")
                    file.write(block)
                    bar.update(len(block))


def _open(opened: zipfile.ZipFile | tarfile.TarFile, entry: _Entry) -> IO[bytes]:
    if isinstance(opened, zipfile.ZipFile):
        assert isinstance(entry.handle, zipfile.ZipInfo)
        return opened.open(entry.handle)
    assert isinstance(entry.handle, tarfile.TarInfo)
    source = opened.extractfile(entry.handle)
    assert source is not None, "only plain files are read"
    return source


def _zip_entries(archive: Path, opened: zipfile.ZipFile) -> Iterator[_Entry]:
    for info in opened.infolist():
        # ZipInfo cuts a name at a NUL and turns backslashes; what stands in the archive is judged.
        name = info.orig_filename
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _hostile(archive, name, "is a link or a special file")
        if info.flag_bits & 0x1:
            raise _hostile(archive, name, "is encrypted")
        yield _Entry(name, info.is_dir(), info.file_size, info)


def _tar_entries(archive: Path, opened: tarfile.TarFile, limits: Limits) -> Iterator[_Entry]:
    # Iterated, not listed: a bomb is noticed at its headers, before all of it is decompressed.
    seen = 0
    for info in opened:
        if not (info.isreg() or info.isdir()):
            raise _hostile(archive, info.name, "is a link or a special file")
        if info.issparse():
            raise _hostile(archive, info.name, "is a sparse file")
        seen += info.size
        if seen > limits.bytes:
            raise _hostile(archive, info.name, f"unpacks to more than {limits.bytes:,} bytes")
        yield _Entry(info.name, info.isdir(), info.size, info)


def _checked(archive: Path, entries: Iterator[_Entry], limits: Limits) -> dict[str, _Entry]:
    """Safe path → entry, in the archive's order.

    Raises:
        FetchError: an entry's name is not plain or comes twice, or there are too many or too large ones.
    """
    found: dict[str, _Entry] = {}
    names = _Names(archive)
    total = 0
    for number, entry in enumerate(entries, start=1):
        if number > limits.entries:
            raise _hostile(archive, entry.name, f"is one of more than {limits.entries:,} entries")
        total += entry.size
        if total > limits.bytes:
            raise _hostile(archive, entry.name, f"unpacks to more than {limits.bytes:,} bytes")
        path = _safe_path(archive, entry.name)
        if path is None:
            continue
        names.claim(entry, path)
        found[path] = entry
    return found


class _Names:
    """The paths given out so far, compared as a file system would that ignores case and accents' encoding."""

    def __init__(self, archive: Path):
        self._archive = archive
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def claim(self, entry: _Entry, path: str) -> None:
        """Take a path and the folders above it; two entries may share folders and nothing else."""
        for parent in PurePosixPath(path).parents[:-1]:
            self._folder(entry, str(parent))
        if entry.is_folder:
            self._folder(entry, path)
            return
        key = _folded(path)
        earlier = self._files.get(key) or self._folders.get(key)
        if earlier is not None:
            raise _hostile(
                self._archive, entry.name, f"comes twice or collides with '{ascii(earlier)[1:-1]}'"
            )
        self._files[key] = path

    def _folder(self, entry: _Entry, path: str) -> None:
        key = _folded(path)
        earlier = self._files.get(key) or self._folders.setdefault(key, path)
        if key in self._files or earlier != path:
            raise _hostile(self._archive, entry.name, f"collides with '{ascii(earlier)[1:-1]}'")


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _safe_path(archive: Path, name: str) -> str | None:
    """The entry's path below the folder; None for the folder itself.

    Raises:
        FetchError: the name is absolute, climbs, or has characters that mean something else elsewhere.
    """
    if name.startswith(("/", "\\")) or name[1:2] == ":":
        raise _hostile(archive, name, "has an absolute path")
    if "\\" in name or any(ord(character) < 32 or ord(character) == 127 for character in name):
        raise _hostile(archive, name, "has a backslash or a control character in its name")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise _hostile(archive, name, "climbs out of the folder")
    if any(len(part.encode()) > 255 for part in parts):
        raise _hostile(archive, name[:40], "has a name of more than 255 bytes")
    return "/".join(parts) or None


@contextmanager
def _damage_explained(archive: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError) as error:
        raise FetchError(
            f"{archive}: is damaged or of an unknown kind ({error}); fetch it again or look at its address"
        ) from error


def _hostile(archive: Path, entry: str, what: str) -> FetchError:
    return FetchError(
        f"{archive}: entry '{ascii(entry)[1:-1]}' {what}, so nothing of the archive was unpacked; do not "
        f"trust it, and tell the project if it is the official file"
    )
