"""Many tweets at once: bad rows, hostile files, killed runs, flat memory."""

from __future__ import annotations

import csv
import os
import signal
import struct
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_project import call, must, raw_rows, run_folder, write_table

from crisisweave.errors import ConfigError, DataError
from crisisweave.prediction.many import PART


def _predict(project: Path, method: str, table: Path, out: Path, *options: str) -> str:
    return must(
        project, "predict", "--run", run_folder(method), "--table", str(table), "--out", str(out), *options
    )


def _refused(project: Path, table: Path, out: Path, *options: str, method: str = "text") -> str:
    done = call(
        project, "predict", "--run", run_folder(method), "--table", str(table), "--out", str(out), *options
    )
    assert isinstance(done.exception, ConfigError | DataError), done.exception
    assert not out.exists()
    return str(done.exception)


def _bad_rows(out: Path) -> dict[int, str]:
    with out.with_name(f"{out.name}.bad.csv").open(encoding="utf-8", newline="") as file:
        return {int(row["row"]): row["reason"] for row in csv.DictReader(file)}


def _bomb(side: int = 20_000) -> bytes:
    """A PNG of a few bytes that claims side × side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.fixture
def hostile(project: Path, tmp_path: Path) -> Path:
    """A folder of images, some of which nobody should open, and a table of them: odd rows are good."""
    images = tmp_path / "images"
    images.mkdir()
    good = (project / "data/toy/data_image/test0_0.jpg").read_bytes()
    (images / "good.jpg").write_bytes(good)
    (images / "cut.jpg").write_bytes(good[: len(good) // 2])
    (images / "empty.jpg").write_bytes(b"")
    (images / "text.jpg").write_text("<svg onload=alert(1)>")
    (images / "bomb.png").write_bytes(_bomb())
    (tmp_path / "outside.jpg").write_bytes(good)
    (images / "link.jpg").symlink_to(tmp_path / "outside.jpg")
    bad = [
        ("", "good.jpg"),
        (" \t", "good.jpg"),
        ("help", ""),
        ("help", "missing.jpg"),
        ("help", "cut.jpg"),
        ("help", "empty.jpg"),
        ("help", "text.jpg"),
        ("help", "bomb.png"),
        ("help", "../outside.jpg"),
        ("help", str(tmp_path / "outside.jpg")),
        ("help", "link.jpg"),
        ("help", "."),
        ("help", "a\0b.jpg"),
        ("help", "x" * 5000),
    ]
    good_row = ("help at the bridge", "good.jpg")
    rows = [{"text": text, "image": image} for pair in bad for text, image in (good_row, pair)]
    return write_table(tmp_path / "images" / "in.csv", rows, ("text", "image"))


REASONS = [
    "no text is given",
    "the text is empty",
    "no image is given",
    "no such image file",
    "truncated or damaged",
    "is empty (0 bytes)",
    "not a readable image",
    "decompression bomb",
    *["does not stay inside the folder of the images"] * 5,
    "cannot be read: File name too long",
]


def test_bad_rows_are_listed_with_their_number_and_left_out(
    project: Path, tmp_path: Path, hostile: Path
) -> None:
    out = tmp_path / "out.parquet"
    said = _predict(project, "cmb", hostile, out)
    n = len(REASONS)
    assert said.splitlines() == [
        f"{n} of {2 * n} rows predicted: {out}",
        f"{n} rows left out, each with its reason: {out}.bad.csv",
    ]
    found = pd.read_parquet(out)
    assert list(found["row"]) == list(range(1, 2 * n, 2))
    assert "id" not in found
    assert found.drop(columns="row").drop_duplicates().shape[0] == 1, "the same tweet, whatever is around it"
    bad = _bad_rows(out)
    assert list(bad) == list(range(2, 2 * n + 1, 2))
    for reason, said_reason in zip(REASONS, bad.values(), strict=True):
        assert reason in said_reason


def test_only_what_the_method_reads_can_be_bad(project: Path, tmp_path: Path, hostile: Path) -> None:
    _predict(project, "text", hostile, tmp_path / "out.parquet")
    assert list(_bad_rows(tmp_path / "out.parquet")) == [2, 4]


def test_strict_stops_at_the_first_bad_row(project: Path, tmp_path: Path, hostile: Path) -> None:
    said = _refused(project, hostile, tmp_path / "out.parquet", "--strict", method="cmb")
    assert "in.csv, row 2: no text is given" in said
    # Also where an earlier run without it has been through the row.
    _predict(project, "text", hostile, tmp_path / "other.parquet")
    assert "row 2: no text" in _refused(project, hostile, tmp_path / "out.parquet", "--strict")


def test_a_table_of_nothing_but_bad_rows_gives_an_empty_output(project: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "in.csv", [{"text": ""}, {"text": " "}], ("id", "text"))
    said = _predict(project, "text", table, tmp_path / "out.parquet")
    assert said.startswith("0 of 2 rows predicted")
    assert list(pd.read_parquet(tmp_path / "out.parquet").columns) == [
        "row", "id", "predicted", "p_calm", "p_flood",
    ]  # fmt: skip


def test_a_list_of_bad_rows_goes_when_there_are_none_any_more(project: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "in.csv", [{"text": "a"}, {"text": ""}], ("text",))
    _predict(project, "text", table, tmp_path / "out.parquet")
    write_table(table, [{"text": "a"}, {"text": "b"}], ("text",))
    _predict(project, "text", table, tmp_path / "out.parquet")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.parquet"]


def test_csv_with_quotes_line_breaks_and_a_byte_order_mark(project: Path, tmp_path: Path) -> None:
    table = tmp_path / "in.csv"
    table.write_bytes(
        b'\xef\xbb\xbfmore,text,id\r\n1,"a ""quoted"" word,\r\nand a second line",x\r\n\r\n'
        b"2,flood,y\r\n3,one,two,three\r\n"
    )
    out = tmp_path / "out.parquet"
    _predict(project, "text", table, out)
    found = pd.read_parquet(out)
    assert list(found["id"]) == ["x", "y"]
    assert _bad_rows(out) == {3: "has 4 columns where the header has 3"}
    as_parquet = tmp_path / "in.parquet"
    pd.DataFrame({"id": ["x", "y"], "text": ['a "quoted" word,\r\nand a second line', "flood"]}).to_parquet(
        as_parquet
    )
    _predict(project, "text", as_parquet, tmp_path / "again.parquet")
    again = pd.read_parquet(tmp_path / "again.parquet")
    pd.testing.assert_frame_equal(found, again)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text\ncafé\n".encode("latin-1"), "is not UTF-8"),
        (b'text\nfine\n"never closed\n' + b"more\n" * 400_000, "field larger than field limit"),
        (b'text\n"closed" too early\n', "line 2: "),
        (b"", "the file is empty"),
        (b"text\n", "holds no rows"),
        (b"Text\nhelp\n", "has no column 'text', which the method reads; did you mean 'Text'?"),
        (b"text,text\na,b\n", "names the column 'text' twice"),
    ],
)
def test_a_csv_that_cannot_be_understood_is_refused_before_anything_is_written(
    project: Path, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "in.csv").write_bytes(content)
    assert message in _refused(project, tmp_path / "in.csv", tmp_path / "out.parquet")
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_parquet_table_that_cannot_be_understood_is_refused(project: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "in.parquet", tmp_path / "out.parquet"
    table.write_bytes(b"PAR1 nothing PAR1")
    assert "not a readable Parquet file" in _refused(project, table, out)
    pq.write_table(pa.table({"text": [1, 2]}), table)
    assert "column 'text' holds int64, not text" in _refused(project, table, out)
    broken = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(struct.pack("ii", 0, 2)), pa.py_buffer(b"\xff\xfe")]
    )
    pq.write_table(pa.table({"text": broken}), table)
    assert "damaged after row 0" in _refused(project, table, out)


def test_the_table_itself_is_not_overwritten(project: Path, tmp_path: Path) -> None:
    table = tmp_path / "in.parquet"
    pd.DataFrame({"text": ["help"]}).to_parquet(table)
    before = table.read_bytes()
    done = call(project, "predict", "--run", run_folder("text"), "--table", str(table), "--out", str(table))
    assert "is the table itself" in str(done.exception)
    assert table.read_bytes() == before


def test_a_table_that_is_not_there_and_an_output_that_is_a_folder(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    assert "nowhere.csv: no such table" in _refused(project, tmp_path / "nowhere.csv", out)
    out.mkdir()
    table = write_table(tmp_path / "in.csv", [{"text": "help"}], ("text",))
    done = call(project, "predict", "--run", run_folder("text"), "--table", str(table), "--out", str(out))
    assert "is a folder" in str(done.exception)


def test_a_folder_of_images_that_is_not_there_is_said_once(project: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "in.csv", raw_rows(project))
    said = _refused(project, table, tmp_path / "out.parquet", "--image-root", "nowhere", method="image")
    assert said.startswith("nowhere: no such folder")


def _long_table(path: Path, n: int) -> Path:
    words = ["flood", "quiet", "bridge", "help", "town", "", "water"]
    rows = [{"id": str(i), "text": f"{words[i % 7]} {i}".strip() if i % 700 else ""} for i in range(n)]
    return write_table(path, rows, ("id", "text"))


def _killed_after_parts(project: Path, table: Path, out: Path, parts: int) -> Path:
    """Start the command, kill it with the signal that nothing can catch, and give the folder that it left."""
    folder = out.with_name(f".{out.name}.parts")
    code = "import sys; from crisisweave.cli import main; main()"
    command = ["-c", code, "predict", "--run", run_folder("text"), "--table", str(table), "--out", str(out)]
    process = subprocess.Popen([sys.executable, *command], cwd=project, stderr=subprocess.DEVNULL)
    try:
        while len(list(folder.glob("*.parquet"))) < parts:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.005)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not out.exists()
    return folder


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(project: Path, tmp_path: Path) -> None:
    table = _long_table(tmp_path / "in.csv", 12 * PART + 5)
    out, undisturbed = tmp_path / "out.parquet", tmp_path / "undisturbed.parquet"
    folder = _killed_after_parts(project, table, out, 2)
    # The first part is marked, to see that it is not made again.
    first = folder / "00000000.parquet"
    kept = first.read_bytes()
    part = pq.read_table(first)
    place = part.schema.get_field_index("predicted")
    marked = part.set_column(place, "predicted", pa.array(["marked"] * len(part)))
    pq.write_table(marked, first)
    left = {path.name: path.read_bytes() for path in folder.iterdir()}

    _predict(project, "text", table, out)
    assert (pd.read_parquet(out)["predicted"] == "marked").sum() == len(marked)

    folder.mkdir()
    for name, content in left.items():
        (folder / name).write_bytes(kept if name == first.name else content)
    _predict(project, "text", table, out)
    _predict(project, "text", table, undisturbed)
    assert out.read_bytes() == undisturbed.read_bytes()
    bad = [path.with_name(f"{path.name}.bad.csv").read_bytes() for path in (out, undisturbed)]
    assert bad[0] == bad[1]
    assert not folder.exists()

    # Parts of another table or model are of no use.
    for change in ("table", "model"):
        folder.mkdir()
        for name, content in left.items():
            (folder / name).write_bytes(content)
        if change == "table":
            with table.open("a") as file:
                file.write("last,help\n")
        _predict(project, "text" if change == "table" else "text_frozen", table, out)
        assert "marked" not in set(pd.read_parquet(out)["predicted"])


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_rows(project: Path, tmp_path: Path) -> None:
    peaks = {}
    for n in (4 * PART, 40 * PART):
        table = _long_table(tmp_path / f"{n}.csv", n)
        arguments = [
            "predict",
            "--run",
            run_folder("text"),
            "--table",
            str(table),
            "--out",
            f"{table}.parquet",
        ]
        code = (
            "import pathlib\nfrom crisisweave.cli import app\n"
            f"app({arguments!r}, standalone_mode=False)\n"
            # Not getrusage, whose peak also counts what this process held when it started the other.
            "print('PEAK', pathlib.Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=project, capture_output=True, text=True, check=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1"},
        )  # fmt: skip
        peaks[n] = int(done.stdout.split("PEAK")[1]) / 1024
    assert peaks[40 * PART] < peaks[4 * PART] + 40, peaks
