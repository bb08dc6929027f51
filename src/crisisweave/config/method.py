"""What defines a method: `config/methods/<name>.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from crisisweave.config.balance import Balance
from crisisweave.config.regions import Lxmert, Regions
from crisisweave.config.strict import StrictModel
from crisisweave.config.views import ViewEncoder

Modality = Literal["text", "image", "caption", "views"]


class Source(StrictModel):
    """Where a method was published."""

    document: str
    section: str
    table: str | None = None


class EncoderUse(StrictModel):
    """An encoder by name, and how the method uses it."""

    name: str
    """hub:<repo>@<revision>, open_clip:<model>/<tag>, timm:<model>, package:<name> or tiny:<name>."""
    tuned: bool = True
    """False: the encoder is frozen, so each input is encoded once and shared by all seeds and methods."""
    pooling: Literal["cls", "mean", "end"] = "cls"
    """Text only: how token states become one vector; `end`, the last token's, is how CLIP reads a text. Image
    encoders pool as they were built to."""
    tune_embeddings: bool = True
    """Text only: False leaves the word embeddings as they came (fewer parameters to store and step)."""
    size: int = Field(default=224, ge=8, le=1024)
    """Image only: pixels of the square input."""
    flip: bool = True
    """Image only, when tuned: mirror half of the training images."""
    grid: int = Field(default=1, ge=1, le=32)
    """Image only, when frozen: cells in each direction, for methods that read an image as a sequence."""


class Head(StrictModel):
    """The classification layer on top of the representation."""

    hidden: int | None = Field(default=None, ge=1)
    """Width of a hidden ReLU layer; null: one linear layer."""
    dropout: float = Field(default=0.1, ge=0, lt=1)


class FusionLayers(StrictModel):
    """Transformer layers over the tokens of both modalities (thesis, 3.5.2)."""

    layers: int = Field(default=4, ge=1)
    heads: int = Field(default=12, ge=1)
    width: int | None = Field(default=None, ge=1)
    """Null: that of the text encoder. Sequences of another width go through a linear layer first."""
    bottleneck: int | None = Field(default=None, ge=1)
    """Number of tokens through which alone the modalities see each other; null: each token sees all others
    (vanilla attention)."""
    dropout: float = Field(default=0.1, ge=0, lt=1)


class Convolutions(StrictModel):
    """Convolutions over word vectors (Kim, 2014)."""

    windows: list[Annotated[int, Field(ge=1)]] = Field(default=[3, 4, 5], min_length=1)
    """Words that a filter sees at a time."""
    filters: int = Field(default=100, ge=1)
    """Of each window."""


class Training(StrictModel):
    """The one training loop's settings."""

    optimizer: Literal["adamw", "sgd"] = "adamw"
    lr: float = Field(gt=0)
    """Learning rate of pretrained parameters."""
    head_lr: float | None = Field(default=None, gt=0)
    """Learning rate of newly initialised parameters; null: `lr`."""
    weight_decay: float = Field(default=0.01, ge=0)
    batch_size: int = Field(ge=1)
    epochs: int = Field(ge=1)
    patience: int = Field(default=3, ge=1)
    """Stop after this many epochs without a better dev score."""
    select_on: Literal["f1_macro", "f1_weighted", "accuracy"] = "f1_macro"
    """The dev metric that chooses the epoch."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """Share of all steps in which the learning rate rises from 0."""
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    floor: float = Field(default=0.0, ge=0, le=1)
    """Share of the learning rate at which the schedule ends."""
    keep: Literal["best", "last"] = "best"
    """Which epoch: the best on dev, or the last, whatever dev says (then `patience` is not looked at)."""
    clip: float | None = Field(default=1.0, gt=0)
    """Largest norm of the gradient; null: any."""
    precision: Literal["fp32", "bf16"] = "fp32"
    class_weights: Literal["none", "balanced"] = "none"
    """`balanced`: the loss of a row is weighted by n / (classes · n of its class), as counted in train."""


class Rationales(StrictModel):
    """Rationales that are learned from words and carried over to patches."""

    labels: str
    """Where the text rationales come from: a file in config/rationales/."""
    share: float = Field(default=1.0, gt=0, le=1)
    """Share of the annotated training tweets whose rationales are used, drawn by the run's seed."""
    alpha: float = Field(default=0.09, ge=0)
    """Weight of the rationale loss; 0 trains no word head, and words are then chosen by gradient × input."""
    hidden: int = Field(default=128, ge=1)
    """Width of the GRU in each direction."""
    guidance: float = Field(default=0.0, ge=0)
    """Weight in stage 1 of the class loss on the rationale's words and the patches near to them; 0, as in the
    sources: no label teaches stage 1 to bring words and patches together."""
    threshold: float | None = Field(default=None, gt=0, lt=1)
    """A word is chosen when one of its tokens has at least this probability. Null: that with the best word F1
    on dev, because the rebalanced loss gives probabilities as if every other token belonged to a rationale;
    one half where dev has no labels."""
    patches: Literal["transport", "rationale_transport", "saliency", "none"] = "transport"
    """`transport`: from the plan over all tokens, the rows of the rationale; `rationale_transport`: the plan
    over the rationale alone; `saliency`: Grad-CAM of stage 1 instead; `none`: text alone."""
    beta: float = Field(default=0.5, ge=0.05)
    """Of the proximal point method (IPOT)."""
    steps: int = Field(default=50, ge=1)
    """Proximal steps."""
    mass: Literal["largest", "expected"] = "largest"
    """A patch's score: the most mass that one token of the rationale sends to it, or the mass from all words,
    each weighted by its probability of belonging to the rationale."""
    spread: float | None = Field(default=None, gt=0)
    """Temperature of the softmax over the similarity of patches, by which those that look alike share their
    scores; null: each keeps its own."""
    select: Literal["z_score", "top"] = "z_score"
    z: float = 1.0
    """z_score: a patch is kept when its score is more than this many deviations above the image's mean."""
    top: float = Field(default=0.25, gt=0, le=1)
    """top: share of the patches that is kept."""
    second: Literal["separate", "joint"] = "separate"
    """Who predicts from the rationale: a second model, or the one that found it, trained for both at once."""
    scorer: str | None = None
    """The method, run on the same task and seeds, that scores the faithfulness of all explanations."""


class MethodConfig(StrictModel):
    """One method, complete: what it reads, its encoders, its head and its training."""

    name: str
    family: str
    """The module of `crisisweave.methods` that builds it."""
    title: str
    idea: str
    """Two sentences for the reader of the report."""
    source: Source
    deviations: list[str] = []
    """Where this file departs from the source, or fills what the source leaves open."""
    inputs: list[Modality]
    text: EncoderUse | None = None
    image: EncoderUse | None = None
    captioner: str | None = None
    """Name of a file in config/captioners/ (needed when `caption` is among the inputs)."""
    caption_share: float = Field(default=1.0, ge=0, le=1)
    """Mix training: share of the rows of train and dev that keep their caption, drawn by the run's seed; the
    others are text alone. A smaller share is contained in a larger one."""
    joint: str | None = None
    """Name of a file in config/joint/: one encoder for text and image together, instead of one for each."""
    lxmert: Lxmert | None = None
    """Family lxmert only: one encoder for words and regions, instead of one for each modality."""
    regions: Regions | None = None
    """Family lxmert only: what it sees of an image."""
    rationales: Rationales | None = None
    fusion_layers: FusionLayers | None = None
    """Family transformer_fusion only: its layers."""
    convolution: Convolutions | None = None
    """Family text_cnn only: its filters."""
    views: ViewEncoder | None = None
    """The encoder of each of two or more views, instead of text and image."""
    fusion: Literal["concat", "sum", "gated", "film", "only_0", "only_1", "only_2"] | None = None
    """Family fusion: how the vectors of the modalities meet, or which of them is read alone. Concat and sum
    take any number of them, gated and film two."""
    balance: Balance | None = None
    """How the modalities are balanced in training; null: not at all, and nothing is watched."""
    masking: float = Field(default=0.0, ge=0, le=1)
    """Family joint only: share of the training rows of which a random part is hidden."""
    max_tokens: int = Field(default=128, ge=4, le=512)
    rows: Literal["concordant", "all"] = "concordant"
    """Training rows: those on whose label both modalities agree, or all."""
    target: Literal["label", "label_text", "label_image"] = "label"
    """The label that is learned; scores are always on `label`."""
    equal_classes: bool = False
    """Learn from as many rows of each class as the rarest has in train, drawn by the run's seed."""
    head: Head = Head()
    training: Training | None = None
    rule: Literal["mean", "max", "or", "and"] | None = None
    """Decision fusion: how the members' decisions are combined."""
    members: dict[Literal["text", "image"], str] = {}
    """Decision fusion: the methods whose predictions are combined."""
    model_of: str | None = None
    """The method of the same family whose trained models are shown `inputs` alone; nothing is trained."""

    @model_validator(mode="after")
    def _consistent(self) -> MethodConfig:
        if (self.rule is None) != (not self.members):
            raise ValueError("'rule' and 'members' belong together: give both or neither")
        if self.members:
            if self.training is not None:
                raise ValueError("a decision fusion is not trained: remove 'training'")
            if set(self.members) != {"text", "image"}:
                raise ValueError("'members' needs the keys text and image")
            return self
        if self.model_of is not None:
            if self.training is not None or self.text is not None or self.image is not None:
                raise ValueError("a partial reading has the model of another: remove text, image, training")
            return self
        if self.training is None:
            raise ValueError("'training' is missing")
        if ("caption" in self.inputs) != (self.captioner is not None):
            raise ValueError("'caption' among the inputs and 'captioner' belong together")
        if self.joint is not None:
            if self.text is not None or self.image is not None or self.captioner is not None:
                raise ValueError(
                    "a 'joint' encoder reads text and image itself: remove text, image, captioner"
                )
            if self.inputs != ["text", "image"]:
                raise ValueError("a 'joint' encoder needs inputs: [text, image]")
        elif self.lxmert is not None:
            if self.text is not None or self.image is not None or self.inputs != ["text", "image"]:
                raise ValueError(
                    "'lxmert' reads words and regions itself: remove text and image, and set "
                    "inputs: [text, image]"
                )
        elif (self.text is not None) != bool({"text", "caption"} & set(self.inputs)):
            raise ValueError("a 'text' encoder and the inputs text or caption belong together")
        elif (self.image is not None) != ("image" in self.inputs):
            raise ValueError("an 'image' encoder and the input image belong together")
        if {self.lxmert is not None, self.regions is not None} != {self.family == "lxmert"}:
            raise ValueError("'lxmert', 'regions' and family: lxmert belong together")
        if (self.views is not None) != ("views" in self.inputs) or (self.views and self.inputs != ["views"]):
            raise ValueError("'views' and inputs: [views] belong together")
        if (self.fusion is not None) != (self.family == "fusion"):
            raise ValueError("'fusion' and family: fusion belong together")
        if self.family == "fusion" and self.views is None and (self.text is None or self.image is None):
            raise ValueError("family: fusion needs inputs: [views] or [text, image]")
        if self.balance is not None and not self.n_branches:
            raise ValueError("'balance' needs a method with a branch for each of two modalities; remove it")
        if self.n_branches > 2 and self.fusion in ("gated", "film"):
            raise ValueError(f"fusion: {self.fusion} is defined for two modalities; use concat or sum")
        if self.n_branches > 2 and self.balance is not None and self.balance.method == "pmr":
            raise ValueError("balance.method: pmr is defined for two modalities; use another one")
        if self.fusion == "only_2" and (self.views is None or len(self.views.channels) < 3):
            raise ValueError("fusion: only_2 needs a third view; give views.channels three entries")
        if self.masking and self.family != "joint":
            raise ValueError("'masking' belongs to family: joint; remove it")
        if (self.rationales is not None) != (self.family == "rationale"):
            raise ValueError("'rationales' and family: rationale belong together")
        if self.rationales is not None and (self.joint is None) != (self.rationales.patches == "none"):
            raise ValueError("rationales.patches is none exactly where there is no joint encoder")
        if self.rows == "all" and self.target == "label":
            raise ValueError(
                "rows: all needs target: label_text or label_image, because 'label' is empty in rows "
                "on which the modalities disagree"
            )
        if self.caption_share < 1 and not {"text", "caption"} <= set(self.inputs):
            raise ValueError("'caption_share' needs the inputs text and caption")
        if "caption" in self.inputs and self.text is not None and not self.text.tuned:
            raise ValueError("a frozen text encoder cannot read captions: set text.tuned to true")
        if self.family in ("joint", "rationale") and self.text is not None and not self.text.tuned:
            raise ValueError("words are hidden and explained by a tuned text encoder: set text.tuned to true")
        return self

    @model_validator(mode="after")
    def _sequences(self) -> MethodConfig:
        if (self.fusion_layers is not None) != (self.family == "transformer_fusion"):
            raise ValueError("'fusion_layers' and family: transformer_fusion belong together")
        if (self.convolution is not None) != (self.family == "text_cnn"):
            raise ValueError("'convolution' and family: text_cnn belong together")
        needs_words = self.fusion_layers is not None or self.convolution is not None
        if needs_words and self.text is not None and not self.text.tuned:
            raise ValueError(f"family {self.family} reads word by word: set text.tuned to true")
        if self.image is None:
            return self
        if self.image.grid > 1 and (self.image.tuned or self.fusion_layers is None):
            raise ValueError("image.grid is for frozen encoders of methods that read sequences: set it to 1")
        if self.fusion_layers is not None and not self.image.tuned and self.image.grid == 1:
            raise ValueError("a frozen image is one vector and no sequence: set image.grid above 1")
        return self

    @property
    def opens_images(self) -> bool:
        """True where the method itself reads images, as pixels, features or captions (a fusion does not)."""
        return "image" in self.inputs or self.captioner is not None

    @property
    def n_branches(self) -> int:
        """How many modalities have a branch of their own, so that their balance can be measured; else 0.

        Where sequences of both meet, no branch gives a vector.
        """
        if self.is_decision or self.joint is not None or self.rationales is not None:
            return 0
        if self.fusion_layers is not None or self.captioner is not None:
            return 0
        if (self.fusion or "").startswith("only_"):
            return 0
        if self.views is not None:
            return len(self.views.channels)
        return 2 if self.text is not None and self.image is not None else 0

    @property
    def scorers(self) -> list[str]:
        """The method that scores the faithfulness of this one's rationales; none for methods without any."""
        scorer = None if self.rationales is None else self.rationales.scorer
        return [] if scorer is None else [scorer]

    @property
    def is_decision(self) -> bool:
        """True for a method that combines the predictions of others and has no parameters."""
        return bool(self.members)

    @property
    def is_trained(self) -> bool:
        """True for a method with weights of its own."""
        return self.training is not None

    @property
    def needs_methods(self) -> list[str]:
        """Methods whose runs must be there first: members of a fusion, the trained model, the scorer."""
        return [*self.members.values(), *([] if self.model_of is None else [self.model_of]), *self.scorers]
