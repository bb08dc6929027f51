"""What a profile's training would cost, by `config/costs/gflop.yaml`: arithmetic, not measurement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from crisisweave.config.method import EncoderUse, MethodConfig
from crisisweave.config.profile import CONFIG_DIR, Profile, Run
from crisisweave.config.strict import StrictModel, read_yaml, validate

BACKWARD = 2
"""A backward pass takes about twice the arithmetic of a forward pass."""


class Costs(StrictModel):
    """Arithmetic of one forward pass, and how much a card does in a second."""

    sustained_tflops: float = Field(gt=0)
    """Of one GPU, in training."""
    tweet_tokens: int = Field(gt=0)
    caption_tokens: int = Field(gt=0)
    per_token: dict[str, float]
    """Text encoder, without its revision → GFLOP for one token."""
    per_image: dict[str, float]
    """Image encoder → GFLOP for one image."""
    per_pair: dict[str, float]
    """Joint encoder, or a family with layers of its own → GFLOP for one tweet with image."""


@dataclass(frozen=True)
class Estimate:
    """GPU hours of runs that are to be trained."""

    hours: float
    unknown: tuple[str, ...]
    """Encoders of which the table says nothing; runs with one are not counted."""
    uncounted: int
    """How many runs have one."""

    def __str__(self) -> str:
        text = f"at most {self.hours:,.0f} GPU hours" if self.hours >= 1 else "less than one GPU hour"
        if self.unknown:
            text += f"; not counted: runs with {', '.join(self.unknown)} ({self.uncounted})"
        return text


def load_costs(config_dir: Path = CONFIG_DIR) -> Costs:
    """Read config/costs/gflop.yaml."""
    path = config_dir / "costs" / "gflop.yaml"
    return validate(Costs, read_yaml(path), str(path))


def forward_gflop(method: MethodConfig, costs: Costs) -> tuple[float, list[str]]:
    """GFLOP of one row's forward pass through what is tuned, and the encoders of which nothing is known."""
    total = costs.per_pair.get(method.family, 0.0)
    unknown = []
    if method.joint is not None:
        total += costs.per_pair.get(method.joint, 0.0)
        unknown += [method.joint] * (method.joint not in costs.per_pair)
    tokens = costs.tweet_tokens * ("text" in method.inputs) + costs.caption_tokens * (
        "caption" in method.inputs
    )
    for use, table, times in ((method.text, costs.per_token, tokens), (method.image, costs.per_image, 1)):
        if use is not None and use.tuned:
            name = _plain(use)
            total += times * table.get(name, 0.0)
            unknown += [name] * (name not in table)
    return total, unknown


def _plain(use: EncoderUse) -> str:
    return use.name.partition("@")[0]


def estimate(profile: Profile, runs: Iterable[Run], costs: Costs) -> Estimate:
    """The cost of training `runs` for all their epochs, where patience may stop them earlier.

    Rows are those that are published of the data set's task, or the size of the generated demo. Features,
    captions and predictions are not in it: each is one forward pass.
    """
    hours, unknown, uncounted = 0.0, set(), 0
    for run in runs:
        method = profile.method(run.dataset, run.task, run.method)
        if method.training is None:
            continue
        gflop, missing = forward_gflop(method, costs)
        if missing:
            unknown |= set(missing)
            uncounted += 1
            continue
        counts = profile.dataset(run.dataset).tasks[run.task].counts
        train = counts.get("train", profile.config.demo_tweets)
        passes = method.training.epochs * (train * (1 + BACKWARD) + counts.get("dev", 0))
        hours += passes * gflop / (costs.sustained_tflops * 1000 * 3600)
    return Estimate(hours, tuple(sorted(unknown)), uncounted)
