"""What extractors need of a classifier, and the state in which they read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from crisisweave.encoders.joint import JointEncoder, JointInput
from crisisweave.encoders.text import Tokens
from crisisweave.encoders.text_only import TextOnly
from crisisweave.encoders.vilt import JointStates

AT_ONCE = {"cpu": 16, "cuda": 1024}
"""Inputs to one forward pass of many: what a processor's cache holds, what keeps an accelerator busy."""


class Explained(Protocol):
    """A joint classifier, a module, whose class scores come from its encoder's states."""

    encoder: JointEncoder | TextOnly

    def classify(self, states: JointStates) -> Tensor:
        """Class scores (B, C)."""

    def scores(self, x: JointInput) -> Tensor:
        """Class scores (B, C) of an input."""

    def modules(self) -> Iterator[nn.Module]:
        """The module and all below it."""


Extractor = Callable[[Explained, JointInput, Tensor], Tensor]
"""(classifier, input, class (B,)) → scores of tokens (B, L) or of patches (B, P)."""


@contextmanager
def reading(classifier: Explained, gradients: bool) -> Iterator[None]:
    """The classifier without dropout, with or without gradients, whatever is in force outside."""
    before = [(module, module.training) for module in classifier.modules()]
    for module, _ in before:
        module.training = False
    try:
        with torch.inference_mode(False), torch.set_grad_enabled(gradients):
            yield
    finally:
        for module, training in before:
            module.training = training


def usable(x: JointInput) -> JointInput:
    """The input as autograd takes it: tensors made in inference mode cannot be saved for a gradient."""
    tokens = Tokens(*(part.clone() if part.is_inference() else part for part in x.tokens))
    return JointInput(tokens, x.patches.clone() if x.patches.is_inference() else x.patches)


def embedded(encoder: JointEncoder | TextOnly, x: JointInput) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings of tokens (B, L, d), of patches (B, P, d), and of grey patches in their places (B, P, d).

    A patch is embedded by an affine map, so what lies between a patch and grey lies between their embeddings
    too, and need not be embedded for each mixture.
    """
    text, image = encoder.embed(x)
    grey = encoder.embed(x._replace(patches=encoder.grey.expand_as(x.patches)))[1]
    return text, image, grey


def of_class(scores: Tensor, target: Tensor) -> Tensor:
    """Of class scores (B, C), those of each row's class (B,)."""
    return scores.gather(1, target[:, None])[:, 0]


def log_probability(scores: Tensor, target: Tensor) -> Tensor:
    """Of class scores (B, C), the log-probability of each row's class (B,): what gradients are taken of.

    A class score by itself says nothing: all may shift together and no probability changes, but their
    gradients do. In double precision, where the gradient of a certain class does not vanish.
    """
    return of_class(scores.double().log_softmax(dim=1), target)
