"""How a model uses its modalities (thesis, 5.5.7)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crisisweave.balancing.inside import scores_inside
from crisisweave.balancing.watching import one_each, reads_of, watched
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch

if TYPE_CHECKING:
    from crisisweave.balancing.layer import Balancer

NEIGHBOURS = 5
"""k of the nearest-neighbour similarity, which the thesis does not say."""
BATCH = 64
"""Neighbours are looked for among this many rows: the thesis compares "for each batch", of 64."""


def conditional_utilisation(both: float, without: float) -> float:
    """The part of the accuracy that is lost without a modality; 0 where there is none to lose."""
    return (both - without) / both if both > 0 else 0.0


def d_util(both: float, without_0: float, without_1: float) -> float:
    """`u(m_1 | m_0) − u(m_0 | m_1)` in the thesis' notation.

    Its u(m_1 | m_0) is what is lost when m_0 is zero, and its u(m_0 | m_1) when m_1 is: the value is
    therefore positive where the model leans on modality 0, as the thesis reads its figure 5.6.

    Args:
        both: accuracy with both modalities.
        without_0: with modality 0 replaced by zeros.
        without_1: with modality 1 replaced by zeros.
    """
    return conditional_utilisation(both, without_0) - conditional_utilisation(both, without_1)


def shapley(values: Mapping[frozenset[int], float], n: int) -> list[float]:
    """The Shapley value of each of n modalities; they sum to v(all) − v(∅).

    Args:
        values: v of every subset.
        n: number of modalities.
    """
    shares = []
    for m in range(n):
        others = [k for k in range(n) if k != m]
        share = 0.0
        for size in range(n):
            weight = math.factorial(size) * math.factorial(n - size - 1) / math.factorial(n)
            for subset in itertools.combinations(others, size):
                share += weight * (values[frozenset((*subset, m))] - values[frozenset(subset)])
        shares.append(share)
    return shares


def neighbour_similarity(fused: Tensor, own: Tensor, k: int = NEIGHBOURS) -> Tensor:
    """Sim^k (B,): the share of a row's k nearest neighbours that two spaces agree on (equation 5.5.1).

    Args:
        fused: vectors (B, d) after fusion.
        own: vectors (B, d') of one modality before it.
        k: neighbours, fewer than B.
    """
    near = []
    for space in (fused.double(), own.double()):
        distance = torch.cdist(space, space, compute_mode="donot_use_mm_for_euclid_dist")
        distance.fill_diagonal_(torch.inf)
        near.append(distance.topk(k, largest=False).indices)
    same = near[0][:, :, None] == near[1][:, None, :]
    return same.any(dim=2).double().mean(dim=1)


def watch_dev(
    model: Classifier,
    balancer: Balancer,
    read: Callable[[NDArray[np.int64]], Batch],
    labels: NDArray[np.int64],
) -> dict[str, float]:
    """After an epoch, on dev: each modality's accuracy by its probe and inside the model, and its Sim^k."""
    means = balancer.means()
    record: dict[str, list[Tensor]] = {}
    truth = torch.from_numpy(labels)
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for start in range(0, len(labels), BATCH):
            rows = np.arange(start, min(start + BATCH, len(labels)))
            batch, right = read(rows), truth[start : start + BATCH]
            with watched(model.branches) as seen, reads_of(model.head) as fused:  # type: ignore[arg-type]
                model(batch)
            vectors = one_each(seen)
            inside = scores_inside(model, batch, vectors, means)
            probed = balancer.modulation.scores(vectors)
            for m in range(len(vectors)):
                found = {
                    f"dev_inside_{m}": inside[m].argmax(dim=1).cpu() == right,
                    f"dev_probe_{m}": probed[m].argmax(dim=1).cpu() == right,
                }
                if len(rows) > NEIGHBOURS:
                    found[f"dev_similarity_{m}"] = neighbour_similarity(fused[0], vectors[m]).cpu()
                for name, values in found.items():
                    record.setdefault(name, []).append(values.double())
    model.train(was_training)
    return {name: float(torch.cat(values).mean()) for name, values in sorted(record.items())}


def accuracy(scores: Sequence[Tensor], labels: NDArray[np.int64]) -> float:
    """Share of rows whose largest score is that of the right class."""
    return float((torch.cat(list(scores)).argmax(dim=1).cpu().numpy() == labels).mean())
