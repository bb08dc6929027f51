"""The scores of one extractor's rationales, one column for each score and one row for each instance."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crisisweave.explaining.known import Known
from crisisweave.explaining.table import METHOD, Rationales
from crisisweave.rationales.boxes import energy_in_box, patch_iou, patch_iou_ceiling, pointing_game
from crisisweave.rationales.faithfulness import FixedScorer, Parts, deletion_insertion, faithfulness
from crisisweave.rationales.geometry import coverage, positive_patches
from crisisweave.rationales.plausibility import SCORES as PLAUSIBILITY
from crisisweave.rationales.plausibility import plausibility

Columns = dict[str, NDArray[np.float64]]


def score_columns(extractor: str, rationales: Rationales, known: Known, fixed: FixedScorer | None) -> Columns:
    """Score → its values (N,), NaN where an instance has none; docs/explanations.md defines them.

    Args:
        extractor: whose rationales they are.
        rationales: of the instances.
        known: their true rationales.
        fixed: who scores faithfulness; None: nobody.
    """
    return {
        **_shares(rationales),
        **_plausibility(rationales, known),
        **_in_boxes(rationales, known),
        **({} if fixed is None else _faithfulness(extractor, rationales, fixed)),
    }


def present(rationales: Rationales) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where there is a word (N, W) and a patch (N, P), from rationales that speak of both or of words."""
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
    names = ["patch_iou", "patch_iou_ceiling", "pointing_game", "energy_in_box"]
    columns = {name: np.full(len(rationales.instance_ids), np.nan) for name in names}
    for i, name in enumerate(rationales.instance_ids):
        boxes = known.boxes[name]
        shares = coverage(boxes, rationales.grid)
        positive = positive_patches(shares)
        if positive.any():
            scores = rationales.scores.patches[i]
            selected = rationales.selected.patches[i]
            columns["patch_iou"][i] = patch_iou(selected, positive)
            columns["patch_iou_ceiling"][i] = patch_iou_ceiling(selected, positive)
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
