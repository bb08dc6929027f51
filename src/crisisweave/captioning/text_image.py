"""The step `similarity`: how near a tweet's text and image are, and how near strangers are (thesis, 3.9).

Each text is compared with its own image (equation 3.9.1) and with one of another tweet, drawn at random. Own
pairs on whose label both modalities agree are concordant, the others discordant.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from crisisweave.captioning.pair_groups import by_group
from crisisweave.config.similarity import SimilarityConfig
from crisisweave.datasets.tables import read_instances
from crisisweave.datasets.text import model_words
from crisisweave.encoders.features import read_features
from crisisweave.encoders.text import TextEncoder, pool
from crisisweave.errors import DataError
from crisisweave.files import atomic_path, write_json, write_parquet
from crisisweave.images.store import ImageStore
from crisisweave.layout import Sources
from crisisweave.progress import track
from crisisweave.seeding import best_device

BATCH = 64
LONGEST = 128
"""Tokens of a tweet or a caption, where the encoder itself does not say how many it reads."""
QUARTILES = (0.25, 0.5, 0.75)


class Reader(NamedTuple):
    """What brings texts and images into one space.

    Attributes:
        texts: texts → unit vectors (n, d).
        images: instances → unit vectors (n, d) of their images.
    """

    texts: Callable[[list[str]], Tensor]
    images: Callable[[list[str]], Tensor]


def text_image_similarity(
    config: SimilarityConfig,
    *,
    sources: Sources,
    reader: Reader,
    out: Path,
    seed: int = 0,
) -> None:
    """Measure the pairs of a task; write similarity.parquet and similarity.json into the folder `out`.

    Args:
        config: what measures.
        sources: the data set and the task whose rows are paired.
        reader: of texts and images.
        out: folder to write.
        seed: of the random pairs.

    Raises:
        DataError: inputs are missing, or there is no other tweet to pair one with.
    """
    frame, _ = read_instances(sources.prepared)
    frame = frame[frame["image_path"].notna()].reset_index(drop=True)
    texts = [" ".join(model_words(text)) for text in frame["text"]]
    order = np.argsort([len(text) for text in texts], kind="stable")
    read: list[Tensor] = []
    seen: list[Tensor] = []
    with torch.inference_mode():
        for start in track(range(0, len(order), BATCH), f"compare texts and images ({config.name})"):
            block = order[start : start + BATCH]
            read.append(reader.texts([texts[i] for i in block]).float().cpu())
            seen.append(reader.images(list(frame["instance_id"].iloc[block])).float().cpu())
    back = np.argsort(order)
    words, images = torch.cat(read)[back], torch.cat(seen)[back]
    others = strangers(frame["tweet_id"].to_numpy(), seed)
    table = pd.concat(
        [
            _pairs(frame, "own", np.arange(len(frame)), (words * images).sum(dim=1)),
            _pairs(frame, "random", others, (words * images[others]).sum(dim=1)),
        ],
        ignore_index=True,
    )
    with atomic_path(out) as folder:
        folder.mkdir()
        write_parquet(folder / "similarity.parquet", table)
        summary = {"scorer": config.name, "title": config.title, "task": sources.task, "seed": seed}
        write_json(folder / "similarity.json", {**summary, "groups": summarised(table)})


def strangers(tweets: NDArray[Any], seed: int) -> NDArray[np.int64]:
    """For each row the place of a random row of another tweet (N,).

    Raises:
        DataError: there is one tweet only.
    """
    if len(set(tweets)) < 2:
        raise DataError("there is one tweet only, so none can be paired with another's image; add rows")
    generator = np.random.default_rng(seed)
    others = np.arange(len(tweets))
    while (same := np.flatnonzero(tweets[others] == tweets)).size:
        others[same] = generator.integers(0, len(tweets), same.size)
    return others


def _pairs(frame: pd.DataFrame, kind: str, partner: NDArray[np.int64], similarity: Tensor) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "instance_id": frame["instance_id"],
            "image_of": frame["instance_id"].to_numpy()[partner],
            "pair": kind,
            "concordant": frame["concordant"] if kind == "own" else pd.array([pd.NA] * len(frame), "boolean"),
            "similarity": similarity.numpy().astype(np.float32),
        }
    )


def summarised(table: pd.DataFrame) -> dict[str, Mapping[str, float]]:
    """Group → n, mean, deviation, range and quartiles of its similarities."""
    found: dict[str, Mapping[str, float]] = {}
    for name, values in by_group(table).items():
        quartiles = zip(QUARTILES, np.quantile(values, QUARTILES), strict=True)
        found[name] = {
            "n": int(values.size),
            "mean": float(values.mean()),
            "deviation": float(values.std()),
            "minimum": float(values.min()),
            **{f"q{round(100 * q)}": float(value) for q, value in quartiles},
            "maximum": float(values.max()),
        }
    return found


def clip_reader(encoder: TextEncoder, features: Path, images: Path) -> Reader:
    """CLIP's text half, beside its image embeddings.

    Args:
        encoder: the text half.
        features: folder of the image embeddings.
        images: folder of the image store.

    Raises:
        DataError: there are no such features.
    """
    store = ImageStore(images)
    stored = read_features(features, len(store.index))
    assert encoder.longest is not None
    return Reader(
        _text_reader(encoder, "end", encoder.longest),
        lambda ids: F.normalize(torch.from_numpy(stored[store.rows(ids)]).float(), dim=-1),
    )


def caption_reader(encoder: TextEncoder, captions: Path) -> Reader:
    """A text encoder that reads, for an image, its chosen caption.

    Raises:
        DataError: there are no captions, or not of all images.
    """
    if not (captions / "captions.parquet").is_file():
        raise DataError(f"{captions}: holds no captions; run `crisisweave captions` first")
    table = pd.read_parquet(captions / "captions.parquet", filters=[("chosen", "==", True)])
    said = dict(zip(table["instance_id"], table["caption"], strict=True))
    texts = _text_reader(encoder, "mean", LONGEST)

    def images(ids: list[str]) -> Tensor:
        if missing := [name for name in ids if name not in said]:
            raise DataError(f"{captions}: has no caption of {missing[0]}; run `crisisweave captions` again")
        return texts([said[name] for name in ids])

    return Reader(texts, images)


def _text_reader(encoder: TextEncoder, pooling: str, longest: int) -> Callable[[list[str]], Tensor]:
    device = best_device()
    encoder = encoder.eval().to(device)

    def read(texts: list[str]) -> Tensor:
        lists = encoder.tokenise([text.split() for text in texts], max_tokens=longest)
        tokens = lists.pad(np.arange(len(texts))).to(device)
        return F.normalize(pool(encoder(tokens), tokens.mask, pooling), dim=-1)

    return read
