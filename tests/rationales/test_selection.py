"""Which patches are kept, by known answers."""

from __future__ import annotations

import pytest
import torch

from crisisweave.config.method import Rationales
from crisisweave.rationales.selection import (
    by_share,
    by_z_score,
    expected_mass,
    select_patches,
    spread,
    top,
    transported_mass,
)
from crisisweave.rationales.transport import ipot


def test_a_patch_is_scored_by_the_most_that_one_rationale_token_sends() -> None:
    plan = torch.tensor([[[0.1, 0.2, 0.0], [0.3, 0.0, 0.1], [0.0, 0.1, 0.2]]])
    rationale = torch.tensor([[True, False, True]])
    torch.testing.assert_close(transported_mass(plan, rationale), torch.tensor([[0.1, 0.2, 0.2]]))
    torch.testing.assert_close(transported_mass(plan, ~rationale), torch.tensor([[0.3, 0.0, 0.1]]))


def test_without_a_rationale_nothing_is_carried_over_and_nothing_kept() -> None:
    plan = torch.rand((2, 3, 10))
    scores = transported_mass(plan, torch.tensor([[False] * 3, [True, False, True]]))
    assert (scores[0] == 0).all()
    for kept in (by_z_score(scores, 1.0), by_share(scores, 0.25)):
        assert not kept[0].any()
        assert kept[1].any()
    assert transported_mass(plan[:, :0], torch.zeros((2, 0), dtype=torch.bool)).tolist() == [[0] * 10] * 2


def test_a_plan_over_the_rationale_alone_says_little() -> None:
    """With one token it is uniform; with two, each patch still gets its 1/49 nearly all from one of them."""
    generator = torch.Generator().manual_seed(0)
    cost = 2 * torch.rand((5, 8, 49), generator=generator)
    one = torch.zeros((5, 8), dtype=torch.bool)
    one[:, 3] = True
    plan = ipot(cost, one, torch.ones((5, 49), dtype=torch.bool))
    scores = transported_mass(plan, one)
    torch.testing.assert_close(scores, torch.full((5, 49), 1 / 49))
    for kept in (by_z_score(scores, 1.0), by_share(scores, 0.25)):
        assert not kept.any()
    two = one.clone()
    two[:, 4] = True
    scores = transported_mass(ipot(cost, two, torch.ones((5, 49), dtype=torch.bool)), two)
    assert (scores > 0.9 / 49).sum(dim=1).min() >= 46
    assert not by_z_score(scores, 1.0).any()


def test_a_rationale_of_all_words_says_little_and_a_share_is_kept_where_asked_for() -> None:
    generator = torch.Generator().manual_seed(0)
    cost = 2 * torch.rand((3, 8, 49), generator=generator)
    every = torch.ones((3, 8), dtype=torch.bool)
    scores = transported_mass(ipot(cost, every, torch.ones((3, 49), dtype=torch.bool)), every)
    assert not by_z_score(scores, 1.0).any()
    assert by_share(scores, 0.25).sum(dim=1).tolist() == [12, 12, 12]
    some = every & (torch.arange(8) < 3)
    scores = transported_mass(ipot(cost, every, torch.ones((3, 49), dtype=torch.bool)), some)
    assert by_z_score(scores, 1.0).any(dim=1).all()


def test_z_scores() -> None:
    scores = torch.tensor([[0.0, 0.0, 0.0, 0.0, 10.0], [1.0, 2.0, 3.0, 4.0, 5.0]])
    # Deviations are 4 and sqrt(2): thresholds at z = 1 are 6 and 4.41.
    assert by_z_score(scores, 1.0).tolist() == [[False] * 4 + [True]] * 2
    assert by_z_score(scores, 0.0).tolist() == [[False] * 4 + [True], [False] * 3 + [True] * 2]
    assert not by_z_score(scores, 3.0).any()


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_selection_does_not_depend_on_the_scale(factor: float) -> None:
    scores = torch.rand((4, 49), generator=torch.Generator().manual_seed(0))
    assert torch.equal(by_z_score(scores * factor, 1.0), by_z_score(scores, 1.0))
    assert torch.equal(by_share(scores * factor, 0.25), by_share(scores, 0.25))


def test_scores_that_differ_by_rounding_alone_are_the_same() -> None:
    scores = torch.full((1, 49), 1 / 49)
    scores[0, 7] += 1e-8
    assert not by_z_score(scores, 1.0).any()
    assert not by_share(scores, 0.25).any()


@pytest.mark.parametrize(
    ("share", "patches", "kept"), [(0.25, 49, 12), (0.25, 144, 36), (0.01, 49, 1), (1, 5, 5)]
)
def test_shares(share: float, patches: int, kept: int) -> None:
    scores = torch.arange(patches, dtype=torch.float32).flip(0)[None]
    assert by_share(scores, share).nonzero()[:, 1].tolist() == list(range(kept))


def test_the_earlier_of_equal_scores_comes_first() -> None:
    scores = torch.tensor([[1.0, 3.0, 2.0, 3.0, 2.0], [0.0, 0.0, 0.0, 0.0, 1.0]])
    chosen = top(scores, torch.tensor([3, 2]))
    assert chosen.tolist() == [[False, True, True, True, False], [True, False, False, False, True]]
    assert not top(scores, torch.tensor([0, 0])).any()
    assert top(scores, torch.tensor([5, 9])).all()


def test_the_configured_rule_is_taken() -> None:
    scores = torch.rand((2, 49), generator=torch.Generator().manual_seed(0))
    z_score = Rationales(labels="truth", select="z_score", z=1.3)
    share = Rationales(labels="truth", select="top", top=0.1)
    for settings, expected in ((z_score, by_z_score(scores, 1.3)), (share, by_share(scores, 0.1))):
        chosen = select_patches(scores, settings)
        assert chosen is not None
        assert torch.equal(chosen, expected)
    assert select_patches(None, share) is None


def test_a_text_without_an_image_selects_nothing() -> None:
    empty = torch.zeros((2, 0))
    assert by_z_score(empty, 1.0).shape == by_share(empty, 0.25).shape == (2, 0)


def test_expected_mass_weighs_every_word_by_its_probability() -> None:
    plan = torch.tensor([[[0.2, 0.0, 0.1], [0.0, 0.3, 0.0], [0.1, 0.1, 0.2]]])
    scores = expected_mass(plan, torch.tensor([[1.0, 0.5, 0.0]]))
    assert torch.allclose(scores, torch.tensor([[0.2, 0.15, 0.1]]))
    # Special tokens and padding have probability 0: what they send counts for nothing.
    assert torch.equal(expected_mass(plan, torch.zeros(1, 3)), torch.zeros(1, 3))


def test_patches_that_look_alike_share_their_scores() -> None:
    # Patches 0 and 1 look alike, 2 and 3 look the other way; only patch 0 was found.
    patches = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]])
    shared = spread(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), patches, temperature=0.3)[0]
    assert torch.allclose(shared[0], shared[1])
    assert shared[1] > 100 * shared[2]
    # Equal scores stay equal: nothing is found where nothing was carried over.
    assert torch.allclose(spread(torch.full((1, 4), 0.25), patches, 0.3), torch.full((1, 4), 0.25))


def test_sharing_does_not_depend_on_the_order_of_patches() -> None:
    torch.manual_seed(0)
    scores, patches, order = torch.rand(2, 6), torch.randn(2, 6, 5), torch.randperm(6)
    moved = spread(scores[:, order], patches[:, order], 0.3)
    assert torch.allclose(moved, spread(scores, patches, 0.3)[:, order])
