"""The step `balance`: how a trained run with several branches uses them (thesis, 5.5.4 and 5.5.7)."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crisisweave.balancing.inside import scores_inside, scores_with
from crisisweave.balancing.measures import (
    BATCH,
    NEIGHBOURS,
    conditional_utilisation,
    d_util,
    neighbour_similarity,
    shapley,
)
from crisisweave.balancing.watching import one_each, reads_of, watched
from crisisweave.config.run import read_run_config
from crisisweave.datasets.tables import read_instances
from crisisweave.errors import ConfigError
from crisisweave.files import write_json
from crisisweave.layout import Sources
from crisisweave.methods.classifier import Classifier
from crisisweave.seeding import best_device, seed_everything
from crisisweave.training.examples import Examples
from crisisweave.training.runs import load_model
from crisisweave.training.train import training_rows

# Rows, spread evenly over train, from which mean vectors are taken.
MEAN_ROWS = 2000


def measure(run: Path, sources: Sources, split: str = "test") -> None:
    """Measure a trained run on the labelled rows of a split; writes balance.json into its folder.

    Args:
        run: folder of the trained run.
        sources: inputs of its data set and task.
        split: the rows to measure on.

    Raises:
        ConfigError: its method has no branch for each modality.
    """
    config = read_run_config(run)
    seed_everything(config.seed, config.threads)
    device = best_device()
    model = load_model(config, run).to(device)
    if not model.branches:
        raise ConfigError(
            f"{run}: method '{config.method.name}' has no branch for each of several modalities to measure"
        )
    frame, _ = read_instances(sources.prepared, ["train", split])
    train = training_rows(frame[frame["split"] == "train"], config.method)
    train = train.iloc[np.unique(np.linspace(0, len(train) - 1, MEAN_ROWS).astype(int))]
    scored = frame[(frame["split"] == split) & frame["label"].notna()]
    means = _means(model, Examples(train, model, config.method, sources), device)
    examples = Examples(scored, model, config.method, sources)
    labels = np.asarray(scored["label"].cat.codes, dtype=np.int64)
    write_json(run / "balance.json", {"split": split, **_measured(model, examples, labels, means, device)})


def _means(model: Classifier, examples: Examples, device: torch.device) -> list[Tensor]:
    """The mean vector (d_m,) of each modality."""
    sums: list[Any] = [0.0] * len(model.branches)
    with torch.no_grad():
        for start in range(0, len(examples), BATCH):
            rows = np.arange(start, min(start + BATCH, len(examples)))
            with watched(model.branches) as seen:
                model(examples.batch(rows).to(device))
            sums = [total + z.float().sum(dim=0) for total, z in zip(sums, one_each(seen), strict=True)]
    return [total / len(examples) for total in sums]


def _measured(
    model: Classifier,
    examples: Examples,
    labels: np.ndarray[Any, np.dtype[np.int64]],
    means: list[Tensor],
    device: torch.device,
) -> dict[str, Any]:
    modalities = range(len(means))
    subsets = [frozenset(s) for k in range(len(means) + 1) for s in itertools.combinations(modalities, k)]
    right: dict[str, list[Tensor]] = {}
    similar: dict[int, list[Tensor]] = {m: [] for m in modalities}

    def note(name: str, scores: Tensor, truth: Tensor) -> None:
        right.setdefault(name, []).append((scores.argmax(dim=1).cpu() == truth).double())

    with torch.no_grad():
        for start in range(0, len(examples), BATCH):
            rows = np.arange(start, min(start + BATCH, len(examples)))
            batch, truth = examples.batch(rows).to(device), torch.from_numpy(labels[rows])
            head = getattr(model, "head", torch.nn.Identity())
            with watched(model.branches) as seen, reads_of(head) as fused:
                note("both", model(batch), truth)
            vectors = one_each(seen)
            for m, scores in enumerate(scores_inside(model, batch, vectors, means)):
                note(f"inside_{m}", scores, truth)
            for m in modalities:
                zeros = [torch.zeros_like(mean) if k == m else None for k, mean in enumerate(means)]
                note(f"without_{m}", scores_with(model, batch, zeros), truth)
            for subset in subsets:
                given = [None if m in subset else mean for m, mean in enumerate(means)]
                note(_name(subset), scores_with(model, batch, given), truth)
            if len(rows) > NEIGHBOURS and len(fused[0]) == len(rows):
                for m in modalities:
                    similar[m].append(neighbour_similarity(fused[0].flatten(1), vectors[m]).cpu())
    accuracy = {name: float(torch.cat(found).mean()) for name, found in right.items()}
    result: dict[str, Any] = {
        "n": len(examples),
        "accuracy": accuracy["both"],
        "inside": [accuracy[f"inside_{m}"] for m in modalities],
        "inside_rule": "split" if model.split_scores([mean[None] for mean in means]) is not None else "mean",
        "without": [accuracy[f"without_{m}"] for m in modalities],
        "utilisation": [
            conditional_utilisation(accuracy["both"], accuracy[f"without_{m}"]) for m in modalities
        ],
        "shapley": shapley({subset: accuracy[_name(subset)] for subset in subsets}, len(means)),
        "shapley_of": {_name(subset): accuracy[_name(subset)] for subset in subsets},
        "similarity": [float(torch.cat(similar[m]).mean()) if similar[m] else None for m in modalities],
        "neighbours": NEIGHBOURS,
    }
    if len(means) == 2:
        result["d_util"] = d_util(accuracy["both"], accuracy["without_0"], accuracy["without_1"])
    return result


def _name(subset: frozenset[int]) -> str:
    return "with_" + ("_".join(map(str, sorted(subset))) or "none")
