"""Captions instead of images (thesis, 4.5.2 and 4.5.3): the settings of figure 4.3, the mixes of figure 4.4.

A setting says what a model learned from and, after the underscore, what it is shown: T text, C caption, I
image. Differences are tested for each figure by itself: the paired bootstrap's p of weighted F1, adjusted by
Holm over the comparisons that the figure makes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crisisweave.config.method import MethodConfig
from crisisweave.config.run import read_run_config
from crisisweave.evaluation.halves import halves_of
from crisisweave.evaluation.scored import Group, Scored, by_method
from crisisweave.evaluation.significance import ALPHA, holm

Record = dict[str, Any]

SCORE = "f1_weighted"
"""What the two figures show."""
IMAGE_ALONE = ("image_densenet", "image")
IMAGE_AND_TEXT = ("concat_densenet", "concat")
"""Who stands for I_I and TI_TI: the first that was run, the thesis' own (DenseNet) before ours."""


def caption_study(group: Group, members: Sequence[Scored], comparisons: Sequence[Record]) -> Record | None:
    """Which methods of a group stand for which setting, and which differences are significant.

    Args:
        group: a test split without transfer.
        members: its runs.
        comparisons: rows of `comparisons.csv`.

    Returns:
        `settings` (figure 4.3), `mixes` (figure 4.4) and `references`; None for a group without a method that
        reads text with captions.
    """
    configs = {
        name: read_run_config(next(iter(runs.values())).folder).method
        for name, runs in by_method(members).items()
    }
    joint = {name: config for name, config in configs.items() if _reads_captions(config)}
    if not joint:
        return None
    pairs = _pairs(group, comparisons)
    references = _references(joint, configs)
    against = {"TC_T": "T_T", "TC_C": "I_I", "TC_TC": "TI_TI"}
    settings = []
    for name, config in joint.items():
        if config.caption_share == 1:
            for setting, method in _readings(name, configs).items():
                row = {"captioner": config.captioner, "setting": setting, "method": method}
                settings.append({**row, "against": references.get(against[setting])})
    mixes = []
    for whole, config in joint.items():
        shares = _mixes(config, joint)
        if len(shares) < 2:
            continue
        full = _readings(whole, configs)
        for share, name in sorted(shares.items()):
            for setting, method in _readings(name, configs).items():
                other = full.get(setting) if method != full.get(setting) else None
                mix = {"captioner": config.captioner, "share": share, "setting": setting}
                mixes.append({**mix, "method": method, "against": other})
    return {
        "dataset": group.dataset,
        "task": group.task,
        "references": references,
        "settings": _tested(settings, pairs),
        "mixes": _tested(mixes, pairs),
    }


def _reads_captions(config: MethodConfig) -> bool:
    """Text and captions with one text encoder, learned from concordant rows as they are."""
    plain = config.model_of is None and not config.equal_classes and config.rows == "concordant"
    return set(config.inputs) == {"text", "caption"} and plain


def _readings(name: str, configs: Mapping[str, MethodConfig]) -> dict[str, str]:
    """Setting → method: the one that is shown everything, and the readings of its model in part."""
    readings = {"TC_TC": name}
    for other, config in configs.items():
        if config.model_of == name and len(config.inputs) == 1:
            readings[f"TC_{config.inputs[0][0].upper()}"] = other
    return {setting: readings[setting] for setting in ("TC_T", "TC_C", "TC_TC") if setting in readings}


def _mixes(whole: MethodConfig, joint: Mapping[str, MethodConfig]) -> dict[float, str]:
    """Share of captions → method, of those that differ in nothing else from one that learned from all."""
    if whole.caption_share < 1:
        return {}

    def rest(config: MethodConfig) -> Record:
        told = {"name", "title", "idea", "source", "deviations", "caption_share"}
        return config.model_dump(exclude=told)

    return {config.caption_share: name for name, config in joint.items() if rest(config) == rest(whole)}


def _references(joint: Mapping[str, MethodConfig], configs: Mapping[str, MethodConfig]) -> dict[str, str]:
    """Setting → method of those that read no caption, and C_C of the first captioner that has it."""
    found: dict[str, str] = {}
    for config in joint.values():
        halves = halves_of(config, configs)
        if halves is not None:
            found = {"T_T": halves["text"], "C_C": halves["caption"]}
            break
    plain = (
        ("T_T", ("text",), ["text"]),
        ("I_I", IMAGE_ALONE, ["image"]),
        ("TI_TI", IMAGE_AND_TEXT, ["text", "image"]),
    )
    for setting, names, inputs in plain:
        run = next((name for name in names if name in configs and configs[name].inputs == inputs), None)
        if run is not None:
            found.setdefault(setting, run)
    return found


def _pairs(group: Group, comparisons: Iterable[Record]) -> dict[tuple[str, str], tuple[float, float]]:
    """(method, method) → difference and unadjusted p of `SCORE`, in both orders."""
    found = {}
    for row in comparisons:
        if (row["dataset"], row["task"]) == (group.dataset, group.task):
            value, p = row[f"{SCORE}_difference"], row[f"{SCORE}_p"]
            found[row["method_a"], row["method_b"]] = (value, p)
            found[row["method_b"], row["method_a"]] = (-value, p)
    return found


def _tested(rows: Sequence[Record], pairs: Mapping[tuple[str, str], tuple[float, float]]) -> list[Record]:
    """The rows with difference, adjusted p and verdict; null where there is nothing to compare with."""
    compared = [row for row in rows if row["against"] is not None]
    adjusted = holm([pairs[row["method"], row["against"]][1] for row in compared])
    p_holm = {row["method"]: float(p) for row, p in zip(compared, adjusted, strict=True)}
    tested = []
    for row in rows:
        known = row["against"] is not None
        p = p_holm[row["method"]] if known else None
        tested.append(
            {
                **row,
                "difference": pairs[row["method"], row["against"]][0] if known else None,
                "p_holm": p,
                "significant": None if p is None else p < ALPHA,
            }
        )
    return tested
