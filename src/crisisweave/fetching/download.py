"""One download: resumed after a cut, checked by hash, never half in place.

The bytes go to a hidden `.part` file in the folder of the target. Only when its SHA-256 is the expected one
is it renamed. A killed download goes on where it stopped, if the server still has the same file.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError, NameResolutionError

from crisisweave.errors import FetchError, StorageError
from crisisweave.files import refusals_explained, sha256_file, write_text
from crisisweave.progress import byte_bar

_CHUNK = 1 << 20
_REDIRECTS = 10
_RETRIED = {408, 425, 429, 500, 502, 503, 504}


class Patience(NamedTuple):
    """How long to try: seconds to connect, seconds of silence, attempts, first pause (doubled each time)."""

    connect: float = 15.0
    silence: float = 60.0
    attempts: int = 5
    pause: float = 1.0


class Wanted(NamedTuple):
    """A file as it should arrive."""

    url: str
    sha256: str | None
    bytes: int | None
    said_in: str
    """The config file in which the hash stands, or should."""


class _Again(Exception):
    """This attempt failed in a way that another may mend; the text says how."""


def part_file(target: Path) -> Path:
    """Where the bytes of an unfinished download lie."""
    return target.with_name(f".{target.name}.part")


PATIENT = Patience()


def download(wanted: Wanted, target: Path, patience: Patience = PATIENT) -> None:
    """Download to `target`, which appears complete and verified or not at all.

    Raises:
        FetchError: unreachable, refused, cut for good, redirected to nowhere, of another hash or size, or
            no hash is known to check it by.
        StorageError: the disk is full or not writable.
    """
    part = part_file(target)
    with refusals_explained(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    resumed = part.is_file()
    if not (resumed and _is_complete(part, wanted)):
        _until_complete(wanted, part, patience)
        if resumed and wanted.sha256 is not None and not _is_complete(part, wanted):
            # The file may have changed between the two halves.
            _discard(part)
            _until_complete(wanted, part, patience)
    _verify(wanted, part)
    part.replace(target)
    _validator_file(part).unlink(missing_ok=True)


def _is_complete(part: Path, wanted: Wanted) -> bool:
    """Whether an earlier download got all and only its last step is missing."""
    return wanted.sha256 is not None and sha256_file(part) == wanted.sha256


def _until_complete(wanted: Wanted, part: Path, patience: Patience) -> None:
    pause = patience.pause
    for attempt in range(1, patience.attempts + 1):
        try:
            with requests.Session() as session:
                _attempt(session, wanted, part, patience)
            return
        except _Again as failure:
            if attempt == patience.attempts:
                raise FetchError(
                    f"{wanted.url}: {failure}, also in the last of {patience.attempts} attempts; check the "
                    f"network (downloads need a machine with internet) and run fetch again, it goes on from "
                    f"what has arrived"
                ) from failure
        time.sleep(pause)
        pause *= 2


def _attempt(session: requests.Session, wanted: Wanted, part: Path, patience: Patience) -> None:
    """One connection: what is missing is appended to `part`."""
    have = part.stat().st_size if part.is_file() else 0
    headers = {"Accept-Encoding": "identity", "User-Agent": "crisisweave"}
    if have and (validator := _validator(part)):
        headers |= {"Range": f"bytes={have}-", "If-Range": validator}
    try:
        response = _follow(session, wanted.url, headers, patience)
        with response:
            if response.status_code == 416:
                _discard(part)
                raise _Again("the server no longer has what had arrived")
            if response.status_code in _RETRIED:
                raise _Again(f"the server answers {response.status_code} {response.reason}")
            if response.status_code not in (200, 206):
                raise FetchError(_refusal(wanted.url, response))
            if response.status_code == 200:
                have = 0
            elif not response.headers.get("content-range", "").startswith(f"bytes {have}-"):
                _discard(part)
                raise _Again("the server goes on at another place than asked")
            _receive(response, wanted, part, have)
    except (requests.exceptions.SSLError, requests.exceptions.InvalidURL) as error:
        raise FetchError(f"{wanted.url}: {_root(error)}; correct the address in {wanted.said_in}") from error
    except requests.Timeout as error:
        raise _Again("the server does not answer in time") from error
    except requests.RequestException as error:
        cause = _root(error)
        if isinstance(cause, NameResolutionError):
            raise FetchError(
                f"{wanted.url}: the name of the server cannot be resolved; run fetch on a machine with "
                f"internet, or correct the address in {wanted.said_in}"
            ) from error
        raise _Again(f"the connection fails ({' '.join(str(cause).split())[:200]})") from error
    except HTTPError as error:
        raise _Again("the connection was cut or fell silent") from error


def _follow(
    session: requests.Session, url: str, headers: dict[str, str], patience: Patience
) -> requests.Response:
    """GET with redirects followed by hand: only to http and https, and not for ever."""
    current = url
    for _ in range(_REDIRECTS + 1):
        response = session.get(
            current,
            headers=headers,
            stream=True,
            allow_redirects=False,
            timeout=(patience.connect, patience.silence),
        )
        if not response.is_redirect:
            return response
        response.close()
        current = urljoin(current, response.headers["location"])
        if urlsplit(current).scheme not in ("http", "https"):
            raise FetchError(
                f"{url}: redirects to '{current}', which is no web address; nothing was read from there, "
                f"correct the address in the registry"
            )
    raise FetchError(f"{url}: redirects more than {_REDIRECTS} times; correct the address in the registry")


def _receive(response: requests.Response, wanted: Wanted, part: Path, have: int) -> None:
    length = response.headers.get("content-length")
    total = have + int(length) if length is not None and length.isdigit() else None
    if wanted.bytes is not None and total is not None and total != wanted.bytes:
        _discard(part)
        raise FetchError(
            f"{wanted.url}: the server offers {total:,} bytes where {wanted.bytes:,} are expected; it is "
            f"another file, check the address and {wanted.said_in}"
        )
    _check_space(part, total, have)
    try:
        with refusals_explained(part):
            have = _append(response, wanted, part, have, total)
    except StorageError:
        # A full disk stays full: what has arrived would only keep others from writing.
        _discard(part)
        raise
    if total is not None and have < total:
        raise _Again("the connection was cut")


def _append(response: requests.Response, wanted: Wanted, part: Path, have: int, total: int | None) -> int:
    """Write what comes behind the `have` bytes that are there; bytes that are there then."""
    write_text(_validator_file(part), _strong_validator(response))
    title = part.name.strip(".").removesuffix(".part")
    with part.open("ab" if have else "wb") as file, byte_bar(title, total, have) as bar:
        # read1: what has arrived is written at once, so that little is lost by a cut or a kill.
        while chunk := response.raw.read1(_CHUNK, decode_content=False):
            file.write(chunk)
            file.flush()
            bar.update(len(chunk))
            have += len(chunk)
            if wanted.bytes is not None and have > wanted.bytes:
                _discard(part)
                raise FetchError(
                    f"{wanted.url}: sends more than the expected {wanted.bytes:,} bytes; it is another file, "
                    f"check the address and {wanted.said_in}"
                )
    return have


def _check_space(part: Path, total: int | None, have: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if total is not None and total - have > free:
        raise StorageError(
            f"cannot write {part}: {total - have:,} bytes are still to come and {free:,} are free; free some "
            f"space or choose another folder"
        )


def _verify(wanted: Wanted, part: Path) -> None:
    found, size = sha256_file(part), part.stat().st_size
    if wanted.sha256 is None:
        raise FetchError(
            f"{wanted.url}: no SHA-256 is known for it, so it was not put in place; what came has {size:,} "
            f"bytes and SHA-256 {found}: if you trust it, enter 'sha256: {found}' in {wanted.said_in} and "
            f"run fetch again, nothing is downloaded twice"
        )
    if found != wanted.sha256:
        hint = "a web page" if _looks_like_html(part) else "another file, or it was altered"
        _discard(part)
        raise FetchError(
            f"{wanted.url}: what came ({size:,} bytes) has SHA-256 {found}, expected {wanted.sha256} "
            f"({wanted.said_in}): it is {hint}, and was thrown away; try again, or look at the address"
        )


def _looks_like_html(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(512).lstrip().lower().startswith((b"<!doctype html", b"<html"))


def _refusal(url: str, response: requests.Response) -> str:
    what = f"{url}: the server answers {response.status_code} {response.reason}"
    if response.status_code in (401, 403):
        return f"{what}; the file needs a login or a form, obtain it by hand"
    return f"{what}; the file is not there, look at the source's page for its new address"


def _strong_validator(response: requests.Response) -> str:
    """What tells whether the server still has the same file; empty when it gives nothing reliable."""
    etag = response.headers.get("etag", "")
    return "" if etag.startswith("W/") else etag or response.headers.get("last-modified", "")


def _validator_file(part: Path) -> Path:
    return part.with_name(f"{part.name}.version")


def _validator(part: Path) -> str:
    file = _validator_file(part)
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _validator_file(part).unlink(missing_ok=True)


def _root(error: BaseException) -> BaseException:
    """The cause that the layers of the client wrapped."""
    inner = getattr(error, "reason", None) or (error.args[0] if error.args else None)
    return _root(inner) if isinstance(inner, BaseException) else error


def digest_of_gzip(path: Path) -> tuple[str, int]:
    """SHA-256 and size of what a gzip file holds.

    Raises:
        OSError, EOFError: the file is no gzip or is cut.
    """
    import gzip

    digest, size = hashlib.sha256(), 0
    with gzip.open(path) as file:
        while block := file.read(_CHUNK):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size
