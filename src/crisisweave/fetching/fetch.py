"""Bringing a part of a source to its place: licence, download, unpacking, rename."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from crisisweave.config.source import SourceConfig, by_hand
from crisisweave.errors import CrisisWeaveError, FetchError, StorageError
from crisisweave.fetching.download import PATIENT, Patience, Wanted, download
from crisisweave.fetching.extract import extract, limits_for
from crisisweave.fetching.needs import NeededPart, Needs, Unpinned
from crisisweave.fetching.presence import Hashes
from crisisweave.fetching.weights import fetch_encoder, fetch_file
from crisisweave.files import refusals_explained


def fetch_all(
    needs: Needs, accepted: set[str], weights: Path, config_dir: Path, patience: Patience = PATIENT
) -> None:
    """Bring everything to its place, and say about each thing what became of it.

    What cannot be had is told and the rest goes on; only a refusing disk ends it at once.

    Raises:
        FetchError: something is still missing at the end; names what.
        StorageError: the disk is full or not writable.
    """
    hashes = Hashes()
    todo: list[tuple[str, Callable[[], bool]]] = []
    for needed in needs.parts:
        todo.append((_name(needed), partial(fetch_part, needed, accepted, hashes, config_dir, patience)))
    for encoder in needs.encoders:
        todo.append((encoder, partial(fetch_encoder, encoder)))
    for unpinned in needs.unpinned:
        todo.append((unpinned.repository, partial(_refuse, unpinned)))
    for captioner, pinned in needs.files:
        bring = partial(fetch_file, pinned, captioner, weights, hashes, config_dir, patience)
        todo.append((f"captioner {captioner}, {pinned.file}", bring))
    failed = []
    try:
        for name, step in todo:
            try:
                print(f"{name}: {'fetched and verified' if step() else 'is here'}", flush=True)
            except StorageError:
                raise
            except CrisisWeaveError as error:
                print(f"{name}: MISSING. {error}", flush=True)
                failed.append(name)
    finally:
        hashes.save()
    if failed:
        raise FetchError(
            f"{len(failed)} of {len(todo)} are still missing: {'; '.join(failed)} (reasons above)"
        )
    print("nothing needs to be fetched" if not todo else "everything that is needed is here")


def fetch_part(
    needed: NeededPart, accepted: set[str], hashes: Hashes, config_dir: Path, patience: Patience = PATIENT
) -> bool:
    """Make a part be there; False if it was already.

    Nothing that lies there is ever replaced: what is in the way and not right is named, for a person to move.

    Raises:
        FetchError: a person has to obtain it, its licence is not accepted, it could not be downloaded or
            verified, or something is in the way.
        StorageError: the disk is full or not writable.
    """
    if needed.is_here(hashes):
        return False
    source, part = needed.source, needed.part
    if part.url is None:
        raise FetchError(f"it has to be obtained by hand: {by_hand(part, needed.folder)}")
    _check_licence(source, accepted)
    takes = _lacking(needed, hashes)
    said_in = f"{config_dir / 'sources' / source.name}.yaml (part {part.name})"
    wanted = Wanted(part.url, part.sha256, part.bytes, said_in)
    with _alone(needed.folder) as work:
        if part.take:
            archive = work / f"{part.name}-{Path(urlsplit(part.url).path).name}"
            if not (part.sha256 and archive.is_file() and hashes.of(archive) == part.sha256):
                download(wanted, archive, patience)
            _unpack(needed, takes, archive, work)
            archive.unlink()
        else:
            # Beside its place, so that the last step is a rename.
            held = work / f"{part.name}-{Path(part.files[0].path).name}"
            download(wanted, held, patience)
            target = needed.folder / part.files[0].path
            with refusals_explained(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                held.rename(target)
    _check_result(needed, hashes)
    return True


def _refuse(unpinned: Unpinned) -> bool:
    raise FetchError(unpinned.remedy)


def _name(needed: NeededPart) -> str:
    return f"{needed.source.name}, part {needed.part.name}"


def _check_licence(source: SourceConfig, accepted: set[str]) -> None:
    licence = source.licence
    if licence.accept and source.name not in accepted:
        where = f" ({licence.address})" if licence.address else ""
        raise FetchError(
            f"its licence is '{licence.name}'{where}; read the terms, and if you agree to them add "
            f"--accept-licence {source.name}"
        )


def _lacking(needed: NeededPart, hashes: Hashes) -> dict[str, str]:
    """What is still to be taken from the download; a fetch that was killed may have placed some of it.

    Raises:
        FetchError: something that is not right lies at a place to which the download would go.
    """
    findings = needed.look(hashes)
    for finding in findings:
        if finding.state == "wrong":
            raise FetchError(
                f"{finding.path} is wrong (expected {finding.expected}, found {finding.found}) and in the "
                f"way; move it away, fetch replaces nothing"
            )
    lacking = {}
    takes = needed.part.take or {"": needed.part.files[0].path}
    for inside, place in takes.items():
        path = needed.folder / place
        below = [finding for finding in findings if path in (finding.path, *finding.path.parents)]
        if below and all(finding.state == "here" for finding in below):
            continue
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
        elif path.exists():
            raise FetchError(
                f"{path} is there but not complete and in the way; move it away, fetch replaces nothing"
            )
        lacking[inside] = place
    return lacking


def _unpack(needed: NeededPart, takes: dict[str, str], archive: Path, work: Path) -> None:
    part = needed.part
    unpacked = work / f"{part.name}.unpacked"
    # A killed process may have left one.
    shutil.rmtree(unpacked, ignore_errors=True)
    try:
        extract(archive, unpacked, limits_for(archive, part.unpacked_bytes))
        for inside in part.take:
            if not (unpacked / inside).exists():
                there = ", ".join(sorted(path.name for path in unpacked.iterdir())[:10])
                raise FetchError(
                    f"{archive}: holds no '{inside}' but {there}; correct 'take' of part {part.name} in the "
                    f"source's file"
                )
        for inside, place in takes.items():
            target = needed.folder / place
            with refusals_explained(target):
                target.parent.mkdir(parents=True, exist_ok=True)
                (unpacked / inside).rename(target)
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _check_result(needed: NeededPart, hashes: Hashes) -> None:
    for finding in needed.look(hashes):
        if finding.state != "here":
            raise FetchError(
                f"it was downloaded, but {finding.path} is {finding.state} (expected "
                f"{finding.expected}, found {finding.found}); the source has changed, look at its page"
            )


@contextmanager
def _alone(folder: Path) -> Iterator[Path]:
    """The working folder inside a source's folder, with no other fetch in it; gone afterwards when empty."""
    work = folder / ".fetch"
    with refusals_explained(work):
        work.mkdir(parents=True, exist_ok=True)
        lock = (work / "lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FetchError(f"{folder}: another fetch is at work there; wait until it has ended") from error
        try:
            yield work
        finally:
            if [path.name for path in work.iterdir()] == ["lock"]:
                shutil.rmtree(work)
                if not any(folder.iterdir()):
                    folder.rmdir()
