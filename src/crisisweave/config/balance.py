"""How a method with several branches is kept from leaning on one of them (thesis, chapter 5)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from crisisweave.config.strict import StrictModel


class Balance(StrictModel):
    """Balancing of the modalities in training. Modality 0 is the text (or the first view), 1 the image."""

    method: Literal["none", "r_sse", "d_sse", "drop", "ogm_ge", "pmr", "blending"]
    """`none`: the modalities are only watched. `r_sse`, `d_sse`: one modality of some rows comes from a row
    of another class, chosen at random or by who dominates. `drop`: as d_sse, but its vector becomes zero.
    `ogm_ge`: gradients of the dominating modality are damped. `pmr`: the other one is pulled to its class
    prototypes. `blending`: each modality has a loss of its own."""
    p_change: float = Field(default=0.1, ge=0, le=1)
    """P_c: share of the rows that are changed (sse, drop)."""
    p_class: float = Field(default=0.0, ge=0, le=1)
    """P_class: share of the swaps whose partner is of the same class (figure 5.4)."""
    steepness: float = Field(default=1.5, gt=0)
    """a of equation 5.4.3."""
    probe_lr: float = Field(default=2e-3, gt=0)
    """Learning rate of the linear probes (SGD, momentum 0.9)."""
    alpha: float = Field(default=1.0, ge=0)
    """ogm_ge: α of the damping; pmr: weight of the prototype loss."""
    until: int = Field(default=50, ge=1)
    """ogm_ge: epochs in which gradients are modulated; pmr: those with the entropy term."""
    mu: float = Field(default=1e-2, ge=0)
    """pmr: weight of the entropy term."""
    momentum: float = Field(default=0.2, ge=0, lt=1)
    """pmr: share of the old prototypes in the new ones (ε)."""
    prototype_share: float = Field(default=0.1, gt=0, le=1)
    """pmr: share of the training rows that prototypes are made from."""
    every: int = Field(default=5, ge=1)
    """blending: epochs after which the weights of the losses are estimated anew."""
