"""The step `captions`: candidates for every image, and the one nearest to the image."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from crisisweave.captioning.folder import Captioner, load_captioner_folder
from crisisweave.captioning.inputs import Images, Pixels, read_images, read_references, rows_of
from crisisweave.captioning.metrics import score_captions
from crisisweave.captioning.similarity import similarities
from crisisweave.config.captioner import CaptionerConfig
from crisisweave.errors import WeightsError
from crisisweave.files import atomic_path, sha256_file, write_json, write_parquet
from crisisweave.images.store import ImageStore
from crisisweave.progress import track
from crisisweave.seeding import best_device

SCORED_SPLITS = ("dev", "test", "heldout")


def caption(
    config: CaptionerConfig,
    *,
    captioner: Path,
    features: Path | None,
    index: Path,
    out: Path,
    scorer_features: Path | None = None,
    truth: Path | None = None,
    splits: Mapping[str, str] | None = None,
    seed: int = 0,
    threads: int = 1,
) -> dict[str, Any]:
    """Caption every image of a store; write captions.parquet and captions.json into the folder `out`.

    Args:
        config: the captioner, whose decoding is used.
        captioner: its folder.
        features: features.npy of the image encoder, rows as in `index`; None for a generator, which reads
            the pixels of the store.
        index: index.parquet of the image store.
        out: folder of the captions.
        scorer_features: features.npy of the scorer's image encoder, where it has one of its own.
        truth: JSONL with reference captions; with it the chosen captions of dev, test and heldout are scored.
        splits: split of each instance (needed with `truth`).
        seed: of nucleus sampling; each image has its own stream.
        threads: for torch.

    Returns:
        what captions.json holds.

    Raises:
        DataError: inputs are missing or do not fit together.
        WeightsError: the folder is no captioner of this config, or reads other features.
    """
    torch.set_num_threads(threads)
    device = best_device()
    loaded = load_captioner_folder(captioner, config, device)
    images: Images | Pixels
    if config.generator is not None:
        images = Pixels(ImageStore(index.parent), config.generator.size)
    else:
        assert features is not None
        assert config.image is not None
        images = read_images(features, index)
        if images.features.shape[1:] != (loaded.cells, loaded.dim):
            raise WeightsError(
                f"{captioner}: reads {loaded.cells} × {loaded.dim} features per image, {features} holds "
                f"{images.features.shape[1]} × {images.features.shape[2]}; "
                f"use the features of {config.image.encoder}"
            )
    compared = None if scorer_features is None else read_images(scorer_features, index)
    table = caption_images(loaded, config, images, seed, compared)
    summary: dict[str, Any] = {
        "captioner": config.name,
        "captioner_sha256": sha256_file(captioner / "model.safetensors"),
        "decoding": config.decoding.model_dump(),
        "scorer": config.scorer.kind,
        "images": len(images.instance_ids),
        "distinct_captions": int(table.loc[table["chosen"], "caption"].nunique()),
        "empty_captions": int((table.loc[table["chosen"], "caption"] == "").sum()),
        "metrics": {},
    }
    if truth is not None:
        references = read_references(truth)
        for split in SCORED_SPLITS:
            rows = rows_of(split, images, splits or {}, references)
            if rows:
                scored = [images.instance_ids[row] for row in rows]
                summary["metrics"][split] = score_split(table, scored, references)
    with atomic_path(out) as folder:
        folder.mkdir()
        write_parquet(folder / "captions.parquet", table)
        write_json(folder / "captions.json", summary)
    return summary


def caption_images(
    captioner: Captioner,
    config: CaptionerConfig,
    images: Images | Pixels,
    seed: int,
    compared: Images | None = None,
) -> pd.DataFrame:
    """The captions table: instance_id, captioner, rank, caption, score, chosen.

    Args:
        captioner: whose captions they are.
        config: its config.
        images: what it reads.
        seed: of nucleus sampling.
        compared: what its scorer reads, where that is something else.
    """
    device = next(captioner.model.parameters()).device
    size = config.decoding.batch_size
    records: list[tuple[str, str, int, str, float, bool]] = []
    for start in track(range(0, len(images.instance_ids), size), f"caption images ({config.name})"):
        ids = images.instance_ids[start : start + size]
        block = images.block(start, start + size).to(device)
        seen = block if compared is None else compared.block(start, start + size).to(device)
        for instance_id, own in zip(ids, candidates(captioner, config, block, ids, seed, seen), strict=True):
            for rank, (text, score) in enumerate(zip(own.texts, own.scores, strict=True)):
                records.append((instance_id, config.name, rank, text, score, rank == own.chosen))
    columns = ["instance_id", "captioner", "rank", "caption", "score", "chosen"]
    return pd.DataFrame(records, columns=columns)


class Candidates(NamedTuple):
    """Captions of one image, most probable first, their image–text scores, and the place of the best."""

    texts: list[str]
    scores: list[float]
    chosen: int


def candidates(
    captioner: Captioner,
    config: CaptionerConfig,
    block: Tensor,
    names: Sequence[str],
    seed: int,
    compared: Tensor,
) -> list[Candidates]:
    """Captions of images.

    Args:
        captioner: who writes.
        config: its config.
        block: what it reads of n images: features (n, cells, d), or pixels (n, S, S, 3).
        names: of the images, for nucleus sampling.
        seed: the same.
        compared: what its scorer reads (n, cells, d); the same features where it has none of its own.
    """
    seeds = [instance_seed(name, seed) for name in names]
    texts = captioner.model.write(block, captioner.tokenizer, config.decoding, seeds)
    scores = similarities(captioner.scorer, compared, texts)
    return [
        Candidates(own_texts, own_scores, max(range(len(own_texts)), key=own_scores.__getitem__))
        for own_texts, own_scores in zip(texts, scores, strict=True)
    ]


def score_split(
    table: pd.DataFrame, scored: Sequence[str], references: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Scores of three choices of one caption per image.

    `chosen`: nearest to the image; `first`: most probable, what the choice must beat; `shuffled`: the chosen
    captions dealt out at random among the images, what any text in the captions' style reaches.
    """
    own = [references[instance_id] for instance_id in scored]
    chosen = table[table["chosen"]].set_index("instance_id")["caption"].loc[list(scored)].tolist()
    first = table[table["rank"] == 0].set_index("instance_id")["caption"].loc[list(scored)].tolist()
    order = np.random.default_rng(0).permutation(len(chosen))
    shuffled = [chosen[i] for i in order]
    return {
        "chosen": score_captions(chosen, own),
        "first": score_captions(first, own),
        "shuffled": score_captions(shuffled, own),
    }


def instance_seed(instance_id: str, seed: int) -> int:
    """A seed that depends on the run's seed and the image alone."""
    digest = hashlib.sha256(f"{seed}\0{instance_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
