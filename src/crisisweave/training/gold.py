"""The rationales that a run learns from."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crisisweave.config.run import RunConfig
from crisisweave.drawing import draw_key
from crisisweave.layout import Sources
from crisisweave.rationales.labels import gold_words, read_labels


def training_gold(
    config: RunConfig, sources: Sources, rows: pd.DataFrame, needed: bool = True
) -> dict[str, NDArray[np.bool_]] | None:
    """Rationale labels of rows of train or dev by instance; None for methods that learn from none.

    With `rationales.share` below 1, a part of the annotated tweets is drawn by the seed: a smaller share is
    contained in a larger one, and all instances of one tweet are drawn together. That holds for dev too, on
    which the epoch is chosen: labels that are not there cannot choose.

    Args:
        config: the run.
        sources: where its inputs lie.
        rows: of train or dev.
        needed: stop where none of the rows has a rationale; else nothing of them is known (annotators may
            have left dev out).

    Raises:
        DataError: there are no labels, or they are not of these texts.
    """
    settings = config.method.rationales
    if settings is None or not settings.alpha:
        return None
    path = sources.rationales(settings.labels)
    texts = dict(zip(rows["instance_id"], rows["text"], strict=True))
    labels = read_labels(path)
    if not needed and not any(label.spans for label in labels if label.instance_id in texts):
        return {}
    gold = gold_words(labels, texts, str(path))
    tweets = dict(zip(rows["instance_id"], rows["tweet_id"], strict=True))
    annotated = sorted({tweets[name] for name in gold}, key=lambda tweet: draw_key(config.seed, tweet))
    chosen = set(annotated[: max(1, round(settings.share * len(annotated)))])
    return {name: selected for name, selected in gold.items() if tweets[name] in chosen}
