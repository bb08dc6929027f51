"""What a prediction on the rationale alone costs: the same encoder on the whole input beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Record = dict[str, Any]


class Against(NamedTuple):
    """Macro-F1 of a method with rationales minus that of one that reads everything."""

    other: str
    difference: float
    low: float
    high: float


def configs_of(details: Mapping[str, Any], dataset: str, task: str) -> dict[str, Record]:
    """Method → its config in force."""
    return {
        record["method"]: record["config"]
        for record in details["methods"]
        if (record["dataset"], record["task"]) == (dataset, task)
    }


def against_full(
    dataset: str, task: str, method: str, configs: Mapping[str, Record], results: Mapping[str, Any]
) -> Against | None:
    """The comparison of a method with the one that reads everything through the same encoder, if it was run.

    Args:
        dataset: of the experiment.
        task: of the experiment.
        method: with rationales.
        configs: method → its config in force.
        results: `tables.json`.
    """
    if method not in configs:
        return None
    others = sorted(name for name, config in configs.items() if _reads_all(config, configs[method]))
    for row in results["comparisons"]:
        pair = (row["method_a"], row["method_b"])
        if (row["dataset"], row["task"]) != (dataset, task) or method not in pair:
            continue
        other = pair[0] if pair[1] == method else pair[1]
        if other in others[:1]:
            sign = 1 if pair[0] == method else -1
            low, high = sorted((sign * row["f1_macro_low"], sign * row["f1_macro_high"]))
            return Against(other, sign * row["f1_macro_difference"], low, high)
    return None


def _reads_all(config: Record, own: Record) -> bool:
    """Whether a method is trained on whole inputs, and through the encoder of another."""
    same = all(config[key] == own[key] for key in ("inputs", "joint"))
    encoders = [None if c["text"] is None else c["text"]["name"] for c in (config, own)]
    return same and encoders[0] == encoders[1] and not config["rationales"] and not config["masking"]
