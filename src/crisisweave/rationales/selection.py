"""From scores to a choice: which patches belong to a rationale.

A score says something only where it differs. Of patches that all have the same score none is chosen, so that
an image to which nothing was carried over (no word in the rationale, or a plan over a single token, which is
uniform) has no rationale instead of an arbitrary one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from crisisweave.config.method import Rationales

SOFTNESS = 2.0
"""Slope of the soft choice of patches over their z-score."""
# Deviations of a score that come from rounding alone, as a share of the scores' size.
_ROUNDING = 1e-5


def transported_mass(plan: Tensor, rationale: Tensor) -> Tensor:
    """Patch scores `s_j = max_{i ∈ R} T_ij`: the most that any one rationale token sends to a patch.

    Every patch receives the same from all tokens together. So the scores tell patches apart by how much of
    that comes from outside the rationale, and say little where the plan has nothing outside: where all
    words are the rationale, or where the plan was solved over the rationale alone.

    Args:
        plan: transport plans (B, L, P).
        rationale: True at tokens of the rationale (B, L).

    Returns:
        (B, P); 0 everywhere for a tweet without any rationale token.
    """
    if not plan.shape[1]:
        return plan.new_zeros(plan.shape[0], plan.shape[2])
    return plan.masked_fill(~rationale[:, :, None], 0.0).amax(dim=1)


def expected_mass(plan: Tensor, probabilities: Tensor) -> Tensor:
    """Patch scores `s_j = Σ_i p_i T_ij`: the mass that is expected to come from the rationale.

    The largest mass of one token is bound by a patch's whole share, at which many patches end; the sum over
    words of every probability tells more of them apart.

    Args:
        plan: transport plans (B, L, P).
        probabilities: that a token's word belongs to the rationale (B, L), 0 at special tokens and padding.

    Returns:
        (B, P).
    """
    return torch.bmm(probabilities[:, None, :].to(plan.dtype), plan)[:, 0]


def spread(scores: Tensor, patches: Tensor, temperature: float) -> Tensor:
    """Scores of which patches that look alike have a share: `A s`, A the softmax over their similarity.

    A thing that is cut up by the grid is then found whole (reconstruction; random walks over such affinities
    are how class activation maps are completed in weakly supervised segmentation).

    Args:
        scores: (B, P).
        patches: embeddings before any layer (B, P, d), so that what is alike is told by what is seen alone.
        temperature: of the softmax over cosines of the embeddings, centred within each image.
    """
    centred = F.normalize(patches - patches.mean(dim=1, keepdim=True), dim=-1)
    affinity = torch.softmax(torch.bmm(centred, centred.transpose(1, 2)) / temperature, dim=-1)
    return torch.bmm(affinity, scores[:, :, None])[:, :, 0]


def nearness(cost: Tensor, rationale: Tensor, words: Tensor) -> Tensor:
    """How much nearer each patch is to the rationale's tokens than to the other words (B, P), for training.

    The difference of mean cosines. The plan's mass will not do: once a patch's whole share comes from the
    rationale it cannot grow, and no gradient is left.

    Args:
        cost: 1 − cosine (B, L, P).
        rationale: True at tokens of the rationale (B, L).
        words: True at all tokens of words (B, L).
    """
    near, far = (_mean_over(1 - cost, rows) for rows in (rationale, words & ~rationale))
    return near - far


def _mean_over(values: Tensor, rows: Tensor) -> Tensor:
    weights = rows.to(values.dtype)[:, :, None]
    return (values * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)


def soft_choice(scores: Tensor) -> Tensor:
    """Scores (B, P) → shares in (0, 1) that rise with the score and are a half at the image's mean."""
    scores = scores - scores.mean(dim=1, keepdim=True)
    # The root has no gradient at 0, where a tweet without words leaves all scores.
    deviation = scores.square().mean(dim=1, keepdim=True).clamp(min=1e-24).sqrt()
    return torch.sigmoid(SOFTNESS * scores / (deviation + 1e-6))


def by_z_score(scores: Tensor, z: float) -> Tensor:
    """Patches more than `z` standard deviations above their image's mean (ViLT's own demo, z = 1).

    Args:
        scores: (B, P).
        z: threshold.

    Returns:
        (B, P) bool; none where all scores of an image are the same.
    """
    scores = scores.double()
    deviation = (scores - scores.mean(dim=1, keepdim=True)).square().mean(dim=1, keepdim=True).sqrt()
    return (scores > scores.mean(dim=1, keepdim=True) + z * deviation) & _differs(scores)


def by_share(scores: Tensor, share: float) -> Tensor:
    """The highest-scoring share of each image's patches, to the nearest whole number and at least one.

    Args:
        scores: (B, P).
        share: in (0, 1].

    Returns:
        (B, P) bool; none where all scores of an image are the same.
    """
    count = max(1, round(share * scores.shape[1]))
    return top(scores, torch.full((len(scores),), count)) & _differs(scores)


def top(scores: Tensor, counts: Tensor) -> Tensor:
    """The `counts` (B,) highest of each row's scores (B, n), as (B, n) bool; ties go to the earlier one."""
    order = scores.argsort(dim=1, descending=True, stable=True)
    place = torch.empty_like(order)
    place.scatter_(1, order, torch.arange(scores.shape[1], device=scores.device).expand_as(order))
    return place < counts.to(scores.device)[:, None]


def select_patches(scores: Tensor | None, settings: Rationales) -> Tensor | None:
    """The patches that a method keeps: its scores (B, P) → (B, P) bool. None for text alone."""
    if scores is None:
        return None
    return by_z_score(scores, settings.z) if settings.select == "z_score" else by_share(scores, settings.top)


def _differs(scores: Tensor) -> Tensor:
    """Whether a row's scores differ by more than rounding (B, 1)."""
    if not scores.shape[1]:
        return scores.new_zeros((len(scores), 1), dtype=torch.bool)
    spread = scores.amax(dim=1, keepdim=True) - scores.amin(dim=1, keepdim=True)
    return spread > _ROUNDING * scores.abs().amax(dim=1, keepdim=True)
