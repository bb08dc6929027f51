"""A run's rationales → their scores: `rationales.json`, and one row per instance and extractor beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crisisweave.config.run import read_run_config
from crisisweave.errors import DataError
from crisisweave.evaluation.rationale_tables import SCORES_FILE, averages
from crisisweave.explaining.flips import flip_consistency
from crisisweave.explaining.scorer import MaskedScorer, scorer_of
from crisisweave.explaining.table import METHOD, Rationales, read_rationales
from crisisweave.files import write_json, write_parquet
from crisisweave.layout import Sources
from crisisweave.methods.joint import JointMethod
from crisisweave.methods.rationale import RationaleClassifier
from crisisweave.progress import track
from crisisweave.rationales.box_truth import label_boxes
from crisisweave.rationales.boxes import energy_in_box, patch_iou, pointing_game
from crisisweave.rationales.faithfulness import FixedScorer, Parts, deletion_insertion, faithfulness
from crisisweave.rationales.geometry import Boxes, coverage, positive_patches
from crisisweave.rationales.labels import gold_words, read_labels
from crisisweave.rationales.plausibility import SCORES as PLAUSIBILITY
from crisisweave.rationales.plausibility import plausibility
from crisisweave.seeding import best_device, seed_everything
from crisisweave.training.examples import Examples
from crisisweave.training.runs import load_model

AT_ONCE = 256
"""Instances that are scored together: their embeddings are held in memory."""
Columns = dict[str, NDArray[np.float64]]


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


def evaluate_rationales(
    run: Path, folder: Path, frame: pd.DataFrame, sources: Sources, known: Known, target: str | None
) -> None:
    """Score the rationales in `folder`; writes `rationales.json` and `rationale_scores.parquet` there.

    Args:
        run: the run that is explained.
        folder: the run's folder, or that of its transfer to `target`.
        frame: instances of all splits that were explained.
        sources: of the instances' data set and task.
        known: their true rationales.
        target: name of the transfer's target, or None.

    Raises:
        ConfigError: the run that is to score faithfulness is not there, or cannot.
        DataError: there are no rationales, or they are of other instances.
    """
    config = read_run_config(run)
    found = read_rationales(folder / "rationales.parquet")
    for split, extractors in found.items():
        explained = set(extractors[METHOD].instance_ids)
        if explained != set(frame.loc[frame["split"].astype(str) == split, "instance_id"]):
            raise DataError(
                f"{folder / 'rationales.parquet'}: its instances of split {split} are not those of the "
                "prepared table; explain again"
            )
    scorer = scorer_of(config, run)
    seed_everything(config.seed, config.threads)
    judges = _Judges(run, scorer, sources, known)
    rows = frame.set_index("instance_id", drop=False)
    tables = []
    for split, extractors in found.items():
        ids = extractors[METHOD].instance_ids
        starts = range(0, len(ids), AT_ONCE)
        for start in track(starts, f"scoring rationales of {split}", len(starts)):
            part = slice(start, start + AT_ONCE)
            here = {name: rationales.at(part) for name, rationales in extractors.items()}
            tables += judges.scores(rows.loc[ids[part]], split, here)
    table = pd.concat(tables, ignore_index=True)
    # The rows first: a reader that finds the summary finds them too.
    write_parquet(folder / SCORES_FILE, table)
    write_json(
        folder / "rationales.json",
        {
            "dataset": config.dataset,
            "task": config.task,
            "method": config.method.name,
            "seed": config.seed,
            "target": target,
            "scorer": None if scorer is None else scorer.parent.name,
            "gold_words": known.kind,
            "splits": {
                str(split): {
                    str(name): _summary(part) for name, part in of_split.groupby("extractor", sort=True)
                }
                for split, of_split in table.groupby("split", sort=True)
            },
        },
    )


class _Judges:
    """All that rationales are held against, loaded once."""

    def __init__(self, run: Path, scorer: Path | None, sources: Sources, known: Known):
        self._device = best_device()
        self._sources = sources
        self._known = known
        self._config = read_run_config(run).method
        model = load_model(read_run_config(run), run).to(self._device)
        assert isinstance(model, RationaleClassifier)
        self._model = model
        self._scorer: JointMethod | None = None
        if scorer is not None:
            judge = load_model(read_run_config(scorer), scorer).to(self._device)
            assert isinstance(judge, JointMethod)
            self._scorer, self._scorer_config = judge, read_run_config(scorer).method

    def scores(
        self, instances: pd.DataFrame, split: str, extractors: Mapping[str, Rationales]
    ) -> list[pd.DataFrame]:
        """One table for each extractor: a row for each instance, a column for each score."""
        fixed = None
        if self._scorer is not None:
            masked = MaskedScorer(self._scorer, self._scorer_config, instances, self._sources, self._device)
            fixed = FixedScorer(masked, *_present(extractors[METHOD]))
        tables = []
        for extractor, rationales in extractors.items():
            columns = {
                **_shares(rationales),
                **_plausibility(rationales, self._known),
                **_in_boxes(rationales, self._known),
                **({} if fixed is None else _faithfulness(extractor, rationales, fixed)),
            }
            if extractor == METHOD and rationales.grid is not None:
                examples = Examples(instances, self._model, self._config, self._sources)
                columns["flip_consistency"] = flip_consistency(self._model, examples, self._device)
            keys = {
                "instance_id": instances["instance_id"].to_numpy(),
                "tweet_id": instances["tweet_id"].to_numpy(),
                "split": split,
                "extractor": extractor,
            }
            tables.append(pd.DataFrame({**keys, **columns}))
        return tables


def _summary(table: pd.DataFrame) -> dict[str, float | int]:
    found = averages(table)
    counts = {
        "n": len(table),
        "n_gold_words": found.get("word_f1", (0, 0))[1],
        "n_boxes": found.get("patch_iou", (0, 0))[1],
    }
    return {**{name: value for name, (value, _) in found.items()}, **counts}


def _present(rationales: Rationales) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where there is a word (N, W) and a patch (N, P)."""
    assert rationales.selected.words is not None
    width = rationales.selected.words.shape[1]
    words = np.arange(width) < rationales.n_words[:, None]
    patches = rationales.selected.patches
    return words, np.ones((len(words), 0 if patches is None else patches.shape[1]), dtype=bool)


def _shares(rationales: Rationales) -> Columns:
    """How much was selected."""
    columns = {}
    if rationales.selected.words is not None:
        selected = rationales.selected.words.sum(axis=1)
        columns["selected_words"] = selected / np.maximum(rationales.n_words, 1)
    if rationales.selected.patches is not None:
        columns["selected_patches"] = rationales.selected.patches.mean(axis=1)
    return columns


def _plausibility(rationales: Rationales, known: Known) -> Columns:
    """Agreement with gold words; null where an instance was not annotated or a score is not defined."""
    if rationales.selected.words is None or rationales.scores.words is None or not known.words:
        return {}
    of_instances = []
    parts = zip(rationales.selected.words, rationales.scores.words, rationales.n_words, strict=True)
    for name, (selected, scores, n) in zip(rationales.instance_ids, parts, strict=True):
        gold = known.words.get(name)
        of_instances.append({} if gold is None else plausibility(gold, selected[:n], scores[:n]))
    table = pd.DataFrame(of_instances, columns=PLAUSIBILITY, dtype=np.float64)
    return {name: table[name].to_numpy() for name in PLAUSIBILITY}


def _in_boxes(rationales: Rationales, known: Known) -> Columns:
    """Agreement with boxes; null where nothing that carries the label lies in the image's centre square."""
    if rationales.selected.patches is None or rationales.scores.patches is None or not known.boxes:
        return {}
    assert rationales.grid is not None
    names = ["patch_iou", "pointing_game", "energy_in_box"]
    columns = {name: np.full(len(rationales.instance_ids), np.nan) for name in names}
    for i, name in enumerate(rationales.instance_ids):
        boxes = known.boxes[name]
        shares = coverage(boxes, rationales.grid)
        positive = positive_patches(shares)
        if positive.any():
            scores = rationales.scores.patches[i]
            columns["patch_iou"][i] = patch_iou(rationales.selected.patches[i], positive)
            columns["pointing_game"][i] = pointing_game(scores, boxes, rationales.grid)
            columns["energy_in_box"][i] = energy_in_box(scores, shares)
    return columns


def _faithfulness(extractor: str, rationales: Rationales, fixed: FixedScorer) -> Columns:
    """Of a comparator with its own modality masked; of the method with both, and with each by itself."""
    scores, selected = rationales.scores, rationales.selected
    columns = faithfulness(fixed, scores, selected)
    if extractor == METHOD and selected.patches is not None:
        for suffix, keep in (("text", (True, False)), ("image", (False, True))):
            alone = faithfulness(fixed, _only(scores, keep), _only(selected, keep))
            columns |= {f"{name}_{suffix}": values for name, values in alone.items()}
    if scores.patches is not None:
        columns["deletion_auc"], columns["insertion_auc"] = deletion_insertion(fixed, scores.patches)
    return columns


def _only(parts: Parts, keep: tuple[bool, bool]) -> Parts:
    return Parts(parts.words if keep[0] else None, parts.patches if keep[1] else None)
