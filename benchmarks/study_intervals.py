"""How often the intervals of `crisisweave study score` hold the truth, when items and raters differ.

    python benchmarks/study_intervals.py [STUDIES]

Each simulated study has 40 items; rater r prefers A in item i with the probability whose logit is
1 + item effect + rater effect (normal), and sees no difference in 15 % of items. The truth is the preference
over all items and raters that could have been drawn. Prints one JSON line for each setting: share of studies
whose 95 % interval holds the truth, and mean widths.
"""

from __future__ import annotations

import json
import sys
from itertools import product

import numpy as np

from crisisweave.study.answers import Votes
from crisisweave.study.score import scores

ITEMS, TIES = 40, 0.15
INTERVALS = ("ci", "ci_items", "ci_independent")
SPREADS = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.5), (1.5, 1.0))
"""Standard deviations of the item and of the rater effects, in logits."""


def setting(raters: int, items_sd: float, raters_sd: float, studies: int) -> dict[str, object]:
    """Coverage and width of each interval over simulated studies."""
    generator = np.random.default_rng([raters, round(10 * items_sd), round(10 * raters_sd)])
    logits = 1 + np.hypot(items_sd, raters_sd) * generator.normal(size=1_000_000)
    truth = float((1 / (1 + np.exp(-logits))).mean())
    ends = {name: np.empty((studies, 2)) for name in INTERVALS}
    for study in range(studies):
        effects = items_sd * generator.normal(size=(ITEMS, 1)) + raters_sd * generator.normal(
            size=(1, raters)
        )
        likes_a = generator.random((ITEMS, raters)) < 1 / (1 + np.exp(-1 - effects))
        tied = generator.random((ITEMS, raters)) < TIES
        votes = np.where(tied, 0, np.where(likes_a, 1, -1)).astype(np.int8)
        preference = scores(Votes(votes, votes > 0, [str(r) for r in range(raters)], {}))["preference"]
        for name in INTERVALS:
            ends[name][study] = preference[name]
    return {
        "raters": raters,
        "items_sd": items_sd,
        "raters_sd": raters_sd,
        "truth": round(truth, 3),
        "covered": {
            n: round(float(((e[:, 0] <= truth) & (truth <= e[:, 1])).mean()), 3) for n, e in ends.items()
        },
        "width": {n: round(float((e[:, 1] - e[:, 0]).mean()), 3) for n, e in ends.items()},
    }


if __name__ == "__main__":
    studies = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    for raters, (items_sd, raters_sd) in product((3, 5, 10), SPREADS):
        print(json.dumps(setting(raters, items_sd, raters_sd, studies)), flush=True)
