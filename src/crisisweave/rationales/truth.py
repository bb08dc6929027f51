"""Rationale labels of a generated data set, from the words that its generator marked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from crisisweave.datasets.text import words
from crisisweave.errors import DataError
from crisisweave.rationales.labels import RationaleLabel, merge_spans


def truth_labels(instances: pd.DataFrame, truth: Path) -> list[RationaleLabel]:
    """One label for each instance: that of its tweet, with no span where the text says nothing of its class.

    Args:
        instances: a prepared task (see `crisisweave.datasets.tables`).
        truth: the generator's `truth/tweets.jsonl` (docs/demo.md).

    Raises:
        DataError: the file is missing or of another data set (a tweet is not in it, or has other words).
    """
    tweets = _tweets(truth)
    labels = []
    for row in instances.to_dict("records"):
        tweet = tweets.get(row["tweet_id"])
        if tweet is None or words(tweet["text"]) != words(row["text"]):
            problem = "is not in it" if tweet is None else "has other words there"
            raise DataError(
                f"{truth}: tweet {row['tweet_id']} of instance {row['instance_id']} {problem}; "
                f"generate and prepare the data set again"
            )
        labels.append(
            RationaleLabel(
                instance_id=row["instance_id"],
                label=label_of(row),
                words=tuple(words(row["text"])),
                spans=merge_spans((start, end) for start, end in tweet["rationale"])[0],
                annotator="generator",
                kind="truth",
            )
        )
    return labels


def label_of(row: Mapping[Any, Any]) -> str:
    """The class for which an instance's words speak: its text's (also the pair's where the two agree)."""
    return str(row["label"] if pd.isna(row["label_text"]) else row["label_text"])


def _tweets(truth: Path) -> dict[str, dict[str, Any]]:
    if not truth.is_file():
        raise DataError(f"{truth}: no such file; `crisisweave demo` writes the demo's rationales")
    lines = truth.read_text(encoding="utf-8").split("\n")
    tweets = [json.loads(line) for line in lines if line]
    return {tweet["tweet_id"]: tweet for tweet in tweets}
