"""Archives that want to do harm, and plain ones of every kind."""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from crisisweave.errors import FetchError
from crisisweave.fetching.extract import Limits, extract, limits_for
from small_disk import Disk

PLENTY = Limits(bytes=10_000_000, entries=1000)


def zipped(path: Path, entries: list[tuple[str, bytes]]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            info = zipfile.ZipInfo(name)
            # The constructor would make some hostile names harmless.
            info.filename = info.orig_filename = name
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data)
    return path


def tarred(path: Path, entries: list[tuple[str, bytes]], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in entries:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def special(path: Path, kind: bytes, target: str = "") -> Path:
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("set/innocent")
        info.type, info.linkname = kind, target
        archive.addfile(info)
    return path


def refused(archive: Path, folder: Path, limits: Limits = PLENTY) -> str:
    with pytest.raises(FetchError) as error:
        extract(archive, folder / "out", limits)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize(
    ("name", "mode"),
    [("a.zip", ""), ("a.tar", "w"), ("a.tgz", "w:gz"), ("a.tbz", "w:bz2"), ("a.txz", "w:xz")],
)
def test_plain_archives_of_every_kind_are_unpacked(tmp_path: Path, name: str, mode: str) -> None:
    entries = [("./set/a.txt", b"one"), ("set/sub/b.bin", b"\0" * 5000), ("set/Ünï.txt", b"")]
    path = tmp_path / name
    archive = zipped(path, entries) if name == "a.zip" else tarred(path, entries, mode)
    extract(archive, tmp_path / "out", PLENTY)
    found = {str(p.relative_to(tmp_path / "out")): p.read_bytes() for p in (tmp_path / "out").rglob("*.*")}
    assert found == {"set/a.txt": b"one", "set/sub/b.bin": b"\0" * 5000, "set/Ünï.txt": b""}


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", [("x", b"x")]).read_bytes()
    extract(tarred(tmp_path / "a.tar", [("inner.zip", inner)], "w"), tmp_path / "out", PLENTY)
    assert (tmp_path / "out" / "inner.zip").read_bytes() == inner


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../outside", "climbs out of the folder"),
        ("set/../../outside", "climbs out of the folder"),
        ("/etc/outside", "has an absolute path"),
        ("C:/outside", "has an absolute path"),
        ("set\\..\\outside", "has a backslash"),
        ("set/new\nline", "control character"),
        ("n" * 300, "has a name of more than 255 bytes"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, kind: str, name: str, message: str) -> None:
    entries = [("set/good", b"good"), (name, b"bad")]
    make = zipped if kind == "zip" else tarred
    assert message in refused(make(tmp_path / f"a.{kind}", entries), tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == [f"a.{kind}"], "not even the good entry was written"


@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("set/a", "set/a"),
        ("set/a", "./set//a"),
        ("set/Readme", "set/README"),
        ("set/é", "set/e\u0301"),
        ("set/a", "set/a/b"),
        ("set/a/b", "set/a"),
        ("Set/a", "set/b"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_collide_are_refused(tmp_path: Path, kind: str, first: str, second: str) -> None:
    make = zipped if kind == "zip" else tarred
    archive = make(tmp_path / f"a.{kind}", [(first, b"1"), (second, b"2")])
    assert "collides with" in refused(archive, tmp_path)


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.SYMTYPE, "beside"),
        (tarfile.LNKTYPE, "set/other"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(tmp_path: Path, kind: bytes, target: str) -> None:
    assert "is a link or a special file" in refused(special(tmp_path / "a.tar", kind, target), tmp_path)


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("set/link")
        info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert "is a link or a special file" in refused(tmp_path / "a.zip", tmp_path)


def test_permissions_and_owners_of_the_archive_are_not_taken_over(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("tool")
        info.mode, info.size, info.uid = 0o6777, 1, 4242
        archive.addfile(info, io.BytesIO(b"x"))
    extract(tmp_path / "a.tar", tmp_path / "out", PLENTY)
    found = (tmp_path / "out" / "tool").stat()
    assert not found.st_mode & 0o6111
    assert found.st_uid != 4242


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_bomb_is_stopped_at_its_headers(tmp_path: Path, kind: str) -> None:
    make = zipped if kind == "zip" else tarred
    archive = make(tmp_path / f"a.{kind}", [("zeros", b"\0" * 20_000_000)])
    assert archive.stat().st_size < 100_000
    assert "unpacks to more than 10,000,000 bytes" in refused(archive, tmp_path)
    assert not (tmp_path / "out").exists()


def test_without_a_declared_size_the_archives_own_limits_it(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", [("zeros", b"\0" * (101 << 20))])
    assert "unpacks to more than 104,857,600 bytes" in refused(archive, tmp_path, limits_for(archive, None))
    assert limits_for(archive, 5).bytes == 5


def test_a_bomb_whose_header_lies_is_stopped_while_it_is_read(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", [("zeros", b"\0" * 20_000_000)])
    data = archive.read_bytes()
    lied = data.replace(struct.pack("<I", 20_000_000), struct.pack("<I", 1000))
    assert lied != data
    archive.write_bytes(lied)
    refused(archive, tmp_path)
    written = sum(p.stat().st_size for p in tmp_path.rglob("zeros"))
    assert written <= PLENTY.bytes


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    archive = tarred(tmp_path / "a.tar", [(f"f{i}", b"") for i in range(1001)])
    assert "is one of more than 1,000 entries" in refused(archive, tmp_path)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_cut_archive_is_damaged(tmp_path: Path, kind: str) -> None:
    make = zipped if kind == "zip" else tarred
    archive = make(tmp_path / f"a.{kind}", [("noise", bytes(range(256)) * 2000)])
    archive.write_bytes(archive.read_bytes()[:-1500])
    message = refused(archive, tmp_path)
    assert "is damaged" in message or "neither a zip nor a tar" in message


def test_what_is_no_archive_is_named_so(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("<html>")
    assert "is neither a zip nor a tar archive" in refused(path, tmp_path)


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "a.zip", [("f", b"x")])
    data = bytearray(archive.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    archive.write_bytes(bytes(data))
    assert "is encrypted" in refused(archive, tmp_path)


_EXTRACT = """
import sys
from pathlib import Path
from crisisweave.errors import CrisisWeaveError
from crisisweave.fetching.extract import Limits, extract
try:
    extract(Path({archive!r}), Path(sys.argv[1]) / "out", Limits(10_000_000))
except CrisisWeaveError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([("zeros", b"\0" * 1_000_000)], "unpacks to 1,000,000 bytes and 65,536 are free; free some space"),
        # Small files take more room than their sizes say.
        ([(f"f{i}", b"x") for i in range(50)], "the disk is full; free some space"),
    ],
)
def test_a_full_disk_is_one_sentence(tmp_path: Path, entries: list[tuple[str, bytes]], message: str) -> None:
    archive = zipped(tmp_path / "a.zip", entries)
    said, _ = Disk("size=64k", "true", "").run(_EXTRACT.format(archive=str(archive)), tmp_path)
    assert len(said) == 1
    assert message in said[0]
