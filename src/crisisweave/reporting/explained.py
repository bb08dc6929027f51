"""Rationales of a method as its pages show them: those of its lowest seed on the test split."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisisweave.errors import DataError
from crisisweave.reporting.marks import Box, Overlay, Phrase, overlay, phrases
from crisisweave.reporting.rationale_scores import OWN

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Explained:
    """Where the rationales of one method lie."""

    seed: int
    """The lowest seed: its rationales are shown."""
    path: Path
    """`rationales.parquet` of that run."""


@dataclass(frozen=True)
class Truth:
    """What carries the label of each instance; known for generated data only."""

    words: Mapping[str, Collection[int]] = field(default_factory=dict)
    """Instance → positions of words."""
    boxes: Mapping[str, Sequence[Box]] = field(default_factory=dict)
    """Instance → boxes in pixels of the stored image."""


@dataclass(frozen=True)
class View:
    """One rationale as a page shows it."""

    target: str
    """The class that it speaks for."""
    phrases: Sequence[Phrase] | None
    """None where the extractor chooses no words."""
    overlay: Overlay | None
    """None where it chooses no patches, or the page has no picture."""
    shares: Sequence[tuple[str, int, int]]
    """`word` or `patch`, how many were chosen, and of how many."""


class Rationales:
    """The test rows of one `rationales.parquet`.

    Args:
        explained: which file, of which seed.
        extractors: those that are read.

    Raises:
        DataError: the file is missing.
    """

    def __init__(self, explained: Explained, extractors: Collection[str] = (OWN,)):
        import pandas as pd

        if not explained.path.is_file():
            raise DataError(
                f"{explained.path}: no such rationales; run `crisisweave explain` before the report"
            )
        self.seed, self._path = explained.seed, explained.path
        wanted = [("split", "==", "test"), ("extractor", "in", sorted(extractors))]
        table = pd.read_parquet(explained.path, filters=wanted)
        self._rows: dict[tuple[str, str], Any] = {
            (row["instance_id"], row["extractor"]): row for row in map(dict, table.to_dict("records"))
        }

    def view(
        self,
        instance_id: str,
        words: Sequence[str],
        size: tuple[int, int] | None,
        truth: Truth,
        extractor: str = OWN,
    ) -> View:
        """What an extractor chose of one instance.

        Args:
            instance_id: of the instance.
            words: of its text.
            size: width and height of its stored image; None where the page has no picture.
            truth: of its data set.
            extractor: which one.

        Raises:
            DataError: the file has no rationale of this instance, or one of another text.
        """
        row = self._rows.get((instance_id, extractor))
        if row is None or list(row["words"]) != list(words):
            problem = f"no rationale ({extractor})" if row is None else "the rationale of another text"
            raise DataError(
                f"{self._path}: holds {problem} for instance '{instance_id}'; run `crisisweave explain` again"
            )
        chosen_words, chosen_patches = row["word_selected"], row["patch_selected"]
        marked, drawn, shares = None, None, []
        if chosen_words is not None:
            marked = phrases(words, row["word_scores"], chosen_words, truth.words.get(instance_id, ()))
            shares.append(("word", int(sum(chosen_words)), len(words)))
        if chosen_patches is not None:
            shares.append(("patch", int(sum(chosen_patches)), len(chosen_patches)))
            if size is not None:
                grid = (int(row["grid_h"]), int(row["grid_w"]))
                drawn = overlay(*size, grid, chosen_patches, truth.boxes.get(instance_id, ()))
        return View(str(row["target"]), marked, drawn, shares)


def read_truth(folder: Path, instances: pd.DataFrame, store: Path | None) -> Truth:
    """The truth of a task's instances, from the folder `truth/` of a generated data set.

    Args:
        folder: with `tweets.jsonl` and `images.jsonl` (docs/demo.md).
        instances: rows of a prepared table.
        store: folder of the image store, where the boxes are wanted.

    Raises:
        DataError: a file is missing or of another data set.
    """
    from crisisweave.rationales.truth import truth_labels

    labels = truth_labels(instances, folder / "tweets.jsonl")
    words = {label.instance_id: {i for a, b in label.spans for i in range(a, b)} for label in labels}
    with_image = instances.loc[instances["image_path"].notna(), "instance_id"]
    return Truth(words, {} if store is None else _boxes(folder / "images.jsonl", store, set(with_image)))


def _boxes(path: Path, store: Path, instance_ids: Collection[str]) -> dict[str, list[Box]]:
    """Boxes in pixels of the stored images."""
    import pandas as pd

    from crisisweave.rationales.box_truth import label_boxes

    index = store / "index.parquet"
    in_square = label_boxes(path, index, instance_ids)
    stored = pd.read_parquet(index, columns=["instance_id", "width", "height"])
    boxes: dict[str, list[Box]] = {}
    for name, width, height in stored.to_numpy().tolist():
        if name in in_square:
            side = min(width, height)
            corner = [(width - side) // 2, (height - side) // 2] * 2
            x0, y0, x1, y1 = (corner + side * in_square[name]).T
            boxes[name] = list(zip(x0.tolist(), y0.tolist(), x1.tolist(), y1.tolist(), strict=True))
    return boxes
