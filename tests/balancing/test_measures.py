"""Measures of how a model uses its modalities, on models whose answer is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor
from toy_views import Sum, batch, built

from crisisweave.balancing.inside import scores_inside, scores_with
from crisisweave.balancing.measures import d_util, neighbour_similarity, shapley
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch

# Both modalities name the class; without either, class 0 has the largest score of the zeros.
LABELS = torch.arange(1, 5).repeat(25)
VECTORS = torch.nn.functional.one_hot(LABELS, 5).float()


def _accuracies(model: Classifier) -> tuple[float, float, float]:
    given, zero = Batch(VECTORS, VECTORS), torch.zeros(5)
    replaced: list[list[Tensor | None]] = [[None, None], [zero, None], [None, zero]]
    found = [scores_with(model, given, one).argmax(dim=1) == LABELS for one in replaced]
    return tuple(float(one.double().mean()) for one in found)  # type: ignore[return-value]


def test_a_model_that_ignores_a_modality_has_d_util_of_plus_or_minus_one() -> None:
    assert d_util(*_accuracies(Sum(1.0, 0.0))) == 1.0, "all of it from modality 0"
    assert d_util(*_accuracies(Sum(0.0, 1.0))) == -1.0


def test_a_symmetric_model_has_d_util_of_zero() -> None:
    assert d_util(*_accuracies(Sum(1.0, 1.0))) == 0.0
    assert d_util(0.8, 0.5, 0.5) == 0.0


def test_d_util_by_hand() -> None:
    # Without modality 0 half of the accuracy is lost, without modality 1 a quarter.
    assert d_util(0.8, 0.4, 0.6) == pytest.approx(0.5 - 0.25)


def test_shapley_values_sum_to_the_whole_and_know_additive_and_idle_modalities() -> None:
    generator = np.random.default_rng(0)
    for n in (2, 3, 4):
        subsets = [frozenset(s) for k in range(n + 1) for s in itertools.combinations(range(n), k)]
        values = {subset: float(generator.random()) for subset in subsets}
        found = shapley(values, n)
        assert sum(found) == pytest.approx(values[frozenset(range(n))] - values[frozenset()])
        additive = {subset: sum(0.1 * (m + 1) for m in subset if m != 1) for subset in subsets}
        assert shapley(additive, n) == pytest.approx([0.1 * (m + 1) if m != 1 else 0.0 for m in range(n)])


def test_neighbours_agree_fully_with_themselves_and_by_chance_with_noise() -> None:
    generator = torch.Generator().manual_seed(0)
    space = torch.randn(64, 8, generator=generator)
    assert neighbour_similarity(space, 3 * space + 1).tolist() == [1.0] * 64
    noise = [torch.randn(64, 8, generator=generator) for _ in range(40)]
    found = torch.cat([neighbour_similarity(space, other) for other in noise]).mean()
    assert float(found) == pytest.approx(5 / 63, abs=0.01)


def test_similarity_by_hand() -> None:
    one = torch.tensor([[0.0], [1.0], [2.1], [9.0]])
    other = torch.tensor([[0.0], [1.0], [9.0], [2.1]])
    # Nearest two of row 0: {1, 2} against {1, 3}; of row 1: {0, 2} against {0, 3}; of row 2: {1, 0}, {3, 1}.
    assert neighbour_similarity(one, other, k=2).tolist() == [0.5, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("fusion", ["concat", "sum"])
def test_split_scores_sum_to_the_model_s(fusion: str) -> None:
    model, given = built(fusion).eval(), batch()
    vectors = [model.branches[0](given.text), model.branches[1](given.image)]
    parts = scores_inside(model, given, vectors, [z.mean(dim=0) for z in vectors])
    assert torch.allclose(sum(parts), model(given), atol=1e-5)


@pytest.mark.parametrize("fusion", ["gated", "film"])
def test_inside_other_fusions_one_modality_s_scores_do_not_know_the_other(fusion: str) -> None:
    model, given, other = built(fusion).eval(), batch(), batch(seed=1)
    vectors = [model.branches[0](given.text), model.branches[1](given.image)]
    means = [z.mean(dim=0) for z in vectors]
    own = scores_inside(model, given, vectors, means)
    mixed = scores_inside(model, Batch(given.text, other.image), vectors, means)
    assert torch.equal(own[0], mixed[0])
    assert not torch.allclose(own[1], mixed[1])
    assert own[0].std(dim=0).min() > 0
