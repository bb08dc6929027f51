"""Unlabelled pairs of text and image: each image with its captions and its tweet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor

from crisisweave.captioning.inputs import read_references
from crisisweave.datasets.text import model_words
from crisisweave.encoders.features import read_features
from crisisweave.encoders.joint import JointEncoder
from crisisweave.encoders.text import TokenLists
from crisisweave.errors import DataError
from crisisweave.images.store import ImageStore
from crisisweave.layout import Sources


class Pairs(NamedTuple):
    """Images of one data set with their texts.

    Attributes:
        tokens: all texts.
        first: image i has the texts `first[i]` to `first[i + 1]` of `tokens` (n + 1,).
        images: pixels or patch features of the images, as `JointEncoder.read` takes them (n, …).
    """

    tokens: TokenLists
    first: Tensor
    images: Tensor


def read_pairs(
    encoder: JointEncoder,
    sources: Sources,
    instances: Sequence[Path],
    truth: Path,
    splits: Mapping[str, str],
    captions: int,
    max_tokens: int,
) -> tuple[Pairs, dict[str, list[int]]]:
    """Pairs of the images that are trained on, and of those on which the epoch is chosen.

    Args:
        encoder: says how texts are cut into tokens and images into patches.
        sources: of the data set.
        instances: instances.parquet of the tasks.
        truth: JSONL with the captions of each image.
        splits: split of each instance (see `captioning.inputs.read_splits`).
        captions: of each image, its first ones.
        max_tokens: longest text.

    Returns:
        The pairs, and the images' positions in them by split (train, dev).

    Raises:
        DataError: inputs are missing, or train or dev has no image.
    """
    references = read_references(truth)
    tables = [pd.read_parquet(path, columns=["instance_id", "text"]) for path in instances]
    tweets: dict[str, str] = dict(pd.concat(tables).drop_duplicates("instance_id").itertuples(index=False))
    names = sorted(
        name for name in tweets if splits.get(name) in ("train", "dev") and references.get(name) is not None
    )
    rows = {s: [i for i, name in enumerate(names) if splits[name] == s] for s in ("train", "dev")}
    for split, found in rows.items():
        if not found:
            raise DataError(f"{truth}: no image of split '{split}' has captions; joint encoders need some")
    texts, first = [], [0]
    for name in names:
        texts.append(model_words(tweets[name]))
        texts += [caption.split() for caption in references[name][:captions]]
        first.append(len(texts))
    store = ImageStore(sources.images)
    wanted = store.rows(names)
    if encoder.patches.encoder is None:
        images = torch.from_numpy(store.batch(wanted, encoder.patches.size))
    else:
        folder = sources.patch_features(encoder.patches)
        features = read_features(folder, len(store.index), "patch-features")
        images = torch.from_numpy(features[wanted])
    return Pairs(encoder.tokenise(texts, max_tokens), torch.tensor(first), images), rows
