"""One span of words per tweet: its distribution, the words' marginals, and the best answer.

97 % of the human rationales at hand are one run of words. A distribution over all runs [i, j] knows what word
probabilities cannot say: that a rationale is either this clause or the whole tweet, not half of each.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]


def span_logits(words: Tensor, starts: Tensor, ends: Tensor, mask: Tensor) -> Tensor:
    """Score of each run of words: its start, its end, and all its words.

    Args:
        words, starts, ends: (B, W) logits of a word inside, first and last.
        mask: (B, W) True at real words.

    Returns:
        (B, W, W): [b, i, j] of the run from word i to word j, both included; −inf where there is no such run.
    """
    inside = torch.cumsum(words * mask, dim=1)
    before = inside - words * mask
    scores = (starts - before)[:, :, None] + (ends + inside)[:, None, :]
    size = words.shape[1]
    ordered = torch.ones(size, size, dtype=torch.bool, device=words.device).triu()
    return scores.masked_fill(~(ordered & mask[:, :, None] & mask[:, None, :]), -torch.inf)


def span_probabilities(logits: Tensor) -> Tensor:
    """(B, W, W) logits of runs → their probabilities."""
    return torch.softmax(logits.flatten(1), dim=1).view_as(logits)


def span_loss(logits: Tensor, first: Tensor, last: Tensor) -> Tensor:
    """Mean negative log-likelihood of the true runs.

    Args:
        logits: (B, W, W).
        first, last: (B,) the true run, both included.
    """
    rows = torch.arange(len(logits), device=logits.device)
    return (torch.logsumexp(logits.flatten(1), dim=1) - logits[rows, first, last]).mean()


def word_marginals(probabilities: Floats) -> Floats:
    """P(word is in the rationale) (n,) of one tweet, from the probabilities (n, n) of its runs."""
    change = np.zeros(len(probabilities) + 1)
    change[:-1] += probabilities.sum(axis=1)
    change[1:] -= probabilities.sum(axis=0)
    return np.clip(np.cumsum(change)[:-1], 0.0, 1.0)


def best_run(probabilities: Floats) -> tuple[int, int]:
    """The run [start, end) with the highest expected word-F1.

    E[F1(a, b)] = Σ_ℓ 2 / (b − a + ℓ) · Σ_{w in [a, b)} P(w is in the rationale, which has length ℓ):
    all runs of n words are compared in n³ steps.

    Args:
        probabilities: (n, n) of the runs of one tweet, n ≥ 1.
    """
    n = len(probabilities)
    first, last = np.triu_indices(n)
    length = last - first
    mass = probabilities[first, last]
    change = np.zeros((n, n + 1))
    np.add.at(change, (length, first), mass)
    np.subtract.at(change, (length, last + 1), mass)
    # [ℓ, w]: words before w, summed over their probability of being in a rationale of length ℓ + 1.
    inside = np.cumsum(change, axis=1)[:, :-1]
    before = np.concatenate([np.zeros((n, 1)), np.cumsum(inside, axis=1)], axis=1)
    lengths = np.arange(1, n + 1)
    expected = (2 / (length[:, None] + 1 + lengths) * (before[:, last + 1] - before[:, first]).T).sum(axis=1)
    best = int(np.argmax(expected))
    return int(first[best]), int(last[best]) + 1
