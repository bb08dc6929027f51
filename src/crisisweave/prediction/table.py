"""Tables of tweets, read row by row: CSV or Parquet with the columns `text`, `image` and (if any) `id`.

The file is a stranger's. A row that cannot be used is passed on with its number; a file that cannot be
understood stops with one sentence.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from crisisweave.config.strict import nearest
from crisisweave.errors import ConfigError, DataError

COLUMNS = ("id", "text", "image")
LONGEST_FIELD = 1_000_000
"""Characters in one field of a CSV; a quote that is never closed stops there."""
_ROWS_AT_ONCE = 1024


class Row(NamedTuple):
    """One row; an empty or absent cell is None.

    Attributes:
        number: 1 for the first row below the header.
        wrong: why the row cannot be used at all, if so.
    """

    number: int
    id: str | None
    text: str | None
    image: str | None
    wrong: str | None = None


class Table:
    """A table of tweets.

    Args:
        path: a file that ends in .csv or .parquet.
        needs: the columns that a model reads, `text`, `image` or both.

    Attributes:
        has_ids: whether there is a column `id`.
        n: number of rows.

    Raises:
        ConfigError: the file's name says neither CSV nor Parquet.
        DataError: it is missing, empty, damaged or not UTF-8, or lacks a column that the model reads.
    """

    def __init__(self, path: Path, needs: Collection[str]):
        self.path = path
        if path.suffix.lower() not in (".csv", ".parquet"):
            raise ConfigError(f"{path}: a table is a .csv or a .parquet file; rename or convert it")
        if not path.is_file():
            raise DataError(f"{path}: no such table")
        self._is_csv = path.suffix.lower() == ".csv"
        header = self._header()
        for name in needs:
            if name not in header:
                raise DataError(
                    f"{path}: has no column '{name}', which the method reads; {nearest(name, list(header))}"
                )
        for name in COLUMNS:
            if list(header).count(name) > 1:
                raise DataError(f"{path}: the header names the column '{name}' twice; rename one of them")
        self._columns = [name for name in COLUMNS if name in header]
        self.has_ids = "id" in header
        # A CSV is read through once beforehand, so that what is wrong with it is said at once.
        self.n = sum(1 for _ in self.rows()) if self._is_csv else pq.ParquetFile(path).metadata.num_rows
        if self.n == 0:
            raise DataError(f"{path}: holds no rows")

    def rows(self) -> Iterator[Row]:
        """The rows in order; memory does not grow with their number."""
        return self._csv_rows() if self._is_csv else self._parquet_rows()

    def _header(self) -> Sequence[str]:
        if self._is_csv:
            header = next(self._records(), None)
            if header is None:
                raise DataError(f"{self.path}: the file is empty")
            return header
        try:
            schema = pq.ParquetFile(self.path).schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self.path}: not a readable Parquet file; write it again") from error
        for name in ("text", "image"):
            index = schema.get_field_index(name)
            if index >= 0 and not _holds_text(schema.field(index).type):
                raise DataError(
                    f"{self.path}: column '{name}' holds {schema.field(index).type}, not text; convert it"
                )
        return list(schema.names)

    def _records(self) -> Iterator[list[str]]:
        """Records of a CSV, header included, with empty lines left out."""
        # Of the whole process, but larger than the default and used nowhere else.
        csv.field_size_limit(LONGEST_FIELD)
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            try:
                yield from (record for record in reader if record)
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{self.path}: is not UTF-8 (after line {reader.line_num}); save it as UTF-8"
                ) from error
            except csv.Error as error:
                raise DataError(f"{self.path}, line {reader.line_num}: {error}; repair that line") from error

    def _csv_rows(self) -> Iterator[Row]:
        records = self._records()
        header = next(records)
        place = {name: header.index(name) for name in self._columns}
        for number, record in enumerate(records, start=1):
            if len(record) != len(header):
                wrong = f"has {len(record)} columns where the header has {len(header)}"
                yield Row(number, None, None, None, wrong)
                continue
            cells = {name: record[column] or None for name, column in place.items()}
            yield Row(number, cells.get("id"), cells.get("text"), cells.get("image"))

    def _parquet_rows(self) -> Iterator[Row]:
        number = 0
        try:
            with pq.ParquetFile(self.path) as file:
                for batch in file.iter_batches(_ROWS_AT_ONCE, columns=self._columns):
                    for cells in batch.to_pylist():
                        number += 1
                        row_id = cells.get("id")
                        yield Row(
                            number,
                            None if row_id is None else str(row_id),
                            cells.get("text"),
                            cells.get("image"),
                        )
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(f"{self.path}: damaged after row {number} ({reason}); write it again") from error


def _holds_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return value in (pa.string(), pa.large_string(), pa.string_view())
