"""As many training rows of each class (thesis, 3.8.4: models trained on balanced data)."""

from __future__ import annotations

import pandas as pd

from crisisweave.drawing import draw_key


def balanced_rows(rows: pd.DataFrame, target: str, seed: int) -> pd.DataFrame:
    """As many rows of each class as the rarest has, drawn by the seed; their order stays.

    Which rows of a class are drawn depends on their ids and the seed alone, so that all methods of one seed
    learn from the same rows.

    Args:
        rows: with `instance_id` and a label in every row.
        target: the column of the label.
        seed: of the run.
    """
    drawn = rows["instance_id"].map(lambda name: draw_key(seed, name))
    labels = rows[target].astype(str)
    place = drawn.groupby(labels).rank(method="first")
    return rows[place <= labels.value_counts().min()]
