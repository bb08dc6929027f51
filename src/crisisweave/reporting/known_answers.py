"""What rationales must reach on generated data, whose words and boxes are known: target, ours, met or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from crisisweave.reporting.full_input import against_full, configs_of
from crisisweave.reporting.numbers import percent, points
from crisisweave.reporting.rationale_scores import OWN, Record, Scores, title_of

ALL_LABELS, FIFTH = 0.90, 0.80
"""Word F1 with all labels, and with a fifth of them."""
BEATEN = ("rise", "grad_cam", "attention_rollout", "random_patches")
"""The comparators that the patches of a transfer have to be better than."""
LOSS = 0.03
"""Macro-F1 that a prediction on the rationale alone may lose against the model that reads everything."""
NEAR = 0.05
"""A sufficiency between −5 and 5 points counts as near 0."""


class Answer(NamedTuple):
    """One target."""

    target: str
    ours: str
    met: bool | None
    """None where it was not measured."""


def known_answers(
    scores: Scores, main: str, results: Mapping[str, Any], details: Mapping[str, Any]
) -> list[Answer]:
    """The targets of cross-modal rationale transfer, for one method.

    Args:
        scores: of the data set and task.
        main: the method.
        results: `tables.json`.
        details: `details.json`, for the methods' configs.
    """
    configs = configs_of(details, scores.dataset, scores.task)
    fifth = _with_a_fifth(configs, main)
    answers = [
        _at_least("Word F1 with all labels", scores.score(main, OWN, "word_f1"), ALL_LABELS),
        _at_least(
            f"Word F1 with 20\u00a0% of the labels{f' ({fifth})' if fifth else ''}",
            scores.score(fifth, OWN, "word_f1") if fifth else None,
            FIFTH,
        ),
    ]
    if scores.score(main, OWN, "selected_patches") is not None:
        answers += [
            _ahead(scores, main, "Patch IoU", "patch_iou"),
            _ahead(scores, main, "Pointing game", "pointing_game"),
        ]
    answers += [
        _against_full(scores, main, configs, results),
        _sufficiency(scores.score(main, OWN, "sufficiency")),
    ]
    for part, chance in (("text", "random_words"), ("image", "random_patches")):
        ours = scores.score(main, OWN, f"comprehensiveness_{part}")
        if ours is None and part == "text":
            ours = scores.score(main, OWN, "comprehensiveness")
        if ours is not None:
            answers.append(_above_chance(part, ours, scores.score(main, chance, "comprehensiveness")))
    return answers


def settings_of(configs: Mapping[str, Record], method: str) -> Record:
    """A method's settings of rationales; none where it has no rationales."""
    return dict(configs.get(method, {}).get("rationales") or {})


def _with_a_fifth(configs: Mapping[str, Record], main: str) -> str | None:
    """The method that is `main` save that it learns from a fifth of the rationale labels."""
    own = settings_of(configs, main)
    for name in sorted(configs):
        other = settings_of(configs, name)
        if own and other and other["share"] == 0.2 and {**other, "share": own["share"]} == own:
            return name
    return None


def _written(row: Record, write: Any = percent) -> str:
    return f"{write(row['value'])} ({write(row['low'])} to {write(row['high'])})"


def _at_least(what: str, row: Record | None, least: float) -> Answer:
    target = f"{what} at least {percent(least)}"
    return Answer(
        target, "not run" if row is None else _written(row), None if row is None else row["value"] >= least
    )


def _ahead(scores: Scores, method: str, what: str, metric: str) -> Answer:
    names = [title_of(name) for name in BEATEN]
    target = f"{what} above {', '.join(names[:-1])} and {names[-1]} by more than chance explains"
    leads = {name: scores.lead(method, name, metric) for name in BEATEN}
    tested = {name: lead for name, lead in leads.items() if lead is not None}
    if not tested:
        return Answer(target, "not run", None)
    won = [name for name, lead in tested.items() if lead["significant"] and lead["difference"] > 0]
    ahead = "; ".join(f"{title_of(name)} {points(lead['difference'])}" for name, lead in tested.items())
    return Answer(
        target, f"ahead by more than chance of {len(won)} of {len(tested)} ({ahead})", len(won) == len(BEATEN)
    )


def _against_full(
    scores: Scores, method: str, configs: Mapping[str, Record], results: Mapping[str, Any]
) -> Answer:
    target = f"Macro-F1 on the rationale alone at most {100 * LOSS:.0f} points below a model that reads all"
    found = against_full(scores.dataset, scores.task, method, configs, results)
    if found is None:
        return Answer(target, "not run", None)
    interval = f"{points(found.low)} to {points(found.high)}"
    return Answer(
        target, f"{points(found.difference)} ({interval}) against {found.other}", found.difference >= -LOSS
    )


def _sufficiency(row: Record | None) -> Answer:
    target = f"Sufficiency near 0 (within {100 * NEAR:.0f} points)"
    if row is None:
        return Answer(target, "not run", None)
    return Answer(target, _written(row, points), abs(row["value"]) <= NEAR)


def _above_chance(part: str, ours: Record, chance: Record | None) -> Answer:
    target = f"Comprehensiveness ({part}) above that of a random rationale of equal size, intervals apart"
    if chance is None:
        return Answer(target, "not run", None)
    said = f"{_written(ours, points)} against {_written(chance, points)}"
    return Answer(target, said, ours["low"] > chance["high"])
