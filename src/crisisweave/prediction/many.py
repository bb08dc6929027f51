"""Predictions for a whole table, in flat memory, going on where a killed run stopped.

Rows are predicted in parts of `PART` rows. A finished part is put in place under a hidden folder beside the
output, together with a digest of table and model; the next run of the same command skips it. At the end the
parts become one Parquet file. What a row's numbers are depends on its part alone, so an interrupted run ends
with the bytes of an undisturbed one.
"""

from __future__ import annotations

import csv
import io
import itertools
import os
import shutil
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from crisisweave.datasets.tables import inside
from crisisweave.errors import ConfigError, DataError
from crisisweave.files import atomic_path, read_json, refusals_explained, sha256_file, write_bytes, write_json
from crisisweave.prediction.given import Given
from crisisweave.prediction.predictor import Predictor
from crisisweave.prediction.table import Row, Table
from crisisweave.progress import row_bar

PART = 1024
"""Rows predicted between two points at which a killed run goes on."""
_IMAGES_AT_ONCE = 128
"""Rows whose pixels are in memory at a time, twice: one block is predicted while the next is read."""
_READ_TOGETHER = 32
_PARTS_IN_GROUP = 16
"""Parts that share a row group of the output."""
_FORMAT = 1


class Done(NamedTuple):
    """What became of a table's rows; `bad_rows` is the CSV that lists those left out."""

    rows: int
    predicted: int
    bad: int
    bad_rows: Path


class _Bad(NamedTuple):
    """A row that cannot be predicted."""

    number: int
    reason: str


def predict_table(
    model: Predictor, path: Path, out: Path, image_root: Path | None = None, strict: bool = False
) -> Done:
    """Predict every row of a table and write `out`, a Parquet file.

    It holds `row` (1 for the first), `id` where the table has one, `predicted`, a probability for each class,
    and `caption` where captions are made. Rows that cannot be predicted are listed with their reason in
    `<out>.bad.csv`.

    Args:
        model: the model.
        path: the table; see `table.Table`.
        out: the file to write.
        image_root: folder that image paths start from and may not leave; default: the table's folder.
        strict: stop at the first row that cannot be predicted.

    Raises:
        ConfigError: `out` is not a Parquet file's name, or is the table itself.
        DataError: the table cannot be understood, or with `strict` a row cannot be predicted.
    """
    if out.suffix.lower() != ".parquet":
        raise ConfigError(f"{out}: predictions are written as Parquet; give a name that ends in .parquet")
    if out.is_dir():
        raise ConfigError(f"{out}: is a folder; give the name of a file")
    table = Table(path, model.needs)
    if out.exists() and out.samefile(path):
        raise ConfigError(f"{out}: is the table itself; give another name for the predictions")
    root = path.parent if image_root is None else image_root
    if not root.is_dir():
        raise ConfigError(f"{root}: no such folder; give the one that the image paths start from")
    parts = _Parts(out, _key(model, table, root))
    with row_bar("predict", table.n) as bar, ThreadPoolExecutor(_readers()) as pool:
        for number, rows in enumerate(_cut(table.rows(), PART)):
            if not parts.has(number):
                parts.write(number, *_predict(model, table, rows, root, pool))
            bad = parts.bad(number)
            if bad and strict:
                raise DataError(
                    f"{path}, row {bad[0][0]}: {bad[0][1]}; repair the row, or leave --strict out to go on "
                    f"without it"
                )
            bar.update(len(rows))
    return parts.join(table.n, out.with_name(f"{out.name}.bad.csv"))


def _readers() -> int:
    """Threads that read ahead: one for each core, up to a few."""
    return min(4, os.cpu_count() or 1)


def _key(model: Predictor, table: Table, root: Path) -> dict[str, Any]:
    """What the parts were made from; parts of anything else are thrown away."""
    return {
        "format": _FORMAT,
        "part": PART,
        "table_sha256": sha256_file(table.path),
        "model": model.identity,
        "image_root": str(root.resolve()) if "image" in model.needs else None,
    }


def _cut(items: Iterable[Row], size: int) -> Iterator[list[Row]]:
    rows = iter(items)
    while block := list(itertools.islice(rows, size)):
        yield block


def _predict(
    model: Predictor, table: Table, rows: Sequence[Row], root: Path, pool: ThreadPoolExecutor
) -> tuple[pa.Table, list[_Bad]]:
    """One part: its answers, and its rows that cannot be predicted."""
    size = _IMAGES_AT_ONCE if "image" in model.needs else PART
    columns: dict[str, list[Any]] = {name: [] for name in _schema(model, table).names}
    bad: list[_Bad] = []
    for block, read in _read_ahead(model, rows, root, size, pool):
        kept = [(row, given) for row, given in zip(block, read, strict=True) if isinstance(given, Given)]
        bad += [given for given in read if isinstance(given, _Bad)]
        if not kept:
            continue
        answers = model.answers([given for _, given in kept])
        columns["row"] += [row.number for row, _ in kept]
        if "id" in columns:
            columns["id"] += [row.id for row, _ in kept]
        columns["predicted"] += [model.classes[i] for i in answers.probabilities.argmax(axis=1)]
        for i, name in enumerate(model.classes):
            columns[f"p_{name}"] += answers.probabilities[:, i].tolist()
        if answers.captions is not None:
            columns["caption"] += answers.captions
    return pa.table(columns, schema=_schema(model, table)), bad


def _schema(model: Predictor, table: Table) -> pa.Schema:
    fields = [("row", pa.int64())]
    fields += [("id", pa.string())] if table.has_ids else []
    fields += [("predicted", pa.string())]
    fields += [(f"p_{name}", pa.float64()) for name in model.classes]
    fields += [("caption", pa.string())] if model.makes_captions else []
    return pa.schema(fields)


def _read_ahead(
    model: Predictor, rows: Sequence[Row], root: Path, size: int, pool: ThreadPoolExecutor
) -> Iterator[tuple[Sequence[Row], list[Given | _Bad]]]:
    """Blocks of rows with what was read of them: threads read the next block while one is being predicted."""
    waiting: deque[tuple[Sequence[Row], list[Future[list[Given | _Bad]]]]] = deque()
    for start in range(0, len(rows), size):
        block = rows[start : start + size]
        waiting.append(
            (
                block,
                [
                    pool.submit(_read, model, block[i : i + _READ_TOGETHER], root)
                    for i in range(0, len(block), _READ_TOGETHER)
                ],
            )
        )
        if len(waiting) > 1:
            yield _collected(*waiting.popleft())
    while waiting:
        yield _collected(*waiting.popleft())


def _collected(
    block: Sequence[Row], reading: list[Future[list[Given | _Bad]]]
) -> tuple[Sequence[Row], list[Given | _Bad]]:
    return block, [given for future in reading for given in future.result()]


def _read(model: Predictor, rows: Sequence[Row], root: Path) -> list[Given | _Bad]:
    return [_read_one(model, row, root) for row in rows]


def _read_one(model: Predictor, row: Row, root: Path) -> Given | _Bad:
    if row.wrong is not None:
        return _Bad(row.number, row.wrong)
    try:
        image = None
        if "image" in model.needs and row.image is not None:
            image = _image_file(root, row.image)
        return model.read(row.text, image, row.id)
    except DataError as error:
        return _Bad(row.number, " ".join(str(error).split()))


def _image_file(root: Path, path: str) -> Path:
    try:
        return inside(root, path, "")
    except (DataError, ValueError, OSError) as error:  # a NUL, a name that is too long, a loop of links
        raise DataError(f"image path {path!r:.200} does not stay inside the folder of the images") from error


class _Parts:
    """Finished parts of one output, in a hidden folder beside it."""

    def __init__(self, out: Path, key: dict[str, Any]):
        self._out = out
        self._folder = out.with_name(f".{out.name}.parts")
        with refusals_explained(self._folder):
            if self._folder.is_dir() and self._made_from() != key:
                print(
                    f"{out}: the table or the model has changed; starting anew",
                    file=sys.stderr,
                )
                shutil.rmtree(self._folder)
            self._folder.mkdir(parents=True, exist_ok=True)
        write_json(self._folder / "made_from.json", key)
        self._n = 0

    def _made_from(self) -> Any:
        try:
            return read_json(self._folder / "made_from.json")
        except (OSError, ValueError):
            return None

    def _file(self, number: int, suffix: str) -> Path:
        return self._folder / f"{number:08d}{suffix}"

    def has(self, number: int) -> bool:
        """Whether a part is finished: its answers are written last."""
        return self._file(number, ".parquet").is_file()

    def write(self, number: int, answers: pa.Table, bad: Sequence[_Bad]) -> None:
        """Put a part in place."""
        write_json(self._file(number, ".json"), bad)
        buffer = io.BytesIO()
        pq.write_table(answers, buffer, compression="zstd")
        write_bytes(self._file(number, ".parquet"), buffer.getbuffer())

    def bad(self, number: int) -> list[tuple[int, str]]:
        """The rows of a part that could not be predicted; counts the part as one of the output's."""
        self._n = max(self._n, number + 1)
        return [(row, reason) for row, reason in read_json(self._file(number, ".json"))]

    def join(self, rows: int, bad_rows: Path) -> Done:
        """Make one file of all parts, list the bad rows beside it, and remove the parts."""
        bad = self._join_bad(bad_rows)
        predicted = 0
        with atomic_path(self._out) as temporary:
            schema = pq.read_schema(self._file(0, ".parquet"))
            with temporary.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
                for start in range(0, self._n, _PARTS_IN_GROUP):
                    group = pa.concat_tables(
                        pq.read_table(self._file(number, ".parquet"))
                        for number in range(start, min(start + _PARTS_IN_GROUP, self._n))
                    )
                    predicted += len(group)
                    if len(group):
                        writer.write_table(group.combine_chunks(), row_group_size=_PARTS_IN_GROUP * PART)
        shutil.rmtree(self._folder)
        return Done(rows, predicted, bad, bad_rows)

    def _join_bad(self, target: Path) -> int:
        found = 0
        with atomic_path(target) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            lines = csv.writer(file, lineterminator="\n")
            lines.writerow(["row", "reason"])
            for number in range(self._n):
                bad = self.bad(number)
                lines.writerows(bad)
                found += len(bad)
        if not found:
            target.unlink()
        return found
