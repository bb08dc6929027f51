"""As many rows of each class: of the test split when scored, of the training split when learned from."""

from __future__ import annotations

import numpy as np
import pandas as pd

from crisisweave.evaluation.balanced import balanced
from crisisweave.evaluation.predictions import Predictions
from crisisweave.training.balanced import balanced_rows


def rows(truth: list[int], classes: tuple[str, ...] = ("calm", "flood")) -> Predictions:
    n = len(truth)
    ids = np.array([f"i{i}" for i in range(n)], dtype=object)
    predicted = np.zeros(n, dtype=np.int64)
    return Predictions(classes, ids, ids, ids, np.array(truth), predicted, np.eye(len(classes))[predicted])


def test_each_class_has_as_many_rows_as_the_rarest() -> None:
    chosen = balanced(rows([0] * 50 + [1] * 7))
    assert chosen is not None
    assert np.bincount(chosen.truth).tolist() == [7, 7]
    assert set(chosen.instance_ids[chosen.truth == 1]) == {f"i{i}" for i in range(50, 57)}


def test_the_same_rows_are_drawn_whatever_was_predicted_and_in_any_order() -> None:
    table = rows([0] * 50 + [1] * 7)
    turned = table.keep(np.arange(57) >= 0)
    turned.predicted[:] = 1
    one, two = balanced(table), balanced(turned)
    assert one is not None and two is not None
    assert list(one.instance_ids) == list(two.instance_ids)


def test_a_class_without_rows_leaves_nothing_to_balance() -> None:
    assert balanced(rows([0, 1], ("calm", "flood", "quake"))) is None


def frame() -> pd.DataFrame:
    labels = ["calm"] * 30 + ["flood"] * 5
    return pd.DataFrame({"instance_id": [f"i{i}" for i in range(35)], "label": pd.Categorical(labels)})


def test_training_rows_are_drawn_by_the_seed_and_keep_their_order() -> None:
    one, again, other = (balanced_rows(frame(), "label", seed) for seed in (1, 1, 2))
    assert one["label"].value_counts().to_dict() == {"calm": 5, "flood": 5}
    assert list(one["instance_id"]) == list(again["instance_id"]) != list(other["instance_id"])
    assert list(one.index) == sorted(one.index)


def test_the_draw_of_training_rows_depends_on_their_ids_alone() -> None:
    turned = frame().sample(frac=1, random_state=1)
    assert set(balanced_rows(turned, "label", 1)["instance_id"]) == set(
        balanced_rows(frame(), "label", 1)["instance_id"]
    )
