"""What a method is given: one batch of tweets."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from crisisweave.encoders.text import Tokens


class Batch(NamedTuple):
    """One batch; what a method does not read is None.

    Where a row has two views instead of text and image, `text` holds the first (B, C, H, W) and `image` the
    second.

    Attributes:
        text: tokens, each (B, L), or the frozen encoder's vectors (B, d).
        image: pixels (B, S, S, 3) uint8, the frozen encoder's vectors (B, d), or those of patches (B, P, d);
            of regions (B, R, d + 4), each a vector and its box: left, top, right, bottom as shares of the
            image's width and height.
        gold: in training of methods that learn rationales (B, L): 1 at tokens of the rationale, 0 at others,
            −1 at special tokens, at padding and in tweets whose rationale is not known.
    """

    text: Tokens | Tensor | None
    image: Tensor | None
    gold: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(
            None if self.text is None else self.text.to(device),
            None if self.image is None else self.image.to(device),
            None if self.gold is None else self.gold.to(device),
        )
