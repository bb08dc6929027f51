"""A source of silver rationales that is trained in seconds, and a made-up table of human ones for it."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

TABLE = "human.csv"


def write_table(path: Path, signal: str = "people were killed") -> None:
    """Twelve tweets of one class whose rationale is the signal."""
    rows = [[f"{n}'", f"today {n} {signal} in town", "harm", signal] for n in range(12)]
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(
            [["tweet_id", "tweet_text", "cls_labels", "human_rationales"], *rows]
        )


def small_tagger(label: str) -> dict[str, Any]:
    """The source's config; its one class stands for `label`."""
    return {
        "name": "small_tagger",
        "title": "small",
        "kind": "silver",
        "tagger": {
            "table": {"file": TABLE, "classes": {"harm": label}},
            "encoder": "package:minilm", "layers": [6], "hidden": 8, "members": 1, "epochs": 1, "folds": 2,
        },
    }  # fmt: skip
