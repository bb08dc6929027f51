"""Who gives encoders to a method: their published weights, or an exported folder that holds them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from crisisweave.config.regions import Lxmert, Regions
from crisisweave.encoders.image import ImageEncoder, load_image_encoder
from crisisweave.encoders.joint import JointEncoder
from crisisweave.encoders.joint_folder import load_joint_encoder
from crisisweave.encoders.lxmert_encoder import LxmertEncoder, load_lxmert
from crisisweave.encoders.regions import RegionDetector, load_detector
from crisisweave.encoders.text import TextEncoder, load_text_encoder
from crisisweave.layout import joint_folder


class Encoders(NamedTuple):
    """Encoder name → encoder, for each modality."""

    text: Callable[[str], TextEncoder]
    image: Callable[[str], ImageEncoder]
    joint: Callable[[str], JointEncoder]
    lxmert: Callable[[Lxmert, Regions], LxmertEncoder] = load_lxmert
    """By what its config says, and by what it sees of an image."""
    detector: Callable[[Regions], RegionDetector] = load_detector


def _joint(name: str) -> JointEncoder:
    return load_joint_encoder(name, joint_folder(name))


PRETRAINED = Encoders(load_text_encoder, load_image_encoder, _joint)
"""Each with its published weights, from packages and caches; joint encoders as the workflow made them."""
