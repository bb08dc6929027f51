"""The step that trains a joint encoder: on pairs of word and colour, without a label or a test image."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from crisisweave.captioning.inputs import read_splits
from crisisweave.encoders.features import encode_patches, read_features
from crisisweave.encoders.joint_folder import load_joint_encoder, new_encoder
from crisisweave.errors import ConfigError, DataError
from crisisweave.files import read_json
from crisisweave.images.store import ImageStore
from crisisweave.pretraining.pairs import read_pairs
from crisisweave.pretraining.train import train_joint
from toy import Toy, joint_config, write_prepared

TRAINING = {
    **joint_config().model_dump()["training"],
    "lr": 5e-3,
    "epochs": 8,
    "patience": 8,
    "captions": 1,
    "mask": 0.5,
}
CONFIG = joint_config(training=TRAINING)


class World(Toy):
    """The toy with reference captions that name an image's colour."""

    def __init__(self, root: Path):
        super().__init__(root)
        self.truth = root / "images.jsonl"
        self.write_captions([row.instance_id for row in self.rows])

    def write_captions(self, names: list[str]) -> None:
        """Reference captions of some images."""
        labels = {row.instance_id: row.label for row in self.rows}
        told = {"flood": ["blue water", "a blue picture"], "calm": ["red ground", "a red picture"]}
        lines = [{"image_id": name, "captions": told[str(labels[name])]} for name in names]
        self.truth.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def inputs(self) -> dict[str, Any]:
        """What the step reads."""
        instances = [self.sources.prepared / "instances.parquet"]
        return {
            "images": self.sources,
            "instances": instances,
            "truth": self.truth,
            "splits": read_splits(instances),
        }

    def train(self, name: str, seed: int = 0, **changes: object) -> Path:
        """Train a joint encoder into the folder `name`."""
        out = self.root / name
        train_joint(joint_config(training=TRAINING, **changes), **self.inputs(), seed=seed, out=out)
        return out


class OtherTestImages(World):
    """The same, with test rows of other texts and images."""

    def __init__(self, root: Path):
        super().__init__(root)
        self.rows = [replace(r, text="nothing of the kind") if r.split == "test" else r for r in self.rows]
        write_prepared(self.rows, self.sources.prepared)

    @staticmethod
    def _image(path: Path, label: str) -> None:
        if path.name.startswith("test"):
            Image.new("RGB", (32, 40), (0, 255, 0)).save(path)
        else:
            Toy._image(path, label)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The world with an encoder in the folder `joint`; its files are only read."""
    made = World(tmp_path_factory.mktemp("world"))
    made.train("joint")
    return made


def _same(first: Path, second: Path) -> bool:
    files = ("model.safetensors", "history.csv", "config.yaml", "tokenizer.json")
    return all((first / name).read_bytes() == (second / name).read_bytes() for name in files)


def test_the_loss_falls_and_the_best_epoch_on_dev_is_kept(world: World) -> None:
    folder = world.root / "joint"
    history, record = pd.read_csv(folder / "history.csv"), read_json(folder / "run.json")
    assert list(history) == ["epoch", "train_loss", "dev_loss"]
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0] - 0.8
    assert history["dev_loss"].min() < history["dev_loss"].iloc[0] - 0.8
    assert record["best_epoch"] == history.set_index("epoch")["dev_loss"].idxmin()
    assert record["rows"] == {"train": 32, "dev": 16}


def test_the_folder_is_that_of_a_joint_encoder(world: World) -> None:
    encoder = load_joint_encoder("toy", world.root / "joint")
    torch.manual_seed(0)
    assert not torch.equal(encoder.network.patch.weight, new_encoder(CONFIG, 192).network.patch.weight)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(world: World) -> None:
    assert _same(world.root / "joint", world.train("again"))
    assert not _same(world.root / "joint", world.train("other", seed=1))


def test_neither_images_nor_texts_of_test_are_learned_from(world: World, tmp_path: Path) -> None:
    other = OtherTestImages(tmp_path)
    before, after = (ImageStore(each.sources.images) for each in (world, other))
    test = before.rows(["test0_0"])
    assert not np.array_equal(before.batch(test, 32), after.batch(test, 32))
    assert _same(world.root / "joint", other.train("joint"))


def test_pairs_are_an_image_s_tweet_and_its_first_captions(world: World) -> None:
    encoder = load_joint_encoder("toy", world.root / "joint")
    pairs, rows = read_pairs(encoder, *_positional(world), captions=1, max_tokens=16)
    assert (len(rows["train"]), len(rows["dev"])) == (32, 16)
    assert pairs.first.tolist() == list(range(0, 98, 2))
    names = sorted(row.instance_id for row in world.rows if row.split != "test")
    place = names.index("train1_0")
    assert place in rows["train"]
    expected = encoder.tokenise([["water", "everywhere", "in", "town", "really", "1"], ["blue", "water"]], 16)
    for ids, wanted in zip(pairs.tokens.ids[2 * place : 2 * place + 2], expected.ids, strict=True):
        assert ids.tolist() == wanted.tolist()
    store = ImageStore(world.sources.images)
    assert np.array_equal(pairs.images[place].numpy(), store.batch(store.rows(["train1_0"]), 32)[0])


def _positional(world: World, **changes: Any) -> tuple[Any, ...]:
    return tuple({**world.inputs(), **changes}.values())


def test_an_image_that_another_task_tests_on_is_left_out(world: World) -> None:
    encoder = load_joint_encoder("toy", world.root / "joint")
    splits = {**world.inputs()["splits"], "train1_0": "test", "train3_0": "heldout"}
    _, rows = read_pairs(encoder, *_positional(world, splits=splits), captions=1, max_tokens=16)
    assert (len(rows["train"]), len(rows["dev"])) == (30, 16)


def test_patches_as_features_are_standardised_by_train_alone(world: World) -> None:
    patches = joint_config(patches={"encoder": "tiny:conv", "size": 32, "patch": 8}).patches
    folder = world.sources.patch_features(patches)
    torch.manual_seed(0)
    encode_patches(ImageStore(world.sources.images), patches, folder)
    out = world.train("features", patches=patches.model_dump())
    encoder = load_joint_encoder("toy", out)
    store = ImageStore(world.sources.images)
    train = store.rows([row.instance_id for row in world.rows if row.split == "train"])
    features = read_features(folder, len(store.index))[train].astype(np.float32).reshape(-1, 64)
    assert np.allclose(encoder.patch_mean, features.mean(axis=0), atol=1e-5)
    assert encoder.grey.abs().max() > 0.1, "grey is not the mean"
    shutil.rmtree(folder)
    with pytest.raises(DataError, match="holds no features; run `crisisweave patch-features` first"):
        world.train("nothing", patches=patches.model_dump())
    assert not (world.root / "nothing").exists()


def test_a_split_without_captions_stops(world: World, tmp_path: Path) -> None:
    other = World(tmp_path)
    other.write_captions([row.instance_id for row in other.rows if row.split != "dev"])
    with pytest.raises(DataError, match="no image of split 'dev' has captions; joint encoders need some"):
        other.train("joint")
    assert not (tmp_path / "joint").exists()


def test_a_published_encoder_is_not_trained(world: World) -> None:
    hub = {"repository": "somebody/vilt", "revision": "0" * 40}
    config = joint_config(training=None, transformer=None, hub=hub)
    with pytest.raises(ConfigError, match="joint encoder toy is published, not trained; import it instead"):
        train_joint(config, **world.inputs(), seed=0, out=world.root / "never")
