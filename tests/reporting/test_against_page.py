"""Pages of what a method alone has right, and of what it alone has wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from crisisweave.errors import DataError
from crisisweave.files import write_json, write_parquet
from crisisweave.reporting.against import EXAMPLES, against_pages, compared
from crisisweave.reporting.datasets import About, Sources
from crisisweave.reporting.methods import Description
from crisisweave.reporting.site import Page, Site

CLASSES = ["calm", "fire"]
METHODS = ("cmb", "text", "cross")
HOSTILE = "<script>alert('tweet')</script> water"


def answers(rows: dict[str, list[int]]) -> pd.DataFrame:
    """Method → 1 where it has the row right; all rows are of class fire."""
    table = []
    for method, right in rows.items():
        for i, hit in enumerate(right):
            probabilities = np.array([1.0 - hit, hit], dtype=np.float32)
            table.append(
                {
                    "dataset": "demo", "task": "harm", "method": method, "instance_id": f"i{i:02d}",
                    "label": "fire", "predicted": CLASSES[hit], "probabilities": probabilities,
                    "seeds": 3, "seeds_right": 3 * hit,
                }
            )  # fmt: skip
    return pd.DataFrame(table)


def details(n: int) -> dict[str, Any]:
    methods = [
        {
            "dataset": "demo", "task": "harm", "method": name, "n": n, "classes": CLASSES,
            "config": {"captioner": None},
        }
        for name in METHODS
    ]  # fmt: skip
    halves = {"text": "text", "image": "image"}
    fusions = [("cross", 0.5), ("cmb", 0.7)]
    return {
        "methods": methods,
        "one_half_right": [
            {"dataset": "demo", "task": "harm", "method": name, "mean_share": share, "halves": halves}
            for name, share in fusions
        ],
    }


def pages(root: Path, rows: dict[str, list[int]], redact: bool = False) -> list[Page]:
    n = len(next(iter(rows.values())))
    table = pd.DataFrame(
        {
            "instance_id": [f"i{i:02d}" for i in range(n)], "tweet_id": "t", "event": "storm",
            "split": "test", "text": HOSTILE, "image_path": None, "label": "fire", "label_text": "fire",
            "label_image": "fire", "concordant": True,
        }
    )  # fmt: skip
    folder = root / "demo/harm"
    write_parquet(folder / "instances.parquet", table)
    write_json(folder / "dataset.json", {"dataset": "demo", "task": "harm", "classes": CLASSES})
    said = Description("The method", "An idea.", "Thesis")
    return against_pages(
        {("demo", "harm", "cmb"): ["text", "cross"]},
        details(n),
        answers(rows),
        [Sources("demo", [folder])],
        {"demo": About("Demo", "CC0", redact=redact, redistributable=not redact)},
        {("demo", "harm", name): said for name in METHODS},
        {},
        [],
    )


def shown(page: Page, name: str) -> list[str]:
    (group,) = (g for g in page.values["page"]["groups"] if g["name"] == name)
    return [card["instance_id"] for card in group["cards"]]


def test_only_rows_on_which_all_others_differ_are_shown(tmp_path: Path) -> None:
    rows = {"cmb": [1, 1, 0, 0, 1], "text": [0, 0, 1, 1, 1], "cross": [0, 1, 1, 0, 1]}
    (page,) = pages(tmp_path, rows)
    assert (shown(page, "successes"), shown(page, "failures")) == (["i00"], ["i02"])
    card = page.values["page"]["groups"][0]["cards"][0]
    assert card["beside"] == [("text", "calm"), ("cross", "calm")]


def test_of_many_some_are_drawn_and_all_are_counted(tmp_path: Path) -> None:
    n = 3 * EXAMPLES
    (page,) = pages(tmp_path, {"cmb": [1] * n, "text": [0] * n, "cross": [0] * n})
    successes, failures = page.values["page"]["groups"]
    assert (len(successes["cards"]), successes["n"], failures["n"]) == (EXAMPLES, n, 0)
    (again,) = pages(tmp_path, {"cmb": [1] * n, "text": [0] * n, "cross": [0] * n})
    assert shown(page, "successes") == shown(again, "successes")


@pytest.mark.parametrize("redact", [False, True])
def test_the_page_escapes_tweets_and_withholds_them_where_asked(tmp_path: Path, redact: bool) -> None:
    (page,) = pages(tmp_path, {"cmb": [1], "text": [0], "cross": [0]}, redact)
    index = Page("index.html", page.template, "Results", page.values)
    Site([index, page], {}).write(tmp_path / "out")
    html = (tmp_path / "out" / page.file).read_text(encoding="utf-8")
    assert "<script>alert" not in html
    assert ("&lt;script&gt;" in html) is not redact
    assert "answer of cross" in html and "Right, where all others are wrong" in html


def test_named_baselines_come_first_and_the_best_fusion_stands_against_its_halves() -> None:
    known = details(1)
    key = ("demo", "harm", "cmb")
    assert compared(known, {"cmb": ["text", "cross"]}) == {key: ["text", "cross"]}
    assert compared(known, {}) == {key: ["text", "image"]}
    assert compared(known, {"cmb": ["text", "not_run"]}) == {key: ["text", "image"]}
    assert compared({**known, "one_half_right": []}, {}) == {}


def test_a_data_set_without_its_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no prepared task of data set 'demo' is given"):
        against_pages(
            {("demo", "harm", "cmb"): ["text"]}, details(1), answers({"cmb": [1]}), [], {}, {}, {}, []
        )
