"""The embedded demo: an artificial crisis data set in CrisisMMD v2.0's format, with the truth beside it."""

from __future__ import annotations

from pathlib import Path

SEED = 0
TWEETS = 2000


def generate(folder: Path, seed: int = SEED, tweets: int = TWEETS) -> None:
    """Write the demo data set to `folder`; see `crisisweave.datasets.demo.write.generate`."""
    from crisisweave.datasets.demo import write

    write.generate(folder, seed=seed, tweets=tweets)
