"""What a method is given: one batch of tweets."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from crisisweave.encoders.text import Tokens


class Batch(NamedTuple):
    """One batch; what a method does not read is None.

    Attributes:
        text: tokens, each (B, L), or the frozen encoder's vectors (B, d).
        image: pixels (B, S, S, 3) uint8, or the frozen encoder's vectors (B, d).
    """

    text: Tokens | Tensor | None
    image: Tensor | None

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device."""
        return Batch(
            None if self.text is None else self.text.to(device),
            None if self.image is None else self.image.to(device),
        )
