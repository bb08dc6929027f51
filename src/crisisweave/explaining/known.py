"""What is known of the true rationales of instances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crisisweave.rationales.box_truth import label_boxes
from crisisweave.rationales.geometry import Boxes
from crisisweave.rationales.labels import gold_words, read_labels


@dataclass(frozen=True)
class Known:
    """What is known of the instances' true rationales.

    Attributes:
        words: instance → its gold words; an instance that nobody annotated is not in it.
        boxes: instance → what carries the label of its image, in the centre square.
        kind: who marked the words, or None where nothing is known of them.
    """

    words: Mapping[str, NDArray[np.bool_]]
    boxes: Mapping[str, Boxes]
    kind: str | None


def known_rationales(
    frame: pd.DataFrame, labels: Path | None, truth: Path | None, index: Path | None
) -> Known:
    """Gold words and boxes of the instances of `frame`.

    Args:
        labels: JSONL of text rationales, or None where the data set has none.
        truth: the generator's `truth/images.jsonl`, or None where there is none or no image is explained.
        index: `index.parquet` of the image store, with `truth`.
    """
    words, kind = {}, None
    if labels is not None:
        read = read_labels(labels)
        kind = read[0].kind
        words = gold_words(read, dict(zip(frame["instance_id"], frame["text"], strict=True)), str(labels))
    boxes = {} if truth is None or index is None else label_boxes(truth, index, frame["instance_id"])
    return Known(words, boxes, kind)
