"""Gradient × input (Shrikumar et al. 2016; for words as in DeYoung et al. 2020, ERASER, section 5)."""

from __future__ import annotations

import torch
from torch import Tensor

from crisisweave.encoders.joint import JointInput
from crisisweave.rationales.extractors.explained import Explained, log_probability, reading, usable


def gradient_input(classifier: Explained, x: JointInput, target: Tensor) -> Tensor:
    """Σ_d e_d · ∂log p/∂e_d of each token's embedding e (B, L), signed.

    Of the embedding as it enters the transformer, position and type included: to first order, what the
    class's log-probability would lose if the token were not there at all.
    """
    encoder = classifier.encoder
    with reading(classifier, gradients=True):
        x = usable(x)
        with torch.no_grad():
            text, image = encoder.embed(x)
        text.requires_grad_()
        score = log_probability(classifier.classify(encoder.encode(text, image, x.tokens.mask)), target)
        (gradient,) = torch.autograd.grad(score.sum(), text)
    return (gradient * text.detach()).sum(dim=2).masked_fill(x.tokens.words < 0, 0.0)
