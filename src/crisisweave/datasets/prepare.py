"""The step `prepare`: raw tables of one task → `instances.parquet` and `dataset.json`.

The order matters and is fixed: read and check every table, check the published counts on the raw rows, repair
texts, move held-out events, account for missing images, and only then ask whether every split holds rows and
`train` every class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from crisisweave.config.dataset import SPLITS, DatasetConfig
from crisisweave.config.strict import nearest
from crisisweave.datasets.loaders import dataset_folder, read_table, table_digest, table_files
from crisisweave.datasets.tables import Instance, as_frame, inside
from crisisweave.datasets.text import repair_mojibake
from crisisweave.errors import ConfigError, DataError
from crisisweave.files import atomic_path, write_json, write_parquet
from crisisweave.progress import track

_MAX_EXAMPLES = 5


@dataclass
class _Dropped:
    """Rows left out, by reason."""

    ids: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, instances: Sequence[Instance]) -> None:
        if instances:
            self.ids.setdefault(reason, []).extend(i.instance_id for i in instances)

    def as_json(self) -> list[dict[str, Any]]:
        return [
            {"reason": reason, "n": len(ids), "examples": ids[:_MAX_EXAMPLES]}
            for reason, ids in self.ids.items()
        ]


def prepare(config: DatasetConfig, task: str, data_root: Path, out: Path) -> None:
    """Write `instances.parquet` and `dataset.json` of one task into the folder `out`.

    Raises:
        DataError: anything wrong in the raw files; see `docs/data.md` for the list. Nothing is written then.
    """
    folder = dataset_folder(config, data_root)
    files = table_files(config, task, folder)
    instances = [
        instance
        for split, paths in files.items()
        for path in paths
        for instance in read_table(config, task, split, path)
    ]
    _check_unique(instances)
    _check_counts(config, task, instances)
    instances = _hold_out(config, task, instances)

    dropped = _Dropped()
    instances = _without_missing_images(config, task, folder, instances, dropped)
    if config.modalities == ["text"]:
        dropped.add("no text", [i for i in instances if not i.text.strip()])
        instances = [i for i in instances if i.text.strip()]
    _check_splits_and_classes(config, task, instances, dropped)

    texts = [repair_mojibake(i.text) for i in track(instances, f"repairing texts of {config.name}/{task}")]
    frame = as_frame(instances, texts, config.tasks[task].classes)
    description = {
        "dataset": config.name,
        "task": task,
        "classes": config.tasks[task].classes,
        **_counts(config, task, instances),
        "sources": {
            path.relative_to(folder).as_posix(): table_digest(path)
            for paths in files.values()
            for path in paths
        },
        "dropped": dropped.as_json(),
        "missing_images": len(dropped.ids.get("image missing", [])),
        "repaired_mojibake": sum(new != old.text for new, old in zip(texts, instances, strict=True)),
        "official_counts_checked": bool(config.tasks[task].counts),
    }
    with atomic_path(out) as temporary:
        write_parquet(temporary / "instances.parquet", frame)
        write_json(temporary / "dataset.json", description)


def _check_unique(instances: Sequence[Instance]) -> None:
    first: dict[str, Instance] = {}
    for instance in instances:
        if (earlier := first.setdefault(instance.instance_id, instance)) is not instance:
            raise DataError(
                f"{instance.where}: instance id '{instance.instance_id}' is already in {earlier.where}; "
                "remove one of the two rows"
            )


def _check_counts(config: DatasetConfig, task: str, instances: Sequence[Instance]) -> None:
    rows = Counter(i.split for i in instances)
    for split, expected in config.tasks[task].counts.items():
        if rows[split] != expected:
            raise DataError(
                f"data set '{config.name}', task '{task}': split '{split}' has {rows[split]} rows where "
                f"{expected} are published; obtain the files again, or change `counts` if the data set is "
                "meant to differ"
            )


def _hold_out(config: DatasetConfig, task: str, instances: list[Instance]) -> list[Instance]:
    """Move the rows of held-out events to the split `heldout`, and sort by split."""
    events = {i.event for i in instances}
    for event in config.held_out_events:
        if event not in events:
            raise ConfigError(
                f"data set '{config.name}', task '{task}': held-out event '{event}' has no rows; "
                f"{nearest(event, list(events))}"
            )
    held_out = set(config.held_out_events)
    moved = [replace(i, split="heldout") if i.event in held_out else i for i in instances]
    return sorted(moved, key=lambda i: SPLITS.index(i.split))


def _without_missing_images(
    config: DatasetConfig, task: str, folder: Path, instances: list[Instance], dropped: _Dropped
) -> list[Instance]:
    if "image" not in config.modalities:
        return instances
    present: list[Instance] = []
    missing: list[Instance] = []
    for instance in instances:
        if instance.image_path is None:
            raise ConfigError(
                f"data set '{config.name}': its loader gives no images; set `modalities: [text]`"
            )
        there = inside(folder, instance.image_path, instance.where).is_file()
        (present if there else missing).append(instance)
    if missing and config.missing_images == "stop":
        raise DataError(
            f"data set '{config.name}', task '{task}': {len(missing)} of {len(instances)} images are not "
            f"there, the first is {missing[0].image_path} ({missing[0].where}); obtain them from "
            f"{config.source}, set `missing_images: drop` to leave such rows out, or `modalities: [text]`"
        )
    dropped.add("image missing", missing)
    return present


def _check_splits_and_classes(
    config: DatasetConfig, task: str, instances: Sequence[Instance], dropped: _Dropped
) -> None:
    where = f"data set '{config.name}', task '{task}'"
    lost = "".join(f" ({entry['n']} rows were dropped: {entry['reason']})" for entry in dropped.as_json())
    rows = Counter(i.split for i in instances)
    for split in config.tasks[task].splits:
        if not rows[split]:
            raise DataError(
                f"{where}: split '{split}' is empty{lost}; complete the data set or leave the split out of "
                "the task's `splits`"
            )
    if "train" not in config.tasks[task].splits:
        return
    in_train = {i.label for i in instances if i.split == "train"}
    for name in config.tasks[task].classes:
        if name not in in_train:
            raise DataError(
                f"{where}: class '{name}' has no row in train{lost}; complete the data set, merge the class "
                "into another, or leave train out of the task's `splits` if it is only scored"
            )


def _counts(config: DatasetConfig, task: str, instances: Sequence[Instance]) -> dict[str, Any]:
    by_class = Counter((i.split, i.label) for i in instances)
    rows = Counter(i.split for i in instances)
    splits = [split for split in SPLITS if rows[split]]
    return {
        "rows": {split: rows[split] for split in splits},
        "counts": {
            split: {name: by_class[split, name] for name in config.tasks[task].classes} for split in splits
        },
        "discordant": {
            split: sum(i.split == split and i.concordant is False for i in instances) for split in splits
        },
    }
