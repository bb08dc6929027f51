"""What defines a joint encoder: `config/joint/<name>.yaml`.

A joint encoder reads words and image patches with one transformer (ViLT, Kim et al. 2021). It is either
trained by the workflow (`training`) or published on a model hub (`hub`), never both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from crisisweave.config.captioner import Optimisation
from crisisweave.config.hub import HubModel
from crisisweave.config.method import Source
from crisisweave.config.strict import StrictModel, load_named


class Patches(StrictModel):
    """How an image is cut up, and what is read of each piece."""

    encoder: str | None = None
    """Null: pixels, as ViLT. An image encoder's name: frozen features of each patch, which it sees alone."""
    size: int = Field(default=384, ge=8, le=1024)
    """Pixels of the square input."""
    patch: int = Field(default=32, ge=4)
    """Pixels along a patch's side."""

    @model_validator(mode="after")
    def _whole_patches(self) -> Patches:
        if self.size % self.patch:
            raise ValueError(f"size {self.size} is not a multiple of patch {self.patch}")
        return self

    @property
    def side(self) -> int:
        """Patches along a side of the image."""
        return self.size // self.patch


class Transformer(StrictModel):
    """Shape of a joint encoder that is trained by the workflow."""

    words: str = "package:minilm"
    """The text encoder that gives tokenizer and word embeddings; the embeddings stay as they came."""
    width: int = Field(ge=8)
    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _words_are_the_same_each_time(self) -> Transformer:
        # They are not stored with the encoder but read anew.
        if self.words.startswith("tiny:"):
            raise ValueError(
                f"the word embeddings of '{self.words}' are random: name a package: or hub: encoder"
            )
        return self

    @model_validator(mode="after")
    def _heads_divide_width(self) -> Transformer:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of {self.heads} heads")
        return self


class Pretraining(Optimisation):
    """Masked language modelling, image–text matching and word–patch alignment (ViLT, section 3.2).

    Pairs are each image with the captions and the tweets that go with it; no label is read.
    """

    dataset: str
    """A generated data set, which has captions of its images."""
    tasks: list[str] = Field(min_length=1)
    """The tasks whose train and dev images it may see; an image that any of them tests on is left out."""
    captions: int = Field(default=3, ge=0)
    """Captions of each image; its tweet is always a pair too."""
    mask: float = Field(default=0.2, gt=0, lt=1)
    """Share of the words that are masked."""
    alignment: float = Field(default=0.1, ge=0)
    """Weight of the word–patch alignment loss."""


class JointConfig(StrictModel):
    """One joint encoder, complete."""

    name: str
    title: str
    source: Source
    deviations: list[str] = []
    patches: Patches = Patches()
    max_tokens: int = Field(default=40, ge=4, le=512)
    """Longest text in tokens that it has positions for."""
    transformer: Transformer | None = None
    training: Pretraining | None = None
    hub: HubModel | None = None

    @model_validator(mode="after")
    def _consistent(self) -> JointConfig:
        if (self.training is None) == (self.hub is None):
            raise ValueError("give either 'training' or 'hub'")
        if (self.training is None) != (self.transformer is None):
            raise ValueError("'training' and 'transformer' belong together")
        if self.hub is not None and self.patches.encoder is not None:
            raise ValueError("a published joint encoder reads pixels: set patches.encoder to null")
        return self


def load_joint(
    name: str, config_dir: str | Path = "config", override: dict[str, Any] | None = None
) -> JointConfig:
    """Read config/joint/<name>.yaml, with `override` laid over it.

    Raises:
        ConfigError: there is no such encoder (the nearest name is given), or a key or value is wrong.
    """
    return load_named(Path(config_dir) / "joint", "joint encoder", name, JointConfig, override)
