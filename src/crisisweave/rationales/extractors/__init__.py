"""What other ways of explaining a classifier say of the same input.

Each takes the classifier, what it reads, and the class (B,) that is to be explained, and gives a score to
every patch (B, P) or every token (B, L); higher means more important, and a negative score speaks against the
class. Scores are 0 at special tokens and padding. All are deterministic, and an instance's scores depend on
neither its batch nor its padding.
"""

from __future__ import annotations

from crisisweave.rationales.extractors.attention import attention, attention_rollout
from crisisweave.rationales.extractors.chance import centre, random_patches, random_words
from crisisweave.rationales.extractors.explained import Extractor
from crisisweave.rationales.extractors.grad_cam import grad_cam
from crisisweave.rationales.extractors.gradient_input import gradient_input
from crisisweave.rationales.extractors.integrated_gradients import integrated_gradients
from crisisweave.rationales.extractors.rise import rise

WORDS: dict[str, Extractor] = {
    "attention": attention,
    "gradient_input": gradient_input,
    "random_words": random_words,
}
"""Extractors of words, by name."""

PATCHES: dict[str, Extractor] = {
    "rise": rise,
    "grad_cam": grad_cam,
    "attention_rollout": attention_rollout,
    "integrated_gradients": integrated_gradients,
    "random_patches": random_patches,
    "centre": centre,
}
"""Extractors of patches, by name."""
