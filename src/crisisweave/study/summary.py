"""A study's numbers as a person reads them."""

from __future__ import annotations

from typing import Any

from crisisweave.reporting.numbers import NONE, p_value, percent, points, several


def as_lines(result: dict[str, Any]) -> list[str]:
    """The result of `score_study` as lines of text."""
    a, b, raters, answers = (result[name] for name in ("a", "b", "raters", "answers"))
    preference, better, strength = (result[name] for name in ("preference", "better", "bradley_terry"))
    majority, left = result["items_by_majority"], result["left"]
    lines = [
        f"{several(result['items'], 'item')} × {several(raters['counted'], 'rater')} "
        f"({raters['given']} gave answers)",
        *(
            f"  left out: {name}, failed the attention check at item {' and '.join(map(str, checks))}"
            for name, checks in raters["failed_checks"].items()
        ),
        f"{a} {answers['a']}, {b} {answers['b']}, no difference {answers['no_difference']}",
        "",
        f"preferred where one was: {a} {percent(preference['share_a'])} % "
        f"{_range(preference['ci'], percent)} over {preference['ci_over']}",
        f"  narrower claims: these raters {_range(preference['ci_items'], percent)}; as if all answers were "
        f"independent (Wilson) {_range(preference['ci_independent'], percent)}",
        f"  Bradley–Terry log strength ratio {_number(strength['log_strength_ratio'])} "
        f"{_range(strength['ci'], _number)}",
        f"judged better, of all answers: {a} {percent(better['share_a'])} %, "
        f"{b} {percent(better['share_b'])} %, difference {points(better['difference'])} points "
        f"{_range(better['ci'], points)}",
        "  (our reading of a published “+x %”, whose definition is not given)",
        f"items by majority: {a} {majority['a']}, {b} {majority['b']}, even {majority['even']}"
        + ("" if majority["p"] is None else f"; sign test p {_p(majority['p'])}"),
        "",
        _agreement(result["agreement"]),
        f"left chosen: {percent(left['share'])} %"
        + ("" if left["p"] is None else f" of decided answers, p {_p(left['p'])}"),
    ]
    return lines


def _agreement(values: dict[str, float | None] | None) -> str:
    if values is None:
        return "agreement: needs two raters or more"
    return (
        f"agreement: Fleiss κ {_number(values['fleiss_kappa'])}, Krippendorff α "
        f"{_number(values['krippendorff_alpha'])}, {percent(values['pairs_alike'])} % of pairs alike"
    )


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:.2f}".replace("-", "−")


def _p(value: float) -> str:
    text = p_value(value)
    return text if text.startswith("<") else f"= {text}"


def _range(ends: Any, written: Any) -> str:
    return f"[{NONE}]" if ends is None else f"[{written(ends[0])}, {written(ends[1])}]"
