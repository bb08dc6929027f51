"""The known answer of generated data: both inputs together say more than either. Do the methods show it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from crisisweave.reporting.numbers import percent, several
from crisisweave.reporting.results import Ceilings, Record, names_of

METRICS = {"f1_macro": "macro-F1", "f1_weighted": "weighted F1", "accuracy": "accuracy"}


def known_answer(
    section: Record, inputs: Mapping[str, Sequence[str]], ceilings: Ceilings, alpha: float
) -> str | None:
    """One sentence on the methods that read text and image against those that read one of them.

    Args:
        section: of the overview, with its pairs of methods.
        inputs: method → what it reads: `text`, `image` or `caption`, which is the image as words.
        ceilings: what the best possible classifier scores.
        alpha: a difference is larger than chance explains where Holm's p is below.

    Returns:
        The sentence, or None where the answer is not known or either kind of method was not run.
    """
    names = [row["method"] for row in section["methods"]]
    seen = {name: {"image" if part == "caption" else part for part in inputs.get(name, ())} for name in names}
    alone = {name: next(iter(parts)) for name, parts in seen.items() if len(parts) == 1}
    both = [name for name in names if seen[name] == {"text", "image"}]
    if not (both and set(alone.values()) == {"text", "image"} and {*alone.values(), "both"} <= set(ceilings)):
        return None
    best = {name: percent(ceilings[name]["f1_macro"]) for name in ("both", "text", "image")}
    won = []
    for metric, title in METRICS.items():
        ahead = {winner(pair, metric, alpha) for pair in section["pairs"]}
        real = [name for name in both if all((name, other) in ahead for other in alone)]
        won.append(f"by {title} {names_of(real) if real else 'none'}")
    return (
        f"Known answer: the generator’s own best classifier has a macro-F1 of {best['both']} from both "
        f"inputs, {best['text']} from the text and {best['image']} from the image. Of the "
        f"{several(len(both), 'method')} that read both, these are better than every method that reads one "
        f"of them (Holm-adjusted p below {alpha}): {', '.join(won)}."
    )


def winner(pair: Record, metric: str, alpha: float) -> tuple[str, str] | None:
    """Better and other method of a pair where the difference is larger than chance explains."""
    if pair[f"{metric}_p_holm"] >= alpha:
        return None
    return (pair["a"], pair["b"]) if pair[f"{metric}_difference"] > 0 else (pair["b"], pair["a"])
