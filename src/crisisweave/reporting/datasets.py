"""Data pages: labels, events, preparation, leakage, images, captions, and a random sample."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisisweave.config.dataset import SPLITS
from crisisweave.config.views import Colours
from crisisweave.errors import DataError
from crisisweave.files import read_json
from crisisweave.reporting.distributions import PAIRS, class_figure, event_figure, similarity_figure
from crisisweave.reporting.site import Page
from crisisweave.reporting.thumbnails import SAMPLE, SMALL, SMALL_QUALITY, sample_ids, thumbnail
from crisisweave.reporting.twins import pairs

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
EXAMPLES = 5
"""Instances named where more have the same flaw."""
_NAME = re.compile(r"[A-Za-z0-9_\-]+")


@dataclass
class Sources:
    """The folders that a data page is made from."""

    name: str
    prepared: list[Path] = field(default_factory=list)
    audit: Path | None = None
    store: Path | None = None
    captions: list[Path] = field(default_factory=list)
    similarity: Path | None = None


def by_dataset(
    datasets: Sequence[Path],
    audits: Sequence[Path],
    stores: Sequence[Path],
    captions: Sequence[Path],
    similarities: Sequence[Path] = (),
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
    for folder in sorted({*audits, *stores, *captions, *similarities}):
        name = folder.parent.name if folder in captions else folder.name
        if folder in similarities:
            name = folder.parents[1].name
        if name not in found:
            raise DataError(f"{folder}: no prepared task of data set '{name}' is given; name its folder too")
        if folder in captions:
            found[name].captions.append(folder)
        elif folder in similarities:
            found[name].similarity = folder
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
    colours: Mapping[str, Colours] = field(default_factory=dict)
    """Task → how colour follows the digit; empty for data that is not coloured."""


def data_page(sources: Sources, about: About, seed: int) -> Page:
    """The page of one data set; text and images stand in it only where they are not redacted.

    Args:
        sources: the data set's folders.
        about: what the data set's config says to the reader.
        seed: of the random sample.

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
        "pairs": None if sources.audit is None else pairs(sources.audit, TWIN_KINDS),
        "images": None if sources.store is None else _images(sources.store),
        "captions": [_json(folder / "captions.json") for folder in sources.captions],
        "similarity": None if sources.similarity is None else _json(sources.similarity / "similarity.json"),
        "similarity_figure": None,
        "sample": [],
        "sample_task": None,
    }
    largest = max(tasks, key=lambda task: len(task["table"]))
    page["events"] = event_figure(sources.name, largest["name"], largest["table"], largest["splits"])
    images: dict[str, bytes] = {}
    if not about.redact:
        finest = max(tasks, key=lambda task: (len(task["labels"]), len(task["table"])))
        page["sample_task"] = finest["name"]
        page["sample"], images = _sample(finest["table"], sources, seed)
        if page["pairs"] is not None:
            images.update(_show_pairs(page["pairs"]["shown"], tasks, sources))
    if sources.similarity is not None:
        page["similarity_figure"] = similarity_figure(sources.name, sources.similarity, page["similarity"])
    figures = [*(task["figure"] for task in tasks), page["events"], page["similarity_figure"]]
    return Page(
        file=f"pages/data-{sources.name}.html",
        template="data.html",
        title=f"Data: {sources.name}",
        nav=f"Data: {sources.name}",
        values={"page": page, "sample_seed": seed, "similarity_pairs": PAIRS},
        images=images,
        figures=[figure for figure in figures if figure is not None],
    )


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
        "figure": class_figure(description["dataset"], description["task"], table, description["classes"]),
        "joint": _joint(table, description["classes"]),
        "concordance": _concordance(table, splits),
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


def _concordance(table: pd.DataFrame, splits: Sequence[str]) -> list[Record]:
    """Rows on which text and image disagree and agree, for every split and for all of them."""
    parts = [(split, table[table["split"] == split]) for split in splits]
    rows = []
    for name, part in [*parts, *([("all", table)] if len(splits) > 1 else [])]:
        known = part["concordant"].dropna().astype(bool)
        if len(known):
            rows.append({"split": name, "n": len(known), "discordant": int((~known).sum())})
    return rows


def _images(store: Path) -> Record:
    """What the store counted, with the sizes of the files."""
    import pandas as pd

    columns = ["instance_id", "source_width", "source_height"]
    index = pd.read_parquet(store / "index.parquet", columns=columns)
    sides = index[["source_width", "source_height"]]
    shorter, longer = sides.min(axis=1), sides.max(axis=1)
    long = index[longer > 2 * shorter]
    return {
        **_json(store / "images.json"),
        "smallest": int(shorter.min()),
        "largest": int(longer.max()),
        "median": [int(sides[name].median()) for name in ("source_width", "source_height")],
        "long": {"n": len(long), "examples": sorted(long["instance_id"])[:EXAMPLES]},
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
            card["file"] = f"{sources.name}/{number:02d}.jpg"
            thumbnails[card["file"]] = thumbnail(store, instance_id)
        cards.append(card)
    return cards, thumbnails


def _show_pairs(shown: Sequence[Record], tasks: Sequence[Record], sources: Sources) -> dict[str, bytes]:
    """Give the pairs the text that they share and the files of their thumbnails; make the thumbnails."""
    from crisisweave.images.store import ImageStore

    texts: dict[str, str] = {}
    for task in tasks:
        texts.update(zip(task["table"]["instance_id"], task["table"]["text"], strict=True))
    store = None if sources.store is None else ImageStore(sources.store)
    thumbnails: dict[str, bytes] = {}
    for number, pair in enumerate(shown):
        if pair["instance_id"] not in texts:
            raise DataError(
                f"{sources.audit}: names instance '{pair['instance_id']}', which no prepared task of "
                f"{sources.name} holds; run `crisisweave audit` again"
            )
        pair["text"] = texts[pair["instance_id"]] if TWIN_KINDS["text"] in pair["found_by"] else None
        pair["sides"] = []
        for side, instance_id in (("a", pair["instance_id"]), ("b", pair["twin"])):
            file = None
            if store is not None:
                file = f"twins-{sources.name}/{number:02d}-{side}.jpg"
                thumbnails[file] = thumbnail(store, instance_id, SMALL, SMALL_QUALITY)
            pair["sides"].append({"instance_id": instance_id, "file": file})
    return thumbnails


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
