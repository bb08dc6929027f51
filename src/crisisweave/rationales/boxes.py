"""Image rationales against boxes: patch IoU, pointing game, energy in box.

None of them looks at the order in which patches of equal score happen to lie: ties share the score.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crisisweave.rationales.geometry import Boxes

Scores = NDArray[np.floating]


def patch_iou(selected: NDArray[np.bool_], positive: NDArray[np.bool_]) -> float:
    """Patches that are both selected and positive, as a share of those that are either; both (P,).

    `positive` has at least one; an empty selection scores 0.
    """
    return float((selected & positive).sum() / (selected | positive).sum())


def patch_iou_ceiling(selected: NDArray[np.bool_], positive: NDArray[np.bool_]) -> float:
    """The patch IoU of as many patches in the best places; shapes as in `patch_iou`."""
    few, many = sorted((int(selected.sum()), int(positive.sum())))
    return few / many


def pointing_game(scores: Scores, boxes: Boxes, grid: tuple[int, int]) -> float:
    """1 when the centre of the highest-scoring patch lies in a box, else 0; over several highest, the mean.

    Zhang et al. 2018, "Top-down Neural Attention by Excitation Backprop", section 4.2, without its margin of
    pixels, because a patch has a size of its own.

    Args:
        scores: (P,) row by row.
        boxes: (n, 4) in the square from 0 to 1.
        grid: (h, w).
    """
    h, w = grid
    highest = np.flatnonzero(scores == scores.max())
    x, y = (highest % w + 0.5) / w, (highest // w + 0.5) / h
    inside = (boxes[:, 0, None] <= x) & (x <= boxes[:, 2, None])
    inside &= (boxes[:, 1, None] <= y) & (y <= boxes[:, 3, None])
    return float(inside.any(axis=0).mean())


def energy_in_box(scores: Scores, shares: NDArray[np.float64]) -> float:
    """Share of the scores' mass that lies in boxes (Wang et al. 2020, "Score-CAM", section 4.3, by patches).

    Negative scores speak against the class and count as 0. The smallest score is then taken off all: some
    extractors (RISE, roll-out, transported mass) give every patch a share that says nothing. A map that is
    flat after that points nowhere and gets what chance would: the share of the square that boxes cover.

    Args:
        scores: (P,).
        shares: (P,) coverage of each patch.
    """
    mass = np.maximum(np.asarray(scores, dtype=np.float64), 0.0)
    mass = mass - mass.min()
    total = mass.sum()
    return float((mass * shares).sum() / total) if total > 0 else float(shares.mean())
