"""The tagger: word states → bidirectional GRU → which run of words is the rationale.

Each head gives every word three logits (inside, first, last); their sums score every run of words
(`crisisweave.rationales.spans`). The word logits are also trained with the rebalanced loss of the rationale
methods (docs/methods.md, eq. 1). Annotators knew the class of a tweet when they marked its words, so the
heads may be told; in training the class of some tweets is hidden, so that they mark others as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from crisisweave.rationales.labels import Span, marked
from crisisweave.rationales.spans import (
    Floats,
    best_run,
    span_logits,
    span_loss,
    span_probabilities,
    word_marginals,
)

UNKNOWN_CLASS = -1
_BATCH = 128


class WordBatch(NamedTuple):
    """Tweets as word states.

    Attributes:
        states: (B, W, d), padded with 0.
        lengths: (B,) words of each tweet, at least 1.
        classes: (B,) class ids, `UNKNOWN_CLASS` where it is not known.
    """

    states: Tensor
    lengths: Tensor
    classes: Tensor

    @classmethod
    def of(cls, states: Sequence[Tensor], classes: Sequence[int]) -> WordBatch:
        """Pad the states (n, d) of some tweets."""
        lengths = torch.tensor([len(tweet) for tweet in states])
        return cls(pad_sequence(list(states), batch_first=True), lengths, torch.tensor(classes))

    def mask(self) -> Tensor:
        """(B, W) True at real words."""
        return torch.arange(self.states.shape[1])[None] < self.lengths[:, None]


class Head(nn.Module):
    """One member of a tagger.

    Args:
        dim: width of a word state.
        classes: number of classes that it may be told.
        hidden: units of the GRU in each direction.
        dropout: on word states and GRU states.
    """

    def __init__(self, dim: int, classes: int, hidden: int, dropout: float):
        super().__init__()
        # The last place stands for the unknown class.
        self.classes = classes + 1
        # `batch_first` or the recurrence would run across the tweets of a batch.
        self.gru = nn.GRU(dim + self.classes, hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * hidden, 3)
        self.dropout = nn.Dropout(dropout)

    def forward(self, batch: WordBatch) -> Tensor:
        """Logits (B, W, 3) of a word inside, first and last."""
        known = F.one_hot(batch.classes % self.classes, self.classes).to(batch.states.dtype)
        told = known[:, None].expand(-1, batch.states.shape[1], -1)
        given = torch.cat([self.dropout(batch.states), told], dim=2)
        packed = pack_padded_sequence(given, batch.lengths, batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True)
        logits: Tensor = self.output(self.dropout(states))
        return logits

    def spans(self, batch: WordBatch) -> Tensor:
        """Logits (B, W, W) of the runs of words."""
        words, starts, ends = self(batch).unbind(dim=2)
        return span_logits(words, starts, ends, batch.mask())

    def loss(self, batch: WordBatch, gold: Tensor, word_loss: float) -> Tensor:
        """Likelihood of the run from the first to the last gold word, and the rebalanced word loss.

        Args:
            batch: the tweets.
            gold: (B, W) True at rationale words; at least one in each tweet.
            word_loss: weight of the second.
        """
        words, starts, ends = self(batch).unbind(dim=2)
        mask = batch.mask()
        first = gold.int().argmax(dim=1)
        last = gold.shape[1] - 1 - gold.int().flip(1).argmax(dim=1)
        return span_loss(span_logits(words, starts, ends, mask), first, last) + word_loss * rebalanced(
            words, gold, mask
        )


def rebalanced(logits: Tensor, gold: Tensor, mask: Tensor) -> Tensor:
    """Eq. 1: mean over a tweet's words of the cross-entropy weighted by n / n_r, then over the tweets.

    n counts the tweet's real words, n_r those of them with the same gold value; padding has no part in it.

    Args:
        logits, gold, mask: (B, W).
    """
    real = mask.to(logits.dtype)
    target = gold.to(logits.dtype) * real
    n = real.sum(dim=1, keepdim=True)
    inside = target.sum(dim=1, keepdim=True)
    weights = torch.where(gold, n / inside.clamp(min=1), n / (n - inside).clamp(min=1)) * real
    losses = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return ((weights * losses).sum(dim=1) / n[:, 0]).mean()


class Tagged(NamedTuple):
    """What a tagger says of one tweet."""

    scores: Floats
    """(n words,) probability that the word is in the rationale; 0 where the word was cut off."""
    span: Span | None
    """The rationale as [start, end); None for a tweet without words."""

    def selected(self) -> NDArray[np.bool_]:
        """(n words,) True at the rationale."""
        return marked([self.span] if self.span else [], len(self.scores))


@torch.inference_mode()
def tag(heads: Sequence[Head], states: Sequence[Tensor], classes: Sequence[int]) -> list[Tagged]:
    """Mark tweets with the mean of the heads' span probabilities.

    Args:
        heads: in evaluation mode.
        states: word states of each tweet (n, d).
        classes: class ids, `UNKNOWN_CLASS` where it is not known.
    """
    result = [Tagged(np.zeros(0), None)] * len(states)
    rows = [row for row in np.argsort([len(s) for s in states], kind="stable") if len(states[row])]
    for start in range(0, len(rows), _BATCH):
        chosen = rows[start : start + _BATCH]
        batch = WordBatch.of([states[row] for row in chosen], [classes[row] for row in chosen])
        members = torch.stack([span_probabilities(head.spans(batch).double()) for head in heads])
        for row, probabilities in zip(chosen, members.mean(dim=0).numpy(), strict=True):
            n = len(states[row])
            own = probabilities[:n, :n]
            result[row] = Tagged(word_marginals(own), best_run(own))
    return result
