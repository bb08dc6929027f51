"""What LXMERT is made of, and what it sees of an image (keys `lxmert` and `regions` of a method)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from crisisweave.config.hub import HubModel
from crisisweave.config.strict import StrictModel

TINY_DETECTOR = "tiny:detr"
"""A small detector with random weights: for tests and for workflows without pretrained weights."""


class Regions(StrictModel):
    """Regions of an image: of each a vector and a box. A detector finds them, or they are a grid's cells."""

    detector: HubModel | Literal["tiny:detr"] | None = None
    """A DETR; a region's vector is the mean of its backbone's last map inside the box."""
    boxes: int = Field(default=36, ge=1, le=100)
    """Detector only: boxes kept of each image, the surest ones."""
    encoder: str | None = None
    """Grid only: a frozen image encoder; a region's vector is the mean of its last map inside the cell."""
    cells: int = Field(default=6, ge=1, le=14)
    """Grid only: cells along a side."""
    size: int = Field(ge=8, le=1024)
    """Detector: pixels to which the shorter side is brought; grid: pixels of the square input."""
    width: int = Field(default=2048, ge=1)
    """Numbers in a region's vector."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Regions:
        if (self.detector is None) == (self.encoder is None):
            raise ValueError("give either 'detector' or, for a grid, 'encoder'")
        return self

    def detector_name(self, said_in: str = "the method's regions.detector") -> str:
        """The detector by the name under which it is fetched.

        Raises:
            ConfigError: its revision is not filled in.
        """
        assert self.detector is not None
        return self.detector.encoder_name(said_in) if isinstance(self.detector, HubModel) else self.detector

    @property
    def count(self) -> int:
        """Regions of each image."""
        return self.boxes if self.encoder is None else self.cells**2


class Lxmert(StrictModel):
    """An LXMERT: a published one, or one whose language layers are a BERT's and whose others start fresh."""

    hub: HubModel | None = None
    language: str | None = None
    """A text encoder with BERT's layers; null: `hub`."""
    tune_words: bool = True
    """With `language`: False leaves its word embeddings as they came."""
    relation_layers: int = Field(default=5, ge=1)
    """With `language`: layers over the regions alone."""
    cross_layers: int = Field(default=5, ge=1)
    """With `language`: layers in which words and regions see each other."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Lxmert:
        if (self.hub is None) == (self.language is None):
            raise ValueError("give either 'hub' or 'language'")
        # They are not stored with the run but read anew.
        if self.language is not None and self.language.startswith("tiny:") and not self.tune_words:
            raise ValueError(f"the word embeddings of '{self.language}' are random: set tune_words to true")
        return self


def models_of(lxmert: Lxmert, regions: Regions, said_in: str) -> list[tuple[HubModel | str, str]]:
    """What an LXMERT and the regions that it reads start from: hub models and encoders' names, each with the
    file and key that hold it.

    Args:
        lxmert: the encoder.
        regions: what it sees.
        said_in: the file that holds both.
    """
    found = [
        (lxmert.hub, f"{said_in}: lxmert.hub"),
        (lxmert.language, f"{said_in}: lxmert.language"),
        (regions.encoder, f"{said_in}: regions.encoder"),
        (regions.detector, f"{said_in}: regions.detector"),
    ]
    return [(model, place) for model, place in found if model is not None]


def weights_of(lxmert: Lxmert, regions: Regions, said_in: str) -> list[str]:
    """Names of `models_of`.

    Raises:
        ConfigError: a revision is not filled in.
    """
    return [
        model if isinstance(model, str) else model.encoder_name(place)
        for model, place in models_of(lxmert, regions, said_in)
    ]
