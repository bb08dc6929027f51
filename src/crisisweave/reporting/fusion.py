"""One page for each data set and task on how modalities work together: thesis, 4.5 and 4.6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crisisweave.config.published import Published, PublishedCell
from crisisweave.reporting.fusion_figures import halves_figure, mixes_figure, settings_figure
from crisisweave.reporting.methods import Key, method_file
from crisisweave.reporting.published import share_of
from crisisweave.reporting.results import of
from crisisweave.reporting.site import Page, stem

Record = dict[str, Any]


def fusion_file(dataset: str, task: str) -> str:
    """The file of the page."""
    return f"pages/{stem('fusion', dataset, task)}.html"


def fusion_pages(
    tables: Mapping[str, Any],
    details: Mapping[str, Any],
    published: Published,
    against: Mapping[Key, str],
) -> list[Page]:
    """A page for each task that holds a fusion with both halves, or a method that reads captions.

    Args:
        tables: what `aggregate` wrote.
        details: `details.json`.
        published: holds the shares of table 4.4.
        against: (data set, task, method) → the page of its successes and failures.
    """
    halves, studies = details["one_half_right"], details["caption_studies"]
    keys = sorted({(row["dataset"], row["task"]) for row in [*halves, *studies]})
    return [_page(tables, dataset, task, halves, studies, published, against) for dataset, task in keys]


def _page(
    tables: Mapping[str, Any],
    dataset: str,
    task: str,
    halves: Sequence[Record],
    studies: Sequence[Record],
    published: Published,
    against: Mapping[Key, str],
) -> Page:
    here = {"dataset": dataset, "task": task}
    scores = {row["method"]: row for row in of(tables["methods"], **here, target="", split="test")}
    records = sorted(of(halves, **here), key=lambda row: (-(row["mean_share"] or 0), row["method"]))
    study = next(iter(of(studies, **here)), None)
    halved = halves_figure(dataset, task, records)
    settings = None if study is None else settings_figure(study, scores)
    mixes = None if study is None else mixes_figure(study, scores)
    figures = [figure for figure in (halved, settings, mixes) if figure is not None]
    return Page(
        file=fusion_file(dataset, task),
        template="fusion.html",
        title=f"How modalities work together: {dataset}, {task}",
        values={
            "page": {
                **here,
                "section": stem("task", dataset, task),
                "records": [{**row, "published": _published(row, task, published)} for row in records],
                "study": study,
                "scores": scores,
                "halves": halved,
                "settings": settings,
                "mixes": mixes,
                "alpha": tables["protocol"]["alpha"],
                "level": tables["protocol"]["level"],
                "method_pages": {name: method_file((dataset, task, name)) for name in scores},
                "against": {key[2]: file for key, file in against.items() if key[:2] == (dataset, task)},
            }
        },
        figures=figures,
    )


def _published(record: Record, task: str, published: Published) -> dict[str, PublishedCell]:
    """The wrong modality, or `mean` → the published share of the same method, on whatever data ours is."""
    found = {}
    for table in published.tables:
        for cell in table.cells:
            if cell.metric == "right_share" and (cell.method, cell.task) == (record["method"], task):
                found[share_of(cell)] = cell
    return found
