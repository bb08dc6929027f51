"""The table of predictions that every scoring step writes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

KEYS = ["instance_id", "tweet_id", "event", "split", "label"]


def prediction_table(
    frame: pd.DataFrame, values: NDArray[np.float64], classes: Sequence[str]
) -> pd.DataFrame:
    """Probabilities (N, C) of the rows of `frame`, with the class of the largest as prediction."""
    table = frame[KEYS].reset_index(drop=True)
    names = np.array(classes)[values.argmax(axis=1)]
    table["predicted"] = pd.Categorical(names, categories=list(classes))
    for i, name in enumerate(classes):
        table[f"p_{name}"] = values[:, i]
    return table
