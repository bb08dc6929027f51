"""Test rows with as many of each class (thesis, 3.8.4, table 3.6)."""

from __future__ import annotations

import hashlib

import numpy as np

from crisisweave.evaluation.predictions import Predictions


def balanced(rows: Predictions) -> Predictions | None:
    """As many rows of each class of the list as the rarest has; None where a class has none.

    Which rows are drawn depends on their ids alone, so that all methods are scored on the same ones.
    """
    fewest = int(np.bincount(rows.truth, minlength=len(rows.classes)).min())
    if not fewest:
        return None
    drawn = np.array([hashlib.sha256(name.encode()).hexdigest() for name in rows.instance_ids])
    chosen = np.zeros(len(rows), dtype=bool)
    for label in range(len(rows.classes)):
        of_class = np.flatnonzero(rows.truth == label)
        chosen[of_class[np.argsort(drawn[of_class], kind="stable")[:fewest]]] = True
    return rows.keep(chosen)
