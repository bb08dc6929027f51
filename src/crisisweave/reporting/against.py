"""Where a method is right and its baselines wrong, and the other way round (thesis, figures 4.5 and 4.6)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisisweave.errors import DataError
from crisisweave.reporting.datasets import About, Sources
from crisisweave.reporting.gallery import TaskRows, answer_shown
from crisisweave.reporting.methods import Description, Key, method_file
from crisisweave.reporting.site import Page, stem
from crisisweave.reporting.thumbnails import ranked_ids

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]

EXAMPLES = 9
"""Shown of successes and of failures."""
SEED = 0
"""Of the random choice."""


def against_file(key: Key) -> str:
    """The file of the page."""
    return f"pages/{stem('against', *key)}.html"


def compared(details: Mapping[str, Any], baselines: Mapping[str, Sequence[str]]) -> dict[Key, list[str]]:
    """(data set, task, method) → the methods that it stands against.

    Args:
        details: `details.json`.
        baselines: method → its baselines, as the profile names them. Where none of these is run with all its
            baselines, the fusion with the highest mean share of `one_half_right` stands against its halves.
    """
    run: dict[tuple[str, str], set[str]] = {}
    for record in details["methods"]:
        run.setdefault((record["dataset"], record["task"]), set()).add(record["method"])
    found: dict[Key, list[str]] = {}
    for (dataset, task), names in run.items():
        named = {m: list(others) for m, others in baselines.items() if {m, *others} <= names}
        if not named:
            of_task = [r for r in details["one_half_right"] if (r["dataset"], r["task"]) == (dataset, task)]
            best = max(of_task, key=lambda record: record["mean_share"] or 0, default=None)
            named = {} if best is None else {best["method"]: list(best["halves"].values())}
        found |= {(dataset, task, method): others for method, others in named.items()}
    return found


def against_pages(
    pairs: Mapping[Key, Sequence[str]],
    details: Mapping[str, Any],
    answers: pd.DataFrame,
    sources: Sequence[Sources],
    about: Mapping[str, About],
    descriptions: Mapping[Key, Description],
    truths: Mapping[str, Path],
    there: Collection[str],
) -> list[Page]:
    """One page for each method that stands against others.

    Args:
        pairs: from `compared`.
        details: `details.json`.
        answers: `answers.parquet`.
        sources: folders of the data sets.
        about: whether texts and images of a data set are left out.
        descriptions: what each method says to the reader.
        truths: data set → folder `truth/`, for generated data.
        there: files of thumbnails that other pages bring.
    """
    records = {(r["dataset"], r["task"], r["method"]): r for r in details["methods"]}
    by_name = {source.name: source for source in sources}
    images = dict.fromkeys(there, b"")
    pages = []
    for key, others in sorted(pairs.items()):
        dataset, task, method = key
        if dataset not in by_name:
            raise DataError(f"no prepared task of data set '{dataset}' is given; name its folder too")
        rows = TaskRows.read(by_name[dataset], task, about[dataset].redact, truths.get(dataset))
        of_task = answers[(answers["dataset"] == dataset) & (answers["task"] == task)]
        known = set(images)
        groups = _groups(of_task, method, others)
        for group in groups:
            group["cards"] = [
                {
                    **answer_shown(answer, records[key]["classes"]),
                    **rows.shown(answer.instance_id, records[key]["config"]["captioner"], images),
                    "rationale": None,
                    "others": 0,
                    "beside": [(name, group["beside"][name][answer.instance_id]) for name in others],
                }
                for answer in group["answers"].itertuples()
            ]
        pages.append(
            Page(
                file=against_file(key),
                template="against.html",
                title=f"Successes and failures: {descriptions[key].title}, {dataset}, {task}",
                values={
                    "page": {
                        "dataset": dataset,
                        "task": task,
                        "method": method,
                        "title": descriptions[key].title,
                        "section": stem("task", dataset, task),
                        "method_page": method_file(key),
                        "others": [(name, method_file((dataset, task, name))) for name in others],
                        "groups": groups,
                        "n": records[key]["n"],
                        "seed": SEED,
                        "redact": about[dataset].redact,
                        "redistributable": about[dataset].redistributable,
                    }
                },
                images={name: content for name, content in images.items() if name not in known},
            )
        )
    return pages


def _groups(answers: pd.DataFrame, method: str, others: Sequence[str]) -> list[Record]:
    """Rows that the method alone has right, and those that it alone has wrong: some of each, at random."""
    own = answers[answers["method"] == method].set_index("instance_id", drop=False)
    right = own["predicted"] == own["label"]
    beside = {}
    all_right = all_wrong = ~right.isna()
    for name in others:
        theirs = answers[answers["method"] == name].set_index("instance_id").loc[own.index]
        hit = theirs["predicted"] == theirs["label"]
        all_right, all_wrong = all_right & hit, all_wrong & ~hit
        beside[name] = theirs["predicted"].to_dict()
    groups = []
    for name, title, members in (
        ("successes", "Right, where all others are wrong", own[right & all_wrong]),
        ("failures", "Wrong, where all others are right", own[~right & all_right]),
    ):
        drawn = ranked_ids(members["instance_id"], SEED)[:EXAMPLES]
        chosen = members[members["instance_id"].isin(drawn)].sort_index()
        groups.append({"name": name, "title": title, "n": len(members), "answers": chosen, "beside": beside})
    return groups
