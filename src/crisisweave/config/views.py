"""Data sets of views (thesis, chapter 5): how the views are made and what encodes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from crisisweave.config.source import RelativePath
from crisisweave.config.strict import StrictModel

Colour = Annotated[list[Annotated[int, Field(ge=0, le=255)]], Field(min_length=3, max_length=3)]


class Colours(StrictModel):
    """CG-MNIST: how colour follows the digit (thesis, 5.5.1). What the thesis leaves open is marked so."""

    sigma_train: float = Field(gt=0)
    """Spread of the colours around the mean colour of their digit in train and dev."""
    sigma_test: float = Field(default=1.0, gt=0)
    """The same in test: so wide that colour says little."""
    sigma_is: Literal["variance", "deviation"] = "variance"
    """Open: the thesis writes N(μ, σ) and calls σ the variance."""
    view: Literal["plain", "digit"] = "plain"
    """Open: a plain patch of the colour ("a monochromatic image"), or the digit in it ("a colored version of
    the MNIST dataset"). The published 29.5 % of this view alone are those of a patch: docs/balancing.md."""
    means: list[Colour] = Field(min_length=10, max_length=10)
    """Open: the mean colour of each digit, RGB."""
    norm_mean: float = 0.5
    norm_std: float = Field(default=0.5, gt=0)
    """Open: both views are (x − mean) / std of pixels in [0, 1]; μ and σ hold after that, as published."""
    clip: bool = False
    """Open: whether drawn colours are cut off at black and white."""
    seed: int = 0
    """Of the drawn colours."""


class Clips(StrictModel):
    """CREMA-D: what is read of a clip of sound and video (thesis, 5.5.2)."""

    frames: int = Field(default=3, ge=1, le=16)
    """Drawn from each clip's ready frames; table 5.3 has one."""
    apart: bool = False
    """Each frame is a view of its own; otherwise all of them are one view."""
    frame_folder: RelativePath = "Image-01-FPS"
    """Holds a folder of JPEG files for each clip."""
    seconds: float = Field(default=10.0, ge=0.1, le=60)
    """Of sound: a shorter clip is repeated, a longer one cut off. Ten give 1,004 columns."""
    side: int = Field(default=224, ge=8, le=1024)
    """Pixels of a frame."""
    dev_share: float = Field(default=0.1, gt=0, lt=1)
    """Of the training list (thesis, 5.5.1: 9 to 1)."""
    seed: int = 0
    """Of the rows of dev and of the drawn frames."""


class Objects(StrictModel):
    """ModelNet40: which ready views of an object are read."""

    numbers: Annotated[list[Annotated[int, Field(ge=1, le=999)]], Field(min_length=2)] = [1, 7]
    """As the files count them: of twelve around the object, the first is the front, the seventh the back."""
    side: int = Field(default=224, ge=8, le=1024)
    """Pixels of a view."""
    dev_share: float = Field(default=0.1, gt=0, lt=1)
    """Of the training objects, which have no dev split of their own."""
    seed: int = 0
    """Of the rows of dev."""


class ViewEncoder(StrictModel):
    """The encoder of each view."""

    network: Literal["convolutions", "resnet18"] = "convolutions"
    """`convolutions`: two convolutions and one max-pooling (5.5.2); `resnet18`: of timm, untrained."""
    channels: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2)] = [1, 3]
    """Of each view: 1 for sound and grey, 3 for colour."""
    width: int = Field(default=16, ge=1)
    """convolutions: channels of the first layer; the second has twice as many."""
    augment: Literal["none", "flip", "crop"] = "none"
    """What happens to pictures in training: `flip` mirrors half of them, `crop` also cuts a random part out
    of each and brings it to full size. Sound is left as it is."""
