"""The demo's probabilities: how often each pair of labels occurs, and how often content is ambiguous.

Everything that the ceilings are computed from stands in this file and nowhere else.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

AFFECTED = "affected_individuals"
INFRASTRUCTURE = "infrastructure_and_utility_damage"
INJURED = "injured_or_dead_people"
MISSING = "missing_or_found_people"
NOT_HUMANITARIAN = "not_humanitarian"
OTHER = "other_relevant_information"
RESCUE = "rescue_volunteering_or_donation_effort"
VEHICLE = "vehicle_damage"

RAW_CLASSES = (AFFECTED, INFRASTRUCTURE, INJURED, MISSING, NOT_HUMANITARIAN, OTHER, RESCUE, VEHICLE)
MERGE = {INJURED: AFFECTED, MISSING: AFFECTED, VEHICLE: INFRASTRUCTURE}
CLASSES = tuple(name for name in RAW_CLASSES if name not in MERGE)
SEVERITIES = ("little_or_no_damage", "mild_damage", "severe_damage")
SEVERITY_WEIGHTS = (0.15, 0.27, 0.58)

# Weight of (label of the text, label of the image) over all rows: CrisisMMD v2.0's proportions (dev and
# test of the all-label layout), rounded, with the rarest cells raised so that 2,000 tweets hold them.
# Rows: text; columns: image; both in the order of RAW_CLASSES.
JOINT = np.array(
    [
        [28, 37, 3, 1, 55, 12, 11, 2],
        [21, 180, 3, 0, 72, 38, 25, 12],
        [6, 42, 12, 1, 32, 15, 32, 5],
        [1, 3, 1, 5, 4, 1, 4, 0],
        [18, 99, 2, 1, 1020, 60, 35, 10],
        [66, 395, 3, 3, 562, 425, 154, 31],
        [34, 126, 5, 1, 389, 69, 300, 8],
        [0, 5, 0, 0, 4, 0, 1, 8],
    ],
    dtype=float,
)
JOINT /= JOINT.sum()

CLEAR = "clear"
Modality = Literal["text", "image"]

# P(ambiguous kind | class). Content of an ambiguous kind is drawn without looking at the class, so that
# nothing in it tells the classes apart; the rest of the probability is "clear" content.
AMBIGUOUS: dict[Modality, dict[str, dict[str, float]]] = {
    "text": {
        "scenes": {INFRASTRUCTURE: 0.22, OTHER: 0.20, NOT_HUMANITARIAN: 0.10, RESCUE: 0.04},
        "people": {AFFECTED: 0.25, RESCUE: 0.22, NOT_HUMANITARIAN: 0.06, OTHER: 0.03},
        "look": {
            AFFECTED: 0.07,
            INFRASTRUCTURE: 0.07,
            NOT_HUMANITARIAN: 0.07,
            OTHER: 0.07,
            RESCUE: 0.07,
        },
    },
    "image": {
        "dark_street": {INFRASTRUCTURE: 0.25, OTHER: 0.12, NOT_HUMANITARIAN: 0.08, RESCUE: 0.05},
        "crowd": {AFFECTED: 0.28, RESCUE: 0.22, NOT_HUMANITARIAN: 0.06, OTHER: 0.03},
        "distant_town": {OTHER: 0.12, NOT_HUMANITARIAN: 0.08, INFRASTRUCTURE: 0.06, RESCUE: 0.06},
    },
}


def merged(raw: str) -> str:
    """The class of the five that a raw label of the eight belongs to."""
    return MERGE.get(raw, raw)


def informative(raw: str) -> str:
    """Whether a raw humanitarian label counts as informative: everything but not_humanitarian does."""
    return "not_informative" if raw == NOT_HUMANITARIAN else "informative"


def kinds_of(modality: Modality, raw: str) -> dict[str, float]:
    """P(kind | raw label): the ambiguous kinds and, last, `clear`."""
    row = {kind: given.get(merged(raw), 0.0) for kind, given in AMBIGUOUS[modality].items()}
    row[CLEAR] = 1.0 - sum(row.values())
    return row
