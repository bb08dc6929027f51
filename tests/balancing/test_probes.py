"""Linear probes: they learn as autograd would make them, and leave no trace in the encoders."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from toy_views import batch, built, settings

from crisisweave.balancing.layer import Balancer
from crisisweave.balancing.probes import Modulation

CPU = torch.device("cpu")


def test_a_probe_learns_exactly_as_a_linear_layer_under_sgd_with_momentum() -> None:
    torch.manual_seed(0)
    modulation = Modulation([7, 5], 4, 0.1, CPU)
    layers = [nn.Linear(7, 4), nn.Linear(5, 4)]
    collected: list[list[torch.Tensor]] = [[], []]
    for layer in layers:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    optimiser = torch.optim.SGD([p for layer in layers for p in layer.parameters()], lr=0.1, momentum=0.9)
    for n in (16,) * 10 + (3,):
        vectors, labels = [torch.randn(n, 7), torch.randn(n, 5)], torch.randint(0, 4, (n,))
        modulation.learn(vectors, labels)
        optimiser.zero_grad()
        for found, layer, z in zip(collected, layers, vectors, strict=True):
            scores = layer(z)
            found.append(scores.softmax(dim=1)[torch.arange(n), labels].detach())
            nn.functional.cross_entropy(scores, labels).backward()
        optimiser.step()
    for m, layer in enumerate(layers):
        width = layer.in_features
        assert torch.allclose(modulation.weight[m, :, :width], layer.weight, atol=1e-6)
        assert torch.allclose(modulation.weight[m, :, -1], layer.bias, atol=1e-6)
        assert torch.allclose(modulation.scores(vectors)[m], layer(vectors[m]), atol=1e-6)
    means = modulation.close_epoch()
    assert np.allclose(means, [torch.cat(found).mean() for found in collected]), "scored before each step"
    assert modulation.close_epoch() == [0.0, 0.0], "the next epoch starts from nothing"


def test_the_encoders_gradients_are_the_same_to_the_bit_with_and_without_probes() -> None:
    labels = torch.arange(12) % 3
    model = built()
    model.loss(batch(), labels, None).backward()
    bare = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model = built()
    balancer = Balancer(model, settings("none"), np.arange(12) % 3, 3, 1, CPU)
    for _ in range(3):
        model.zero_grad()
        balancer.loss(batch(), labels, None, None).backward()
    assert bare
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert torch.equal(parameter.grad, bare[name]), name
    assert balancer.modulation.weight.abs().sum() > 0, "the probes did learn"
