"""A real web server in a thread, whose answers a test decides; nothing outside this machine is reached."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

Answer = Callable[["Request"], None]


class Request(BaseHTTPRequestHandler):
    """One request; the server's `answers` say by path what is sent back."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append(f"{self.command} {self.path}")
        answer = self.server.answers.get(self.path.partition("?")[0], missing)
        answer(self)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        """A whole answer."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def hang_up(self) -> None:
        """Close the connection, whatever was promised."""
        self.wfile.flush()
        self.close_connection = True


class Server(ThreadingHTTPServer):
    """`with Server({...}) as server`: path → answer; `server.url` is its address, `seen` what was asked."""

    daemon_threads = True

    def __init__(self, answers: dict[str, Answer] | None = None):
        super().__init__(("127.0.0.1", 0), Request)
        self.answers: dict[str, Answer] = dict(answers or {})
        self.seen: list[str] = []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join()

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is no error here."""


def missing(request: Request) -> None:
    request.reply(404, b"not here")


def gives(body: bytes, **headers: str) -> Answer:
    """The whole file at once."""
    return lambda request: request.reply(200, body, **headers)


def redirects(location: str) -> Answer:
    return lambda request: request.reply(302, b"", Location=location)


class Cut:
    """A file whose connection is cut after `after` bytes, the first `times` times; it can be resumed."""

    def __init__(self, body: bytes, after: int, times: int, etag: str = '"v1"'):
        self.body, self.after, self.left, self.etag = body, after, times, etag
        self.ranges: list[str | None] = []

    def __call__(self, request: Request) -> None:
        asked = request.headers["Range"]
        self.ranges.append(asked)
        start = 0
        if asked is not None and request.headers["If-Range"] == self.etag:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        request.send_response(206 if start else 200)
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        if self.etag:
            request.send_header("ETag", self.etag)
        request.send_header("Content-Length", str(len(self.body) - start))
        request.end_headers()
        if self.left > 0:
            self.left -= 1
            request.wfile.write(self.body[start : start + self.after])
            request.hang_up()
        else:
            request.wfile.write(self.body[start:])
