"""What the first token, from which the class is read, attends to."""

from __future__ import annotations

import torch
from torch import Tensor

from crisisweave.encoders.joint import JointInput
from crisisweave.rationales.extractors.explained import Explained, reading


def attention(classifier: Explained, x: JointInput, target: Tensor) -> Tensor:
    """Attention of the first token to each token in the last layer, mean over heads (B, L).

    It is the same for every class.
    """
    last = _attentions(classifier, x)[-1][:, 0, : x.tokens.ids.shape[1]]
    return last.masked_fill(x.tokens.words < 0, 0.0)


def attention_rollout(classifier: Explained, x: JointInput, target: Tensor) -> Tensor:
    """Attention of the first token to each patch, followed through all layers (B, P).

    Abnar and Zuidema 2020, "Quantifying attention flow in transformers", section 3: the product over the
    layers of (A + I)/2, A the mean over heads. It is the same for every class.
    """
    flow = None
    for layer in reversed(_attentions(classifier, x)):
        if flow is None:
            flow = torch.zeros_like(layer[:, 0])
            flow[:, 0] = 1.0
        flow = (torch.bmm(flow[:, None], layer)[:, 0] + flow) / 2
    assert flow is not None
    return flow[:, x.tokens.ids.shape[1] + 1 :]


def _attentions(classifier: Explained, x: JointInput) -> list[Tensor]:
    """One (B, N, N) for each layer, mean over heads."""
    attentions: list[Tensor] = []
    encoder = classifier.encoder
    with reading(classifier, gradients=False):
        encoder.encode(*encoder.embed(x), x.tokens.mask, attentions)
    return [layer.mean(dim=1) for layer in attentions]
