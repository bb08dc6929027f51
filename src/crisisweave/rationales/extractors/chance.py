"""What an explanation must be better than: chance, and the middle of the image."""

from __future__ import annotations

import hashlib

import numpy as np
import torch
from torch import Tensor

from crisisweave.encoders.joint import JointInput
from crisisweave.rationales.extractors.explained import Explained

CENTRE_WIDTH = 0.25
"""Standard deviation of the centre prior, as a share of the image's side."""


def random_words(classifier: Explained, x: JointInput, target: Tensor) -> Tensor:
    """A number in [0, 1) for each word, the same at all its tokens (B, L)."""
    scores = np.zeros(x.tokens.ids.shape, dtype=np.float32)
    words = x.tokens.words.cpu().numpy()
    for row, (generator, of_tokens) in enumerate(zip(_generators(x, "words"), words, strict=True)):
        drawn = generator.random(of_tokens.max(initial=-1) + 1, dtype=np.float32)
        scores[row, of_tokens >= 0] = drawn[of_tokens[of_tokens >= 0]]
    return torch.from_numpy(scores).to(x.patches.device)


def random_patches(classifier: Explained, x: JointInput, target: Tensor) -> Tensor:
    """A number in [0, 1) for each patch (B, P)."""
    patches = x.patches.shape[1]
    drawn = [generator.random(patches, dtype=np.float32) for generator in _generators(x, "patches")]
    return torch.from_numpy(np.stack(drawn)).to(x.patches.device)


def centre(classifier: Explained, x: JointInput, target: Tensor) -> Tensor:
    """A Gaussian around the middle of the image, the same for all images (B, P)."""
    rows, columns = classifier.encoder.grid
    y = (torch.arange(rows, dtype=torch.float64) + 0.5) / rows - 0.5
    x_ = (torch.arange(columns, dtype=torch.float64) + 0.5) / columns - 0.5
    prior = torch.exp(-(y[:, None] ** 2 + x_[None, :] ** 2) / (2 * CENTRE_WIDTH**2)).flatten()
    return prior.to(x.patches).expand(len(x.patches), -1).clone()


def _generators(x: JointInput, purpose: str) -> list[np.random.Generator]:
    """One for each instance, seeded by what the instance is, so that its batch and place change nothing."""
    ids, mask, patches = x.tokens.ids.cpu(), x.tokens.mask.cpu(), x.patches.cpu().contiguous()
    found = []
    for own, real, image in zip(ids, mask, patches, strict=True):
        digest = hashlib.sha256(purpose.encode())
        digest.update(own[real].long().numpy().tobytes())
        digest.update(image.numpy().tobytes())
        found.append(np.random.default_rng(int.from_bytes(digest.digest()[:8], "big")))
    return found
