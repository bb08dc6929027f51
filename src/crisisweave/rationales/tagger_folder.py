"""A trained tagger in a folder: weights, config, and its cross-validation."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import nn

from crisisweave.config.rationales import TaggerConfig
from crisisweave.config.strict import read_yaml, validate
from crisisweave.errors import WeightsError
from crisisweave.files import atomic_path, read_json, write_json, write_text
from crisisweave.rationales.tagger import UNKNOWN_CLASS, Head, Tagged, tag
from crisisweave.rationales.tagger_training import read_lessons, train_heads
from crisisweave.rationales.tagger_validation import cross_validate
from crisisweave.rationales.word_states import WordEncoder

VALIDATION = "cross_validation.json"


class Tagger:
    """A trained tagger, ready for use.

    Attributes:
        config: how it was made.
        classes: the classes that it may be told.
    """

    def __init__(self, config: TaggerConfig, heads: Sequence[Head], encoder: WordEncoder):
        self.config = config
        self.classes = config.class_names()
        self._heads = heads
        self._encoder = encoder

    def mark(self, words: Sequence[Sequence[str]], classes: Sequence[str | None]) -> list[Tagged]:
        """Mark tweets; a tweet's result does not depend on the others.

        Args:
            words: of each tweet.
            classes: of each tweet; null, or one that the tagger does not know, is an unknown class.
        """
        return self.mark_each_way(words, [classes])[0]

    def mark_each_way(
        self, words: Sequence[Sequence[str]], tellings: Sequence[Sequence[str | None]]
    ) -> list[list[Tagged]]:
        """`mark` for each list of classes, with the tweets encoded once."""
        known = {name: number for number, name in enumerate(self.classes)}
        states = self._encoder.states(words)
        return [
            [
                Tagged(np.pad(one.scores, (0, len(tweet) - len(one.scores))), one.span)
                for one, tweet in zip(tag(self._heads, states, numbers), words, strict=True)
            ]
            for numbers in (
                [UNKNOWN_CLASS if name is None else known.get(name, UNKNOWN_CLASS) for name in classes]
                for classes in tellings
            )
        ]


def make_tagger(config: TaggerConfig, data_root: Path, out: Path) -> dict[str, Any]:
    """Cross-validate a tagger, train it on the whole table and write its folder; returns the validation.

    Raises:
        DataError: the table is missing or broken, or nothing can be learned from it.
    """
    encoder = WordEncoder(config.encoder, config.layers, config.max_tokens)
    lessons = read_lessons(data_root / config.table.file, config, encoder)
    validation = cross_validate(lessons, config)
    heads = train_heads(lessons, np.arange(len(lessons.tweets)), config)
    weights = {name: value.contiguous() for name, value in nn.ModuleList(heads).state_dict().items()}
    with atomic_path(out) as folder:
        folder.mkdir()
        # Written by us: safetensors' own writer reports a full disk as an error of its own.
        shape = {"input": json.dumps({"dim": encoder.dim})}
        (folder / "model.safetensors").write_bytes(save(weights, metadata=shape))
        write_text(folder / "config.yaml", yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))
        write_json(folder / VALIDATION, validation)
    return validation


def load_tagger(folder: Path, wanted: TaggerConfig | None = None) -> Tagger:
    """Load a tagger.

    Args:
        folder: as `make_tagger` writes it.
        wanted: the config that it must have been made with (only `class_given` may differ); None: any.

    Raises:
        WeightsError: a file is missing or damaged, or the tagger was made with another config.
    """
    path = folder / "model.safetensors"
    for file in (path, folder / "config.yaml"):
        if not file.is_file():
            raise WeightsError(f"{file} is missing; run `crisisweave rationales train-tagger` first")
    config = validate(TaggerConfig, read_yaml(folder / "config.yaml"), str(folder / "config.yaml"))
    if wanted is not None:
        _must_be(config, wanted, folder)
    try:
        with safe_open(path, framework="pt") as file:
            dim = json.loads(file.metadata()["input"])["dim"]
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        classes = len(config.class_names())
        heads = [Head(dim, classes, config.hidden, config.dropout) for _ in range(config.members)]
        nn.ModuleList(heads).load_state_dict(weights)
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: not the weights of a tagger ({' '.join(str(error).split())[:200]}); "
            f"run `crisisweave rationales train-tagger` again"
        ) from error
    encoder = WordEncoder(config.encoder, config.layers, config.max_tokens)
    return Tagger(config, [head.eval() for head in heads], encoder)


def read_validation(folder: Path) -> dict[str, Any]:
    """The cross-validation of a tagger.

    Raises:
        WeightsError: the folder holds none.
    """
    path = folder / VALIDATION
    if not path.is_file():
        raise WeightsError(f"{path} is missing; run `crisisweave rationales train-tagger` first")
    validation: dict[str, Any] = read_json(path)
    return validation


def _must_be(config: TaggerConfig, wanted: TaggerConfig, folder: Path) -> None:
    was, now = (c.model_dump(exclude={"class_given"}) for c in (config, wanted))
    for key in now:
        if was[key] != now[key]:
            raise WeightsError(
                f"{folder}: was made with another '{key}' than its config has now; "
                f"run `crisisweave rationales train-tagger` again"
            )
