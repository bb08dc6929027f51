"""Integrated gradients (Sundararajan et al. 2017, "Axiomatic attribution for deep networks"), by captum."""

from __future__ import annotations

from torch import Tensor

from crisisweave.encoders.joint import JointInput
from crisisweave.encoders.text import Tokens
from crisisweave.rationales.extractors.explained import Explained, of_class, reading, usable

STEPS = 32
"""Points of the Gauss–Legendre rule between the grey image and the image."""
_BATCH = 256


def integrated_gradients(classifier: Explained, x: JointInput, target: Tensor) -> Tensor:
    """Attribution of each patch, against the same text with a grey image (B, P), signed.

    The attributions of a patch's numbers are added up, so that those of an image sum to the difference that
    the image makes to the class score (completeness); a negative one speaks against the class.
    """
    from captum.attr import IntegratedGradients

    def score(patches: Tensor, wanted: Tensor, *tokens: Tensor) -> Tensor:
        return of_class(classifier.scores(JointInput(Tokens(*tokens), patches)), wanted)

    with reading(classifier, gradients=True):
        x = usable(x)
        attributions: Tensor = IntegratedGradients(score, multiply_by_inputs=True).attribute(
            x.patches,
            baselines=classifier.encoder.grey.expand_as(x.patches),
            additional_forward_args=(target.clone(), *x.tokens),
            n_steps=STEPS,
            internal_batch_size=max(_BATCH, len(x.patches)),
        )
    return attributions.detach().sum(dim=2).to(x.patches.dtype)
