"""OGM-GE, PMR and gradient blending against direct transcriptions of their published formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from toy_views import batch, built, settings

from crisisweave.balancing.blending import Blending, blend_weights
from crisisweave.balancing.gradients import damping, modulate
from crisisweave.balancing.layer import Balancer
from crisisweave.balancing.prototypes import Prototypes, weights_of
from crisisweave.encoders.provider import PRETRAINED
from crisisweave.methods.registry import build_model
from crisisweave.training.examples import Examples
from toy import Toy, tiny_method

CPU = torch.device("cpu")


def test_ogm_ge_damps_the_modality_that_is_the_surer() -> None:
    # ρ = 6/3 = 2 for modality 0, 1/2 for modality 1: k = 1 − tanh(0.3 · 2) and 1.
    assert damping([6.0, 3.0], 0.3) == pytest.approx([1 - math.tanh(0.6), 1.0])
    assert damping([3.0, 6.0], 0.3) == pytest.approx([1.0, 1 - math.tanh(0.6)])
    assert damping([3.0, 3.0], 0.3) == [1.0, 1.0]


def test_ogm_ge_noise_has_the_deviation_of_the_gradient() -> None:
    torch.manual_seed(0)
    parameter = torch.nn.Parameter(torch.zeros(400, 400))
    gradient = torch.randn(400, 400) * 3 + 0.5
    parameter.grad = gradient.clone()
    modulate([parameter], 0.25)
    noise = parameter.grad - 0.25 * gradient
    assert float(noise.std()) == pytest.approx(float(gradient.std()), rel=0.01)
    assert abs(float(noise.mean())) < 0.05


def _ogm_transcribed(
    model: torch.nn.Module, vectors: list[Tensor], labels: Tensor, alpha: float
) -> list[float]:
    """As the public code computes the factors under concatenation, row by row."""
    layer = model.head[1]  # type: ignore[index]
    half = layer.weight.shape[1] - vectors[1].shape[1]
    out = [
        vectors[0] @ layer.weight[:, :half].T + layer.bias / 2,
        vectors[1] @ layer.weight[:, half:].T + layer.bias / 2,
    ]
    score = [sum(torch.softmax(o, 1)[i][labels[i]] for i in range(len(labels))) for o in out]
    ratio = float((score[0] / score[1]).detach())
    if ratio > 1:
        return [1 - math.tanh(alpha * ratio), 1.0]
    return [1.0, 1 - math.tanh(alpha / ratio)]


def test_ogm_ge_in_the_layer_scales_each_branch_as_transcribed(monkeypatch: pytest.MonkeyPatch) -> None:
    model, given, labels = built(), batch(), torch.arange(12) % 3
    balancer = Balancer(model, settings("ogm_ge", alpha=0.4), labels.numpy(), 3, 1, CPU)
    balancer.loss(given, labels, None, None).backward()
    before = [[p.grad.clone() for p in branch.parameters()] for branch in model.branches]
    vectors = [model.branches[0](given.text), model.branches[1](given.image)]
    expected = _ogm_transcribed(model, vectors, labels, 0.4)
    # Without the noise, what is left is the factor.
    monkeypatch.setattr(torch, "randn_like", torch.zeros_like)
    balancer.touch_gradients(given, labels)
    assert sorted(expected)[0] < 0.99
    for branch, gradients, factor in zip(model.branches, before, expected, strict=True):
        for parameter, gradient in zip(branch.parameters(), gradients, strict=True):
            assert torch.allclose(parameter.grad, factor * gradient, rtol=1e-4)


def test_ogm_ge_changes_the_gradient_norm_of_a_transformer(toy: Toy) -> None:
    torch.manual_seed(0)
    method = tiny_method("concat", balance={"method": "ogm_ge", "alpha": 1.0})
    model = build_model(method, 2, PRETRAINED)
    frame = toy.frame()
    examples = Examples(frame[frame["split"] == "train"], model, method, toy.sources)
    rows = np.arange(16)
    labels = torch.from_numpy(examples.labels[rows])
    balancer = Balancer(model, method.balance, examples.labels, 2, 1, CPU)  # type: ignore[arg-type]
    balancer.loss(examples.batch(rows), labels, None, None).backward()
    text = [p for p in model.text_branch.parameters() if p.grad is not None]  # type: ignore[union-attr]
    assert all(p.grad.ndim < 4 for p in text), "the public code would leave every one of these as it is"
    before = torch.stack([p.grad.norm() for p in text])
    balancer.touch_gradients(examples.batch(rows), labels)
    assert (torch.stack([p.grad.norm() for p in text]) != before).all()


def test_ogm_ge_ends_with_its_epochs() -> None:
    model, labels = built(), torch.arange(12) % 3
    balancer = Balancer(model, settings("ogm_ge", until=2), labels.numpy(), 3, 1, CPU)
    balancer.begin_epoch(2, lambda rows: batch())
    balancer.loss(batch(), labels, None, None).backward()
    before = [p.grad.clone() for p in model.parameters()]
    balancer.touch_gradients(batch(), labels)
    assert all(torch.equal(p.grad, old) for p, old in zip(model.parameters(), before, strict=True))


def _pmr_transcribed(z: list[Tensor], c: list[Tensor], y: Tensor, alpha: float, mu: float) -> Tensor:
    """Equations 7 to 13 of the paper, one row and class at a time."""
    n, k = len(y), len(c[0])
    p = []
    for zm, cm in zip(z, c, strict=True):
        distances = torch.stack(
            [torch.stack([torch.sqrt(((zm[i] - cm[j]) ** 2).sum()) for j in range(k)]) for i in range(n)]
        )
        p.append(torch.exp(-distances) / torch.exp(-distances).sum(dim=1, keepdim=True))
    rho = sum(p[0][i, y[i]].item() for i in range(n)) / sum(p[1][i, y[i]].item() for i in range(n))
    beta = min(max(1 / rho - 1, 0), 1) if rho < 1 else 0.0
    gamma = 0.0 if rho < 1 else min(max(rho - 1, 0), 1)
    pce = [-sum(torch.log(pm[i, y[i]]) for i in range(n)) / n for pm in p]
    entropy = [-(pm * torch.log(pm)).sum() / n for pm in p]
    return alpha * (beta * pce[0] + gamma * pce[1]) - mu * (gamma * entropy[0] + beta * entropy[1])


@pytest.mark.parametrize("strong", [0, 1])
def test_pmr_is_its_equations(strong: int) -> None:
    torch.manual_seed(strong)
    labels = torch.randint(0, 3, (10,))
    vectors = [torch.randn(10, 4, requires_grad=True), torch.randn(10, 5, requires_grad=True)]
    prototypes = Prototypes([4, 5], 3, settings("pmr", alpha=1.5, mu=0.1), CPU)
    with torch.no_grad():
        vectors[strong] += 2 * torch.nn.functional.one_hot(labels, vectors[strong].shape[1])
    prototypes.renew(vectors, labels)
    found = prototypes.loss(vectors, labels, epoch=0)
    expected = _pmr_transcribed(vectors, prototypes.centres, labels, 1.5, 0.1)
    assert torch.allclose(found, expected, atol=1e-5)
    ours = torch.autograd.grad(found, vectors, retain_graph=True)
    theirs = torch.autograd.grad(expected, vectors)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(ours, theirs, strict=True))
    late = prototypes.loss(vectors, labels, epoch=50)
    assert torch.allclose(late, _pmr_transcribed(vectors, prototypes.centres, labels, 1.5, 0.0), atol=1e-5)


def test_pmr_weights_by_hand() -> None:
    assert weights_of(1.25) == (0.0, 0.25)
    assert weights_of(0.8) == (pytest.approx(0.25), 0.0)
    assert weights_of(5.0) == (0.0, 1.0)
    assert weights_of(1.0) == (0.0, 0.0)


def test_pmr_prototypes_are_class_means_with_a_share_of_the_old() -> None:
    prototypes = Prototypes([1], 3, settings("pmr", momentum=0.2), CPU)
    prototypes.renew([torch.tensor([[1.0], [3.0], [5.0]])], torch.tensor([0, 0, 1]))
    assert prototypes.centres[0].flatten().tolist() == [2.0, 5.0, 0.0]
    prototypes.renew([torch.tensor([[12.0]])], torch.tensor([0]))
    assert prototypes.centres[0].flatten().tolist() == pytest.approx([0.2 * 2 + 0.8 * 12, 5.0, 0.0])


def test_blending_weighs_by_generalisation_over_overfitting_squared() -> None:
    # Head 0: dev falls by 0.4, the gap grows by 0.2: 10. Head 1: 0.2 and 0.2: 5. Head 2: dev rises.
    found = blend_weights([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.4, 0.6, 0.5], [0.6, 0.8, 1.1])
    assert found == pytest.approx([10 / 15, 5 / 15, 0.0])
    assert blend_weights([1, 1], [1, 1], [1, 1], [2, 2]) == [0.5, 0.5]


def test_blending_gives_every_encoder_a_gradient_of_its_own_head() -> None:
    blending = Blending([4, 5], 3, CPU)
    vectors = [torch.randn(6, 4, requires_grad=True), torch.randn(6, 5, requires_grad=True)]
    labels = torch.randint(0, 3, (6,))
    blending.weights = [0.2, 0.3, 0.5]
    own = torch.tensor(2.0)
    found = blending.loss(own, vectors, labels, None)
    heads = [torch.nn.functional.cross_entropy(s, labels) for s in blending.scores(vectors)]
    assert torch.allclose(found, 0.2 * heads[0] + 0.3 * heads[1] + 0.5 * own)
    assert all(float(g.abs().sum()) > 0 for g in torch.autograd.grad(found, vectors))
