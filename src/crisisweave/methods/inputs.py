"""What a method is given: one batch of tweets."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from crisisweave.encoders.text import Tokens


class Batch(NamedTuple):
    """One batch; what a method does not read is None.

    Where a row has views instead of text and image, `text` holds the first, `image` the second and `more` any
    others: each (B, C, H, W), or pictures (B, T, 3, S, S) uint8.

    Attributes:
        text: tokens, each (B, L), or the frozen encoder's vectors (B, d).
        image: pixels (B, S, S, 3) uint8, the frozen encoder's vectors (B, d), or those of patches (B, P, d);
            of regions (B, R, d + 4), each a vector and its box: left, top, right, bottom as shares of the
            image's width and height.
        gold: in training of methods that learn rationales (B, L): 1 at tokens of the rationale, 0 at others,
            −1 at special tokens, at padding and in tweets whose rationale is not known.
        more: third and further views.
    """

    text: Tokens | Tensor | None
    image: Tensor | None
    gold: Tensor | None = None
    more: tuple[Tensor, ...] = ()

    @property
    def views(self) -> tuple[Tokens | Tensor | None, ...]:
        """What modality 0, 1, … is read from."""
        return (self.text, self.image, *self.more)

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(
            None if self.text is None else self.text.to(device),
            None if self.image is None else self.image.to(device),
            None if self.gold is None else self.gold.to(device),
            tuple(view.to(device) for view in self.more),
        )
