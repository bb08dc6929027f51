"""The one table that every loader gives, and the strict readers that loaders share.

Raw files are hostile: a reader either understands a file to the last byte or stops with the line number.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from crisisweave.config.dataset import TaskConfig
from crisisweave.config.strict import nearest
from crisisweave.errors import DataError
from crisisweave.files import read_json

LABEL_COLUMNS = ("label", "label_text", "label_image")
# Tweet and image ids become names in reports and result files; they may hold nothing that a path or a page
# would interpret.
_IDENTIFIER = re.compile(r"\w[\w.\-]*", re.ASCII)
_EVENT = re.compile(r"\w[\w.\- ]*")


@dataclass(frozen=True)
class Instance:
    """One tweet–image pair (or one tweet, where a data set has no images)."""

    instance_id: str
    tweet_id: str
    event: str
    split: str
    text: str
    """As in the source, before mojibake repair."""
    image_path: str | None
    """Relative to the data set's folder, with forward slashes."""
    label: str | None
    """Null exactly where the labels of the two modalities disagree."""
    label_text: str | None
    label_image: str | None
    where: str
    """File and line, for messages."""

    @property
    def concordant(self) -> bool | None:
        """Whether text and image carry the same class; null where one of them has no label."""
        if self.label_text is None or self.label_image is None:
            return None
        return self.label_text == self.label_image


@dataclass(frozen=True)
class Row:
    """One line of a raw table."""

    where: str
    values: dict[str, str]

    def __getitem__(self, column: str) -> str:
        return self.values[column]


def _decoded(path: Path) -> str:
    """The file's text without a byte-order mark.

    Raises:
        DataError: the file is missing or unreadable, is not UTF-8 or holds a NUL; names the line.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such table; see docs/data.md for how to obtain and lay out the data set")
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: the table cannot be read: {error.strerror}") from error
    if (nul := raw.find(b"\0")) >= 0:
        line = raw.count(b"\n", 0, nul) + 1
        raise DataError(f"{path}, line {line}: holds a NUL byte; the file is damaged, obtain it again")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: is not UTF-8; convert the file or obtain it again") from error


def _checked_rows(
    path: Path, records: Iterator[tuple[int, list[str]]], required: Sequence[str]
) -> Iterator[Row]:
    first = next(records, None)
    if first is None:
        raise DataError(f"{path}: the file is empty; obtain it again")
    header = first[1]
    for column in required:
        if column not in header:
            raise DataError(f"{path}: column '{column}' is missing; the header has {', '.join(header)}")
    if len(set(header)) != len(header):
        raise DataError(f"{path}: the header names a column twice: {', '.join(header)}")
    for line, fields in records:
        if len(fields) != len(header):
            raise DataError(
                f"{path}, line {line}: has {len(fields)} columns where the header has {len(header)}; "
                "repair that line or obtain the file again"
            )
        yield Row(where=f"{path}, line {line}", values=dict(zip(header, fields, strict=True)))


def read_tsv(path: Path, required: Sequence[str]) -> Iterator[Row]:
    """Read a TAB-separated table with quoting off: a quote character is an ordinary character.

    A byte-order mark and CRLF line ends are accepted. Only line feeds end a line, so that the other line
    separators of Unicode may stand in a tweet.

    Raises:
        DataError: missing file or column, NUL, not UTF-8, a line with too many or too few columns.
    """
    lines = _decoded(path).split("\n")
    if lines[-1] == "":
        lines.pop()
    records = ((number, line.removesuffix("\r").split("\t")) for number, line in enumerate(lines, start=1))
    return _checked_rows(path, records, required)


def read_csv(path: Path, required: Sequence[str], header: Sequence[str] | None = None) -> Iterator[Row]:
    """Read a comma-separated table with quoting on; a quoted field may hold line breaks.

    Args:
        path: the file.
        required: columns that must be there.
        header: the names of its columns, where the file has no line that says them.

    Raises:
        DataError: as `read_tsv`, and for a quote that is never closed.
    """

    def records() -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(io.StringIO(_decoded(path), newline=""), strict=True)
        if header is not None:
            yield 0, list(header)
        try:
            start = 1
            for fields in reader:
                yield start, fields
                start = reader.line_num + 1
        except csv.Error as error:
            raise DataError(f"{path}, line {reader.line_num}: {error}; repair that line") from error

    return _checked_rows(path, records(), required)


def class_of(raw: str, task: TaskConfig, column: str, where: str) -> str:
    """The task's class for a raw label, after merging.

    Raises:
        DataError: the label is neither a class nor merged into one; names the nearest valid label.
    """
    label = task.merge.get(raw, raw)
    if label not in task.classes:
        hint = nearest(raw, [*task.classes, *task.merge])
        raise DataError(f"{where}: unknown label '{raw}' in column '{column}'; {hint}")
    return label


def checked_identifier(value: str, column: str, where: str) -> str:
    """`value` if it is a plain identifier.

    Raises:
        DataError: it is empty or holds something other than letters, digits, `_`, `.` and `-`.
    """
    pattern = _EVENT if column.startswith("event") else _IDENTIFIER
    if not pattern.fullmatch(value):
        raise DataError(
            f"{where}: column '{column}' holds {value!r:.80}, which is not a plain identifier; correct it"
        )
    return value


def checked_image_path(value: str, where: str) -> str:
    """`value` if it is a relative path that stays below the data set's folder, judged by its text alone.

    Raises:
        DataError: it is empty, absolute, or has a `..` step or a backslash.
    """
    path = PurePosixPath(value)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\\" in value or ":" in path.parts[0]:
        raise DataError(
            f"{where}: image path {value!r:.200} does not stay inside the data set's folder; correct the row"
        )
    return value


def inside(folder: Path, image_path: str, where: str) -> Path:
    """The file of `image_path` below `folder`, with symbolic links followed.

    Raises:
        DataError: the path leads out of the folder, by its text or through a link.
    """
    file = (folder / checked_image_path(image_path, where)).resolve()
    if not file.is_relative_to(folder.resolve()):
        raise DataError(
            f"{where}: image path {image_path!r:.200} leads outside the data set's folder through a symbolic "
            "link; copy the image into the folder"
        )
    return file


def as_frame(instances: Sequence[Instance], texts: Sequence[str], classes: list[str]) -> pd.DataFrame:
    """The instances as the table of the contract; labels are categorical over `classes`."""
    frame = pd.DataFrame(
        {
            "instance_id": pd.Series([i.instance_id for i in instances], dtype="str"),
            "tweet_id": pd.Series([i.tweet_id for i in instances], dtype="str"),
            "event": pd.Series([i.event for i in instances], dtype="str"),
            "split": pd.Series([i.split for i in instances], dtype="str"),
            "text": pd.Series(list(texts), dtype="str"),
            "image_path": pd.Series([i.image_path for i in instances], dtype="str"),
        }
    )
    for column in LABEL_COLUMNS:
        values = [getattr(instance, column) for instance in instances]
        frame[column] = pd.Categorical(values, categories=classes)
    frame["concordant"] = pd.array([i.concordant for i in instances], dtype="boolean")
    return frame


def read_instances(folder: Path, splits: Sequence[str] | None = None) -> tuple[pd.DataFrame, dict[str, Any]]:
    """A prepared task: its rows and its `dataset.json`.

    Args:
        folder: `data/prepared/<dataset>/<task>`.
        splits: the splits to read; rows of the others never enter memory. None reads all.

    Raises:
        DataError: the folder holds no prepared task, or a split that was asked for has no rows.
    """
    folder = Path(folder)
    table, description = folder / "instances.parquet", folder / "dataset.json"
    if not (table.is_file() and description.is_file()):
        raise DataError(f"{folder}: holds no prepared task; run `crisisweave prepare` first")
    dataset = read_json(description)
    for split in splits or ():
        if not dataset["rows"].get(split):
            raise DataError(f"{folder}: has no split '{split}'; it has {', '.join(dataset['rows'])}")
    filters = None if splits is None else [("split", "in", list(splits))]
    frame = pd.read_parquet(table, filters=filters)
    for column in LABEL_COLUMNS:
        frame[column] = pd.Categorical(frame[column], categories=dataset["classes"])
    return frame, dataset
