"""Prompts for a language model, and its answers as labels. Nothing here calls a model.

The workflow writes a file of prompts; somebody has them answered elsewhere and brings back one answer a line:

    {"instance_id": "…", "prompt_version": "v1", "model": "…", "answer": "{\\"snippets\\": [\\"…\\"]}"}

`answer` is what the model wrote, unchanged; null where it refused. Only snippets that stand in the tweet
letter by letter become labels.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from crisisweave.datasets.text import words
from crisisweave.errors import DataError
from crisisweave.files import write_text
from crisisweave.rationales.labels import RationaleLabel
from crisisweave.rationales.matching import match_snippets
from crisisweave.rationales.truth import label_of

PROMPT_VERSION = "v1"
"""Changes with every change of the template: answers to another version are refused."""
_BLANK = re.compile(r"\{(label|tweet)\}")
_ANSWER_KEYS = {"instance_id", "prompt_version", "model", "answer"}


def prompt(text: str, label: str) -> str:
    """The prompt for one tweet and its class, on one template (`templates/prompt-<version>.txt`)."""
    template = files("crisisweave.rationales") / "templates" / f"prompt-{PROMPT_VERSION}.txt"
    # One pass: braces inside a tweet are the tweet's.
    values = {"label": label.replace("_", " "), "tweet": json.dumps(text, ensure_ascii=False)}
    return _BLANK.sub(lambda blank: values[blank[1]], template.read_text(encoding="utf-8"))


def write_prompts(instances: pd.DataFrame, out: Path) -> int:
    """One prompt for each instance of a prepared task, as JSONL sorted by instance; returns how many."""
    rows = sorted(instances.to_dict("records"), key=lambda row: row["instance_id"])
    lines = [
        json.dumps(
            {
                "instance_id": row["instance_id"],
                "prompt_version": PROMPT_VERSION,
                "prompt": prompt(row["text"], label_of(row)),
            },
            ensure_ascii=False,
        )
        for row in rows
    ]
    write_text(out, "".join(f"{line}\n" for line in lines))
    return len(lines)


def read_answers(path: Path, instances: pd.DataFrame) -> tuple[list[RationaleLabel], dict[str, Any]]:
    """Answers as labels of kind "model", and a report of what became of each answer.

    An answer becomes a label when it is the JSON that the prompt asks for and all its snippets are verbatim.
    The report counts the others and lists their instances: `refused`, `unreadable`, `unmatched`.

    Raises:
        DataError: the file is missing or empty, a line is not of the format, names an unknown instance or one
            for the second time, or answers another version of the prompt; names the line.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(
            f"{path}: no such file of answers; write prompts with `crisisweave rationales prompts`"
        )
    rows = {row["instance_id"]: row for row in instances.to_dict("records")}
    labels, fates, seen = [], dict[str, str](), set()
    snippets = unmatched = 0
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        answer = _answer(line, rows, f"{path}, line {number}")
        instance_id = answer["instance_id"]
        if instance_id in seen:
            raise DataError(
                f"{path}, line {number}: instance {instance_id} is answered twice; keep one answer"
            )
        seen.add(instance_id)
        given = None if answer["answer"] is None else _snippets(answer["answer"])
        if given is None:
            fates[instance_id] = "refused" if answer["answer"] is None else "unreadable"
            continue
        row = rows[instance_id]
        text = words(row["text"])
        match = match_snippets(text, given)
        snippets += match.snippets
        unmatched += match.unmatched
        if match.unmatched:
            fates[instance_id] = "unmatched"
        else:
            labels.append(
                RationaleLabel(instance_id, label_of(row), tuple(text), match.spans, answer["model"], "model")
            )
    if not seen:
        raise DataError(f"{path}: holds no answer; nothing can be learned from it")
    return labels, _report(len(seen), len(rows), len(labels), fates, snippets, unmatched)


def _report(
    answers: int, instances: int, labels: int, fates: Mapping[str, str], snippets: int, unmatched: int
) -> dict[str, Any]:
    counts = Counter(fates.values())
    return {
        "prompt_version": PROMPT_VERSION,
        "instances": instances,
        "answers": answers,
        "unanswered": instances - answers,
        "labels": labels,
        "snippets": snippets,
        "snippets_unmatched": unmatched,
        **{fate: counts[fate] for fate in ("refused", "unreadable", "unmatched")},
        "left_out": dict(sorted(fates.items())),
    }


def _answer(line: bytes, known: Mapping[str, Any], where: str) -> dict[str, Any]:
    try:
        answer = json.loads(line.decode("utf-8"))
    except ValueError as error:
        raise DataError(f"{where}: is not JSON in UTF-8; repair or remove the line") from error
    if not isinstance(answer, dict) or set(answer) != _ANSWER_KEYS:
        raise DataError(f"{where}: expected exactly the keys {', '.join(sorted(_ANSWER_KEYS))}")
    if answer["instance_id"] not in known:
        raise DataError(
            f"{where}: instance {answer['instance_id']!r:.80} is not in this task; "
            f"give the task of the prompts"
        )
    if answer["prompt_version"] != PROMPT_VERSION:
        raise DataError(
            f"{where}: answers version {answer['prompt_version']!r:.40} of the prompt, this one is "
            f"'{PROMPT_VERSION}'; write the prompts again and have them answered"
        )
    if not (isinstance(answer["model"], str) and answer["model"]):
        raise DataError(f"{where}: 'model' must name the model that answered")
    if not isinstance(answer["answer"], str | None):
        raise DataError(f"{where}: 'answer' must be the text that the model wrote, or null")
    return answer


def _snippets(answer: str) -> list[str] | None:
    """The snippets of an answer, perhaps in a Markdown code block; None: it is not what was asked for."""
    bare = answer.strip().removeprefix("```json").removeprefix("```").removesuffix("```")
    try:
        values = json.loads(bare)
    except ValueError:
        return None
    if not isinstance(values, dict) or set(values) != {"snippets"}:
        return None
    snippets = values["snippets"]
    return snippets if isinstance(snippets, list) and all(isinstance(s, str) for s in snippets) else None
