"""Integrated gradients (Sundararajan et al. 2017, "Axiomatic attribution for deep networks"), by captum."""

from __future__ import annotations

import torch
from torch import Tensor

from crisisweave.encoders.joint import JointInput
from crisisweave.rationales.extractors.explained import (
    AT_ONCE,
    Explained,
    embedded,
    log_probability,
    reading,
    usable,
)

STEPS = 16
"""Points of the Gauss–Legendre rule between the grey image and the image."""


def integrated_gradients(classifier: Explained, x: JointInput, target: Tensor) -> Tensor:
    """Attribution of each patch, against the same text with a grey image (B, P), signed.

    Those of an image sum to what it adds to the log-probability of the class (completeness); a patch with a
    negative one speaks against the class. The path is walked among the embeddings, to which patches are
    brought by an affine map: the sum over a patch's numbers is the same there, and much is computed once.
    """
    from captum.attr import IntegratedGradients

    encoder = classifier.encoder

    def score(image: Tensor, text: Tensor, mask: Tensor, wanted: Tensor) -> Tensor:
        return log_probability(classifier.classify(encoder.encode(text, image, mask)), wanted)

    with reading(classifier, gradients=True):
        x = usable(x)
        with torch.no_grad():
            text, image, grey = embedded(encoder, x)
        attributions: Tensor = IntegratedGradients(score).attribute(
            image,
            baselines=grey,
            additional_forward_args=(text, x.tokens.mask, target.clone()),
            n_steps=STEPS,
            internal_batch_size=max(AT_ONCE[image.device.type], len(image)),
        )
    return attributions.sum(dim=2).detach()
