"""Examples of what a method has right and wrong, sure and unsure: static pages of cards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisisweave.datasets.text import words
from crisisweave.errors import DataError
from crisisweave.reporting.datasets import About, Sources, chosen_captions
from crisisweave.reporting.explained import (
    Explained,
    Rationales,
    Truth,
    View,
    read_truth,
)
from crisisweave.reporting.methods import Description, Key, method_file
from crisisweave.reporting.rationale_scores import OWN, extractors_file
from crisisweave.reporting.site import Page, stem
from crisisweave.reporting.thumbnails import SMALL, SMALL_QUALITY, ranked_ids, thumbnail

if TYPE_CHECKING:
    import pandas as pd

    from crisisweave.images.store import ImageStore

Record = dict[str, Any]

SURE = 0.8
"""An answer is sure when its class has at least this mean probability over the seeds."""
GROUPS = (
    ("right-sure", "Right and sure", True, True),
    ("right-unsure", "Right and unsure", True, False),
    ("wrong-sure", "Wrong and sure", False, True),
    ("wrong-unsure", "Wrong and unsure", False, False),
)
"""Name, title, whether the answers are right, whether they are sure."""
EXAMPLES = 1200
"""In all galleries of a report together, as long as each group of each method has some."""
FEWEST, MOST = 3, 12
"""Examples in a group."""
PAGE_CARDS = 24
"""Cards on a page; a group is not divided."""
TOP = 3
"""Probabilities on a card."""
SEED = 0
"""Of the random choice."""


def gallery_file(key: Key, number: int = 1) -> str:
    """The file of a gallery's page; the first is number 1."""
    return f"pages/{stem('gallery', *key, str(number))}.html"


def examples_of_each_group(methods: int) -> int:
    """How many examples a group shows, so that the galleries of many methods stay small together."""
    return max(FEWEST, min(MOST, EXAMPLES // (len(GROUPS) * methods)))


def gallery_pages(
    details: Mapping[str, Any],
    answers: pd.DataFrame,
    sources: Sequence[Sources],
    about: Mapping[str, About],
    descriptions: Mapping[Key, Description],
    explained: Mapping[Key, Explained] | None = None,
    truths: Mapping[str, Path] | None = None,
) -> list[Page]:
    """One or two pages for each record of `details.json`.

    Args:
        details: `details.json`.
        answers: `answers.parquet`.
        sources: folders of the data sets.
        about: whether texts and images of a data set are left out.
        descriptions: what each method says to the reader.
        explained: rationales of the methods that give some.
        truths: data set → folder `truth/`, for generated data.

    Raises:
        DataError: a data set, task or test row of the answers is not among the prepared tables, or a row has
            no rationale although its method gives some.
    """
    explained, truths = explained or {}, truths or {}
    pages: list[Page] = []
    images: dict[str, bytes] = {}
    records = {(r["dataset"], r["task"], r["method"]): r for r in details["methods"]}
    size = examples_of_each_group(max(1, len(records)))
    by_name = {source.name: source for source in sources}
    for dataset, task in dict.fromkeys(key[:2] for key in sorted(records)):
        if dataset not in by_name:
            raise DataError(f"no prepared task of data set '{dataset}' is given; name its folder too")
        rows = TaskRows.read(by_name[dataset], task, about[dataset].redact, truths.get(dataset))
        of_task = answers[(answers["dataset"] == dataset) & (answers["task"] == task)]
        right = (of_task["predicted"] == of_task["label"]).groupby(of_task["instance_id"]).sum().to_dict()
        methods = sorted(key[2] for key in records if key[:2] == (dataset, task))
        for method in methods:
            own = of_task[of_task["method"] == method]
            key = (dataset, task, method)
            record = records[key]
            rationales = (
                Rationales(explained[key]) if key in explained and not about[dataset].redact else None
            )
            groups = _groups(own, size)
            for group in groups:
                group["cards"] = [
                    {
                        **answer_shown(answer, record["classes"]),
                        **rows.shown(answer.instance_id, record["config"]["captioner"], images),
                        "rationale": rationales and rows.rationale(answer.instance_id, rationales),
                        "others": len(methods) - 1,
                        "others_right": right[answer.instance_id] - (answer.predicted == answer.label),
                        "beside": (),
                    }
                    for answer in group["answers"].itertuples()
                ]
            pages += _paginated(key, groups, record, about[dataset], descriptions[key], rationales)
    # An image that several galleries show is one file: the first page brings them all.
    return [replace(pages[0], images=images), *pages[1:]] if pages else []


@dataclass(frozen=True)
class TaskRows:
    """What is known of a task's test rows; texts, captions and images only where they may be shown."""

    dataset: str
    table: pd.DataFrame
    redact: bool
    captions: Sequence[tuple[str, Mapping[str, str]]] = ()
    store: ImageStore | None = None
    truth: Truth = field(default_factory=Truth)

    @classmethod
    def read(cls, source: Sources, task: str, redact: bool, truth: Path | None = None) -> TaskRows:
        """Those of one task; `truth` is the folder of a generated data set.

        Raises:
            DataError: the task has no prepared folder.
        """
        import pandas as pd

        from crisisweave.images.store import ImageStore

        folder = next((folder for folder in source.prepared if folder.name == task), None)
        if folder is None:
            raise DataError(f"no prepared folder of {source.name}/{task} is given; name it too")
        table = pd.read_parquet(folder / "instances.parquet")
        test = table[table["split"] == "test"]
        table = test.set_index("instance_id")
        if redact:
            return cls(source.name, table, redact)
        store = None if source.store is None else ImageStore(source.store)
        known = Truth() if truth is None else read_truth(truth, test, source.store)
        return cls(source.name, table, redact, chosen_captions(source.captions), store, known)

    def shown(self, instance_id: str, captioner: str | None, images: dict[str, bytes]) -> Record:
        """What a card shows of a row itself; its thumbnail is added to `images` if it is not there yet."""
        import pandas as pd

        if instance_id not in self.table.index:
            raise DataError(
                f"instance '{instance_id}' of the answers is no test row of {self.dataset} any more; run "
                "`crisisweave aggregate` again"
            )
        row = self.table.loc[instance_id]
        of_parts = {part: row[f"label_{part}"] for part in ("text", "image")}
        shown: Record = {
            "event": str(row["event"]),
            "split": str(row["split"]),
            "labels_of_parts": {
                part: str(label)
                for part, label in of_parts.items()
                if not pd.isna(label) and label != row["label"]
            },
            "words": [],
            "captions": [],
            "file": None,
        }
        if self.redact:
            return shown
        shown["words"] = words(str(row["text"]))
        read = [(name, chosen) for name, chosen in self.captions if captioner in (None, name)]
        shown["captions"] = [(name, chosen[instance_id]) for name, chosen in read if instance_id in chosen]
        if self.store is not None and not pd.isna(row["image_path"]):
            name = f"{self.dataset}/gallery/{hashlib.sha256(instance_id.encode()).hexdigest()[:16]}.jpg"
            if name not in images:
                images[name] = thumbnail(self.store, instance_id, SMALL, SMALL_QUALITY)
            shown["file"] = name
        return shown

    def picture(self, instance_id: str, box: tuple[int, int], quality: int) -> bytes:
        """The thumbnail of a row that has an image."""
        assert self.store is not None
        return thumbnail(self.store, instance_id, box, quality)

    def rationale(self, instance_id: str, rationales: Rationales, extractor: str = OWN) -> View:
        """What an extractor chose of a row, over its picture where there is one."""
        import pandas as pd

        row = self.table.loc[instance_id]
        size = None
        if self.store is not None and not pd.isna(row["image_path"]):
            height, width = self.store.image(int(self.store.rows([instance_id])[0])).shape[:2]
            size = (width, height)
        return rationales.view(instance_id, words(str(row["text"])), size, self.truth, extractor)


def answer_shown(answer: Any, classes: Sequence[str]) -> Record:
    """What a card shows of a method's answer: the most probable classes, and the label wherever it stands."""
    ranked = sorted(zip(answer.probabilities, range(len(classes)), strict=True), key=lambda p: (-p[0], p[1]))
    shown = [pair for place, pair in enumerate(ranked) if place < TOP or classes[pair[1]] == answer.label]
    return {
        "instance_id": answer.instance_id,
        "label": answer.label,
        "predicted": answer.predicted,
        "right": answer.predicted == answer.label,
        "seeds": answer.seeds,
        "seeds_right": answer.seeds_right,
        "probabilities": [
            {"name": classes[i], "value": float(p), "is_label": classes[i] == answer.label} for p, i in shown
        ],
    }


def _groups(own: pd.DataFrame, size: int) -> list[Record]:
    """The four groups of one method's answers, with a random sample of each, surest first."""
    own = own.assign(confidence=[float(max(p)) for p in own["probabilities"]])
    right, sure = own["predicted"] == own["label"], own["confidence"] >= SURE
    groups = []
    for name, title, is_right, is_sure in GROUPS:
        members = own[(right == is_right) & (sure == is_sure)]
        chosen = members[members["instance_id"].isin(ranked_ids(members["instance_id"], SEED)[:size])]
        chosen = chosen.sort_values(["confidence", "instance_id"], ascending=[False, True])
        groups.append({"name": name, "title": title, "n": len(members), "answers": chosen})
    return groups


def _paginated(
    key: Key,
    groups: Sequence[Record],
    record: Record,
    about: About,
    description: Description,
    rationales: Rationales | None,
) -> list[Page]:
    """Whole groups in their order, as many on a page as `PAGE_CARDS` allows."""
    parts: list[list[Record]] = [[]]
    for group in groups:
        if parts[-1] and sum(len(g["cards"]) for g in [*parts[-1], group]) > PAGE_CARDS:
            parts.append([])
        parts[-1].append(group)
    places = [
        {"name": group["name"], "title": group["title"], "n": group["n"], "file": gallery_file(key, number)}
        for number, part in enumerate(parts, 1)
        for group in part
    ]
    dataset, task, method = key
    return [
        Page(
            file=gallery_file(key, number),
            template="gallery.html",
            title=f"Examples: {description.title}, {dataset}, {task}",
            values={
                "page": {
                    "dataset": dataset,
                    "task": task,
                    "method": method,
                    "section": stem("task", dataset, task),
                    "title": description.title,
                    "method_page": method_file(key),
                    "groups": part,
                    "places": places,
                    "number": number,
                    "of": len(parts),
                    "n": record["n"],
                    "seeds": len(record["seeds"]),
                    "sure": SURE,
                    "seed": SEED,
                    "redact": about.redact,
                    "redistributable": about.redistributable,
                    **_shown_marks([card for group in groups for card in group["cards"]]),
                    "explained_by": None if rationales is None else rationales.seed,
                    "extractors_page": extractors_file(dataset, task),
                }
            },
        )
        for number, part in enumerate(parts, 1)
    ]


def _shown_marks(cards: Sequence[Record]) -> Record:
    """Which marks there are on a method's cards, so that the legend explains no other."""
    views = [card["rationale"] for card in cards if card["rationale"] is not None]
    drawn = [view.overlay for view in views if view.overlay is not None]
    parts = [part for view in views for phrase in view.phrases or () for part in phrase.parts]
    truth = any(part.truth for part in parts) or any(each.truth for each in drawn)
    return {"pictures": bool(drawn), "truth": truth}
