"""A small project whose run explains images by two extractors, and raters with a known preference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from crisisweave.config.run import write_run_config
from crisisweave.datasets.tables import Instance
from crisisweave.files import write_json, write_parquet
from toy import CLASSES, Toy, tiny_method, write_prepared

HOSTILE = "</script><img src=x onerror=alert(1)> \"quoted\" 'too' & {{ 7*7 }} </blockquote>"
GRID = (7, 7)
RUN = Path("results/toy/state/text/seed-1")
TEST_ROWS = 60


class Project:
    """Below `root`: config/, data/ and one run with rationales.parquet."""

    def __init__(self, root: Path, a: str = "method", b: str = "rise"):
        self.root = root
        self.run = root / RUN
        self._config()
        self._data()
        write_run_config(Toy.run(self, tiny_method("text")), self.run)  # type: ignore[arg-type]
        self.write_rationales(a, b)

    def _config(self) -> None:
        datasets = self.root / "config/datasets"
        datasets.mkdir(parents=True)
        classes = {"classes": CLASSES, "layout": "agreed", "table": "informative"}
        toy = {
            "name": "toy", "loader": "crisismmd", "folder": "toy", "title": "Toy <i>set", "source": "none",
            "citation": "none", "licence": "none & all", "modalities": ["text", "image"], "shorter_side": 32,
            "tasks": {"state": classes},
        }  # fmt: skip
        (datasets / "toy.yaml").write_text(yaml.safe_dump(toy))
        methods = self.root / "config/methods"
        methods.mkdir()
        (methods / "text.yaml").write_text(yaml.safe_dump(tiny_method("text").model_dump(mode="json")))
        experiment = {"dataset": "toy", "task": "state", "methods": ["text"], "seeds": [1]}
        profile = {"name": "small", "threads": 1, "experiments": [experiment]}
        (self.root / "config/default.yaml").write_text(yaml.safe_dump(profile))

    def _data(self) -> None:
        """Every third tweet has two images; the first text is hostile."""
        self.rows = []
        for i in range(TEST_ROWS):
            tweet = f"t{i - (i % 3 == 2):02d}"
            label = CLASSES[i % 2]
            text = f"{HOSTILE} {i}" if i % 7 == 0 else f"RT @ann_smith: water in street {i} https://t.co/x{i}"
            name = f"{tweet}_{i % 3 // 2}"
            labels = {"label": label, "label_text": label, "label_image": label}
            place = {"event": "rivertown", "split": "test", "image_path": "x.jpg", "where": name}
            self.rows.append(Instance(instance_id=name, tweet_id=tweet, text=text, **labels, **place))
        write_prepared(self.rows, self.root / "data/prepared/toy/state")
        store = self.root / "data/images/toy"
        store.mkdir(parents=True)
        generator = np.random.default_rng(0)
        index, pixels, offset = [], [], 0
        for row in self.rows:
            height, width = generator.integers(20, 60, size=2)
            image = generator.integers(0, 256, (height, width, 3), dtype=np.uint8)
            place = {"offset": offset, "height": height, "width": width}
            index.append({"instance_id": row.instance_id, **place})
            pixels.append(image.tobytes())
            offset += image.size
        (store / "pixels.u8").write_bytes(b"".join(pixels))
        write_parquet(store / "index.parquet", pd.DataFrame(index))

    def write_rationales(self, a: str, b: str, **changes: object) -> None:
        """Six of 49 patches by each; `changes` overwrite columns of the first row of B."""
        generator = np.random.default_rng(1)
        records = []
        for row in self.rows:
            for extractor in (a, b):
                selected = np.zeros(GRID[0] * GRID[1], dtype=bool)
                selected[generator.choice(len(selected), 6, replace=False)] = True
                records.append(
                    {
                        "instance_id": row.instance_id, "split": "test", "extractor": extractor,
                        "target": row.label, "words": row.text.split(), "word_scores": None,
                        "word_selected": None, "grid_h": GRID[0], "grid_w": GRID[1],
                        "patch_scores": selected.astype(np.float32).tolist(),
                        "patch_selected": selected.tolist(),
                    }
                )  # fmt: skip
        records.append({**records[0], "extractor": "attention", "grid_h": None, "grid_w": None})
        records[-1] |= {"patch_scores": None, "patch_selected": None}
        records[1] |= changes
        write_parquet(self.run / "rationales.parquet", pd.DataFrame(records))


def answer(key: dict, rater: str, likes_a: float, ties: float, seed: int, careless: bool = False) -> dict:
    """The answers of a rater who, if not undecided, prefers A with probability `likes_a`.

    A careless rater chooses at random, and so wrongly in at least one check.
    """
    generator = np.random.default_rng(seed)
    choices = {}
    for pair in key["pairs"]:
        wanted = key["a"] if generator.random() < likes_a else key["b"]
        side = "left" if pair["left"] == wanted else "right"
        choices[str(pair["number"])] = "none" if generator.random() < ties else side
    for check in key["checks"]:
        choices[str(check["number"])] = "none" if careless else check["answer"]
    return {
        "format": "crisisweave study answers 1", "study": key["study"], "rater": rater, "answers": choices
    }  # fmt: skip


def save(folder: Path, answers: dict) -> Path:
    """Write a rater's file as the page would."""
    path = folder / f"answers-{answers['rater']}.json"
    path.write_text(json.dumps(answers, indent=2))
    return path


def write_key(path: Path, key: dict) -> Path:
    """Write a changed key."""
    write_json(path, key)
    return path
