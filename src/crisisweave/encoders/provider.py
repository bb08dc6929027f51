"""Who gives encoders to a method: their published weights, or an exported folder that holds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from crisisweave.encoders.image import ImageEncoder, load_image_encoder
from crisisweave.encoders.text import TextEncoder, load_text_encoder


class Encoders(NamedTuple):
    """Encoder name → encoder, for each modality."""

    text: Callable[[str], TextEncoder]
    image: Callable[[str], ImageEncoder]


PRETRAINED = Encoders(load_text_encoder, load_image_encoder)
"""Each with its published weights, from packages and this machine's caches."""
