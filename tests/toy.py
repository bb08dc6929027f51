"""A small prepared data set, made without any generator, with a known rule; and tiny methods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from crisisweave.config.dataset import DatasetConfig
from crisisweave.config.joint import JointConfig
from crisisweave.config.method import MethodConfig
from crisisweave.config.regions import Regions
from crisisweave.config.run import RunConfig
from crisisweave.datasets.tables import Instance, as_frame, read_instances
from crisisweave.datasets.text import words
from crisisweave.files import write_json, write_parquet
from crisisweave.images.store import ImageStore, build_store
from crisisweave.layout import Sources
from crisisweave.rationales.labels import RationaleLabel, write_labels

CLASSES = ["calm", "flood"]


def instances(n_train: int = 32, n_dev: int = 16, n_test: int = 16) -> list[Instance]:
    """Tweets of two classes that alternate: the word and the colour of the image both tell them apart."""
    rows = []
    for split, n in (("train", n_train), ("dev", n_dev), ("test", n_test)):
        for i in range(n):
            label = CLASSES[i % 2]
            word = "water everywhere" if label == "flood" else "a quiet day"
            name = f"{split}{i}"
            rows.append(
                Instance(
                    instance_id=f"{name}_0",
                    tweet_id=name,
                    event="rivertown",
                    split=split,
                    text=f"{word} in town {' '.join(['really'] * (i % 5))} {i}",
                    image_path=f"data_image/{name}_0.png",
                    label=label,
                    label_text=label,
                    label_image=label,
                    where=name,
                )
            )
    return rows


def write_prepared(rows: list[Instance], folder: Path) -> None:
    """Write rows as `prepare` does."""
    frame = as_frame(rows, [row.text for row in rows], CLASSES)
    write_parquet(folder / "instances.parquet", frame)
    counts = {
        split: {c: int((part["label"] == c).sum()) for c in CLASSES}
        for split, part in frame.groupby("split", sort=False)
    }
    write_json(
        folder / "dataset.json",
        {
            "dataset": "toy",
            "task": "state",
            "classes": CLASSES,
            "counts": counts,
            "rows": {split: sum(c.values()) for split, c in counts.items()},
        },
    )


class Toy:
    """A prepared toy data set below a folder."""

    def __init__(self, root: Path):
        self.root = root
        self.sources = Sources("toy", "state", root / "data")
        self.rows = instances()
        write_prepared(self.rows, self.sources.prepared)
        self._write_images()
        self._write_captions()
        self._write_regions()

    def _write_images(self) -> None:
        raw = self.root / "raw" / "toy"
        header = "event_name\ttweet_id\timage_id\ttweet_text\timage\tlabel\tlabel_text\tlabel_image\t"
        header += "label_text_image"
        tables = raw / "crisismmd_datasplit_agreed_label"
        tables.mkdir(parents=True)
        (raw / "data_image").mkdir()
        for split in ("train", "dev", "test"):
            lines = [header]
            for row in (r for r in self.rows if r.split == split):
                cells = [row.event, row.tweet_id, row.instance_id, row.text, row.image_path]
                lines.append("\t".join([*cells, row.label, row.label, row.label, "Positive"]))
                self._image(raw / str(row.image_path), str(row.label))
            name = f"task_informative_text_img_agreed_lab_{split}.tsv"
            (tables / name).write_text("\n".join(lines) + "\n")
        config = DatasetConfig(
            name="toy",
            loader="crisismmd",
            folder="toy",
            title="Toy",
            source="generated",
            citation="none",
            licence="CC0",
            modalities=["text", "image"],
            shorter_side=32,
            tasks={"state": {"classes": CLASSES, "layout": "agreed", "table": "informative"}},
        )
        build_store(config, self.root / "raw", self.sources.images)

    @staticmethod
    def _image(path: Path, label: str) -> None:
        generator = np.random.default_rng(len(path.name))
        noise = generator.integers(0, 60, (32, 40, 3))
        noise[..., 2 if label == "flood" else 0] += 150
        Image.fromarray(noise.astype(np.uint8)).save(path)

    def _write_captions(self) -> None:
        records = [
            {
                "instance_id": row.instance_id,
                "captioner": "toy",
                "rank": rank,
                "caption": ("blue water" if row.label == "flood" else "red ground") if rank == 1 else "x",
                "score": float(rank),
                "chosen": rank == 1,
            }
            for row in self.rows
            for rank in (0, 1)
        ]
        write_parquet(self.sources.captions("toy") / "captions.parquet", pd.DataFrame(records))

    def _write_regions(self) -> None:
        """Three regions of each image as if a detector had found them: their boxes and colours."""
        store = ImageStore(self.sources.images)
        generator = np.random.default_rng(0)
        boxes = np.sort(generator.random((len(store.index), 3, 2, 2)), axis=2).reshape(-1, 3, 4)
        vectors = generator.random((len(boxes), 3, 8)) / 4
        for row, shown in enumerate(vectors):
            shown[:, :3] += store.image(row).mean(axis=(0, 1)) / 255
        folder = self.sources.regions(Regions.model_validate(REGIONS))
        folder.mkdir(parents=True)
        np.save(folder / "features.npy", vectors.astype(np.float16))
        np.save(folder / "boxes.npy", boxes.astype(np.float32))
        write_json(folder / "features.json", {"encoder": "toy"})

    def write_truth(self) -> None:
        """Rationale labels: the words that tell the classes apart."""
        labels = [
            RationaleLabel(
                row.instance_id,
                str(row.label),
                tuple(words(row.text)),
                ((0, 2 if row.label == "flood" else 3),),
                "generator",
                "truth",
            )
            for row in self.rows
        ]
        write_labels(self.sources.rationales("truth"), labels)

    def frame(self) -> pd.DataFrame:
        """All prepared rows."""
        return read_instances(self.sources.prepared)[0]

    def run(self, method: MethodConfig, seed: int = 1) -> RunConfig:
        """The run of a method on this data set."""
        return RunConfig(
            dataset="toy",
            task="state",
            classes=CLASSES,
            seed=seed,
            threads=1,
            method=method,
            shorter_side=32,
            captioner=None,
            joint=joint_config() if method.joint else None,
        )


def joint_config(**changes: object) -> JointConfig:
    """A joint encoder: 32 pixels in patches of 8, a transformer of width 16."""
    values: dict[str, object] = {
        "name": "toy",
        "title": "Toy",
        "source": {"document": "none", "section": "none"},
        "patches": {"size": 32, "patch": 8},
        "max_tokens": 16,
        "transformer": {"width": 16, "layers": 2, "heads": 2, "dropout": 0.0},
        "training": {
            "dataset": "toy",
            "tasks": ["state"],
            "lr": 1e-3,
            "batch_size": 8,
            "epochs": 1,
            "patience": 1,
        },
    }
    return JointConfig.model_validate({**values, **changes})


TINY_TEXT = {"name": "tiny:bert", "pooling": "mean"}
TINY_IMAGE = {"name": "tiny:conv", "size": 32}
TRAINING = {"lr": 2e-3, "batch_size": 8, "epochs": 12, "patience": 12, "warmup": 0.0}


BOTH = {"inputs": ["text", "image"], "text": TINY_TEXT, "image": TINY_IMAGE}
TOKENS = {"image": {"name": "tiny:vit", "size": 32}}
REGIONS = {"detector": "tiny:detr", "boxes": 3, "size": 32, "width": 8}
JOINT = {"inputs": ["text", "image"], "joint": "toy"}
RATIONALES = {"labels": "truth", "hidden": 8, "alpha": 1.0}
METHODS: dict[str, dict[str, object]] = {
    "text": {"inputs": ["text"], "text": TINY_TEXT},
    "image": {"inputs": ["image"], "image": TINY_IMAGE},
    "text_cnn": {
        "inputs": ["text"],
        "text": TINY_TEXT,
        # Windows shorter and longer than any text.
        "convolution": {"windows": [1, 2, 40], "filters": 16},
    },
    "concat": BOTH,
    "cross_attention": BOTH,
    "co_attention": BOTH,
    "transformer_fusion": {**BOTH, **TOKENS, "fusion_layers": {"layers": 2, "heads": 4}},
    "bottleneck": {
        "family": "transformer_fusion",
        **BOTH,
        **TOKENS,
        "fusion_layers": {"layers": 2, "heads": 4, "bottleneck": 3, "width": 32},
    },
    "cmb": {
        "inputs": ["text", "caption"],
        "text": TINY_TEXT,
        "captioner": "toy",
        "head": {"hidden": 16, "dropout": 0.1},
    },
    "marmot": {
        "inputs": ["text", "image", "caption"],
        "text": TINY_TEXT,
        "image": TINY_IMAGE,
        "captioner": "toy",
        "head": {"hidden": 16, "dropout": 0.1},
    },
    "lxmert": {
        "inputs": ["text", "image"],
        "lxmert": {"language": "tiny:bert", "relation_layers": 1, "cross_layers": 2},
        "regions": REGIONS,
    },
    "fusion": {**BOTH, "fusion": "concat"},
    "fusion_sum": {"family": "fusion", **BOTH, "fusion": "sum"},
    "fusion_gated": {"family": "fusion", **BOTH, "fusion": "gated"},
    "fusion_film": {"family": "fusion", **BOTH, "fusion": "film"},
    "joint": JOINT,
    "joint_text": {"family": "joint", "inputs": ["text"], "text": TINY_TEXT, "masking": 0.5},
    "rationale": {**JOINT, "rationales": RATIONALES, "training": {**TRAINING, "lr": 5e-3}},
    "rationale_one": {"family": "rationale", **JOINT, "rationales": {**RATIONALES, "second": "joint"}},
    "rationale_guided": {
        "family": "rationale",
        **JOINT,
        "rationales": {**RATIONALES, "guidance": 1.0, "select": "top", "top": 0.5},
        "training": {**TRAINING, "lr": 5e-3},
    },
    "rationale_text": {
        "family": "rationale",
        "inputs": ["text"],
        "text": TINY_TEXT,
        "rationales": {**RATIONALES, "patches": "none"},
    },
}
"""What each tiny method reads; a family's plain form has the family's name."""


def tiny_method(family: str, **changes: object) -> MethodConfig:
    """A method with tiny encoders: of a family, or one of its other forms in `METHODS`."""
    return MethodConfig.model_validate(
        {
            "name": family,
            "family": family,
            "title": family,
            "idea": "for tests",
            "source": {"document": "none", "section": "none"},
            "max_tokens": 32,
            "training": TRAINING,
            **METHODS[family],
            **changes,
        }
    )
