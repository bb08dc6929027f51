"""The one training loop, at the level of run folders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from crisisweave.encoders.features import encode_images, encode_texts
from crisisweave.errors import DataError, WeightsError
from crisisweave.evaluation.metrics import confusion_counts, summarise
from crisisweave.files import read_json
from crisisweave.images.store import ImageStore
from crisisweave.training import loop
from crisisweave.training.checkpoint import Checkpoints
from crisisweave.training.predict import predict
from crisisweave.training.train import train
from toy import METHODS, TINY_IMAGE, TINY_TEXT, TRAINING, Toy, instances, tiny_method, write_prepared

LEFT_BY_TRAINING = ["config.yaml", "history.csv", "model.safetensors", "run.json"]


def _train(toy: Toy, name: str, family: str = "text", seed: int = 1, **changes: object) -> Path:
    folder = toy.root / name
    run = toy.run(tiny_method(family, **changes), seed)
    train(run, toy.sources, folder, checkpoint_folder=toy.root / "checkpoints")
    return folder


def _same_numbers(first: Path, second: Path) -> bool:
    return all(
        (first / name).read_bytes() == (second / name).read_bytes()
        for name in ("model.safetensors", "history.csv")
    )


@pytest.mark.parametrize("family", METHODS)
def test_every_method_learns_the_toy_rule_and_predicts_it(rationale_toy: Toy, family: str) -> None:
    toy = rationale_toy
    folder = _train(toy, "run", family)
    assert sorted(p.name for p in folder.iterdir()) == LEFT_BY_TRAINING
    predict(folder, toy.sources, ["train", "dev", "test"])
    table = pd.read_parquet(folder / "predictions.parquet")
    assert dict(table["split"].value_counts()) == {"train": 32, "dev": 16, "test": 16}
    assert (table["label"].astype(str) == table["predicted"].astype(str)).all()
    assert np.allclose(table[["p_calm", "p_flood"]].sum(axis=1), 1)
    assert not any(toy.root.glob("checkpoints/*")), "a finished run leaves no checkpoint"


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(toy: Toy) -> None:
    first, again, other = _train(toy, "a"), _train(toy, "b"), _train(toy, "c", seed=2)
    assert _same_numbers(first, again)
    assert (first / "history.csv").read_bytes() != (other / "history.csv").read_bytes()


def test_the_kept_epoch_is_the_best_on_dev_and_reloads_to_the_same_score(toy: Toy) -> None:
    # A high learning rate makes the dev score go up and down.
    folder = _train(toy, "run", training={**TRAINING, "lr": 0.02, "epochs": 6})
    history = pd.read_csv(folder / "history.csv")
    record = read_json(folder / "run.json")
    assert record["best_epoch"] == history["dev_f1_macro"].idxmax()
    predict(folder, toy.sources, ["dev"])
    table = pd.read_parquet(folder / "predictions.parquet")
    codes = [table[c].cat.codes.to_numpy() for c in ("label", "predicted")]
    score = summarise(confusion_counts(codes[0], codes[1], 2))["f1_macro"]
    assert float(score) == pytest.approx(history["dev_f1_macro"].max())


def test_each_epoch_starts_in_training_mode(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    learn = loop._Run.learn

    def spy(self: loop._Run, step: int, rows: np.ndarray) -> None:
        modes.append((self.epoch, self.model.training))
        learn(self, step, rows)

    monkeypatch.setattr(loop._Run, "learn", spy)
    _train(toy, "run", training={**TRAINING, "epochs": 3})
    assert {epoch for epoch, _ in modes} == {0, 1, 2}
    assert all(training for _, training in modes)


def test_training_stops_when_dev_no_longer_improves(toy: Toy) -> None:
    folder = _train(toy, "run", training={**TRAINING, "epochs": 30, "patience": 2})
    history = pd.read_csv(folder / "history.csv")
    best = history["dev_f1_macro"].idxmax()
    assert len(history) == best + 3 < 30


def test_training_never_sees_the_test_rows(tmp_path: Path) -> None:
    toy = Toy(tmp_path)
    first = _train(toy, "with-test-rows")
    write_prepared(instances(n_test=2)[:-2] + instances()[-2:], toy.sources.prepared)
    assert _same_numbers(first, _train(toy, "with-other-test-rows"))


def test_a_frozen_encoder_gives_what_its_cached_features_give(toy: Toy) -> None:
    method = tiny_method(
        "concat",
        image={**TINY_IMAGE, "tuned": False},
        text={**TINY_TEXT, "tuned": False},
        training={**TRAINING, "lr": 0.02},
    )
    assert method.text is not None
    encode_images(
        ImageStore(toy.sources.images), "tiny:conv", 32, 1, toy.sources.image_features("tiny:conv", 32)
    )
    words = [row.text.split() for row in toy.rows]
    encode_texts(words, method.text, 32, toy.sources.text_features(method))
    folder = toy.root / "frozen"
    train(toy.run(method), toy.sources, folder, checkpoint_folder=toy.root / "checkpoints")
    predict(folder, toy.sources)
    table = pd.read_parquet(folder / "predictions.parquet")
    assert (table["label"].astype(str) == table["predicted"].astype(str)).mean() > 0.9
    # Only the head and the standardisation are stored: a few kilobytes.
    assert (folder / "model.safetensors").stat().st_size < 10_000


def test_missing_features_say_which_command_makes_them(toy: Toy) -> None:
    with pytest.raises(DataError, match="holds no features; run `crisisweave features` first"):
        _train(toy, "run", "image", image={**TINY_IMAGE, "tuned": False})


def test_features_of_another_store_are_refused(toy: Toy) -> None:
    folder = toy.sources.image_features("tiny:conv", 32)
    encode_images(ImageStore(toy.sources.images), "tiny:conv", 32, 1, folder)
    np.save(folder / "features.npy", np.zeros((3, 64), dtype=np.float32))
    with pytest.raises(DataError, match="of 3 inputs, but there are 64"):
        _train(toy, "run", "image", image={**TINY_IMAGE, "tuned": False})


def test_a_class_without_training_rows_stops(toy: Toy) -> None:
    rows = [r for r in toy.rows if not (r.split == "train" and r.label == "flood")]
    write_prepared(rows, toy.sources.prepared)
    with pytest.raises(DataError, match="class 'flood' has no row in train"):
        _train(toy, "run")
    assert not (toy.root / "run").exists()


def test_weights_of_another_method_are_refused(toy: Toy) -> None:
    text, cmb = _train(toy, "text"), _train(toy, "cmb", "cmb")
    (text / "model.safetensors").write_bytes((cmb / "model.safetensors").read_bytes())
    with pytest.raises(WeightsError, match=r"belong to another run \(method cmb\).*\(method text\)"):
        predict(text, toy.sources)
    assert not (text / "predictions.parquet").exists()


def test_a_damaged_weights_file_is_refused(toy: Toy) -> None:
    folder = _train(toy, "run")
    (folder / "model.safetensors").write_bytes(b"\x00" * 20)
    with pytest.raises(WeightsError, match="not a safetensors file"):
        predict(folder, toy.sources)


def test_bf16_trains_to_nearly_the_same_loss(toy: Toy) -> None:
    training = {**TRAINING, "epochs": 2}
    full = pd.read_csv(_train(toy, "fp32", training=training) / "history.csv")
    half = pd.read_csv(_train(toy, "bf16", training={**training, "precision": "bf16"}) / "history.csv")
    assert not full.equals(half)
    assert half["train_loss"].to_numpy() == pytest.approx(full["train_loss"].to_numpy(), rel=0.05)


def test_an_unreadable_checkpoint_says_what_to_delete(tmp_path: Path) -> None:
    checkpoints = Checkpoints("key", 0, tmp_path)
    (tmp_path / "key").mkdir()
    (tmp_path / "key" / "state.pt").write_bytes(b"half a file")
    with pytest.raises(WeightsError, match=r"state.pt cannot be read .*; delete it"):
        checkpoints.load()


_SCRIPT = """
import sys
from pathlib import Path
from toy import Toy, tiny_method, TRAINING
from crisisweave.training.train import train
from crisisweave.layout import Sources
root = Path(sys.argv[1])
toy = Toy.__new__(Toy)
toy.root, toy.sources = root, Sources("toy", "state", root / "data")
run = Toy.run(toy, tiny_method("text", training={**TRAINING, "epochs": 40, "patience": 40}))
train(run, toy.sources, root / sys.argv[2], checkpoint_every=0, checkpoint_folder=root / "checkpoints")
"""


def _start(root: Path, name: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(root), name],
        env=environment,
        stderr=subprocess.DEVNULL,
    )


def test_a_run_killed_with_kill_9_goes_on_to_the_same_numbers(toy: Toy) -> None:
    assert _start(toy.root, "undisturbed").wait() == 0
    process = _start(toy.root, "killed")
    state = toy.root / "checkpoints"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        files = list(state.glob("*/state.pt"))
        if files and torch.load(files[0], weights_only=True)["epoch"] >= 3:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run must not have ended by itself"
    assert not (toy.root / "killed").exists(), "nothing half-written"
    assert _start(toy.root, "killed").wait() == 0
    assert _same_numbers(toy.root / "undisturbed", toy.root / "killed")
