"""Transport against the algorithm's text, an exact solver, and the invariances that a batch must have."""

from __future__ import annotations

import numpy as np
import ot
import pytest
import torch
from torch import Tensor

from crisisweave.rationales.transport import cosine_cost, ipot, transport_distance


def algorithm_1(cost: np.ndarray, beta: float, steps: int) -> np.ndarray:
    """Xie et al. 2020, algorithm 1 with L = 1, one problem in float64: a for patches, b for tokens."""
    cost = cost.T.astype(np.float64)  # patches in rows, so that the tokens' marginal is updated last
    patches, tokens = cost.shape
    b = np.full(tokens, 1 / tokens)
    kernel, plan = np.exp(-cost / beta), np.ones_like(cost)
    for _ in range(steps):
        q = kernel * plan
        a = (1 / patches) / (q @ b)
        b = (1 / tokens) / (q.T @ a)
        plan = a[:, None] * q * b[None, :]
    return plan.T


def problems(batch: int, tokens: int, patches: int, dim: int = 32, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return cosine_cost(
        torch.randn((batch, tokens, dim), generator=generator),
        torch.randn((batch, patches, dim), generator=generator),
    )


def full(cost: Tensor) -> tuple[Tensor, Tensor]:
    batch, tokens, patches = cost.shape
    return torch.ones((batch, tokens), dtype=torch.bool), torch.ones((batch, patches), dtype=torch.bool)


def test_cosine_cost_is_one_minus_cosine() -> None:
    a = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    b = torch.tensor([[[3.0, 0.0], [0.0, 2.0], [-5.0, 0.0]]])
    assert cosine_cost(a, b).tolist() == [[[0.0, 1.0, 2.0], [1.0, 1.0, 1.0]]]


@pytest.mark.parametrize("differentiable", [False, True])
@pytest.mark.parametrize(("beta", "steps"), [(0.5, 50), (0.1, 7), (0.5, 1), (0.05, 20), (5.0, 300)])
def test_plans_equal_the_printed_algorithm(beta: float, steps: int, differentiable: bool) -> None:
    cost = problems(4, 13, 49)
    plan = ipot(cost, *full(cost), beta, steps, differentiable)
    assert plan.dtype == torch.float32
    for own, problem in zip(plan, cost, strict=True):
        np.testing.assert_allclose(own, algorithm_1(problem.numpy(), beta, steps), atol=1e-6)


def test_converged_plans_cost_what_exact_transport_costs() -> None:
    cost = problems(6, 12, 36)
    plan = ipot(cost, *full(cost), steps=10_000)
    for own, value, problem in zip(plan, transport_distance(cost, plan), cost, strict=True):
        a, b = np.full(12, 1 / 12), np.full(36, 1 / 36)
        assert value.item() == pytest.approx(ot.emd2(a, b, problem.double().numpy()), abs=1e-4)
        np.testing.assert_allclose(own, ot.emd(a, b, problem.double().numpy()), atol=1e-4)


def test_one_step_from_the_start_is_the_librarys_sinkhorn_iteration() -> None:
    cost = problems(1, 9, 16)[0]
    plan = ipot(cost[None], *full(cost[None]), beta=0.5, steps=1)[0]
    reference = ot.bregman.sinkhorn_knopp(
        np.full(9, 1 / 9), np.full(16, 1 / 16), cost.double().numpy(), reg=0.5, numItermax=1, warn=False
    )
    np.testing.assert_allclose(plan, reference, atol=1e-7)


def test_marginals() -> None:
    cost = problems(8, 40, 144, dim=64)
    plan = ipot(cost, *full(cost))
    torch.testing.assert_close(plan.sum(dim=2), torch.full((8, 40), 1 / 40), atol=1e-7, rtol=0)
    assert (plan.sum(dim=1) - 1 / 144).abs().sum(dim=1).max() < 1e-3  # of a total of 1
    torch.testing.assert_close(plan.sum(dim=(1, 2)), torch.ones(8))


@pytest.mark.parametrize("differentiable", [False, True])
def test_padding_and_batch_change_nothing(differentiable: bool) -> None:
    cost = problems(3, 11, 25)
    lengths, widths = [4, 11, 1], [25, 9, 13]
    mask_a = torch.arange(11) < torch.tensor(lengths)[:, None]
    mask_b = torch.arange(25) < torch.tensor(widths)[:, None]
    mask_a, cost = mask_a.flip(1), cost.flip(1)  # padding may stand anywhere
    garbage = cost.masked_fill(~(mask_a[:, :, None] & mask_b[:, None, :]), float("nan"))
    plan = ipot(garbage, mask_a, mask_b, differentiable=differentiable)
    for i in range(3):
        alone = cost[i][mask_a[i]][:, mask_b[i]][None]
        expected = ipot(alone, *full(alone), differentiable=differentiable)[0]
        torch.testing.assert_close(plan[i][mask_a[i]][:, mask_b[i]], expected, atol=1e-7, rtol=0)
        assert plan[i].sum() == pytest.approx(1)
        assert plan[i][~mask_a[i]].sum() == 0
        assert plan[i][:, ~mask_b[i]].sum() == 0


def test_a_batch_of_many_cachefuls_equals_its_problems() -> None:
    cost = problems(70, 40, 144)
    plan = ipot(cost, *full(cost))
    for i in (0, 22, 69):
        torch.testing.assert_close(plan[i], ipot(cost[i : i + 1], *full(cost[:1]))[0], atol=1e-7, rtol=0)


def test_permuting_states_permutes_the_plan() -> None:
    cost = problems(2, 10, 30)
    rows, columns = torch.randperm(10), torch.randperm(30)
    plan = ipot(cost, *full(cost))
    permuted = ipot(cost[:, rows][:, :, columns], *full(cost))
    torch.testing.assert_close(permuted, plan[:, rows][:, :, columns], atol=1e-7, rtol=0)


def hard_cases() -> dict[str, tuple[Tensor, Tensor]]:
    same = torch.ones((1, 6, 8))
    ends = torch.cat([torch.ones((1, 5, 8)), -torch.ones((1, 1, 8))], dim=1)
    return {
        "all states equal": (same, same),
        "all states opposite": (same, -same),
        "zero vectors": (torch.zeros((1, 6, 8)), same),
        "one token": (same[:, :1], torch.randn((1, 6, 8))),
        "one patch": (torch.randn((1, 6, 8)), same[:, :1]),
        "one pair": (same[:, :1], -same[:, :1]),
        "one token against the rest": (ends, same),
        "both ends": (ends, ends.flip(1)),
        "many near copies": (same + 1e-4 * torch.randn((1, 6, 8)), same + 1e-4 * torch.randn((1, 6, 8))),
    }


@pytest.mark.parametrize("steps", [50, 1000])
@pytest.mark.parametrize("case", hard_cases())
def test_float32_is_safe(case: str, steps: int) -> None:
    torch.manual_seed(0)
    cost = cosine_cost(*hard_cases()[case])
    fast = ipot(cost, *full(cost), steps=steps)
    plain = ipot(cost, *full(cost), steps=steps, differentiable=True)
    expected = algorithm_1(cost[0].numpy(), 0.5, steps)
    for plan in (fast, plain):
        np.testing.assert_allclose(plan[0], expected, atol=1e-6 if steps == 50 else 1e-5)


def test_one_token_alone_sends_the_same_mass_everywhere() -> None:
    # Why the rationale-only plan is degenerate: with one rationale token nothing is left to decide.
    cost = problems(1, 1, 49)
    torch.testing.assert_close(ipot(cost, *full(cost)), torch.full((1, 1, 49), 1 / 49))


@pytest.mark.parametrize("differentiable", [False, True])
def test_a_side_without_anything_real_gets_an_empty_plan(differentiable: bool) -> None:
    cost = problems(2, 5, 9).requires_grad_()
    mask_a, mask_b = full(cost)
    mask_a[0] = False
    plan = ipot(cost, mask_a, mask_b, differentiable=differentiable)
    assert plan[0].abs().sum() == 0
    assert plan[1].sum().item() == pytest.approx(1)
    assert ipot(cost[:, :, :0], mask_a, mask_b[:, :0]).shape == (2, 5, 0)
    if differentiable:
        transport_distance(cost, plan).sum().backward()
        assert cost.grad is not None
        assert torch.isfinite(cost.grad).all()


def test_gradients_flow_only_when_wanted() -> None:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn((2, 4, 3), generator=generator, dtype=torch.float64, requires_grad=True)
    b = torch.randn((2, 5, 3), generator=generator, dtype=torch.float64, requires_grad=True)
    mask_a = torch.tensor([[True, True, True, True], [True, True, False, False]])
    mask_b = torch.tensor([[True] * 5, [True, True, True, False, False]])
    constant = ipot(cosine_cost(a, b), mask_a, mask_b)
    assert not constant.requires_grad
    assert torch.autograd.gradcheck(
        lambda x, y: ipot(cosine_cost(x, y), mask_a, mask_b, steps=10, differentiable=True), (a, b)
    )


def test_autocast_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn((2, n, 16), generator=generator).bfloat16() for n in (7, 20))
    outside = ipot(cosine_cost(a, b), *full(torch.empty(2, 7, 20)), differentiable=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cost = cosine_cost(a, b)
        inside = ipot(cost, *full(cost), differentiable=True)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, outside)


def test_parameters_out_of_range_are_refused() -> None:
    cost = problems(1, 2, 2)
    with pytest.raises(ValueError, match="beta"):
        ipot(cost, *full(cost), beta=0.01)
    with pytest.raises(ValueError, match="step"):
        ipot(cost, *full(cost), steps=0)
