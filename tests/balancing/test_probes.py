"""Linear probes: they learn as autograd would make them, and leave no trace in the encoders."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from toy_views import batch, built, settings

from crisisweave.balancing.layer import Balancer
from crisisweave.balancing.probes import Modulation, Probe

CPU = torch.device("cpu")


def test_a_probe_learns_exactly_as_a_linear_layer_under_sgd_with_momentum() -> None:
    torch.manual_seed(0)
    probe, layer = Probe(7, 4, 0.1, CPU), nn.Linear(7, 4)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    optimiser = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    for _ in range(20):
        z, labels = torch.randn(16, 7), torch.randint(0, 4, (16,))
        expected = layer(z).softmax(dim=1)[torch.arange(16), labels]
        assert torch.allclose(probe.learn(z, labels), expected, atol=1e-6), "scored before the step"
        optimiser.zero_grad()
        nn.functional.cross_entropy(layer(z), labels).backward()
        optimiser.step()
    assert torch.allclose(probe.weight[:, :-1], layer.weight, atol=1e-6)
    assert torch.allclose(probe.weight[:, -1], layer.bias, atol=1e-6)
    assert torch.allclose(probe.scores(z), layer(z), atol=1e-6)


def test_s_is_the_mean_probability_of_the_right_class_over_the_epoch() -> None:
    torch.manual_seed(0)
    modulation = Modulation([5, 6], 3, 0.2, CPU)
    apart = [Probe(5, 3, 0.2, CPU), Probe(6, 3, 0.2, CPU)]
    collected: list[list[torch.Tensor]] = [[], []]
    for n in (8, 8, 3):
        vectors, labels = [torch.randn(n, 5), torch.randn(n, 6)], torch.randint(0, 3, (n,))
        modulation.learn(vectors, labels)
        for found, probe, z in zip(collected, apart, vectors, strict=True):
            found.append(probe.learn(z, labels))
    scores = modulation.close_epoch()
    assert np.allclose(scores, [torch.cat(found).mean() for found in collected])
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
    assert balancer.modulation.probes[0].weight.abs().sum() > 0, "the probes did learn"
