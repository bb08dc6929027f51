"""The word head: which of a text's tokens belong to its rationale.

A bidirectional GRU over the token states, a linear layer and a sigmoid, as in the authors' earlier models
(public code); "eq. 1" there is the rebalanced loss.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crisisweave.encoders.text import Tokens


class WordHead(nn.Module):
    """Token states → P(token belongs to the rationale).

    The recurrence runs along the tokens of one tweet: it is batch-first, and sequences are packed, so that
    neither padding nor the other tweets of a batch reach a state.
    """

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.gru = nn.GRU(dim, hidden, batch_first=True, bidirectional=True)
        self.output = nn.Linear(2 * hidden, 1)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """States (B, L, d), mask (B, L) True at real tokens → logits (B, L), 0 at padding."""
        lengths = mask.sum(dim=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(states, lengths, batch_first=True, enforce_sorted=False)
        unpacked, _ = nn.utils.rnn.pad_packed_sequence(
            self.gru(packed)[0], batch_first=True, total_length=mask.shape[1]
        )
        logits: Tensor = self.output(unpacked)[:, :, 0]
        return logits.masked_fill(~mask, 0.0)


def rationale_loss(logits: Tensor, gold: Tensor) -> Tensor:
    """Rebalanced cross-entropy, the mean over the tweets whose rationale is known.

    Of a tweet with n real tokens, `−(1/n) Σ_j w_j [r_j log p_j + (1−r_j) log(1−p_j)]` with
    `w_j = n / n_{r_j}`, n_r being the number of its tokens of that kind: both kinds weigh the same however
    many there are.

    Args:
        logits: (B, L).
        gold: 1 or 0 at real tokens that are not special, −1 elsewhere and in tweets that are not annotated.

    Returns:
        A scalar; 0 where no tweet of the batch is annotated.
    """
    real = gold >= 0
    each = F.binary_cross_entropy_with_logits(logits.float(), (gold > 0).float(), reduction="none")
    loss = torch.zeros(len(gold), device=gold.device)
    for kind in (gold == 1, gold == 0):
        n = kind.sum(dim=1)
        loss = loss + torch.where(n > 0, (each * kind).sum(dim=1) / n.clamp(min=1), 0.0)
    known = real.any(dim=1)
    return (loss * known).sum() / known.sum().clamp(min=1)


def word_f1(selected: Tensor, gold: Tensor, tokens: Tokens) -> Tensor:
    """F1 of the selected words of each tweet (B,); not a number where no word of the rationale is known.

    Args:
        selected: tokens of selected words (B, L).
        gold: as for `rationale_loss` (B, L).
        tokens: of the same batch.
    """
    before = F.pad(tokens.words, (1, 0), value=-1)[:, :-1]
    first = (tokens.words >= 0) & (tokens.words != before)
    chosen, wanted = selected & first, (gold == 1) & first
    hits = (chosen & wanted).sum(dim=1)
    score = 2.0 * hits / (chosen.sum(dim=1) + wanted.sum(dim=1)).clamp(min=1)
    return torch.where(wanted.any(dim=1), score, torch.nan)


def over_words(scores: Tensor, tokens: Tokens) -> Tensor:
    """Token scores (B, L), not negative → the largest over each token's word (B, L), 0 at special tokens."""
    words = tokens.words
    slots = int(words.max()) + 1 if words.numel() else 0
    if slots <= 0:
        return torch.zeros_like(scores)
    index = words.clamp(min=0)
    kept = scores.masked_fill(words < 0, 0.0)
    best = kept.new_zeros(len(words), slots).scatter_reduce(1, index, kept, "amax")
    return best.gather(1, index).masked_fill(words < 0, 0.0)


def chosen_words(scores: Tensor, tokens: Tokens, threshold: float) -> Tensor:
    """Tokens of the words in the rationale (B, L): those at the threshold, and always the best word.

    Every tweet thus keeps at least one word, from which something can be carried over to its image
    (reconstruction: the source does not say what becomes of a tweet without a rationale). A tweet without
    any word keeps none.

    Args:
        scores: of words, at their tokens (B, L); see `over_words`.
        tokens: of the same batch.
        threshold: least probability.
    """
    best = scores.max(dim=1, keepdim=True).values
    first = (
        torch.where((scores == best) & (tokens.words >= 0), tokens.words, tokens.words.max() + 1)
        .min(dim=1, keepdim=True)
        .values
    )
    return ((scores >= threshold) | (tokens.words == first)) & (tokens.words >= 0)
