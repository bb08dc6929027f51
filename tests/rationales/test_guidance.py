"""Guidance: how near patches are to the rationale's words, and the soft choice that teaches it."""

from __future__ import annotations

import pytest
import torch

from crisisweave.rationales.selection import SOFTNESS, nearness, soft_choice

COST = torch.tensor([[[0.0, 1.0], [0.5, 0.5], [1.0, 0.2], [0.0, 0.0]]])
WORDS = torch.tensor([[True, True, True, False]])


def test_nearness_by_hand() -> None:
    # Cosines of three words with two patches: (1, 0), (0.5, 0.5), (0, 0.8); the last token is special.
    first = nearness(COST, torch.tensor([[True, False, False, False]]), WORDS)
    assert first[0].tolist() == pytest.approx([1 - 0.25, 0 - 0.65])
    two = nearness(COST, torch.tensor([[True, True, False, False]]), WORDS)
    assert two[0].tolist() == pytest.approx([0.75 - 0, 0.25 - 0.8])


def test_where_all_words_are_the_rationale_their_nearness_alone_counts() -> None:
    assert nearness(COST, WORDS, WORDS)[0].tolist() == pytest.approx([0.5, 1.3 / 3])


def test_the_soft_choice_is_a_half_at_the_mean_and_rises_with_the_score() -> None:
    found = soft_choice(torch.tensor([[1.0, 2.0, 3.0]]))[0]
    assert found[1].item() == pytest.approx(0.5)
    # Deviation √(2/3), so that the outer scores lie at ∓√1.5 of it.
    assert found[2].item() == pytest.approx(torch.sigmoid(torch.tensor(SOFTNESS * 1.5**0.5)).item(), rel=1e-4)
    assert (found[0] + found[2]).item() == pytest.approx(1.0)
    assert torch.allclose(soft_choice(torch.tensor([[10.0, 20.0, 30.0]]))[0], found, atol=1e-5)


def test_a_tweet_without_words_says_nothing_and_leaves_no_broken_gradient() -> None:
    cost = COST.repeat(2, 1, 1).requires_grad_()
    nothing, first = [False] * 4, [True, False, False, False]
    shares = soft_choice(
        nearness(cost, torch.tensor([nothing, first]), torch.tensor([nothing, WORDS[0].tolist()]))
    )
    assert shares[0].tolist() == [0.5, 0.5]
    shares[:, 0].sum().backward()
    assert torch.isfinite(cost.grad).all()
    assert not cost.grad[0].any()
    assert cost.grad[1].any()
