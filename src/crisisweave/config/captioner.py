"""What defines a captioner: `config/captioners/<name>.yaml`.

A captioner is one of three kinds:

- `mapper` and `language_model`: the features of an image become a prefix of pseudo-tokens that a causal
  language model continues (ClipCap, Mokady et al. 2021);
- `encoder_decoder`: a transformer reads the features of an image's places and writes word by word (Vaswani et
  al. 2017; CLIP_reward and Trans_cap in the thesis);
- `generator`: a model of the transformers library reads pixels and writes.

It is trained by the workflow (`training`), loaded from a published checkpoint (`published`), or read from the
model cache (`generator`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from crisisweave.config.hub import HubModel
from crisisweave.config.method import Source
from crisisweave.config.strict import StrictModel, load_named


class PinnedFile(StrictModel):
    """A file that the user fetches once and that is checked by its hash before every use."""

    file: str
    """Path below the weights folder."""
    sha256: str | None = Field(pattern=r"^[0-9a-f]{64}$")
    """Null where the project could not see the file: until the user fills it in, nothing is loaded."""
    origin: str
    """Where the file comes from, for a person."""
    url: str | None = Field(default=None, pattern=r"^https?://")
    """Where `crisisweave fetch` downloads it; null where that needs a browser."""


class ImageInput(StrictModel):
    """The frozen image features that the captioner reads."""

    encoder: str
    """An encoder name, for example `package:efficientnet_lite0`."""
    size: int = Field(default=224, ge=8, le=1024)
    """Pixels of the square input."""
    grid: int = Field(default=1, ge=1, le=14)
    """1: one pooled vector per image. g > 1: g × g pooled vectors, row by row."""
    normalise: Literal["none", "l2", "standard"]
    """`none` and `l2` as in ClipCap; `standard`: mean 0 and deviation 1 as measured on train."""


class Mapper(StrictModel):
    """From image features to the prefix."""

    kind: Literal["mlp", "transformer"]
    prefix_length: int = Field(default=10, ge=1)
    """Pseudo-tokens that the language model sees."""
    image_tokens: int = Field(default=10, ge=1)
    """Transformer only, and only for one vector per image: tokens into which that vector is spread."""
    layers: int = Field(default=8, ge=1)
    """Transformer only."""
    heads: int = Field(default=8, ge=1)
    """Transformer only."""


class LanguageModel(StrictModel):
    """Shape of the GPT-2 style causal language model; its vocabulary is its tokenizer's."""

    layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    width: int = Field(ge=1)
    positions: int = Field(ge=2)
    """Longest sequence, prefix included."""
    dropout: float = Field(default=0.1, ge=0, lt=1)

    @model_validator(mode="after")
    def _heads_divide_width(self) -> LanguageModel:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of {self.heads} heads")
        return self


class EncoderDecoder(StrictModel):
    """Shape of the transformer from image features to words; its vocabulary is its tokenizer's."""

    encoder_layers: int = Field(ge=1)
    decoder_layers: int = Field(ge=1)
    heads: int = Field(ge=1)
    width: int = Field(ge=1)
    feedforward: int = Field(ge=1)

    @model_validator(mode="after")
    def _heads_divide_width(self) -> EncoderDecoder:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of {self.heads} heads")
        return self


class Generator(HubModel):
    """A model of the transformers library that writes captions of pixels, read from the model cache."""

    size: int = Field(ge=8, le=1024)
    """Pixels of the square input."""
    precision: Literal["fp32", "bf16"] = "fp32"


class Decoding(StrictModel):
    """How candidates are generated."""

    method: Literal["greedy", "beam", "nucleus"] = "beam"
    candidates: int = Field(default=5, ge=1)
    """Beam width, or the number of samples; 1 for greedy."""
    max_tokens: int = Field(ge=1)
    top_p: float = Field(default=0.8, gt=0, le=1)
    """Nucleus only."""
    temperature: float = Field(default=1.0, gt=0)
    """Nucleus only."""
    stop: Literal["end", "."] = "end"
    """`end`: the tokenizer's end token; `.`: a full stop, which belongs to the caption, as in ClipCap."""
    batch_size: int = Field(default=128, ge=1)
    """Images generated for at once. Changes speed and memory, not captions."""

    @model_validator(mode="after")
    def _greedy_has_one(self) -> Decoding:
        if self.method == "greedy" and self.candidates != 1:
            raise ValueError("greedy decoding gives one candidate: set candidates to 1")
        return self


class Optimisation(StrictModel):
    """AdamW with a linear warm-up and a linear fall to 0; the epoch with the lowest dev loss is kept."""

    epochs: int = Field(ge=1)
    patience: int = Field(ge=1)
    """Stop after this many epochs without a lower dev loss."""
    batch_size: int = Field(ge=2)
    """Images per step."""
    lr: float = Field(gt=0)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of all steps in which the learning rate rises from 0."""
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient."""
    feature_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the image features that is zeroed in training."""


class Training(Optimisation):
    """Training of mapper and language model from scratch; an image brings all its captions into a step."""

    dataset: str
    """The data set with reference captions that it learns from."""
    tasks: list[str] = Field(min_length=1)
    """The tasks whose train and dev images it may see; an image that any of them tests on is left out."""
    vocabulary: int = Field(ge=300)
    """Largest byte-level BPE vocabulary, learned from the captions of train (256 entries are the bytes)."""


class DualEncoder(Optimisation):
    """A small image–text scorer trained on the same captions by contrast (InfoNCE). It is not CLIP."""

    kind: Literal["dual_encoder"]
    width: int = Field(ge=8)
    """Of the word states and of the shared space."""
    layers: int = Field(default=1, ge=1)
    heads: int = Field(default=4, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)


class ScorerImage(StrictModel):
    """Image embeddings that a scorer compares with."""

    encoder: str
    size: int = Field(default=224, ge=8, le=1024)


class Clip(StrictModel):
    """Cosine similarity in CLIP's shared space; the image features must be that model's image embeddings."""

    kind: Literal["clip"]
    model: str
    """open_clip's name of the architecture."""
    weights: PinnedFile
    image: ScorerImage | None = None
    """That model's image encoder; null where the captioner reads its embeddings itself."""


class Published(StrictModel):
    """A published checkpoint and the tokenizer of its language model."""

    checkpoint: PinnedFile
    tokenizer: PinnedFile


class CaptionerConfig(StrictModel):
    """One captioner, complete."""

    name: str
    title: str
    source: Source
    deviations: list[str] = []
    image: ImageInput | None = None
    """Null for a generator, which reads pixels."""
    mapper: Mapper | None = None
    language_model: LanguageModel | None = None
    encoder_decoder: EncoderDecoder | None = None
    generator: Generator | None = None
    decoding: Decoding
    scorer: Annotated[DualEncoder | Clip, Field(discriminator="kind")]
    """Which of an image's candidates is kept: the one with the highest image–text score."""
    training: Training | None = None
    published: Published | None = None

    @model_validator(mode="after")
    def _consistent(self) -> CaptionerConfig:
        if (self.mapper is None) != (self.language_model is None):
            raise ValueError("'mapper' and 'language_model' belong together: give both or neither")
        kinds = [part for part in (self.mapper, self.encoder_decoder, self.generator) if part is not None]
        if len(kinds) != 1:
            raise ValueError("give one of 'mapper' with 'language_model', 'encoder_decoder', 'generator'")
        origins = [part for part in (self.training, self.published, self.generator) if part is not None]
        if len(origins) != 1:
            raise ValueError("give either 'training' or 'published'; a 'generator' has neither")
        if (self.training is None) != isinstance(self.scorer, Clip):
            raise ValueError("a trained captioner has a dual_encoder as scorer, a published one has clip")
        if self.training is not None and self.mapper is None:
            raise ValueError("only captioners with 'mapper' and 'language_model' are trained here")
        if (self.image is None) != (self.generator is not None):
            raise ValueError("'image' says which features are read: a generator reads pixels and has none")
        if self.generator is not None and self.decoding.method == "nucleus":
            raise ValueError("a generator cannot sample each image by its own seed: use beam or greedy")
        if self.image is not None:
            self._check_image(self.image)
        elif self.scorer_image is None:
            raise ValueError("a generator's scorer needs image embeddings: give scorer.image")
        if self.mapper is not None and self.language_model is not None:
            self._check_prefix(self.mapper, self.language_model)
        return self

    def _check_image(self, image: ImageInput) -> None:
        if self.published is not None and image.normalise == "standard":
            raise ValueError(
                "'normalise: standard' is measured on train: a published checkpoint has none or l2"
            )
        if isinstance(self.scorer, Clip) and self.scorer_image is None and image.grid != 1:
            raise ValueError(
                "the clip scorer reads one vector per image: set image.grid to 1 or give scorer.image"
            )

    def _check_prefix(self, mapper: Mapper, language_model: LanguageModel) -> None:
        needed = mapper.prefix_length + self.decoding.max_tokens
        if needed > language_model.positions:
            raise ValueError(
                f"prefix and max_tokens need {needed} positions, language_model.positions is "
                f"{language_model.positions}"
            )
        if mapper.kind == "transformer" and language_model.width % mapper.heads:
            raise ValueError(
                f"language_model.width {language_model.width} is not a multiple of "
                f"mapper.heads {mapper.heads}"
            )

    @property
    def scorer_image(self) -> ScorerImage | None:
        """The image embeddings that the scorer reads where they are not the captioner's own features."""
        return self.scorer.image if isinstance(self.scorer, Clip) else None

    @property
    def encodings(self) -> list[tuple[str, int, int]]:
        """Encoder, size and grid of each of the frozen image features that it reads."""
        read = [] if self.image is None else [(self.image.encoder, self.image.size, self.image.grid)]
        scorer = self.scorer_image
        return read if scorer is None else [*read, (scorer.encoder, scorer.size, 1)]


def load_captioner(
    name: str, config_dir: str | Path = "config", override: dict[str, Any] | None = None
) -> CaptionerConfig:
    """Read config/captioners/<name>.yaml, with `override` laid over it.

    Raises:
        ConfigError: there is no such captioner (the nearest name is given), or a key or value is wrong.
    """
    return load_named(Path(config_dir) / "captioners", "captioner", name, CaptionerConfig, override)
