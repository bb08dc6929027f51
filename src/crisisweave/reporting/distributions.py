"""Figures of a data page: classes by modality, and events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from crisisweave.reporting.figures import SERIES, Figure
from crisisweave.reporting.numbers import percent, several
from crisisweave.reporting.site import stem

if TYPE_CHECKING:
    import pandas as pd

LABELS = {"label_text": "text", "label_image": "image", "label": "both agree"}
"""Columns of a prepared table and how the figure calls their labels."""


def class_figure(dataset: str, task: str, table: pd.DataFrame, classes: Sequence[str]) -> Figure:
    """Share of each class among the labels of the text, of the image, and where both agree; all splits.

    Where the labels of text and image never differ, or one of them is not known, there is one label a row.
    """
    columns = LABELS if _differ(table) else {"label": "label"}
    rows: list[dict[str, Any]] = []
    for column, name in columns.items():
        known = table[column].dropna().astype(str)
        for class_ in classes:
            n = int((known == class_).sum())
            rows.append(
                {"labels": name, "class": class_, "rows": n, "percent": round(100 * n / len(known), 4)}
            )
    commonest = [
        max((row for row in rows if row["labels"] == name), key=lambda row: row["rows"])
        for name in columns.values()
    ]
    words = "; ".join(
        f"{row['labels']}: {row['class']} ({percent(row['percent'] / 100)} %)" for row in commonest
    )
    series = {"domain": list(columns.values()), "range": SERIES[: len(columns)]}
    encoding: dict[str, Any] = {
        "y": {"field": "class", "type": "nominal", "sort": list(classes), "title": None},
        "x": {"field": "percent", "type": "quantitative", "title": "percent of the labels"},
        "color": {
            "field": "labels",
            "type": "nominal",
            "scale": series,
            "legend": {"title": None, "orient": "top"} if len(columns) > 1 else None,
        },
        "tooltip": [{"field": name} for name in ("labels", "class", "rows", "percent")],
    }
    if len(columns) > 1:
        encoding["yOffset"] = {"field": "labels", "scale": {"domain": list(columns.values())}}
    return Figure(
        name=stem("data", dataset, task, "classes"),
        title=f"Labels of {task} by modality" if len(columns) > 1 else f"Labels of {task}",
        alt=f"Share of each class over all splits. The commonest, {words}.",
        spec={"mark": "bar", "height": len(classes) * (10 + 14 * len(columns)), "encoding": encoding},
        rows=rows,
    )


def _differ(table: pd.DataFrame) -> bool:
    both = table[table["label_text"].notna() & table["label_image"].notna()]
    return bool((both["label_text"].astype(str) != both["label_image"].astype(str)).any())


def event_figure(
    dataset: str, task: str, table: pd.DataFrame, splits: Sequence[str], most: int = 40
) -> Figure | None:
    """Rows of each event by split, the largest events first; None where there is one event only.

    Args:
        dataset: for the figure's name.
        task: whose rows are counted.
        table: its prepared table.
        splits: those that hold rows, in order.
        most: events shown; the page's table holds all.
    """
    sizes = table["event"].astype(str).value_counts()
    if len(sizes) < 2:
        return None
    names = sorted(sizes.index, key=lambda name: (-sizes[name], name))[:most]
    rows = [
        {
            "event": name,
            "split": split,
            "rows": int(((table["event"] == name) & (table["split"] == split)).sum()),
        }
        for name in names
        for split in splits
    ]
    shown = f", the {most} largest" if len(sizes) > most else ""
    return Figure(
        name=stem("data", dataset, task, "events"),
        title=f"Events of {task}{shown}",
        alt=(
            f"{several(len(sizes), 'event')}, from {names[0]} with {several(int(sizes[names[0]]), 'row')} to "
            f"{names[-1]} with {several(int(sizes[names[-1]]), 'row')}."
        ),
        spec={
            "mark": "bar",
            "height": 22 * len(names),
            "encoding": {
                "y": {"field": "event", "type": "nominal", "sort": names, "title": None},
                "x": {"field": "rows", "type": "quantitative", "title": "rows"},
                "color": {
                    "field": "split",
                    "type": "nominal",
                    "scale": {"domain": list(splits), "range": SERIES[: len(splits)]},
                    "legend": {"title": None, "orient": "top"},
                },
                "order": {"field": "position", "type": "quantitative"},
                "tooltip": [{"field": name} for name in ("event", "split", "rows")],
            },
        },
        rows=[{**row, "position": list(splits).index(str(row["split"]))} for row in rows],
    )
