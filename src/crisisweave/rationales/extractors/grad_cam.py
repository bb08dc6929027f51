"""Grad-CAM (Selvaraju et al. 2017, "Grad-CAM: Visual explanations from deep networks", equations 1 and 2)."""

from __future__ import annotations

import torch
from torch import Tensor

from crisisweave.encoders.joint import JointInput
from crisisweave.encoders.vilt import Layer
from crisisweave.rationales.extractors.explained import Explained, log_probability, reading, usable


def grad_cam(classifier: Explained, x: JointInput, target: Tensor) -> Tensor:
    """ReLU(Σ_k α_k A_k) with α_k the mean over patches of ∂log p/∂A_k, p the class's probability (B, P).

    A are the patches' states as the last layer's attention reads them, normalised. The states that this layer
    gives are of no use: the class is read at the first token, to which they no longer speak, so that their
    gradients are zero.
    """
    read: list[Tensor] = []
    encoder = classifier.encoder
    last = encoder.network.layers[-1]
    assert isinstance(last, Layer)
    with reading(classifier, gradients=True):
        x = usable(x)
        length = x.tokens.ids.shape[1]
        handle = last.before.register_forward_hook(lambda _module, _given, states: read.append(states))
        try:
            # Gradients are wanted from the last layer on only; what comes before it needs no graph.
            with torch.no_grad():
                text, image = encoder.embed(x)
            score = log_probability(
                classifier.classify(encoder.encode(text, image.requires_grad_(), x.tokens.mask)), target
            )
        finally:
            handle.remove()
        (gradients,) = torch.autograd.grad(score.sum(), read)
    states, gradients = read[0][:, length + 1 :].detach(), gradients[:, length + 1 :]
    weights = gradients.mean(dim=1, keepdim=True)
    return (weights * states).sum(dim=2).relu()
