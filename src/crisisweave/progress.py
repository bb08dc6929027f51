"""One way to show progress: a bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from tqdm import tqdm as Bar

T = TypeVar("T")


def track(items: Iterable[T], title: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` while reporting progress on stderr (every 10 s at most when it is not a terminal)."""
    from tqdm import tqdm

    yield from tqdm(items, desc=title, total=total, **_how())


@contextmanager
def byte_bar(title: str, total: int | None, done: int = 0) -> Iterator[Bar[None]]:
    """A bar that counts bytes: call its `update` with each number of new ones."""
    from tqdm import tqdm

    with tqdm(desc=title, total=total, initial=done, unit="B", unit_scale=True, **_how()) as bar:
        yield bar


@contextmanager
def row_bar(title: str, total: int, done: int = 0) -> Iterator[Bar[None]]:
    """A bar that counts rows: call its `update` with each number of new ones."""
    from tqdm import tqdm

    with tqdm(desc=title, total=total, initial=done, unit=" rows", **_how()) as bar:
        yield bar


def _how() -> dict[str, Any]:
    interval = 0.2 if sys.stderr.isatty() else 10.0
    return {"mininterval": interval, "maxinterval": 30, "file": sys.stderr}
