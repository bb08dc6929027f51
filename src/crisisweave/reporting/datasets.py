"""What a data page shows: labels, events, preparation, leakage, images, captions, and a random sample."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisisweave.config.dataset import SPLITS
from crisisweave.errors import DataError
from crisisweave.files import read_json
from crisisweave.reporting.thumbnails import SAMPLE, sample_ids, thumbnail

if TYPE_CHECKING:
    import pandas as pd

Record = dict[str, Any]

TWIN_KINDS = {
    "tweet_id": "same tweet",
    "text": "same text",
    "image_bytes": "same image file",
    "image_near": "near-duplicate image",
    "any": "any of these",
}
"""Kinds of twins in the audit and how a person would call them."""
_ACROSS = {"instance_id": "same instance", **TWIN_KINDS}
_NAME = re.compile(r"[A-Za-z0-9_\-]+")


@dataclass
class Sources:
    """The folders that a data page is made from."""

    name: str
    prepared: list[Path] = field(default_factory=list)
    audit: Path | None = None
    store: Path | None = None
    captions: list[Path] = field(default_factory=list)


def by_dataset(
    datasets: Sequence[Path], audits: Sequence[Path], stores: Sequence[Path], captions: Sequence[Path]
) -> list[Sources]:
    """Sort folders by their data set, which is the name of the folder above the task or captioner.

    Raises:
        DataError: a name cannot stand in a file name, or a folder belongs to no prepared data set.
    """
    found: dict[str, Sources] = {}
    for folder in sorted(set(datasets)):
        name = folder.parent.name
        if not _NAME.fullmatch(name):
            raise DataError(
                f"{folder}: '{name}' cannot name a page; use letters, digits, '_' and '-' for data sets"
            )
        found.setdefault(name, Sources(name)).prepared.append(folder)
    for folder in sorted({*audits, *stores, *captions}):
        name = folder.parent.name if folder in captions else folder.name
        if name not in found:
            raise DataError(f"{folder}: no prepared task of data set '{name}' is given; name its folder too")
        if folder in captions:
            found[name].captions.append(folder)
        elif folder in audits:
            found[name].audit = folder
        else:
            found[name].store = folder
    return [found[name] for name in sorted(found)]


@dataclass(frozen=True)
class About:
    """What a data set's config says to the reader."""

    title: str
    licence: str
    redact: bool = True
    """Leave out every text and image."""
    redistributable: bool = False
    """Whether the licence lets them be passed on; pages that show them although it does not say so."""
    source: str | None = None
    """Its entry of `config/sources/`; None for generated data, beside which no published number stands."""


def data_page(sources: Sources, about: About, seed: int) -> tuple[Record, dict[str, bytes]]:
    """What the page of one data set shows, and the thumbnails that belong to it.

    Args:
        sources: the data set's folders.
        about: what the data set's config says to the reader.
        seed: of the random sample.

    Returns:
        the page's values, and file name → JPEG bytes.

    Raises:
        DataError: a file of a folder is missing.
    """
    tasks = [_task(folder) for folder in sources.prepared]
    page: Record = {
        "name": sources.name,
        "title": about.title,
        "licence": about.licence,
        "redact": about.redact,
        "redistributable": about.redistributable,
        "tasks": tasks,
        "audit": None if sources.audit is None else _audit(_json(sources.audit / "audit.json")),
        "images": None if sources.store is None else _json(sources.store / "images.json"),
        "captions": [_json(folder / "captions.json") for folder in sources.captions],
        "sample": [],
        "sample_task": None,
    }
    if about.redact:
        return page, {}
    finest = max(tasks, key=lambda task: (len(task["labels"]), len(task["table"])))
    page["sample_task"] = finest["name"]
    page["sample"], thumbnails = _sample(finest["table"], sources, seed)
    return page, thumbnails


def _json(path: Path) -> Record:
    if not path.is_file():
        raise DataError(f"{path}: no such file; run the step that makes it before the report")
    value: Record = read_json(path)
    return value


def _task(folder: Path) -> Record:
    import pandas as pd

    description = _json(folder / "dataset.json")
    if not (folder / "instances.parquet").is_file():
        raise DataError(f"{folder}: holds no instances.parquet; run `crisisweave prepare` again")
    table = pd.read_parquet(folder / "instances.parquet")
    splits = [split for split in SPLITS if (table["split"] == split).any()]
    return {
        "name": description["task"],
        "description": description,
        "table": table,
        "splits": splits,
        "rows": {split: int((table["split"] == split).sum()) for split in splits},
        "labels": _counts(table, "label", description["classes"], splits),
        "joint": _joint(table, description["classes"]),
        "concordance": [_concordance(table, split) for split in splits],
        "events": [
            {"name": str(event), **{s: int((part["split"] == s).sum()) for s in splits}, "n": len(part)}
            for event, part in table.groupby("event", observed=True)
        ],
    }


def _counts(table: pd.DataFrame, column: str, classes: Sequence[str], splits: Sequence[str]) -> list[Record]:
    """One row for each class: rows in every split, and their share of the split's labelled rows."""
    rows = []
    labelled = {split: table.loc[table["split"] == split, column].notna().sum() for split in splits}
    for name in classes:
        of_class = table["split"][table[column] == name]
        counts = {split: int((of_class == split).sum()) for split in splits}
        shares = {split: counts[split] / labelled[split] if labelled[split] else None for split in splits}
        rows.append({"name": name, "counts": counts, "shares": shares})
    return rows


def _joint(table: pd.DataFrame, classes: Sequence[str]) -> Record | None:
    """Text label by image label over all splits; None where a modality has no labels or all agree."""
    both = table[table["label_text"].notna() & table["label_image"].notna()]
    if both.empty or (both["label_text"].astype(str) == both["label_image"].astype(str)).all():
        return None
    counts = [
        [int(((both["label_text"] == text) & (both["label_image"] == image)).sum()) for image in classes]
        for text in classes
    ]
    return {"classes": list(classes), "counts": counts, "n": len(both)}


def _concordance(table: pd.DataFrame, split: str) -> Record:
    known = table.loc[table["split"] == split, "concordant"].dropna().astype(bool)
    return {
        "split": split,
        "known": len(known),
        "discordant": int((~known).sum()),
        "share": float((~known).mean()) if len(known) else None,
    }


def _audit(audit: Mapping[str, Any]) -> Record:
    """The audit's counts as tables: rows of splits, columns of the kinds that were looked for."""
    within = [
        {"task": task, "split": split, **counts}
        for task, splits in audit["twins_in_train"].items()
        for split, counts in splits.items()
    ]
    across = [
        {"task": task, "split": split, "other": other, **counts}
        for task, splits in audit["across_tasks"].items()
        for split, others in splits.items()
        for other, counts in others.items()
    ]
    return {
        "near_bits": audit["near_bits"],
        "within": within,
        "kinds": [(k, name) for k, name in TWIN_KINDS.items() if any(k in row for row in within)],
        "across": across,
        "across_kinds": [(k, name) for k, name in _ACROSS.items() if any(k in row for row in across)],
    }


def _sample(table: pd.DataFrame, sources: Sources, seed: int) -> tuple[list[Record], dict[str, bytes]]:
    from crisisweave.images.store import ImageStore

    store = None if sources.store is None else ImageStore(sources.store)
    captions = chosen_captions(sources.captions)
    rows = table.set_index("instance_id")
    cards: list[Record] = []
    thumbnails: dict[str, bytes] = {}
    for number, instance_id in enumerate(sample_ids(list(rows.index), SAMPLE, seed)):
        row = rows.loc[instance_id]
        card: Record = {
            "instance_id": instance_id,
            "file": None,
            "captions": [(name, chosen[instance_id]) for name, chosen in captions if instance_id in chosen],
            **{name: str(row[name]) for name in ("text", "event", "split")},
            **{
                name: None if row.isna()[name] else str(row[name])
                for name in ("label", "label_text", "label_image")
            },
        }
        if store is not None and not row.isna()["image_path"]:
            card["file"] = f"{number:02d}.jpg"
            thumbnails[card["file"]] = thumbnail(store, instance_id)
        cards.append(card)
    return cards, thumbnails


def chosen_captions(folders: Sequence[Path]) -> list[tuple[str, dict[str, str]]]:
    """Captioner → instance → the caption that was kept."""
    import pandas as pd

    result = []
    for folder in folders:
        if not (folder / "captions.parquet").is_file():
            raise DataError(f"{folder}: holds no captions.parquet; run `crisisweave captions` again")
        table = pd.read_parquet(folder / "captions.parquet")
        table = table[table["chosen"]]
        result.append((folder.name, dict(zip(table["instance_id"], table["caption"], strict=True))))
    return result
