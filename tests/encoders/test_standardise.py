"""Standardising by known answers."""

from __future__ import annotations

import pytest
import torch

from crisisweave.captioning.prefix import Normaliser
from crisisweave.encoders.standardise import Standardise


def _fitted(rows: torch.Tensor) -> Standardise:
    module = Standardise(rows.shape[-1])
    module.fit(rows)
    return module


def test_mean_and_deviation_of_the_training_rows() -> None:
    module = _fitted(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
    assert module(torch.tensor([[1.0, 30.0], [2.0, 50.0]])).tolist() == [[-1.0, 1.0], [0.0, 3.0]]


def test_cells_are_rows_like_any_others() -> None:
    rows = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    flat, cells = _fitted(rows), _fitted(rows.view(4, 3, 5))
    assert torch.equal(cells(rows.view(4, 3, 5)), flat(rows).view(4, 3, 5))
    assert torch.allclose(flat(rows).mean(0), torch.zeros(5), atol=1e-6)
    assert torch.allclose(flat(rows).std(0, correction=0), torch.ones(5))


def test_a_feature_that_is_constant_in_train_does_not_explode_in_a_new_row() -> None:
    module = _fitted(torch.tensor([[0.0, 5.0], [2.0, 5.0]]))
    assert module(torch.tensor([[1.0, 5.0]])).tolist() == [[0.0, 0.0]]
    # Deviations 1 and 0, so the floor is 0.01 · 0.5.
    assert module(torch.tensor([[3.0, 5.01]])).tolist()[0] == pytest.approx([2.0, 2.0], rel=1e-3)


def test_the_captioner_has_the_same_floor() -> None:
    normaliser = Normaliser("standard", 2)
    normaliser.fit(torch.tensor([[[0.0, 5.0]], [[2.0, 5.0]]]))
    assert normaliser(torch.tensor([[[3.0, 5.01]]])).flatten().tolist() == pytest.approx([2.0, 2.0], rel=1e-3)


@pytest.mark.parametrize("value", [0.0, 5.1, 1000.1])
def test_features_that_are_all_constant_become_zeros(value: float) -> None:
    # A thousand times the same number: its mean in float32 is not that number.
    rows = torch.full((1000, 3), value)
    assert not _fitted(rows)(rows).any()
