"""The boxes that carry the label of each image of a generated data set."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from crisisweave.errors import DataError
from crisisweave.rationales.geometry import Boxes, Sizes, in_centre_square


def label_boxes(truth: Path, index: Path, instance_ids: Iterable[str]) -> dict[str, Boxes]:
    """Instance → boxes of what carries its label, in the centre square (`geometry.in_centre_square`).

    An image on which nothing carries the label (an ambiguous one, or whole things that are not humanitarian)
    has no boxes.

    Args:
        truth: the generator's `truth/images.jsonl` (docs/demo.md).
        index: `index.parquet` of the image store.
        instance_ids: the instances that are wanted.

    Raises:
        DataError: a file is missing, or an instance is not in it.
    """
    if not truth.is_file():
        raise DataError(f"{truth}: no such file; `crisisweave demo` writes the demo's boxes")
    if not index.is_file():
        raise DataError(f"{index}: no such image store; run `crisisweave images` first")
    objects = {}
    for line in truth.read_text(encoding="utf-8").splitlines():
        image = json.loads(line)
        objects[image["image_id"]] = image["objects"]
    columns = ["instance_id", "source_width", "source_height", "width", "height"]
    stored = {
        row[0]: Sizes(*row[1:]) for row in pd.read_parquet(index, columns=columns).itertuples(index=False)
    }
    boxes = {}
    for name in instance_ids:
        if name not in objects or name not in stored:
            where = truth if name not in objects else index
            raise DataError(f"{where}: has no image of instance '{name}'; generate and prepare again")
        carrying = [thing["box"] for thing in objects[name] if thing["carries_label"]]
        boxes[name] = in_centre_square(carrying, stored[name])
    return boxes
