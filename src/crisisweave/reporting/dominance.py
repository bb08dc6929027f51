"""Who dominates a model of several modalities, and what balancing changes (thesis, chapter 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from crisisweave.config.method import MethodConfig
from crisisweave.config.run import DESCRIPTIVE
from crisisweave.reporting.numbers import percent

Record = dict[str, Any]

LEANS = 0.02
"""A model is said to lean on a modality where d_util is further from 0 than this, or, of three modalities
and more, where the largest Shapley value is so far ahead of the next."""
KINDS = {
    "none": "no balancing",
    "r_sse": "R-SSE",
    "d_sse": "D-SSE",
    "drop": "modality drop",
    "ogm_ge": "OGM-GE",
    "pmr": "PMR",
    "blending": "gradient blending",
}
"""Ways to balance, in the order of the pages, and how a person would call them."""
_NOT_KIN = {"name", "balance", *DESCRIPTIVE}


def kind_of(config: Mapping[str, Any]) -> str:
    """How a method is balanced; `none` also where nothing watches it."""
    balance = config.get("balance")
    return "none" if balance is None else str(balance["method"])


def kinship(config: Mapping[str, Any]) -> str:
    """A method's settings but for its balancing, as text: equal for methods that differ in nothing else."""
    settings = {key: config[key] for key in MethodConfig.model_fields if key in config}
    return json.dumps({k: v for k, v in settings.items() if k not in _NOT_KIN}, sort_keys=True)


def modality_names(config: Mapping[str, Any], n: int, coloured: bool = False) -> list[str]:
    """How sentences call a method's n modalities; `coloured`: the views of CG-MNIST."""
    if config.get("views") is not None:
        return ["grey", "colour"] if coloured and n == 2 else [f"view {m}" for m in range(n)]
    if n == 2:
        return ["text", "image"]
    inputs = list(config["inputs"])
    return inputs if len(inputs) == n else [f"modality {m}" for m in range(n)]


def ordered(methods: Sequence[str], configs: Mapping[str, Record]) -> list[str]:
    """Methods with their kin side by side, the one that is not balanced first."""
    families: dict[str, str] = {}
    for method in sorted(methods):
        families.setdefault(kinship(configs[method]), method)
    kinds = list(KINDS)

    def place(method: str) -> tuple[str, int, str]:
        config = configs[method]
        return families[kinship(config)], kinds.index(kind_of(config)), method

    return sorted(methods, key=place)


def baselines(methods: Sequence[str], configs: Mapping[str, Record]) -> dict[str, str]:
    """Each balanced method → its kin without balancing; of two such, the watched one."""
    unbalanced: dict[str, str] = {}
    plain = [method for method in methods if kind_of(configs[method]) == "none"]
    for method in sorted(plain, key=lambda name: (configs[name].get("balance") is None, name)):
        unbalanced.setdefault(kinship(configs[method]), method)
    balanced = [method for method in methods if kind_of(configs[method]) != "none"]
    found = {method: unbalanced.get(kinship(configs[method])) for method in balanced}
    return {method: before for method, before in found.items() if before is not None}


def leader(row: Record) -> int | None:
    """The modality that a method leans on, or None: by d_util, of three and more by Shapley values."""
    if row["d_util"] is not None:
        value = row["d_util"][0]
        return None if abs(value) <= LEANS else int(value < 0)
    shares = [share[0] for share in row["shapley"]]
    first, second = sorted(shares, reverse=True)[:2]
    return None if first - second <= LEANS else shares.index(first)


def signed(value: float) -> str:
    """d_util with its sign and two decimals."""
    return f"{value:+.2f}".replace("-", "−")


def _measure(row: Record) -> str:
    """What the leader is told by."""
    if row["d_util"] is not None:
        return f"d_util {signed(row['d_util'][0])}"
    shares = zip(row["names"], row["shapley"], strict=True)
    return "Shapley values " + ", ".join(f"{name} {percent(share[0])}" for name, share in shares)


def says_alone(row: Record) -> str:
    """One sentence on a method that stands beside no kin."""
    lead = leader(row)
    on = "no modality more than another" if lead is None else row["names"][lead]
    parts = [
        f"{name} alone inside the model has {percent(inside[0])}\u00a0%"
        for name, inside in zip(row["names"], row["inside"], strict=True)
    ]
    return (
        f"{row['title']} leans on {on} ({_measure(row)}); {', '.join(parts)}, {_all(row)} "
        f"{percent(row['accuracy'][0])}\u00a0%{_better_without(row)}."
    )


def says_change(before: Record, after: Record) -> str:
    """One sentence on what balancing changes: who leads, and what each modality says alone."""
    parts = [
        f"{name} has {percent(new[0])}\u00a0% instead of {percent(old[0])}\u00a0%"
        for name, old, new in zip(after["names"], before["inside"], after["inside"], strict=True)
    ]
    return (
        f"{after['title']}: {_lean_changes(before, after)}; alone inside the model {', '.join(parts)}; "
        f"{_all(after)} have {percent(after['accuracy'][0])}\u00a0% instead of "
        f"{percent(before['accuracy'][0])}\u00a0%{_better_without(after)}."
    )


def _all(row: Record) -> str:
    return "both together" if len(row["names"]) == 2 else "all together"


def _lean_changes(before: Record, after: Record) -> str:
    old, new = leader(before), leader(after)
    names, was, is_now = after["names"], _measure(before), _measure(after)
    if old is None and new is None:
        return f"no lean before ({was}) and none after ({is_now})"
    if old is None:
        return f"no lean before ({was}), one on {names[new]} after ({is_now})"
    if new is None:
        return f"the lean on {names[old]} ({was}) is gone ({is_now})"
    if old != new:
        turned = f"the lean on {names[old]} ({was}) turns into one on {names[new]} ({is_now})"
        return turned + _nearer(before, after)
    return f"the lean on {names[old]} ({was}) stays ({is_now}){_nearer(before, after)}"


def _nearer(before: Record, after: Record) -> str:
    """Whether |d_util| became smaller; nothing of three modalities and more."""
    if before["d_util"] is None or after["d_util"] is None:
        return ""
    change = abs(after["d_util"][0]) - abs(before["d_util"][0])
    if abs(change) <= LEANS:
        return ", as far from balance"
    return ", nearer to balance" if change < 0 else ", further from balance"


def _better_without(row: Record) -> str:
    """Where leaving a modality out helps: d_util then may leave −1 to 1 (thesis, 5.5.7, note 2)."""
    found = [
        f"{percent(without[0])}\u00a0% without {name}"
        for name, without in zip(row["names"], row["without"], strict=True)
        if without[0] > row["accuracy"][0]
    ]
    return f" (more than together: {', '.join(found)})" if found else ""


def finding(rows: Sequence[Record]) -> str:
    """Which method leans on what the most, and which the least."""
    rows = [row for row in rows if row["d_util"] is not None]
    if not rows:
        return "d_util is defined for two modalities; of more, the Shapley values say who leads."
    most = max(rows, key=lambda row: abs(row["d_util"][0]))
    least = min(rows, key=lambda row: abs(row["d_util"][0]))
    lead = leader(most)
    if lead is None:
        return f"No method leans on one modality: d_util is within ±{LEANS} for all of them."
    said = (
        f"{most['title']} leans on {most['names'][lead]} the most "
        f"({_measure(most)}, accuracy {percent(most['accuracy'][0])}\u00a0%)"
    )
    if least is most:
        return f"{said}."
    return (
        f"{said}, {least['title']} on either the least ({_measure(least)}, accuracy "
        f"{percent(least['accuracy'][0])}\u00a0%)."
    )
