"""What is not shown: hidden words become `*`, hidden patches grey."""

from __future__ import annotations

import torch
from torch import Tensor

from crisisweave.encoders.joint import JointEncoder, JointInput
from crisisweave.encoders.text import Tokens
from crisisweave.encoders.text_only import TextOnly


def starred(tokens: Tokens, keep: Tensor, star: int) -> Tokens:
    """Tokens of which those not kept read `*`; special tokens and padding stay as they are.

    Args:
        tokens: each part (B, L).
        keep: True at tokens that are shown (B, L).
        star: id of the token `*`.
    """
    hidden = (tokens.words >= 0) & ~keep
    return tokens._replace(ids=tokens.ids.masked_fill(hidden, star))


def masked(
    x: JointInput, encoder: JointEncoder | TextOnly, words: Tensor | None, patches: Tensor | None
) -> JointInput:
    """The input with parts of it hidden.

    Args:
        x: what the encoder reads.
        encoder: says what `*` and grey are.
        words: True at tokens that are shown (B, L), or None for all.
        patches: shown patches (B, P), boolean or a share in [0, 1] that mixes a patch with grey; None: all.
    """
    tokens = x.tokens if words is None else starred(x.tokens, words, encoder.star)
    if patches is None or not x.patches.shape[1]:
        return JointInput(tokens, x.patches)
    share = patches.to(x.patches.dtype)[:, :, None]
    return JointInput(tokens, torch.lerp(encoder.grey.expand_as(x.patches), x.patches, share))


def randomly_masked(x: JointInput, encoder: JointEncoder | TextOnly, rows: float) -> JointInput:
    """In a share of the rows, hide words and patches, each kept with a probability that is drawn per row.

    So that a model has seen inputs of every degree of completeness, whole ones among them.
    """
    batch, device = len(x.tokens.ids), x.tokens.ids.device
    touched = torch.rand(batch, 1, device=device) < rows
    keep_words, keep_patches = (
        torch.rand(batch, n, device=device) < torch.rand(batch, 1, device=device)
        for n in (int(x.tokens.words.max()) + 1 if x.tokens.words.numel() else 0, x.patches.shape[1])
    )
    words = keep_words.gather(1, x.tokens.words.clamp(min=0)) if keep_words.shape[1] else None
    return masked(x, encoder, None if words is None else words | ~touched, keep_patches | ~touched)
