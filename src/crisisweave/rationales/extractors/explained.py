"""What extractors need of a classifier, and the state in which they read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import Tensor, nn

from crisisweave.encoders.joint import JointEncoder, JointInput
from crisisweave.encoders.text import Tokens
from crisisweave.encoders.vilt import JointStates


class Explained(Protocol):
    """A joint classifier, a module, whose class scores come from its encoder's states."""

    encoder: JointEncoder

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


def of_class(scores: Tensor, target: Tensor) -> Tensor:
    """Of class scores (B, C), those of each row's class (B,)."""
    return scores.gather(1, target[:, None])[:, 0]
