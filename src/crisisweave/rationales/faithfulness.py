"""Does the rationale carry the decision? One fixed scorer reads the full input, the rationale and the rest.

The scorer is a model of its own that was trained on full and on randomly masked inputs. A model that has only
ever seen rationales, or only full inputs, would answer to the form of its input and not to what it says.

Comprehensiveness, sufficiency and AOPC: DeYoung et al. 2020, "ERASER", section 4.2. Deletion and insertion:
Petsiuk et al. 2018, "RISE", section 4.2, by patches.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIZES = (0.01, 0.05, 0.10, 0.20, 0.50)
"""Sizes of rationales behind AOPC, as shares of the words and of the patches (ERASER)."""
STEPS = 12
"""Steps from the whole image to none of it, at most; one patch at a time where there are fewer patches."""
_TIES_SEED = 0

Mask = NDArray[np.bool_]
Predict = Callable[[Mask, Mask], NDArray[np.float64]]
"""From words (N, W) and patches (N, P) that are shown, to the probability of each class (N, C)."""


class Parts(NamedTuple):
    """Something of each word (N, W) and each patch (N, P): scores, or what was selected.

    None: this modality is not spoken of, and stays in full whatever is done to the other.
    """

    words: NDArray | None
    patches: NDArray | None


class FixedScorer:
    """F: the probability of the class that the scorer itself gives the full input.

    Args:
        predict: the scorer.
        words: (N, W) true where the tweet has a word (false is padding).
        patches: (N, P) true where the image has a patch.

    Attributes:
        classes: (N,) that class.
        full: (N,) F of the full input.
    """

    def __init__(self, predict: Predict, words: Mask, patches: Mask):
        self._predict = predict
        self.words = words
        self.patches = patches
        probabilities = predict(words, patches)
        self.classes: NDArray[np.int64] = probabilities.argmax(axis=1)
        self.full = self._of_class(probabilities)

    def without(self, removed: Parts) -> NDArray[np.float64]:
        """F where the parts that are true in `removed` are hidden (N,)."""
        return self._shown(
            self.words if removed.words is None else self.words & ~removed.words,
            self.patches if removed.patches is None else self.patches & ~removed.patches,
        )

    def only(self, kept: Parts) -> NDArray[np.float64]:
        """F where, of the modalities that `kept` speaks of, nothing is shown but its true parts (N,)."""
        return self._shown(
            self.words if kept.words is None else self.words & kept.words,
            self.patches if kept.patches is None else self.patches & kept.patches,
        )

    def _shown(self, words: Mask, patches: Mask) -> NDArray[np.float64]:
        return self._of_class(self._predict(words, patches))

    def _of_class(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        return probabilities[np.arange(len(self.classes)), self.classes]


def faithfulness(scorer: FixedScorer, scores: Parts, selected: Parts) -> dict[str, NDArray[np.float64]]:
    """Scores of each instance (N,), in probability.

    Args:
        scorer: F on these instances.
        scores: of words and patches, higher means more of a rationale; for AOPC.
        selected: the rationale R.

    Returns:
        comprehensiveness: F(x) − F(x∖R), high when the decision falls with R.
        sufficiency: F(x) − F(R), near 0 (or below) when R alone leads to it.
        aopc_comprehensiveness, aopc_sufficiency: their means over rationales of `SIZES`, by score.
    """
    by_size = [
        Parts(_top(scores.words, scorer.words, size), _top(scores.patches, scorer.patches, size))
        for size in SIZES
    ]
    return {
        "comprehensiveness": scorer.full - scorer.without(selected),
        "sufficiency": scorer.full - scorer.only(selected),
        "aopc_comprehensiveness": scorer.full - np.mean([scorer.without(part) for part in by_size], axis=0),
        "aopc_sufficiency": scorer.full - np.mean([scorer.only(part) for part in by_size], axis=0),
    }


def deletion_insertion(
    scorer: FixedScorer, scores: NDArray[np.floating]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Areas under F as patches go (deletion: low is good) and as they come (insertion), best first (N,).

    The text stays in full. The horizontal axis is the share of patches, from 0 to 1.

    Args:
        scorer: F on these instances.
        scores: (N, P) of patches.
    """
    place = ranks(scores, scorer.patches)
    n_patches = scores.shape[1]
    counts = np.unique(np.linspace(0, n_patches, min(STEPS, n_patches) + 1).round())
    shares = counts / n_patches
    first = [Parts(None, place < count) for count in counts]
    deleted = np.stack([scorer.without(part) for part in first])
    inserted = np.stack([scorer.only(part) for part in first])
    return np.trapezoid(deleted, shares, axis=0), np.trapezoid(inserted, shares, axis=0)


def ranks(scores: NDArray[np.floating], present: Mask) -> NDArray[np.int64]:
    """Place of each part in the order of its score (N, n), 0 for the highest; absent parts come last.

    Equal scores take the places in a fixed random order of positions: reading order would favour what
    stands first in a tweet, or the upper edge of an image.
    """
    order_of_ties = np.random.default_rng(_TIES_SEED).permutation(scores.shape[1])
    keys = np.where(present, scores, -np.inf)[:, order_of_ties]
    order = order_of_ties[np.argsort(-keys, axis=1, kind="stable")]
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(scores.shape[1])[None].repeat(len(scores), axis=0), axis=1)
    return place


def _top(scores: NDArray | None, present: Mask, size: float) -> Mask | None:
    """The highest-scoring share of the parts that are present, at least one (N, n)."""
    if scores is None:
        return None
    count = np.maximum(1, np.ceil(size * present.sum(axis=1) - 1e-9))
    top: Mask = (ranks(scores, present) < count[:, None]) & present
    return top
