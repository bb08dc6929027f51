"""From what a model says of tokens to what is said of words, and back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def word_scores(token_scores: Tensor, token_words: Tensor, n_words: int) -> NDArray[np.float32]:
    """Scores of a tweet's words: the largest over the tokens of each.

    A word that was cut off has no token and scores 0.

    Args:
        token_scores: (L,) of one tweet.
        token_words: (L,) each token's word, −1 at special tokens and padding.
        n_words: number of words of the tweet, cut-off ones included.

    Returns:
        (n_words,)
    """
    index = token_words.cpu().numpy()
    scores = np.full(n_words, -np.inf, dtype=np.float32)
    np.maximum.at(scores, index[index >= 0], token_scores.detach().float().cpu().numpy()[index >= 0])
    return np.where(np.isneginf(scores), np.float32(0), scores)


def word_flags(token_flags: Tensor, token_words: Tensor, n_words: int) -> NDArray[np.bool_]:
    """Words (n_words,) of which at least one token is true; shapes as in `word_scores`."""
    index = token_words.cpu().numpy()
    flags = np.zeros(n_words, dtype=bool)
    flags[index[(index >= 0) & token_flags.cpu().numpy()]] = True
    return flags


def token_flags(words: Tensor, token_words: Tensor) -> Tensor:
    """Words (B, W), true where shown → tokens (B, L); special tokens and padding count as shown."""
    padded = torch.cat([words, words.new_ones(len(words), 1)], dim=1)
    return padded.gather(1, torch.where(token_words < 0, words.shape[1], token_words))
