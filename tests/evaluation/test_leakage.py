"""The leakage audit on tables whose twins are known."""

import json
from pathlib import Path

import pandas as pd
import pytest

from crisisweave.errors import DataError
from crisisweave.evaluation.leakage import NEAR_BITS, audit
from crisisweave.files import write_json, write_parquet


def prepared(folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    """A prepared task of (instance_id, split, text); the tweet id is the instance id's first part."""
    frame = pd.DataFrame(rows, columns=["instance_id", "split", "text"])
    frame["tweet_id"] = frame["instance_id"].str.split("_").str[0]
    for column in ("label", "label_text", "label_image"):
        frame[column] = pd.Categorical(["a"] * len(frame), categories=["a", "b"])
    write_parquet(folder / "instances.parquet", frame)
    counts = frame["split"].value_counts().to_dict()
    write_json(folder / "dataset.json", {"classes": ["a", "b"], "rows": counts})
    return folder


def image_index(path: Path, images: dict[str, tuple[str, int]]) -> Path:
    """An image index of instance_id → (sha256, phash)."""
    rows = [(name, sha256, f"{phash:016x}") for name, (sha256, phash) in images.items()]
    write_parquet(path, pd.DataFrame(rows, columns=["instance_id", "sha256", "phash"]))
    return path


def result(out: Path) -> tuple[dict, pd.DataFrame]:
    return json.loads((out / "audit.json").read_text()), pd.read_parquet(out / "duplicates.parquet")


TEXTS = [
    ("1_0", "train", "Bridge is gone http://t.co/1"),
    ("2_0", "train", "Send water"),
    ("3_0", "train", "http://t.co/9"),
    ("1_1", "test", "Something else"),  # another image of tweet 1
    ("4_0", "test", "RT @x: bridge is GONE https://t.co/2"),  # a retweet
    ("5_0", "test", "Send water"),  # the same to the letter
    ("6_0", "test", "Unrelated"),
    ("7_0", "test", "http://t.co/8"),  # only a link, and another one
    ("8_0", "dev", "send water!"),
    ("9_0", "heldout", "Nothing alike"),
]


def test_text_twins(tmp_path: Path) -> None:
    audit({"task": prepared(tmp_path / "task", TEXTS)}, None, tmp_path / "out")
    report, duplicates = result(tmp_path / "out")
    test = report["twins_in_train"]["task"]["test"]
    assert test == {
        "n": 5,
        "exact_text": {"rows": 1, "share": 0.2},
        "tweet_id": {"rows": 1, "share": 0.2},
        "text": {"rows": 2, "share": 0.4},
        "any": {"rows": 3, "share": 0.6},
    }
    assert report["twins_in_train"]["task"]["dev"]["any"] == {"rows": 1, "share": 1.0}
    assert report["twins_in_train"]["task"]["heldout"]["any"] == {"rows": 0, "share": 0.0}
    assert report["near_bits"] is None
    found = duplicates[["split", "instance_id", "twin_instance_id", "kind"]].itertuples(index=False)
    assert set(map(tuple, found)) == {
        ("test", "1_1", "1_0", "tweet_id"),
        ("test", "4_0", "1_0", "text"),
        ("test", "5_0", "2_0", "text"),
        ("dev", "8_0", "2_0", "text"),
    }
    assert set(duplicates["twin_split"]) == {"train"}


def test_image_twins_by_bytes_and_by_distance(tmp_path: Path) -> None:
    rows = [(f"{n}_0", "train" if n < 3 else "test", f"text {n} {'x' * n}") for n in range(1, 7)]
    far = (1 << (NEAR_BITS + 1)) - 1
    index = image_index(
        tmp_path / "index.parquet",
        {
            "1_0": ("aa", 0),
            "2_0": ("bb", 2**64 - 1),
            "3_0": ("aa", 0),  # the same file
            "4_0": ("cc", (2**64 - 1) ^ (far >> 1)),  # exactly at the threshold
            "5_0": ("dd", far),  # one bit beyond it
            "6_0": ("ee", 0x0F0F0F0F0F0F0F0F),
        },
    )
    audit({"task": prepared(tmp_path / "task", rows)}, index, tmp_path / "out")
    report, duplicates = result(tmp_path / "out")
    test = report["twins_in_train"]["task"]["test"]
    assert report["near_bits"] == NEAR_BITS
    assert (test["image_bytes"]["rows"], test["image_near"]["rows"], test["any"]["rows"]) == (1, 2, 2)
    assert test["text"]["rows"] == 0
    found = duplicates[["instance_id", "twin_instance_id", "kind", "distance"]].itertuples(index=False)
    assert set(map(tuple, found)) == {
        ("3_0", "1_0", "image_bytes", 0),
        ("3_0", "1_0", "image_near", 0),
        ("4_0", "2_0", "image_near", NEAR_BITS),
    }


def test_splits_of_different_tasks_overlap(tmp_path: Path) -> None:
    """As in CrisisMMD, where 664 of 955 humanitarian test images are in the informative train split."""
    informative = [(f"{n}_0", "train", f"tweet number {n}") for n in range(100, 170)]
    informative += [(f"{n}_0", "test", f"tweet number {n}") for n in range(170, 200)]
    humanitarian = [(f"{n}_0", "test", f"tweet number {n}") for n in range(150, 175)]
    humanitarian += [(f"{n}_0", "train", f"tweet number {n}") for n in range(300, 310)]
    audit(
        {
            "informative": prepared(tmp_path / "i", informative),
            "humanitarian": prepared(tmp_path / "h", humanitarian),
        },
        None,
        tmp_path / "out",
    )
    across = result(tmp_path / "out")[0]["across_tasks"]
    met = across["humanitarian"]["test"]["informative"]
    assert met["instance_id"] == met["tweet_id"] == met["text"] == {"rows": 20, "share": 0.8}
    assert across["informative"]["test"]["humanitarian"]["instance_id"]["rows"] == 0
    assert result(tmp_path / "out")[1].empty


def test_a_task_without_train_has_no_twins(tmp_path: Path) -> None:
    rows = [("1_0", "test", "a"), ("2_0", "test", "a")]
    index = image_index(tmp_path / "index.parquet", {"1_0": ("aa", 0), "2_0": ("aa", 0)})
    audit({"task": prepared(tmp_path / "task", rows)}, index, tmp_path / "out")
    report, duplicates = result(tmp_path / "out")
    assert report["twins_in_train"]["task"]["test"]["any"]["rows"] == 0
    assert list(duplicates.columns) == [
        *["task", "split", "instance_id", "twin_instance_id", "twin_split", "kind", "distance"],
    ]


def test_an_image_that_the_index_lacks_is_named(tmp_path: Path) -> None:
    index = image_index(tmp_path / "index.parquet", {"1_0": ("aa", 0)})
    folder = prepared(tmp_path / "task", [("1_0", "train", "a"), ("2_0", "test", "b")])
    with pytest.raises(DataError, match="no image of instance '2_0' of task 'task'"):
        audit({"task": folder}, index, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_same_input_same_bytes(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "task", TEXTS)
    for name in ("a", "b"):
        audit({"task": folder}, None, tmp_path / name)
    for file in ("audit.json", "duplicates.parquet"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
