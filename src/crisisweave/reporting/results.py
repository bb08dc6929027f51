"""From `tables.json` to what the overview shows: one section for each data set and task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from crisisweave.reporting.numbers import percent, several
from crisisweave.reporting.site import stem

Record = dict[str, Any]
Ceilings = dict[str, dict[str, float]]
"""text, image, both → `expected_accuracy`, `accuracy` and `f1_macro` of the best possible classifier."""

FEW = 20
"""A class with fewer rows is pointed out: one changed answer moves its recall by 5 points or more."""

MOST_NAMES = 5
"""So many methods are named in a sentence."""
MOST_PAIRS = 66
"""With more pairs (twelve methods), only those with the best method are listed; the CSV file has them all."""


def sections(tables: Mapping[str, Any], ceilings: Mapping[tuple[str, str], Ceilings]) -> list[Record]:
    """One section for each data set and task, in the order of the tables.

    Args:
        tables: what `aggregate` wrote.
        ceilings: (data set, task) → what the best possible classifier scores; known for generated data only.
    """
    keys = dict.fromkeys((group["dataset"], group["task"]) for group in tables["groups"])
    return [_section(tables, dataset, task, ceilings.get((dataset, task), {})) for dataset, task in keys]


def of(rows: Sequence[Record], **wanted: str) -> list[Record]:
    """The rows of a table that hold the wanted values."""
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def _section(tables: Mapping[str, Any], dataset: str, task: str, ceilings: Ceilings) -> Record:
    here = {"dataset": dataset, "task": task}
    section: Record = {**here, "id": stem("task", dataset, task), "ceilings": ceilings}
    test = of(tables["groups"], **here, target="", split="test")
    section["group"] = test[0] if test else None
    if test:
        methods = _best_first(of(tables["methods"], **here, target="", split="test"))
        comparisons = of(tables["comparisons"], **here, split="test")
        section["methods"] = methods
        pairs = [_turned(pair, methods) for pair in comparisons]
        pairs.sort(key=lambda pair: (-pair["f1_macro_difference"], pair["a"], pair["b"]))
        section["pairs"] = pairs
        section["leads"] = [pair for pair in pairs if pair["a"] == methods[0]["method"]]
        section["listed"] = pairs if len(pairs) <= MOST_PAIRS else section["leads"]
        section["sentence"] = sentence(test[0], methods, comparisons)
        section["class_rows"] = _class_rows(
            test[0], methods, of(tables["classes"], **here, target="", split="test")
        )
        rarest = min(test[0]["support"].items(), key=lambda item: item[1])
        section["rarest"] = rarest if rarest[1] < FEW else None
    section["transfers"] = [
        _transfer(
            group,
            of(tables["methods"], **{key: group[key] for key in ("dataset", "task", "target", "split")}),
        )
        for group in tables["groups"]
        if group["dataset"] == dataset and group["task"] == task and group["target"]
    ]
    return section


def _best_first(methods: Sequence[Record]) -> list[Record]:
    return sorted(methods, key=lambda row: (-row["f1_macro"], row["method"]))


def _turned(pair: Record, methods: Sequence[Record]) -> Record:
    """The same comparison with its better method as `a` and the other as `b`."""
    names = [row["method"] for row in methods]
    if names.index(pair["method_a"]) < names.index(pair["method_b"]):
        return {**pair, "a": pair["method_a"], "b": pair["method_b"]}
    turned = {**pair, "a": pair["method_b"], "b": pair["method_a"]}
    for name in ("accuracy", "f1_macro", "f1_weighted"):
        turned[f"{name}_difference"] = -pair[f"{name}_difference"]
        turned[f"{name}_low"], turned[f"{name}_high"] = -pair[f"{name}_high"], -pair[f"{name}_low"]
    turned["only_a_right"], turned["only_b_right"] = pair["only_b_right"], pair["only_a_right"]
    return turned


def sentence(group: Record, methods: Sequence[Record], comparisons: Sequence[Record]) -> str:
    """What was found on the test split, in plain words that claim no more than the tests bear out."""
    best = methods[0]
    score = (
        f"{percent(best['f1_macro'])}\u00a0% (95\u00a0% interval {percent(best['f1_macro_low'])} to "
        f"{percent(best['f1_macro_high'])}; {several(best['seeds'], 'seed')}, "
        f"{several(group['n'], 'test row')})"
    )
    if len(methods) == 1:
        return f"{best['method']}, the only method that was run, reaches a macro-F1 of {score}."
    words = f"{best['method']} has the highest macro-F1 of {len(methods)} methods, {score}"
    against = {
        pair["method_a"] if pair["method_b"] == best["method"] else pair["method_b"]: pair
        for pair in comparisons
        if best["method"] in (pair["method_a"], pair["method_b"])
    }
    beaten = [name for name, pair in against.items() if pair["significant"]]
    open_ = [row["method"] for row in methods[1:] if row["method"] not in beaten]
    if not beaten:
        return f"{words}; its lead over the others is not larger than chance explains."
    if not open_:
        return f"{words}; it is better than every other method by more than chance explains."
    return (
        f"{words}; it is better than {len(beaten)} of the {len(against)} others by more than chance "
        f"explains, but not shown to be better than {names_of(open_)}."
    )


def names_of(names: Sequence[str]) -> str:
    """Names as a sentence lists them; of more than `MOST_NAMES` the first ones and how many more."""
    if len(names) > MOST_NAMES:
        names = [*names[: MOST_NAMES - 1], f"{len(names) - MOST_NAMES + 1} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _class_rows(group: Record, methods: Sequence[Record], classes: Sequence[Record]) -> list[Record]:
    """One row for each method: its F1 of every class, in the order of the group's class list."""
    f1 = {(row["method"], row["class"]): row["f1"] for row in classes}
    return [
        {"method": method["method"], "f1": [f1[method["method"], name] for name in group["classes"]]}
        for method in methods
    ]


def _transfer(group: Record, methods: Sequence[Record]) -> Record:
    present = [name for name in group["classes"] if group["support"][name]]
    return {
        "group": group,
        "methods": _best_first(methods),
        "absent": [name for name in group["classes"] if not group["support"][name]],
        "most": len(present) / len(group["classes"]),
    }


def scale(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis that holds all values: whole tenths between 0 and 1."""
    low = max(0.0, math.floor(min(values) * 10) / 10)
    high = min(1.0, math.ceil(max(values) * 10) / 10)
    return (low, high) if high > low else (max(0.0, low - 0.1), min(1.0, high + 0.1))
