"""Figures of a data page: classes by modality, events, and the similarity of text and image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisisweave.captioning.pair_groups import by_group
from crisisweave.errors import DataError
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


BINS = 40
PAIRS = {
    "own": "text and its own image",
    "concordant": "own, labels agree",
    "discordant": "own, labels disagree",
    "random": "image of another tweet",
}
"""Groups of pairs and how the page calls them."""


def similarity_figure(dataset: str, folder: Path, summary: Mapping[str, Any]) -> Figure:
    """How the similarity of text and image is distributed, for own pairs and for strangers (figure 3.8).

    Args:
        dataset: for the figure's name.
        folder: holds similarity.parquet.
        summary: what similarity.json says.

    Raises:
        DataError: the folder holds no pairs.
    """
    import numpy as np
    import pandas as pd

    if not (folder / "similarity.parquet").is_file():
        raise DataError(f"{folder}: holds no similarity.parquet; run `crisisweave similarity` again")
    table = pd.read_parquet(folder / "similarity.parquet")
    values = table["similarity"].to_numpy(dtype=np.float64)
    edges = np.linspace(values.min(), max(values.max(), values.min() + 1e-6), BINS + 1)
    groups = by_group(table)
    shown = [name for name in PAIRS if name in groups]
    rows = []
    for name in shown:
        counts, _ = np.histogram(groups[name], bins=edges)
        for left, right, n in zip(edges[:-1], edges[1:], counts, strict=True):
            share = round(100 * int(n) / int(counts.sum()), 4)
            middle = round(float(left + right) / 2, 5)
            rows.append({"pairs": PAIRS[name], "similarity": middle, "percent": share})
    means = "; ".join(f"{PAIRS[name]} {summary['groups'][name]['mean']:.3f}" for name in shown)
    return Figure(
        name=stem("data", dataset, summary["task"], "similarity"),
        title=f"Similarity of text and image by {summary['title']}",
        alt=f"Mean cosine: {means}.",
        spec={
            "mark": {"type": "line", "interpolate": "monotone"},
            "height": 220,
            "encoding": {
                "x": {
                    "field": "similarity",
                    "type": "quantitative",
                    "title": "cosine",
                    "scale": {"zero": False},
                },
                "y": {"field": "percent", "type": "quantitative", "title": "percent of the pairs"},
                "color": {
                    "field": "pairs",
                    "type": "nominal",
                    "scale": {"domain": [PAIRS[name] for name in shown], "range": SERIES[: len(shown)]},
                    "legend": {"title": None, "orient": "top"},
                },
                "tooltip": [{"field": name} for name in ("pairs", "similarity", "percent")],
            },
        },
        rows=rows,
    )
