"""A small finished project, made by the real commands: 48 tweets with images, every family of methods."""

from __future__ import annotations

import csv
import json
import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from crisisweave.cli import app
from crisisweave.config.joint import JointConfig
from crisisweave.datasets.text import words
from crisisweave.encoders.joint_folder import new_encoder, save_joint
from crisisweave.rationales.labels import RationaleLabel, write_labels
from toy import TINY_IMAGE, TINY_TEXT, TRAINING, tiny_method

ROOT = Path(__file__).parents[2]
CLASSES = ["calm", "flood"]
FROZEN = {"tuned": False}
SHORT = {**TRAINING, "epochs": 2}
METHODS: dict[str, dict[str, Any]] = {
    "text": {"family": "text"},
    "text_frozen": {"family": "text", "text": {**TINY_TEXT, **FROZEN}},
    "image": {"family": "image"},
    "image_frozen": {"family": "image", "image": {**TINY_IMAGE, **FROZEN}},
    "text_cnn": {"family": "text_cnn"},
    "concat": {"family": "concat", "image": {**TINY_IMAGE, **FROZEN}},
    "bottleneck": {
        "family": "transformer_fusion",
        "image": {**TINY_IMAGE, **FROZEN, "grid": 2},
        "fusion_layers": {"layers": 1, "heads": 4, "bottleneck": 2},
    },
    "cmb": {"family": "cmb"},
    "lxmert": {
        "family": "lxmert",
        "regions": {"detector": "tiny:detr", "boxes": 3, "size": 64, "width": 16},
    },
    "lxmert_grid": {
        "family": "lxmert",
        "regions": {"encoder": "tiny:conv", "cells": 2, "size": 32, "width": 64},
    },
    "vilt": {"family": "joint", "joint": "pixels"},
    "rationale": {"family": "rationale", "joint": "features"},
    "rationale_text": {"family": "rationale", "text": TINY_TEXT},
}
JOINT = {"pixels": None, "features": "tiny:conv"}
"""Joint encoder and what it reads of a patch of 8 × 8 pixels, 4 × 4 of them: pixels or features."""
FUSION = "decision_mean"
ALL = [*METHODS, FUSION]
NEEDS = {
    name: {"text": {"text"}, "image": {"image"}}.get(name.split("_")[0], {"text", "image"}) for name in ALL
} | {"rationale_text": {"text"}}
CAPTIONER: dict[str, Any] = {
    "image": {"encoder": "tiny:conv", "size": 32},
    "decoding": {"method": "beam", "candidates": 3, "max_tokens": 8},
    "training": {"dataset": "toy", "tasks": ["state"], "epochs": 1, "vocabulary": 300},
    "scorer": {"epochs": 1, "width": 16},
    "language_model": {"layers": 1, "heads": 2, "width": 32, "positions": 32},
}
# Mojibake, an address and a name: what `prepare` repairs and what encoders read in another way.
TWEETS = ["Fl{c} reÃ§ue at the bridge {i} http://t.co/x{i}", "a {c} day in town @joe{i}, donâ€™t worry"]


def call(project: Path, *arguments: str) -> Any:
    """A command in the project, in this process: typer's result, with the exception if there was one."""
    with chdir(project):
        return CliRunner().invoke(app, list(arguments))


def must(project: Path, *arguments: str) -> str:
    """A command that has to succeed; gives what it printed."""
    done = call(project, *arguments)
    if done.exception is not None:
        raise done.exception
    return str(done.stdout)


def build(project: Path) -> Path:
    """Make the project and run its steps."""
    for name in ("datasets", "methods", "captioners", "joint", "rationales"):
        (project / "config" / name).mkdir(parents=True)
    _write_configs(project / "config")
    _write_raw(project / "data" / "toy")
    here = ("--dataset", "toy", "--profile", "config/toy.yaml")
    must(project, "prepare", *here, "--task", "state")
    must(project, "images", *here)
    must(project, "audit", *here)
    must(project, "features", *here, "--encoder", "tiny:conv", "--size", "32")
    must(project, "features", *here, "--encoder", "tiny:conv", "--size", "32", "--grid", "2")
    must(project, "text-features", *here, "--task", "state", "--method", "text_frozen")
    must(project, "region-features", *here, "--method", "lxmert", "--run-task", "state")
    must(project, "patch-features", *here, "--joint", "features")
    _write_joint_encoders(project)
    _write_rationale_labels(project)
    must(project, "captioner", "--captioner", "demo_prefix", "--profile", "config/toy.yaml")
    must(project, "captions", *here, "--captioner", "demo_prefix")
    for name in ALL:
        run = (*here, "--task", "state", "--method", name, "--seed", "1")
        steps = ("combine",) if name == FUSION else ("train", "predict-splits")
        for step in (*steps, "evaluate"):
            must(project, step, *run)
    return project


def run_folder(method: str) -> str:
    """A run's folder below the project."""
    return f"results/toy/state/{method}/seed-1"


def raw_rows(project: Path, split: str = "test") -> list[dict[str, str]]:
    """The raw rows of a split: `id`, `text` as written, `image` below data/toy."""
    path = (
        project
        / f"data/toy/crisismmd_datasplit_agreed_label/task_informative_text_img_agreed_lab_{split}.tsv"
    )
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [{"id": row["image_id"], "text": row["tweet_text"], "image": row["image"]} for row in rows]


def write_table(
    path: Path, rows: list[dict[str, str]], columns: tuple[str, ...] = ("id", "text", "image")
) -> Path:
    """Rows as a CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def _write_configs(folder: Path) -> None:
    dataset = {
        "name": "toy",
        "loader": "crisismmd",
        "folder": "toy",
        "title": "Toy <b>data</b> | of *nobody*",
        "source": "made up",
        "citation": "Nobody (2026)",
        "licence": "CC0-1.0",
        "modalities": ["text", "image"],
        "shorter_side": 40,
        "generated": True,
        "tasks": {"state": {"classes": CLASSES, "layout": "agreed", "table": "informative"}},
    }
    _dump(folder / "datasets/toy.yaml", dataset)
    for name, changes in METHODS.items():
        if changes["family"] in ("joint", "rationale"):
            _dump(folder / f"methods/{name}.yaml", _rationale_method(name, changes))
            continue
        captions = {"captioner": "demo_prefix"} if name == "cmb" else {}
        method = tiny_method(**{"training": SHORT, **captions, **changes})
        _dump(folder / f"methods/{name}.yaml", {**method.model_dump(mode="json"), "name": name})
    for name in JOINT:
        _dump(folder / f"joint/{name}.yaml", _joint_config(name))
    _dump(folder / "rationales/toy_truth.yaml", {"name": "toy_truth", "title": "Toy", "kind": "truth"})
    shutil.copy(ROOT / "config/methods/decision_mean.yaml", folder / "methods")
    shutil.copy(ROOT / "config/captioners/demo_prefix.yaml", folder / "captioners")
    experiment = {"dataset": "toy", "task": "state", "methods": ALL, "seeds": [1]}
    profile = {
        "name": "toy",
        "experiments": [experiment],
        "captioner_override": {"demo_prefix": CAPTIONER},
    }
    _dump(folder / "toy.yaml", profile)


def _rationale_method(name: str, changes: dict[str, Any]) -> dict[str, Any]:
    """A method that reads text and image together, or gives rationales of a text."""
    plain = tiny_method("text", training={**SHORT, "lr": 1e-2}).model_dump(mode="json")
    of_text = "text" in changes
    values = {
        **plain,
        "name": name,
        "text": None,
        "inputs": ["text"] if of_text else ["text", "image"],
        **changes,
    }
    if values["family"] == "rationale":
        patches = "none" if of_text else "transport"
        # So low that all words are kept: rows that all keep one and the same word would not differ.
        kept = {"threshold": 0.01, "z": 0.5}
        values["rationales"] = {"labels": "toy_truth", "hidden": 4, "patches": patches, **kept}
    return values


def _joint_config(name: str) -> dict[str, Any]:
    """A joint encoder as if the workflow had trained it."""
    training = {"dataset": "toy", "tasks": ["state"], "lr": 1e-3, "batch_size": 8, "epochs": 1, "patience": 1}
    return {
        "name": name,
        "title": "Toy",
        "source": {"document": "none", "section": "none"},
        "patches": {"encoder": JOINT[name], "size": 32, "patch": 8},
        "max_tokens": 32,
        "transformer": {"width": 16, "layers": 2, "heads": 2, "dropout": 0.0},
        "training": training,
    }


def _write_joint_encoders(project: Path) -> None:
    """Joint encoders of random weights: what they learned makes no difference here."""
    (path,) = (project / "data/patch-features/toy").glob("*/features.npy")
    features = torch.from_numpy(np.load(path)).float()
    for name, width in (("pixels", 3 * 8 * 8), ("features", features.shape[-1])):
        folder = project / "data/joint" / name
        folder.mkdir(parents=True)
        config = JointConfig.model_validate(_joint_config(name))
        torch.manual_seed(0)
        encoder = new_encoder(config, width)
        if name == "features":
            encoder.fit_patches(features, features[0, 0])
        save_joint(encoder, config, folder)


def _write_rationale_labels(project: Path) -> None:
    """The second word carries the label."""
    table = pd.read_parquet(project / "data/prepared/toy/state/instances.parquet")
    labels = [
        RationaleLabel(
            row["instance_id"], row["label"], tuple(words(row["text"])), ((1, 2),), "generator", "truth"
        )
        for row in table.to_dict("records")
    ]
    write_labels(project / "data/rationales/toy/state/toy_truth.jsonl", labels)


def _dump(path: Path, values: object) -> None:
    path.write_text(yaml.safe_dump(values), encoding="utf-8")


def _write_raw(folder: Path) -> None:
    tables = folder / "crisismmd_datasplit_agreed_label"
    tables.mkdir(parents=True)
    (folder / "data_image").mkdir()
    (folder / "truth").mkdir()
    header = "event_name\ttweet_id\timage_id\ttweet_text\timage\tlabel\tlabel_text\tlabel_image"
    truth = []
    for split, n in (("train", 24), ("dev", 12), ("test", 12)):
        lines = [header]
        for i in range(n):
            label = CLASSES[i % 2]
            tweet, name = f"{split}{i}", f"{split}{i}_0"
            image = f"data_image/{name}.jpg"
            text = TWEETS[i % 2].format(c="ood" if label == "flood" else "quiet", i=i)
            _draw(folder / image, label, len(truth))
            lines.append("\t".join(["rivertown", tweet, name, text, image, label, label, label]))
            truth.append({"image_id": name, "captions": [f"a {label} street", f"the {label} of picture {i}"]})
        (tables / f"task_informative_text_img_agreed_lab_{split}.tsv").write_text("\n".join(lines) + "\n")
    (folder / "truth/images.jsonl").write_text("".join(json.dumps(each) + "\n" for each in truth))


def _draw(path: Path, label: str, seed: int) -> None:
    """A JPEG of odd size, large enough to be decoded at half of it; every fifth lies on its side by EXIF."""
    generator = np.random.default_rng(seed)
    pixels = generator.integers(0, 60, (180 + seed, 250 - seed, 3))
    pixels[: 90 + seed, :, 2 if label == "flood" else 0] += 150
    exif = Image.Exif()
    exif[0x0112] = 6 if seed % 5 == 0 else 1
    Image.fromarray(pixels.astype(np.uint8)).save(path, quality=85, exif=exif)
