"""Data sets of paired views (thesis, chapter 5): how the views are made and what encodes them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

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


class ViewEncoder(StrictModel):
    """The encoder of each view."""

    network: Literal["convolutions", "resnet18"] = "convolutions"
    """`convolutions`: two convolutions and one max-pooling (5.5.2); `resnet18`: of timm, untrained."""
    channels: Annotated[list[int], Field(min_length=2, max_length=2)] = [1, 3]
    """Of the two views."""
    width: int = Field(default=16, ge=1)
    """convolutions: channels of the first layer; the second has twice as many."""
