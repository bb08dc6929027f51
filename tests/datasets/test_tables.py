"""The strict readers, path and identifier checks, and reading prepared splits."""

from pathlib import Path

import pytest

from crisisweave.datasets.tables import checked_identifier, checked_image_path, inside, read_csv, read_tsv
from crisisweave.errors import DataError


def written(folder: Path, content: bytes) -> Path:
    path = folder / "table.tsv"
    path.write_bytes(content)
    return path


def test_quotes_are_ordinary_characters(tmp_path: Path) -> None:
    path = written(tmp_path, b'id\ttext\n1\t"not closed\n2\tsay ""hi""\n3\t"a"\n')
    assert [row["text"] for row in read_tsv(path, ["id", "text"])] == ['"not closed', 'say ""hi""', '"a"']


def test_crlf_and_byte_order_mark_are_accepted_and_leave_no_trace(tmp_path: Path) -> None:
    path = written(tmp_path, "\ufeffid\ttext\r\n1\ta b\r\n2\tlast, without line end".encode())
    assert [row.values for row in read_tsv(path, ["id", "text"])] == [
        {"id": "1", "text": "a b"},
        {"id": "2", "text": "last, without line end"},
    ]


def test_only_a_line_feed_ends_a_line(tmp_path: Path) -> None:
    text = "a\u2028b\u0085c\x0bd\x0ce\rf"
    path = written(tmp_path, f"id\ttext\n1\t{text}\n".encode())
    (row,) = read_tsv(path, ["id", "text"])
    assert row["text"] == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"id\ttext\n1\ta\n2\tb\0c\n", "line 3: holds a NUL byte"),
        (b"id\ttext\n1\ta\n2\t\xff\n", "line 3: is not UTF-8"),
        (b"id\ttext\n1\ta\tb\n", "line 2: has 3 columns where the header has 2"),
        (b"id\ttext\n1\ta\n\n", "line 3: has 1 columns"),
        (b"id\twords\n1\ta\n", "column 'text' is missing; the header has id, words"),
        (b"id\ttext\ttext\n", "names a column twice"),
        (b"", "the file is empty"),
    ],
)
def test_a_damaged_table_stops_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        list(read_tsv(written(tmp_path, content), ["id", "text"]))
    assert "table.tsv" in str(error.value)


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.tsv: no such table"):
        list(read_tsv(tmp_path / "nowhere.tsv", []))


def test_csv_quoting_and_line_numbers_across_line_breaks(tmp_path: Path) -> None:
    path = written(tmp_path, b'id,text\n1,"two\nlines, ""quoted"""\n2,b\n')
    rows = list(read_csv(path, ["id", "text"]))
    assert [row["text"] for row in rows] == ['two\nlines, "quoted"', "b"]
    assert [row.where.rsplit(", ", 1)[1] for row in rows] == ["line 2", "line 4"]


def test_a_csv_quote_that_never_closes_stops(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="unexpected end of data"):
        list(read_csv(written(tmp_path, b'id,text\n1,"open\n2,b\n'), ["id", "text"]))


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x.jpg", "a/../../x.jpg", "", "..\\x.jpg", "C:/x.jpg", "a/.."]
)
def test_an_image_path_must_stay_inside_the_folder(path: str) -> None:
    with pytest.raises(DataError, match="does not stay inside"):
        checked_image_path(path, "t.tsv, line 2")


def test_a_link_that_leads_outside_is_refused_and_one_inside_is_not(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    (folder / "images").mkdir(parents=True)
    (tmp_path / "secret.jpg").write_bytes(b"x")
    (folder / "images" / "real.jpg").write_bytes(b"x")
    (folder / "images" / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (folder / "images" / "in.jpg").symlink_to(folder / "images" / "real.jpg")
    (folder / "up").symlink_to(tmp_path)
    assert inside(folder, "images/in.jpg", "here") == (folder / "images" / "real.jpg").resolve()
    for path in ("images/out.jpg", "up/secret.jpg"):
        with pytest.raises(DataError, match="through a symbolic link"):
            inside(folder, path, "here")


def test_a_data_folder_that_is_itself_a_link_works(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.jpg").write_bytes(b"x")
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    assert inside(tmp_path / "data", "a.jpg", "here").is_file()


@pytest.mark.parametrize("value", ["", "a/b", "../a", "<b>", "a b", "a\n"])
def test_ids_are_plain(value: str) -> None:
    with pytest.raises(DataError, match="not a plain identifier"):
        checked_identifier(value, "image_id", "t.tsv, line 2")
    assert checked_identifier("917793137925459968_0", "image_id", "here") == "917793137925459968_0"
