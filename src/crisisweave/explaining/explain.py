"""What a trained run decided on, and what every comparator says of the same run: `rationales.parquet`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from crisisweave.config.run import read_run_config
from crisisweave.datasets.text import words as words_of
from crisisweave.encoders.joint import JointInput
from crisisweave.explaining.table import METHOD, Found, rationale_table
from crisisweave.explaining.words import word_flags, word_scores
from crisisweave.files import write_parquet
from crisisweave.layout import Sources
from crisisweave.methods.inputs import Batch
from crisisweave.methods.rationale import RationaleClassifier
from crisisweave.progress import track
from crisisweave.rationales.extractors import PATCHES, WORDS
from crisisweave.rationales.faithfulness import ranks
from crisisweave.seeding import best_device, seed_everything
from crisisweave.training.examples import Examples
from crisisweave.training.runs import load_model

BATCH = 32


def explain(
    run: Path, frame: pd.DataFrame, sources: Sources, out: Path, compared_on: str | None = "test"
) -> None:
    """Extract the rationales of a run's own method and of all comparators; writes `rationales.parquet`.

    Comparators explain stage 1 of the same run, for the class that it gives the whole input, and select as
    many words and patches of an instance as the method itself does.

    Args:
        run: folder of the trained run, of family `rationale`.
        frame: the instances.
        sources: inputs of their data set and task.
        out: folder to write to.
        compared_on: the split on which comparators are asked too, which takes most of the time.
    """
    config = read_run_config(run)
    seed_everything(config.seed, config.threads)
    device = best_device()
    model = load_model(config, run).to(device)
    assert isinstance(model, RationaleClassifier)
    tables = []
    for split, rows in frame.groupby(frame["split"].astype(str), sort=True):
        examples = Examples(rows, model, config.method, sources)
        words = [words_of(text) for text in rows["text"]]
        found = explained(model, examples, words, config.classes, device, comparators=split == compared_on)
        grid = None if found[METHOD].patch_scores is None else model.joint.grid
        tables.append(rationale_table(rows, words, grid, found))
    write_parquet(out / "rationales.parquet", pd.concat(tables, ignore_index=True))


def explained(
    model: RationaleClassifier,
    examples: Examples,
    words: Sequence[Sequence[str]],
    classes: Sequence[str],
    device: torch.device,
    comparators: bool,
) -> dict[str, Found]:
    """Extractor → its rationales of all examples, in their order: the method's own, and comparators' too."""
    lengths = examples.lengths
    assert lengths is not None
    # Tweets of one length together: little padding.
    order = np.argsort(lengths, kind="stable")
    blocks = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    parts = [
        _block(
            model, examples.batch(rows).to(device), [len(words[row]) for row in rows], classes, comparators
        )
        for rows in track(blocks, f"explaining {len(order)} tweets", len(blocks))
    ]
    back = np.argsort(order)
    return {name: _joined([part[name] for part in parts], back) for name in parts[0]}


def _block(
    model: RationaleClassifier,
    batch: Batch,
    n_words: Sequence[int],
    classes: Sequence[str],
    comparators: bool,
) -> dict[str, Found]:
    """Extractor → its rationales of one batch."""
    x = model.joint_input(batch)
    own = model.rationale(x)
    with torch.no_grad():
        whole, alone = model.extractor.scores(x).argmax(dim=1), model(batch).argmax(dim=1)
    selected = [
        word_flags(flags, of_tokens, n)
        for flags, of_tokens, n in zip(own.tokens_selected, x.tokens.words, n_words, strict=True)
    ]
    found = {
        METHOD: Found(
            [classes[c] for c in alone.tolist()],
            _of_words(own.token_scores, x, n_words),
            selected,
            None if own.patch_scores is None else _rows(own.patch_scores),
            None if own.patches_selected is None else _rows(own.patches_selected),
        )
    }
    if not comparators:
        return found
    explained_class = [classes[c] for c in whole.tolist()]
    # A word that was cut off cannot be chosen.
    read = [
        word_flags(of_tokens >= 0, of_tokens, n) for of_tokens, n in zip(x.tokens.words, n_words, strict=True)
    ]
    for name, word_extractor in WORDS.items():
        scores = _of_words(word_extractor(model.extractor, x, whole), x, n_words)
        top = [_top(*parts) for parts in zip(scores, read, selected, strict=True)]
        found[name] = Found(explained_class, scores, top)
    if own.patches_selected is not None:
        for name, patch_extractor in PATCHES.items():
            of_patches = _rows(patch_extractor(model.extractor, x, whole))
            chosen = _rows(own.patches_selected)
            every = [np.ones(len(row), dtype=bool) for row in chosen]
            top = [_top(*parts) for parts in zip(of_patches, every, chosen, strict=True)]
            found[name] = Found(explained_class, None, None, of_patches, top)
    return found


def _of_words(token_scores: Tensor, x: JointInput, n_words: Sequence[int]) -> list[NDArray[np.float32]]:
    return [
        word_scores(scores, of_tokens, n)
        for scores, of_tokens, n in zip(token_scores, x.tokens.words, n_words, strict=True)
    ]


def _rows(values: Tensor) -> list[NDArray]:
    return list(values.detach().cpu().numpy())


def _top(
    scores: NDArray[np.float32], allowed: NDArray[np.bool_], own: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """As many of the highest-scoring parts as the method's own selection has."""
    return (ranks(scores[None], allowed[None])[0] < own.sum()) & allowed


def _joined(parts: Sequence[Found], back: NDArray[np.int64]) -> Found:
    """The batches of one extractor as one, in the order of the examples."""

    def together(lists: Sequence[Any]) -> Any:
        if lists[0] is None:
            return None
        every = [item for items in lists for item in items]
        return [every[i] for i in back]

    return Found(*(together(lists) for lists in zip(*parts, strict=True)))
