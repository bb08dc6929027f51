"""What measures the similarity of a text and an image: `config/similarity/<name>.yaml`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from crisisweave.config.method import Source
from crisisweave.config.strict import StrictModel, load_named


class SimilarityConfig(StrictModel):
    """CLIP, or where there is none the dual encoder by which a captioner of the workflow chooses captions."""

    name: str
    title: str
    source: Source
    deviations: list[str] = []
    clip: str | None = Field(default=None, pattern="^open_clip:")
    """The model by its encoder name; its image half gives the frozen features, its text half reads tweets."""
    size: int = Field(default=224, ge=8, le=1024)
    """CLIP only: pixels of the square input."""
    captioner: str | None = None
    """Name of a captioner that is trained by the workflow."""

    @model_validator(mode="after")
    def _one_of_them(self) -> SimilarityConfig:
        if (self.clip is None) == (self.captioner is None):
            raise ValueError("give either 'clip' or 'captioner'")
        return self


def load_similarity(name: str, config_dir: Path) -> SimilarityConfig:
    """Read config/similarity/<name>.yaml.

    Raises:
        ConfigError: there is no such file (the nearest name is given), or a key or value is wrong.
    """
    return load_named(config_dir / "similarity", "similarity", name, SimilarityConfig)
