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
CURVE = (0.0, 0.01, 0.05, 0.10, 0.20, 0.35, 0.50, 0.75, 1.0)
"""Shares of the patches at which deletion and insertion are measured: close where the best patches go, and at
the sizes of AOPC, so that nothing is asked of the scorer twice."""
_TIES_SEED = 0

Mask = NDArray[np.bool_]
Predict = Callable[[NDArray[np.int64], Mask, Mask], NDArray[np.float64]]
"""From instances (m,), and which of their words (m, W) and patches (m, P) are shown, to the probability of
each class (m, C)."""


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
        probabilities = predict(np.arange(len(words)), words, patches)
        self.classes: NDArray[np.int64] = probabilities.argmax(axis=1)
        self.full: NDArray[np.float64] = probabilities.max(axis=1)
        self._known = dict(zip(_keys(words, patches), self.full.tolist(), strict=True))

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
        """F (N,); what was asked before is remembered: of a short tweet many sizes are the same words."""
        keys = _keys(words, patches)
        new = np.array([row for row, key in enumerate(keys) if key not in self._known], dtype=np.int64)
        if len(new):
            probabilities = self._predict(new, words[new], patches[new])
            for row, values in zip(new, probabilities, strict=True):
                self._known[keys[row]] = float(values[self.classes[row]])
        return np.array([self._known[key] for key in keys])


def _keys(words: Mask, patches: Mask) -> list[tuple[int, bytes]]:
    """Instance and what is shown of it, for each instance."""
    packed = np.packbits(np.concatenate([words, patches], axis=1), axis=1)
    return [(row, mask.tobytes()) for row, mask in enumerate(packed)]


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

    The text stays in full. The horizontal axis is the share of patches, the area that of trapezoids.

    Args:
        scorer: F on these instances.
        scores: (N, P) of patches.
    """
    place = ranks(scores, scorer.patches)
    n_patches = scores.shape[1]
    counts = np.unique([_count(share, n_patches) for share in CURVE])
    first = [Parts(None, place < count) for count in counts]
    deleted = np.stack([scorer.without(part) for part in first])
    inserted = np.stack([scorer.only(part) for part in first])
    shares = counts / n_patches
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
    """The highest-scoring share of the parts that are present, rounded up (N, n)."""
    if scores is None:
        return None
    counts = np.array([_count(size, n) for n in present.sum(axis=1)])
    top: Mask = (ranks(scores, present) < counts[:, None]) & present
    return top


def _count(share: float, n: int) -> int:
    """A share of n parts, rounded up."""
    return int(np.ceil(share * n - 1e-9))
