"""The one format of rationale labels: what goes in comes out, and whatever is wrong stops with the line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crisisweave.errors import DataError
from crisisweave.rationales.describe import describe
from crisisweave.rationales.labels import (
    RationaleLabel,
    gold_words,
    marked,
    merge_spans,
    read_given_labels,
    read_labels,
    spans_of,
    write_labels,
)


def _label(instance_id: str = "a", text: str = "one two three four", **change: Any) -> RationaleLabel:
    values: dict[str, Any] = {
        "label": "c", "words": tuple(text.split()), "spans": ((1, 3),), "annotator": "p1", "kind": "human",
    } | change  # fmt: skip
    return RationaleLabel(instance_id, **values)


def _line(**change: Any) -> str:
    values = {
        "instance_id": "a", "label": "c", "words": ["one", "two", "three"], "spans": [[0, 2]],
        "annotator": "p1", "kind": "human",
    } | change  # fmt: skip
    return json.dumps(values)


def _file(folder: Path, *lines: str) -> Path:
    path = folder / "labels.jsonl"
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_labels_come_back_sorted_and_with_the_same_bytes(tmp_path: Path) -> None:
    labels = [
        _label("b", "🌊 🌊 🌊", spans=()),
        _label("a", '"x"  </script>\u2028one\n#é', spans=((0, 1), (2, 4))),
        _label("c", "", spans=()),
    ]
    write_labels(tmp_path / "1.jsonl", labels)
    write_labels(tmp_path / "2.jsonl", labels[::-1])
    assert read_labels(tmp_path / "1.jsonl") == [labels[1], labels[0], labels[2]]
    assert (tmp_path / "1.jsonl").read_bytes() == (tmp_path / "2.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spans": [[0, 4]]}, r"the span \[0, 4\) does not lie within the 3 words"),
        ({"spans": [[-1, 2]]}, r"the span \[-1, 2\) does not lie within"),
        ({"spans": [[2, 2]]}, r"the span \[2, 2\) does not lie within"),
        ({"spans": [[2, 1]]}, r"the span \[2, 1\) does not lie within"),
        ({"spans": [[0, 1, 2]]}, "two whole numbers"),
        ({"spans": [[False, True]]}, "two whole numbers"),
        ({"spans": [[0.0, 1.0]]}, "two whole numbers"),
        ({"spans": "0-2"}, "must be a list of"),
        ({"spans": None}, "must be a list of"),
        ({"words": ["one two", "three"]}, "words without white space"),
        ({"words": ["one", "", "three"]}, "words without white space"),
        ({"words": "one two three"}, "words without white space"),
        ({"kind": "machine"}, "'kind' must be one of human, silver, model, truth"),
        ({"label": ""}, "'label' must be a text"),
        ({"instance_id": 7}, "'instance_id' must be a text"),
        ({"extra": 1}, "exactly the keys annotator, instance_id"),
    ],
)
def test_a_line_that_is_not_of_the_format_stops_with_its_number(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    path = _file(tmp_path, _line(instance_id="b"), _line(**change))
    with pytest.raises(DataError, match=rf"labels\.jsonl, line 2: .*{message}"):
        read_labels(path)


def test_a_line_without_spans_stops_and_one_with_an_empty_list_does_not(tmp_path: Path) -> None:
    missing = json.loads(_line(instance_id="b"))
    del missing["spans"]
    with pytest.raises(DataError, match="line 2: expected a JSON object with exactly"):
        read_labels(_file(tmp_path, _line(), json.dumps(missing)))
    labels = read_labels(_file(tmp_path, _line(), _line(instance_id="b", spans=[])))
    assert [label.spans for label in labels] == [((0, 2),), ()]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no rationale labels"),
        (b"\n \n", "holds no rationale labels"),
        (_line(spans=[]).encode(), "not one of the 1 tweets has a rationale"),
        (b"{", "line 1: is not JSON"),
        (b"[]", "line 1: expected a JSON object"),
        (b"\xff\xfe", "is not UTF-8"),
        (f"{_line()}\n{_line()}".encode(), "instance a is there twice"),
    ],
)
def test_an_empty_or_broken_file_stops(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_labels(path)


def test_a_missing_file_stops_and_nothing_is_written_without_a_rationale(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such rationale labels; make them with"):
        read_labels(tmp_path / "none.jsonl")
    for labels in ([], [_label(spans=())], [_label(), _label()]):
        with pytest.raises(DataError):
            write_labels(tmp_path / "out.jsonl", labels)
    assert list(tmp_path.iterdir()) == []


def test_overlapping_spans_are_merged_and_counted_where_a_file_was_made_elsewhere(tmp_path: Path) -> None:
    path = _file(tmp_path, _line(words=list("abcdefgh"), spans=[[4, 6], [0, 2], [1, 3], [3, 4]]))
    labels, merged = read_given_labels(path)
    assert (labels[0].spans, merged) == (((0, 6),), 3)
    with pytest.raises(DataError, match="3 spans overlap or touch"):
        read_labels(path)


@pytest.mark.parametrize("selected", ["", "0", "1", "0110", "1011", "1111", "0000", "10101"])
def test_spans_and_booleans_are_inverse(selected: str) -> None:
    booleans = np.array([c == "1" for c in selected], dtype=bool)
    spans = spans_of(booleans)
    assert (marked(spans, len(booleans)) == booleans).all()
    assert merge_spans(spans) == (spans, 0)


def test_gold_words_are_those_of_the_instances_that_are_asked_for() -> None:
    labels = [_label("a"), _label("b", "x y", spans=()), _label("of another split", "z", spans=((0, 1),))]
    gold = gold_words(labels, {"a": " one two\tthree four ", "b": "x y", "not annotated": "w"}, "file")
    assert {key: value.tolist() for key, value in gold.items()} == {
        "a": [False, True, True, False],
        "b": [False, False],
    }


def test_labels_of_other_words_or_other_instances_stop() -> None:
    with pytest.raises(DataError, match="file: the words of instance a are not those of its text"):
        gold_words([_label("a")], {"a": "one two three 4"}, "file")
    for texts in ({"x": "one two three four"}, {"b": "x y"}, {}):
        with pytest.raises(DataError, match="file: none of the"):
            gold_words([_label("a"), _label("b", "x y", spans=())], texts, "file")


def test_description_gives_shares_per_class_and_what_length_gives_away() -> None:
    labels = [
        _label("a", spans=((0, 4),), label="not"),
        _label("b", spans=((0, 3),), label="not"),
        _label("c", spans=((0, 1),), label="yes"),
        _label("d", spans=((0, 3),), label="yes"),
        _label("e", "", spans=(), label="yes"),
    ]
    described = describe(labels)
    assert (described["tweets"], described["without_rationale"]) == (5, 1)
    assert described["share"] == pytest.approx((1 + 0.75 + 0.25 + 0.75) / 4)
    assert described["classes"]["not"]["share"] == pytest.approx(0.875)
    # Of the six pairs (not, yes) five have the larger share on the left and one is a draw.
    assert described["classes"]["not"]["share_auc"] == pytest.approx(5.5 / 6)
    assert described["classes"]["yes"]["share_auc"] == pytest.approx(0.5 / 6)
    assert describe(labels[:2])["classes"]["not"]["share_auc"] is None
