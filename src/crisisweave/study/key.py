"""What the page and the researcher's key agree on, and what a rater's answers look like."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field

from crisisweave.config.strict import StrictModel, validate
from crisisweave.errors import DataError

Side = Literal["left", "right"]
Choice = Literal["left", "right", "none"]
M = TypeVar("M", bound=StrictModel)

ANSWERS_FORMAT = "crisisweave study answers 1"
RATER = r"^[A-Za-z0-9_\-]{1,40}$"
"""What a rater's id may be: it becomes part of a file's name."""


class Pair(StrictModel):
    """One comparison: which extractor's patches are shown on which side."""

    number: int
    """Place on the page, from 1."""
    instance_id: str
    target: str
    """The class that both extractors explain."""
    left: str
    right: str


class Check(StrictModel):
    """One attention check: an item whose right answer is known."""

    number: int
    kind: Literal["whole", "instruction"]
    """`whole`: everything is shown on one side and nothing on the other. `instruction`: the text names the
    side to choose."""
    answer: Side


class StudyRun(StrictModel):
    """The run whose rationales are compared."""

    dataset: str
    task: str
    method: str
    seed: int
    config_sha256: str
    rationales_sha256: str


class StudyKey(StrictModel):
    """`key.json`: everything that raters must not know."""

    format: Literal["crisisweave study key 1"] = "crisisweave study key 1"
    study: str
    """SHA-256 of what the page shows; answers carry it."""
    page_sha256: str
    a: str
    b: str
    seed: int
    run: StudyRun
    eligible: int
    """Tweets that could have been drawn."""
    left_out: dict[str, int]
    """Why rows that both extractors explain were not eligible → how many."""
    pairs: list[Pair] = Field(min_length=1)
    checks: list[Check]

    @property
    def numbers(self) -> set[int]:
        """Every item of the page."""
        return {pair.number for pair in self.pairs} | {check.number for check in self.checks}


class Answers(StrictModel):
    """What the page saves for one rater."""

    format: Literal["crisisweave study answers 1"]
    study: str
    rater: str = Field(pattern=RATER)
    answers: dict[int, Choice]


def read_key(path: Path) -> StudyKey:
    """The key of a study.

    Raises:
        DataError, ConfigError: the file is missing or is no key.
    """
    return _read(StudyKey, path, "the key.json that `crisisweave study make` wrote")


def read_answers(path: Path) -> Answers:
    """One rater's answers.

    Raises:
        DataError, ConfigError: the file is missing or is not what the page saves.
    """
    return _read(Answers, path, "a file that a rater saved from the study's page")


def _read(model: type[M], path: Path, expected: str) -> M:
    if not path.is_file():
        raise DataError(f"{path}: no such file; give {expected}")
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is not JSON; give {expected}") from error
    if not isinstance(values, dict):
        raise DataError(f"{path}: holds no keys; give {expected}")
    return validate(model, values, str(path))
