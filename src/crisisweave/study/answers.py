"""Raters' files against the key: refused, left out, or counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crisisweave.errors import DataError
from crisisweave.study.key import Answers, StudyKey, read_answers


@dataclass(frozen=True)
class Votes:
    """What the raters who passed the attention checks chose, unblinded."""

    votes: NDArray[np.int8]
    """(items, raters): 1 for extractor A, −1 for B, 0 for no difference."""
    left: NDArray[np.bool_]
    """(items, raters): whether the left picture was chosen."""
    raters: Sequence[str]
    failed: dict[str, list[int]]
    """Rater that was left out → the attention checks that he or she failed."""


def read_votes(key: StudyKey, files: Sequence[Path]) -> Votes:
    """Read every file, refuse what cannot be counted, leave out who failed an attention check.

    Raises:
        DataError, ConfigError: a file is no answers file, belongs to another study, lacks an item or has one
            too many, two files are of one rater, or nobody passed the checks.
    """
    of_rater: dict[str, tuple[Path, Answers]] = {}
    for file in files:
        answers = _checked(key, file)
        if answers.rater in of_rater:
            raise DataError(
                f"{file}: is of rater '{answers.rater}', as is {of_rater[answers.rater][0]}; give one of them"
            )
        of_rater[answers.rater] = (file, answers)
    failed = {rater: checks for rater, (_, given) in of_rater.items() if (checks := _failed(key, given))}
    counted = [of_rater[rater][1] for rater in sorted(of_rater) if rater not in failed]
    if not counted:
        raise DataError(
            f"none of the {len(of_rater)} raters passed the attention checks; there is nothing to score"
        )
    chosen = [[given.answers[pair.number] for given in counted] for pair in key.pairs]
    sides = [{"left": pair.left, "right": pair.right, "none": None} for pair in key.pairs]
    value = {key.a: 1, key.b: -1, None: 0}
    return Votes(
        votes=np.array(
            [[value[side[c]] for c in row] for side, row in zip(sides, chosen, strict=True)], dtype=np.int8
        ),
        left=np.array(chosen) == "left",
        raters=[given.rater for given in counted],
        failed=dict(sorted(failed.items())),
    )


def _checked(key: StudyKey, file: Path) -> Answers:
    answers = read_answers(file)
    if answers.study != key.study:
        raise DataError(f"{file}: belongs to another study than the key; give the key of its page")
    if missing := sorted(key.numbers - set(answers.answers)):
        raise DataError(
            f"{file}: has no answer to {len(missing)} of {len(key.numbers)} items (first: {missing[0]}); "
            "the page saves complete answers only, obtain the file again"
        )
    if unknown := sorted(set(answers.answers) - key.numbers):
        raise DataError(f"{file}: answers item {unknown[0]}, which the study does not have")
    return answers


def _failed(key: StudyKey, given: Answers) -> list[int]:
    return [check.number for check in key.checks if given.answers[check.number] != check.answer]
