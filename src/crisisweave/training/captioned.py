"""Which rows are read with their caption: all of them, or a share of them in mix training (thesis, 4.5.3)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crisisweave.drawing import draw_key
from crisisweave.encoders.text import TextEncoder, TokenLists


def captioned_rows(rows: pd.DataFrame, share: float, seed: int) -> NDArray[np.bool_] | None:
    """The rows of train or dev that keep their caption (N,); None where all do.

    They are drawn by the run's seed and their ids alone: a smaller share is contained in a larger one.
    """
    if share == 1:
        return None
    names = rows["instance_id"].tolist()
    drawn = sorted(range(len(names)), key=lambda i: draw_key(seed, f"caption {names[i]}"))
    keeps = np.zeros(len(names), dtype=bool)
    keeps[drawn[: round(share * len(names))]] = True
    return keeps


def tweets_and_captions(
    encoder: TextEncoder,
    words: list[list[str]],
    captions: list[list[str]],
    captioned: NDArray[np.bool_] | None,
    max_tokens: int,
) -> TokenLists:
    """Tweets with their captions as pairs; those that are not `captioned` (N,) as text alone."""
    pairs = encoder.tokenise(words, captions, max_tokens=max_tokens)
    if captioned is None:
        return pairs
    alone = encoder.tokenise(words, max_tokens=max_tokens)
    return TokenLists(
        *(
            [pair if keeps else single for pair, single, keeps in zip(*parts, captioned, strict=True)]
            for parts in zip(pairs, alone, strict=True)
        )
    )
