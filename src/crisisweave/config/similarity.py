"""What measures the similarity of a text and an image: `config/similarity/<name>.yaml`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from crisisweave.config.method import Source
from crisisweave.config.strict import StrictModel, load_named


class SimilarityConfig(StrictModel):
    """CLIP, or where there is none a text encoder that compares the tweet with the image's caption."""

    name: str
    title: str
    source: Source
    deviations: list[str] = []
    clip: str | None = Field(default=None, pattern="^open_clip:")
    """The model by its encoder name; its image half gives the frozen features, its text half reads tweets."""
    size: int = Field(default=224, ge=8, le=1024)
    """CLIP only: pixels of the square input."""
    captioner: str | None = None
    """Name of a file in config/captioners/: the image is what its caption says."""
    encoder: str | None = None
    """With `captioner`: the text encoder that reads tweets and captions; its token states are averaged."""

    @model_validator(mode="after")
    def _one_of_them(self) -> SimilarityConfig:
        if (self.clip is None) == (self.captioner is None):
            raise ValueError("give either 'clip' or 'captioner'")
        if (self.captioner is None) != (self.encoder is None):
            raise ValueError("'captioner' and 'encoder' belong together: give both or neither")
        return self


def load_similarity(name: str, config_dir: Path) -> SimilarityConfig:
    """Read config/similarity/<name>.yaml.

    Raises:
        ConfigError: there is no such file (the nearest name is given), or a key or value is wrong.
    """
    return load_named(config_dir / "similarity", "similarity", name, SimilarityConfig)
