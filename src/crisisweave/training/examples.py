"""The rows of a data set as a method reads them: tokenised, encoded or memory-mapped, never copied twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from crisisweave.config.method import MethodConfig
from crisisweave.datasets.media_views import MediaViews, open_views
from crisisweave.datasets.text import model_words
from crisisweave.datasets.views import Views
from crisisweave.encoders.features import read_features
from crisisweave.encoders.joint import JointEncoder
from crisisweave.encoders.region_rows import RegionRows
from crisisweave.encoders.text import TokenLists, Tokens
from crisisweave.encoders.text_only import TextOnly
from crisisweave.errors import ConfigError, DataError
from crisisweave.images.augment import augmented
from crisisweave.images.store import ImageStore
from crisisweave.layout import Sources
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch
from crisisweave.training.captioned import tweets_and_captions


class Examples:
    """Rows ready for batching.

    Args:
        frame: the instances.
        model: the method, whose encoders tokenise.
        config: the method's config.
        sources: where its inputs lie.
        gold: rationale labels by instance, for training of methods that learn rationales.
        captioned: rows that are read with their caption (N,), the others as text alone; None: all of them.
        texts: False shows a method that reads tweets with captions the captions alone.

    Attributes:
        frame: the instances, in order.
        labels: class ids of the target column (N,), −1 where it is null.
        regions: of the images, where the method reads them.
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        model: Classifier,
        config: MethodConfig,
        sources: Sources,
        gold: Mapping[str, NDArray[np.bool_]] | None = None,
        captioned: NDArray[np.bool_] | None = None,
        texts: bool = True,
    ):
        self.frame = frame.reset_index(drop=True)
        self.labels: NDArray[np.int64] = np.asarray(self.frame[config.target].cat.codes, dtype=np.int64)
        self._tokens: TokenLists | None = None
        self._text_features: Tensor | None = None
        self._image_features: Tensor | None = None
        self._store: ImageStore | None = None
        self._rows: NDArray[np.int64] | None = None
        self._flip = False
        self._views: Views | MediaViews | None = None
        if config.views is not None:
            self._read_views(config, sources)
        elif model.joint is not None:
            self._read_joint(model.joint, config, sources)
        elif model.lxmert is not None:
            words = [model_words(text) for text in self.frame["text"]]
            self._tokens = model.lxmert.tokenise(words, config.max_tokens)
        elif config.text is not None:
            self._read_text(model, config, sources, captioned, texts)
        self.regions: RegionRows | None = None
        if config.regions is not None:
            self.regions = RegionRows(config.regions, sources, list(self.frame["instance_id"]))
        if config.image is not None:
            self._read_images(config, sources)
        self._gold = None if gold is None else [gold.get(name) for name in self.frame["instance_id"]]

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def lengths(self) -> NDArray[np.int64] | None:
        """Tokens per row (N,), or None where nothing is tokenised."""
        return None if self._tokens is None else self._tokens.lengths()

    @property
    def text_features(self) -> Tensor | None:
        """Frozen text vectors (N, d), where the method reads them."""
        return self._text_features

    @property
    def image_features(self) -> Tensor | None:
        """Frozen image vectors (N, d), where the method reads them."""
        return self._image_features

    def _read_text(
        self,
        model: Classifier,
        config: MethodConfig,
        sources: Sources,
        captioned: NDArray[np.bool_] | None,
        texts: bool,
    ) -> None:
        assert model.text_branch is not None
        encoder = model.text_branch.encoder
        if encoder is None:
            order = pd.read_parquet(sources.prepared / "instances.parquet", columns=["instance_id"])
            position = pd.Series(np.arange(len(order)), index=order["instance_id"])
            features = read_features(sources.text_features(config), len(order), "text-features")
            rows = position.loc[self.frame["instance_id"]].to_numpy()
            self._text_features = torch.from_numpy(features[rows])
            return
        words = [model_words(text) for text in self.frame["text"]]
        if "caption" not in config.inputs or (captioned is not None and not captioned.any()):
            self._tokens = encoder.tokenise(words, max_tokens=config.max_tokens)
            return
        assert config.captioner is not None
        captions = [c.split() for c in self._read_captions(sources.captions(config.captioner))]
        if "text" not in config.inputs:
            self._tokens = encoder.tokenise(captions, max_tokens=config.max_tokens)
            return
        if not texts:
            # A caption stays the second of a pair, whose first is empty, and so keeps its token type.
            words = [[] for _ in words]
        self._tokens = tweets_and_captions(encoder, words, captions, captioned, config.max_tokens)

    def _read_captions(self, folder: Path) -> list[str]:
        if not (folder / "captions.parquet").is_file():
            raise DataError(f"{folder}: holds no captions; run `crisisweave captions` first")
        table = pd.read_parquet(
            folder / "captions.parquet",
            columns=["instance_id", "caption"],
            filters=[("chosen", "==", True)],
        ).set_index("instance_id")["caption"]
        missing = self.frame.loc[~self.frame["instance_id"].isin(table.index), "instance_id"]
        if len(missing):
            raise DataError(
                f"{folder}: has no caption of {len(missing)} instances (first: {missing.iloc[0]}); "
                f"run `crisisweave captions` again"
            )
        return list(table.loc[self.frame["instance_id"]])

    def _read_images(self, config: MethodConfig, sources: Sources) -> None:
        assert config.image is not None
        store = ImageStore(sources.images)
        rows = store.rows(list(self.frame["instance_id"]))
        if config.image.tuned:
            self._store, self._rows = store, rows
            self._size, self._flip = config.image.size, config.image.flip
        else:
            folder = sources.image_features(config.image.name, config.image.size, config.image.grid)
            self._image_features = torch.from_numpy(read_features(folder, len(store.index))[rows])

    def _read_joint(self, encoder: JointEncoder | TextOnly, config: MethodConfig, sources: Sources) -> None:
        words = [model_words(text) for text in self.frame["text"]]
        self._tokens = encoder.tokenise(words, min(config.max_tokens, encoder.positions))
        if encoder.patches is None:
            return
        store = ImageStore(sources.images)
        rows = store.rows(list(self.frame["instance_id"]))
        patches = encoder.patches
        if patches.encoder is None:
            self._store, self._rows, self._size = store, rows, patches.size
        else:
            features = read_features(sources.patch_features(patches), len(store.index), "patch-features")
            self._image_features = torch.from_numpy(features[rows])

    def _read_views(self, config: MethodConfig, sources: Sources) -> None:
        assert config.views is not None
        self._augment = config.views.augment
        self._views = open_views(sources.views)
        if self._views.channels != config.views.channels:
            raise ConfigError(
                f"method '{config.name}': views.channels is {config.views.channels}, but the views in "
                f"{sources.views} have {self._views.channels}; set it to that"
            )
        order = pd.read_parquet(sources.prepared / "instances.parquet", columns=["instance_id"])
        if len(order) != len(self._views):
            raise DataError(f"{sources.views}: belongs to other rows; run `crisisweave views` again")
        self._rows = pd.Index(order["instance_id"]).get_indexer(self.frame["instance_id"])

    def batch(
        self,
        rows: NDArray[np.int64],
        flips: np.random.Generator | None = None,
        swapped: Sequence[NDArray[np.int64]] | None = None,
    ) -> Batch:
        """The inputs of `rows`.

        Args:
            rows: (B,).
            flips: with a generator (in training) pictures are changed as the method says, such as mirrored.
            swapped: for each modality the rows (B,) that it is read from instead (swapped modalities).
        """
        if self._views is not None:
            rows_of = [rows] * len(self._views.channels) if swapped is None else swapped
            first, second, *more = (self._view_batch(m, own, flips) for m, own in enumerate(rows_of))
            return Batch(first, second, more=tuple(more))
        text_rows, image_rows = (rows, rows) if swapped is None else swapped
        text = self._text_batch(text_rows)
        return Batch(text, self._image_batch(image_rows, flips), self._gold_batch(text_rows, text))

    def _view_batch(self, view: int, rows: NDArray[np.int64], flips: np.random.Generator | None) -> Tensor:
        assert self._views is not None
        assert self._rows is not None
        given: NDArray[Any] = self._views.batch(view, self._rows[rows])
        if flips is not None and self._augment != "none" and given.dtype == np.uint8:
            given = augmented(given, self._augment, flips)
        return torch.from_numpy(given)

    def _gold_batch(self, rows: NDArray[np.int64], text: Tokens | Tensor | None) -> Tensor | None:
        if self._gold is None:
            return None
        assert isinstance(text, Tokens)
        words = text.words.numpy()
        marks = np.full(words.shape, -1, dtype=np.int64)
        for i, row in enumerate(rows):
            selected = self._gold[row]
            if selected is not None:
                real = words[i] >= 0
                marks[i, real] = selected[words[i, real]]
        return torch.from_numpy(marks)

    def _text_batch(self, rows: NDArray[np.int64]) -> Tokens | Tensor | None:
        if self._tokens is not None:
            return self._tokens.pad(rows)
        return None if self._text_features is None else self._text_features[rows]

    def _image_batch(self, rows: NDArray[np.int64], flips: np.random.Generator | None) -> Tensor | None:
        if self._image_features is not None:
            return self._image_features[rows]
        if self.regions is not None:
            return self.regions.batch(rows)
        if self._store is None:
            return None
        assert self._rows is not None
        pixels = self._store.batch(self._rows[rows], self._size)
        if flips is not None and self._flip:
            mirrored = flips.random(len(rows)) < 0.5
            pixels[mirrored] = pixels[mirrored][:, :, ::-1]
        return torch.from_numpy(pixels)
