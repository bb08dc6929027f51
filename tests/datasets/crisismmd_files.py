"""Writes small data sets in CrisisMMD v2.0's layout for the tests."""

from pathlib import Path

from PIL import Image

from crisisweave.config.dataset import DatasetConfig

HEADER = [
    *["event_name", "tweet_id", "image_id", "tweet_text", "image"],
    *["label", "label_text", "label_image", "label_text_image"],
]
DAMAGE_HEADER = HEADER[:6]


def config(**changes: object) -> DatasetConfig:
    """A data set with one task for each layout; two humanitarian classes and the two that merge into them."""
    two = ["affected_individuals", "not_humanitarian"]
    merge = {"injured_or_dead_people": "affected_individuals"}
    humanitarian = {"table": "humanitarian", "classes": two, "merge": merge}
    values: dict[str, object] = {
        "name": "small",
        "loader": "crisismmd",
        "folder": "small",
        "title": "Small",
        "source": "https://example.org",
        "citation": "none",
        "licence": "CC0",
        "modalities": ["text", "image"],
        "tasks": {
            "humanitarian": {**humanitarian, "layout": "agreed"},
            "humanitarian_all": {**humanitarian, "layout": "all"},
            "damage": {"layout": "all", "table": "damage", "classes": ["little", "severe"]},
        },
    }
    return DatasetConfig.model_validate({**values, **changes})


def row(
    image_id: str, label: str, text_label: str | None = None, image_label: str | None = None, **values: str
) -> dict[str, str]:
    """One raw row; the modality labels default to `label`."""
    return {
        "event_name": "flood",
        "tweet_id": image_id.split("_")[0],
        "image_id": image_id,
        "tweet_text": f"text of {image_id}",
        "image": f"data_image/{image_id}.png",
        "label": label,
        "label_text": text_label or label,
        "label_image": image_label or label,
        "label_text_image": "Positive",
        **values,
    }


def write_table(root: Path, layout: str, table: str, split: str, rows: list[dict[str, str]]) -> Path:
    """Write one table below `root/small`, and a small image for each row."""
    folder, middle = {
        "agreed": ("crisismmd_datasplit_agreed_label", "text_img_agreed_lab"),
        "all": ("crisismmd_datasplit_all", "text_img"),
    }[layout]
    header = DAMAGE_HEADER if table == "damage" else HEADER
    path = root / "small" / folder / f"task_{table}_{middle}_{split}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(header), *("\t".join(r[column] for column in header) for r in rows)]
    path.write_bytes(("\n".join(lines) + "\n").encode())
    for position, r in enumerate(rows):
        image = root / "small" / r["image"]
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (12, 10), (position * 40 % 256, len(split) * 30, 90)).save(image)
    return path


def write_splits(
    root: Path, layout: str, table: str, splits: dict[str, list[dict[str, str]]]
) -> dict[str, Path]:
    """`write_table` for each split."""
    return {split: write_table(root, layout, table, split, rows) for split, rows in splits.items()}


def humanitarian(root: Path) -> dict[str, Path]:
    """A whole, valid agreed-label humanitarian task."""
    return write_splits(
        root,
        "agreed",
        "humanitarian",
        {
            "train": [
                row("1_0", "injured_or_dead_people", "affected_individuals", "affected_individuals"),
                row("1_1", "not_humanitarian"),
                row("2_0", "not_humanitarian", event_name="quake"),
            ],
            "dev": [row("3_0", "not_humanitarian")],
            "test": [row("4_0", "affected_individuals"), row("5_0", "not_humanitarian", event_name="quake")],
        },
    )
