"""From tweets to probabilities: a trained method with the encoders and the captioner that it reads through.

What the workflow computes once for a whole data set (features of frozen encoders, captions) is computed here
for the tweets at hand, with the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crisisweave.captioning.caption import candidates
from crisisweave.captioning.folder import Captioner
from crisisweave.config.captioner import CaptionerConfig
from crisisweave.config.joint import Patches
from crisisweave.config.regions import Regions
from crisisweave.config.run import RunConfig
from crisisweave.datasets.text import model_words, words
from crisisweave.encoders.features import (
    IMAGE_BATCH,
    PATCH_BATCH,
    TEXT_BATCH,
    for_features,
    image_features,
    patch_features,
    text_features,
)
from crisisweave.encoders.image import ImageEncoder
from crisisweave.encoders.provider import Encoders
from crisisweave.encoders.region_rows import grid_boxes, with_boxes
from crisisweave.encoders.regions import RegionDetector, detect
from crisisweave.encoders.text import TextEncoder, TokenLists, Tokens
from crisisweave.images.store import centre_squares
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.decision import combine
from crisisweave.methods.inputs import Batch
from crisisweave.methods.rationale import RationaleClassifier
from crisisweave.prediction.given import Given
from crisisweave.prediction.rationale import Rationale, rationales_of
from crisisweave.training.loop import probabilities


class Answers(NamedTuple):
    """Class probabilities (N, C) of N tweets, and the captions that were made on the way, if any.

    `rationales` are given where they are asked for and the method has some.
    """

    probabilities: NDArray[np.float64]
    captions: list[str] | None
    rationales: list[Rationale] | None = None


class Remembered:
    """Encoders that are loaded once: a method is built from them, and the frozen ones are run besides."""

    def __init__(self, source: Encoders):
        self._source = source
        self.texts: dict[str, TextEncoder] = {}
        self.images: dict[str, ImageEncoder] = {}
        self._detector: RegionDetector | None = None

    def text(self, name: str) -> TextEncoder:
        """The text encoder of a name."""
        if name not in self.texts:
            self.texts[name] = self._source.text(name)
        return self.texts[name]

    def image(self, name: str) -> ImageEncoder:
        """The image encoder of a name."""
        if name not in self.images:
            self.images[name] = self._source.image(name)
        return self.images[name]

    def detector(self, regions: Regions) -> RegionDetector:
        """The detector of a method's regions."""
        if self._detector is None:
            self._detector = self._source.detector(regions)
        return self._detector

    def provider(self) -> Encoders:
        """The same, as methods take them: whoever asks twice trains two of one name, and gets two."""
        given: set[str] = set()

        def text(name: str) -> TextEncoder:
            if name in given:
                return self._source.text(name)
            given.add(name)
            return self.text(name)

        return self._source._replace(text=text, image=self.image)


class CaptionMaker:
    """A captioner with the image encoders that it and its scorer read through: `config.encodings`."""

    def __init__(self, config: CaptionerConfig, captioner: Captioner, encoders: Sequence[ImageEncoder]):
        self.config, self.captioner, self.encoders = config, captioner, encoders
        self._device = next(captioner.model.parameters()).device
        for encoder in encoders:
            for_features(encoder, self._device)

    def captions(self, given: Sequence[Given]) -> list[str]:
        """The chosen caption of each image."""
        found: list[str] = []
        for start in range(0, len(given), self.config.decoding.batch_size):
            block = given[start : start + self.config.decoding.batch_size]
            seen = [
                _in_cells(_encoded(encoder, block, size, grid, self._device))
                for encoder, (_, size, grid) in zip(self.encoders, self.config.encodings, strict=True)
            ]
            names = [row.name for row in block]
            # The workflow captions with seed 0, whatever the run's own.
            own = candidates(self.captioner, self.config, self._read(block, seen), names, 0, seen[-1])
            found += [each.texts[each.chosen] for each in own]
        return found

    def _read(self, block: Sequence[Given], seen: Sequence[Tensor]) -> Tensor:
        """What the captioner reads of images: pixels, or the first of their features."""
        if self.config.generator is not None:
            return _pixels(block, self.config.generator.size).to(self._device)
        return seen[0]


class Seen:
    """What sees the regions of an image for a method that reads them."""

    def __init__(self, regions: Regions, encoders: Remembered, device: torch.device):
        self._regions, self._device = regions, device
        self._detector: RegionDetector | None = None
        self._encoder: ImageEncoder | None = None
        if regions.encoder is None:
            self._detector = encoders.detector(regions).to(device)
        else:
            self._encoder = for_features(encoders.image(regions.encoder), device)

    def regions(self, given: Sequence[Given]) -> Tensor:
        """The regions of the images (n, R, D + 4), as exact as the workflow stores them."""
        if self._encoder is not None:
            size, cells = self._regions.size, self._regions.cells
            vectors = _encoded(self._encoder, given, size, cells, self._device)
            return with_boxes(vectors.cpu(), grid_boxes(cells))
        assert self._detector is not None
        images = [row.image for row in given if row.image is not None]
        found, boxes = detect(self._detector, images, self._regions, self._device)
        return with_boxes(torch.from_numpy(found), torch.from_numpy(boxes))


class Trained:
    """A method with weights of its own.

    Attributes:
        config: the run that it comes from.
        needs: what must be given: `text`, `image` or both.
        makes_captions: whether captions are made on the way.
        shorter_side: size at which its images are kept, None where it reads none.
    """

    def __init__(
        self,
        config: RunConfig,
        model: Classifier,
        encoders: Remembered,
        captioner: CaptionMaker | None,
        device: torch.device,
    ):
        self.config, self.encoders, self.captioner = config, encoders, captioner
        self.needs: frozenset[str] = frozenset(
            {"caption": "image"}.get(each, each) for each in config.method.inputs
        )
        self.shorter_side = config.shorter_side
        self.makes_captions = captioner is not None
        self.model = model.to(device)
        self._device = device
        text, image = config.method.text, config.method.image
        self.frozen_text = encoders.text(text.name).eval().to(device) if text and not text.tuned else None
        self.frozen_image = (
            for_features(encoders.image(image.name), device) if image and not image.tuned else None
        )
        self.seen = None if config.method.regions is None else Seen(config.method.regions, encoders, device)
        patches = patch_encoder(config)
        self.frozen_patches = for_features(encoders.image(patches), device) if patches else None

    def answers(self, given: Sequence[Given], explain: bool = False) -> Answers:
        """Probabilities and captions of tweets, at least one; with `explain` also what decided."""
        # Not inference mode: rationales that follow a gradient go back through what is read here.
        with torch.no_grad():
            captions = self.captioner.captions(given) if self.captioner else None
            rows = _Rows(self._text(given, captions), self._image(given), len(given))
        found = None
        if explain and isinstance(self.model, RationaleClassifier):
            found = rationales_of(self.model, rows, [words(str(row.text)) for row in given], self._device)
        return Answers(probabilities(self.model, rows, self._device), captions, found)

    def _text(self, given: Sequence[Given], captions: list[str] | None) -> TokenLists | Tensor | None:
        method, joint = self.config.method, self.model.joint
        if joint is not None:
            longest = min(method.max_tokens, joint.positions)
            return joint.tokenise([model_words(str(row.text)) for row in given], longest)
        if self.model.lxmert is not None:
            tweets = [model_words(str(row.text)) for row in given]
            return self.model.lxmert.tokenise(tweets, method.max_tokens)
        if method.text is None:
            return None
        halves = []
        if "text" in method.inputs:
            halves.append([model_words(str(row.text)) for row in given])
        if captions is not None:
            halves.append([caption.split() for caption in captions])
        encoder = self.frozen_text or self.encoders.text(method.text.name)
        second = halves[1] if len(halves) > 1 else None
        tokens = encoder.tokenise(halves[0], second, max_tokens=method.max_tokens)
        return tokens if self.frozen_text is None else self._frozen_vectors(tokens)

    def _frozen_vectors(self, tokens: TokenLists) -> Tensor:
        assert self.frozen_text is not None
        assert self.config.method.text is not None
        order = np.argsort(tokens.lengths(), kind="stable")
        vectors = torch.empty((len(order), self.frozen_text.dim))
        for start in range(0, len(order), TEXT_BATCH):
            rows = order[start : start + TEXT_BATCH]
            batch = tokens.pad(rows).to(self._device)
            vectors[rows] = text_features(self.frozen_text, batch, self.config.method.text.pooling).cpu()
        return vectors

    def _image(self, given: Sequence[Given]) -> Tensor | Callable[[NDArray[np.int64]], Tensor] | None:
        if self.model.joint is not None:
            patches = self.model.joint.patches
            if patches is None:
                return None
            if self.frozen_patches is not None:
                return _encoded_patches(self.frozen_patches, given, patches, self._device).cpu()
            return lambda rows: _pixels([given[row] for row in rows], patches.size)
        if self.seen is not None:
            return self.seen.regions(given)
        use = self.config.method.image
        if use is None:
            return None
        if self.frozen_image is not None:
            return _encoded(self.frozen_image, given, use.size, use.grid, self._device).cpu()
        return lambda rows: _pixels([given[row] for row in rows], use.size)


class Fusion:
    """A decision fusion: the members' probabilities combined. Attributes as `Trained`."""

    def __init__(self, config: RunConfig, text: Network, image: Network):
        self.config, self.members = config, {"text": text, "image": image}
        self.needs: frozenset[str] = text.needs | image.needs
        self.makes_captions: bool = text.makes_captions or image.makes_captions
        self.shorter_side: int | None = image.shorter_side or text.shorter_side

    def answers(self, given: Sequence[Given], explain: bool = False) -> Answers:
        """Probabilities and captions of tweets, at least one; combined decisions have no rationale."""
        assert self.config.method.rule is not None
        text, image = (self.members[name].answers(given) for name in ("text", "image"))
        fused = combine(self.config.method.rule, text.probabilities, image.probabilities)
        return Answers(fused, text.captions or image.captions)


Network = Trained | Fusion


class _Rows:
    """Tweets as the scoring loop reads them."""

    def __init__(
        self,
        text: TokenLists | Tensor | None,
        image: Tensor | Callable[[NDArray[np.int64]], Tensor] | None,
        n: int,
    ):
        self._text, self._image, self._n = text, image, n

    def __len__(self) -> int:
        return self._n

    @property
    def lengths(self) -> NDArray[np.int64] | None:
        return self._text.lengths() if isinstance(self._text, TokenLists) else None

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        text: Tokens | Tensor | None = None
        if self._text is not None:
            text = self._text.pad(rows) if isinstance(self._text, TokenLists) else self._text[rows]
        if self._image is None or isinstance(self._image, Tensor):
            return Batch(text, None if self._image is None else self._image[rows])
        return Batch(text, self._image(rows))


def patch_encoder(config: RunConfig) -> str | None:
    """The image encoder that sees each patch alone before the joint encoder reads it, where there is one."""
    return None if config.joint is None else config.joint.patches.encoder


def _pixels(given: Sequence[Given], size: int) -> Tensor:
    images = []
    for row in given:
        assert row.image is not None
        images.append(row.image)
    return torch.from_numpy(centre_squares(images, size))


def _encoded(
    encoder: ImageEncoder, given: Sequence[Given], size: int, grid: int, device: torch.device
) -> Tensor:
    """Frozen features of the images: (n, d), or (n, grid², d)."""
    blocks = [
        image_features(encoder, _pixels(given[start : start + IMAGE_BATCH], size).to(device), grid)
        for start in range(0, len(given), IMAGE_BATCH)
    ]
    return torch.cat(blocks)


def _in_cells(features: Tensor) -> Tensor:
    """Features (n, d) or (n, cells, d) as (n, cells, d)."""
    return features[:, None, :] if features.ndim == 2 else features


def _encoded_patches(
    encoder: ImageEncoder, given: Sequence[Given], patches: Patches, device: torch.device
) -> Tensor:
    """Frozen features of the images' patches (n, P, D), as exact as the workflow stores them."""
    blocks = [
        patch_features(
            encoder, _pixels(given[start : start + PATCH_BATCH], patches.size).to(device), patches.patch
        )
        for start in range(0, len(given), PATCH_BATCH)
    ]
    return torch.cat(blocks).half()
