"""Downloads from a real web server that misbehaves in every way a test can think of."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from web_server import Cut, Request, Server, gives, redirects

from crisisweave.errors import FetchError, StorageError
from crisisweave.fetching.download import Patience, Wanted, download
from small_disk import Disk

BODY = bytes(range(256)) * 4000
SHA = hashlib.sha256(BODY).hexdigest()
HASTY = Patience(connect=2, silence=0.5, attempts=3, pause=0.01)


def wanted(url: str, sha256: str | None = SHA, size: int | None = None) -> Wanted:
    return Wanted(url, sha256, size, "config/sources/x.yaml")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_file_arrives_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    with Server({"/f": gives(BODY)}) as server:
        download(wanted(f"{server.url}/f", size=len(BODY)), tmp_path / "new" / "f", HASTY)
    assert (tmp_path / "new" / "f").read_bytes() == BODY
    assert files(tmp_path) == ["f"]


def test_a_wrong_hash_names_both_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        Server({"/f": gives(b"<html>please log in</html>")}) as server,
        pytest.raises(FetchError, match=f"SHA-256 [0-9a-f]{{64}}, expected {SHA}.* it is a web page"),
    ):
        download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)
    assert files(tmp_path) == []


def test_without_a_hash_nothing_is_placed_and_the_hash_is_told(tmp_path: Path) -> None:
    with Server({"/f": gives(BODY)}) as server:
        with pytest.raises(FetchError, match=f"enter 'sha256: {SHA}' in config/sources/x.yaml"):
            download(wanted(f"{server.url}/f", sha256=None), tmp_path / "f", HASTY)
        assert not (tmp_path / "f").exists()
        # With the hash entered, what has come is used.
        download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)
        assert len(server.seen) == 1
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_cut_connection_is_resumed(tmp_path: Path) -> None:
    cut = Cut(BODY, after=300_000, times=2)
    with Server({"/f": cut}) as server:
        download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)
    assert (tmp_path / "f").read_bytes() == BODY
    assert cut.ranges == [None, "bytes=300000-", "bytes=600000-"]


def test_without_a_version_to_hold_the_server_to_it_starts_over(tmp_path: Path) -> None:
    cut = Cut(BODY, after=300_000, times=1, etag="")
    with Server({"/f": cut}) as server:
        download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)
    assert (tmp_path / "f").read_bytes() == BODY
    assert cut.ranges == [None, None]


def test_a_connection_that_is_always_cut_ends_with_a_sentence_and_goes_on_next_time(tmp_path: Path) -> None:
    cut = Cut(BODY, after=1000, times=3)
    with Server({"/f": cut}) as server:
        with pytest.raises(FetchError, match=r"was cut or fell silent, also in the last of 3 attempts"):
            download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)
        assert not (tmp_path / "f").exists()
        download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)
    assert cut.ranges[-1] == "bytes=3000-"
    assert (tmp_path / "f").read_bytes() == BODY


def test_a_file_that_changed_between_the_halves_is_fetched_whole(tmp_path: Path) -> None:
    old = Cut(b"x" * len(BODY), after=1000, times=9, etag='"same"')
    with Server({"/f": old}) as server:
        with pytest.raises(FetchError):
            download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)
        server.answers["/f"] = Cut(BODY, after=0, times=0, etag='"same"')
        download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)
    assert (tmp_path / "f").read_bytes() == BODY


def test_redirects_lead_to_another_server(tmp_path: Path) -> None:
    with Server({"/real": gives(BODY)}) as far, Server() as near:
        near.answers = {"/f": redirects("/g"), "/g": redirects(f"{far.url}/real")}
        download(wanted(f"{near.url}/f"), tmp_path / "f", HASTY)
        assert far.seen == ["GET /real"]
    assert (tmp_path / "f").read_bytes() == BODY


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("/f", "redirects more than 10 times"),
        ("file:///etc/passwd", "redirects to 'file:///etc/passwd', which is no web address"),
        ("ftp://127.0.0.1/f", "which is no web address"),
    ],
)
def test_a_redirect_that_leads_nowhere_is_refused(tmp_path: Path, location: str, message: str) -> None:
    with Server({"/f": redirects(location)}) as server, pytest.raises(FetchError, match=message):
        download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "message", "asked"),
    [
        (404, "answers 404 Not Found; the file is not there", 1),
        (403, "needs a login or a form", 1),
        (503, "answers 503 Service Unavailable, also in the last of 3 attempts", 3),
    ],
)
def test_a_refusal_is_told_and_only_passing_ones_are_tried_again(
    tmp_path: Path, status: int, message: str, asked: int
) -> None:
    with Server({"/f": lambda request: request.reply(status)}) as server:
        with pytest.raises(FetchError, match=message):
            download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)
        assert len(server.seen) == asked
    assert files(tmp_path) == []


def test_a_server_that_falls_silent_is_given_up(tmp_path: Path) -> None:
    def silent(request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(BODY)))
        request.end_headers()
        request.wfile.write(BODY[:10])
        time.sleep(1)
        request.hang_up()

    with Server({"/f": silent}) as server, pytest.raises(FetchError, match="was cut or fell silent"):
        download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)


def test_a_server_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with Server() as server:
        url = server.url
    with pytest.raises(FetchError, match="downloads need a machine with internet") as error:
        download(wanted(f"{url}/f"), tmp_path / "f", HASTY)
    assert "\n" not in str(error.value)


def test_another_size_than_expected_is_noticed_before_the_download(tmp_path: Path) -> None:
    said = "offers 1,024,000 bytes where 5 are expected"
    with Server({"/f": gives(BODY)}) as server, pytest.raises(FetchError, match=said):
        download(wanted(f"{server.url}/f", size=5), tmp_path / "f", HASTY)
    assert files(tmp_path) == []


def test_an_endless_answer_is_ended_at_the_expected_size(tmp_path: Path) -> None:
    def endless(request: Request) -> None:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        while True:
            request.wfile.write(BODY)

    said = "sends more than the expected 1,024,000 bytes"
    with Server({"/f": endless}) as server, pytest.raises(FetchError, match=said):
        download(wanted(f"{server.url}/f", size=len(BODY)), tmp_path / "f", HASTY)
    assert files(tmp_path) == []


def test_an_answer_in_chunks_that_is_cut_is_not_taken_for_the_whole(tmp_path: Path) -> None:
    def chunked(request: Request) -> None:
        request.send_response(200)
        request.send_header("Transfer-Encoding", "chunked")
        request.end_headers()
        request.wfile.write(f"{len(BODY):x}\r\n".encode() + BODY[:5000])
        request.hang_up()

    with Server({"/f": chunked}) as server, pytest.raises(FetchError, match="was cut or fell silent"):
        download(wanted(f"{server.url}/f", sha256=None), tmp_path / "f", HASTY)


def test_a_gzip_file_is_stored_as_it_is_even_if_the_server_calls_it_an_encoding(tmp_path: Path) -> None:
    import gzip

    body = gzip.compress(b"text")
    with Server({"/f": gives(body, Content_Encoding="gzip")}) as server:
        download(wanted(f"{server.url}/f", hashlib.sha256(body).hexdigest()), tmp_path / "f", HASTY)
    assert (tmp_path / "f").read_bytes() == body


def test_more_than_is_free_is_refused_before_the_download(tmp_path: Path) -> None:
    def huge(request: Request) -> None:
        request.reply(200, b"", Content_Length=str(10**15))

    with Server({"/f": huge}) as server, pytest.raises(StorageError, match="bytes are still to come and"):
        download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)
    assert files(tmp_path) == []


_DOWNLOAD = """
import sys
from pathlib import Path
from crisisweave.errors import CrisisWeaveError
from crisisweave.fetching.download import Patience, Wanted, download
url, sha256 = {url!r}, {sha256!r}
try:
    download(Wanted(url, sha256, None, "x"), Path(sys.argv[1]) / "f", Patience(2, 2, 2, 0.01))
except CrisisWeaveError as error:
    print(error)
"""


def test_a_disk_that_fills_up_in_the_middle_is_one_sentence_and_is_left_empty(tmp_path: Path) -> None:
    def unannounced(request: Request) -> None:
        request.send_response(200)
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(BODY)
        request.hang_up()

    with Server({"/f": unannounced}) as server:
        disk = Disk("size=64k", "true", "")
        said, left = disk.run(_DOWNLOAD.format(url=f"{server.url}/f", sha256=SHA), tmp_path)
    assert [line for line in said if "the disk is full; free some space" in line] == said[-1:]
    assert left == []


def test_a_killed_download_leaves_no_file_and_goes_on(tmp_path: Path) -> None:
    cut = Cut(BODY, after=0, times=0)

    def stuck(request: Request) -> None:
        request.send_response(200)
        request.send_header("ETag", cut.etag)
        request.send_header("Content-Length", str(len(BODY)))
        request.end_headers()
        request.wfile.write(BODY[:500_000])
        request.wfile.flush()
        time.sleep(20)

    with Server({"/f": stuck}) as server:
        code = _DOWNLOAD.format(url=f"{server.url}/f", sha256=SHA).replace("2, 2, 2", "2, 30, 2")
        process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stderr=subprocess.DEVNULL)
        part = tmp_path / ".f.part"
        deadline = time.monotonic() + 20
        while not (part.is_file() and part.stat().st_size == 500_000) and time.monotonic() < deadline:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "f").exists()
        server.answers["/f"] = cut
        download(wanted(f"{server.url}/f"), tmp_path / "f", HASTY)
    assert cut.ranges == ["bytes=500000-"]
    assert (tmp_path / "f").read_bytes() == BODY
    assert files(tmp_path) == ["f"]
