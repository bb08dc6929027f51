"""The rationales that a run learns from."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crisisweave.config.run import RunConfig
from crisisweave.layout import Sources
from crisisweave.rationales.labels import gold_words, read_labels


def training_gold(
    config: RunConfig, sources: Sources, train: pd.DataFrame
) -> dict[str, NDArray[np.bool_]] | None:
    """Rationale labels of the training rows by instance; None for methods that learn from none.

    With `rationales.share` below 1, a part of the annotated tweets is drawn by the seed: a smaller share is
    contained in a larger one, and all instances of one tweet are drawn together.

    Raises:
        DataError: there are no labels, or they are not of these texts.
    """
    settings = config.method.rationales
    if settings is None or not settings.alpha:
        return None
    path = sources.rationales(settings.labels)
    texts = dict(zip(train["instance_id"], train["text"], strict=True))
    gold = gold_words(read_labels(path), texts, str(path))
    tweets = dict(zip(train["instance_id"], train["tweet_id"], strict=True))
    annotated = sorted({tweets[name] for name in gold}, key=lambda tweet: _drawn(tweet, config.seed))
    chosen = set(annotated[: max(1, round(settings.share * len(annotated)))])
    return {name: selected for name, selected in gold.items() if tweets[name] in chosen}


def _drawn(tweet: str, seed: int) -> str:
    return hashlib.sha256(f"{seed} {tweet}".encode()).hexdigest()
