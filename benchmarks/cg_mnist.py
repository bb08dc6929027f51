"""CG-MNIST: an epoch of ours against the usual Dataset and DataLoader, and what D-SSE adds. Prints JSON.

    python benchmarks/cg_mnist.py [--steps 200]

Generated files in MNIST's layout; what is in the images makes no difference to the time. `recipe` is the
public code of this family: a Dataset that makes both images of a row by way of PIL and normalises each, and a
DataLoader of 64 rows in the main process; network, loss and optimiser are ours. `ours` is the project's loop
without balancing, `watched` with probes, `d_sse` with probes and swaps. Both kinds of coloured
view: a plain patch, which ours encodes from one pixel, and the coloured digit, which both sides encode alike.
One thread, processor time; the sides take turns step by step, and the median step counts, so that other work
on the machine counts as little as it can.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import struct
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from crisisweave.config.dataset import DatasetConfig
from crisisweave.config.profile import Profile
from crisisweave.datasets.prepare import prepare
from crisisweave.datasets.tables import read_instances
from crisisweave.datasets.views import build_views
from crisisweave.layout import Sources
from crisisweave.methods.inputs import Batch
from crisisweave.methods.registry import build_model
from crisisweave.seeding import seed_everything
from crisisweave.training.examples import Examples
from crisisweave.training.loop import _Run

CONFIG = Path(__file__).parents[1] / "config"
ROWS, TRAIN = 7400, 59_000
CPU = torch.device("cpu")


class Pairs(Dataset[tuple[Tensor, Tensor, int]]):
    """The usual recipe: a row's two images, each from PIL, as often as the row is asked for."""

    def __init__(self, examples: Examples, grey: np.ndarray, colour: np.ndarray, plain: bool):
        self._labels, self._grey = examples.labels, grey
        floor = -1.0
        bytes_of = np.clip((colour - floor) / 2 * 255, 0, 255)
        share = np.ones((len(grey), 28, 28, 1)) if plain else grey[..., None] / 255
        self._colour = (share * bytes_of[:, None, None]).astype(np.uint8)

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, row: int) -> tuple[Tensor, Tensor, int]:
        images = (Image.fromarray(self._grey[row]), Image.fromarray(self._colour[row]))
        tensors = []
        for image in images:
            array = np.array(image)
            pixels = torch.from_numpy(array if array.ndim == 3 else array[..., None])
            tensors.append(pixels.permute(2, 0, 1).contiguous().to(torch.float32).div(255).sub(0.5).div(0.5))
        return tensors[0], tensors[1], int(self._labels[row])


def write_idx(folder: Path) -> None:
    """Random digits in MNIST's layout."""
    generator = np.random.default_rng(0)
    folder.mkdir(parents=True)
    for name, n in (("train", ROWS), ("t10k", 100)):
        for part, shape in (("images-idx3", (n, 28, 28)), ("labels-idx1", (n,))):
            array = generator.integers(0, 256 if len(shape) == 3 else 10, shape).astype(np.uint8)
            head = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
            (folder / f"{name}-{part}-ubyte").write_bytes(head + array.tobytes())


def examples_of(folder: Path, view: str) -> tuple[Any, Examples, Examples, Pairs]:
    """A method, training and dev rows as ours reads them, and the training rows as the recipe does."""
    profile = Profile(CONFIG / "cg_mnist.yaml")
    shipped = profile.dataset("cg_mnist")
    task = shipped.tasks["sigma_001"]
    colours = task.colours.model_copy(update={"view": view})  # type: ignore[union-attr]
    tasks = {"digits": task.model_copy(update={"counts": {}, "content": {}, "colours": colours})}
    config: DatasetConfig = shipped.model_copy(update={"tasks": tasks})
    sources = Sources("cg_mnist", f"digits_{view}", folder / "data")
    prepare(config, "digits", folder, sources.prepared)
    build_views(config, "digits", folder, sources.prepared, sources.views)
    method = profile.method("cg_mnist", "sigma_001", "balance_d_sse")
    frame, _ = read_instances(sources.prepared)
    model = build_model(method, 10)
    train, dev = (Examples(frame[frame["split"] == s], model, method, sources) for s in ("train", "dev"))
    grey = np.load(sources.views / "grey.npy")[: len(train)]
    colour = np.load(sources.views / "colour.npy")[: len(train)]
    return method, train, dev, Pairs(train, grey, colour, view == "plain")


def recipe_steps(method: Any, pairs: Pairs) -> Iterator[None]:
    """The recipe's training, one step at each request."""
    model = build_model(method, 10)
    optimiser = torch.optim.SGD(model.parameters(), lr=2e-3, momentum=0.9, weight_decay=1e-4)
    loader = DataLoader(pairs, batch_size=64, shuffle=True, drop_last=True)
    while True:
        for grey, colour, labels in loader:
            loss = torch.nn.functional.cross_entropy(model(Batch(grey, colour)), labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            yield


def our_steps(method: Any, train: Examples, dev: Examples, balance: Any) -> Iterator[None]:
    """Our training from the second epoch on, one step at each request."""
    run = _Run(build_model(method, 10), train, dev, 10, method.training, 1, CPU, balance)
    run.model.train()
    while True:
        run.epoch, run.step = run.epoch + 1, 0
        run.begin_epoch()
        for step, rows in run.batches():
            if len(rows) == 64:
                run.learn(step, rows)
                yield


def measure(folder: Path, view: str, steps: int) -> dict[str, float]:
    """Milliseconds of a median step of each side, and what follows for an epoch."""
    method, train, dev, pairs = examples_of(folder, view)
    watched = method.balance.model_copy(update={"method": "none"})
    sides = {
        "recipe": recipe_steps(method, pairs),
        "ours": our_steps(method, train, dev, None),
        "watched": our_steps(method, train, dev, watched),
        "d_sse": our_steps(method, train, dev, method.balance),
    }
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(steps + 20):
        for name, side in sides.items():
            start = time.process_time()
            next(side)
            if turn >= 20:
                spent[name].append(time.process_time() - start)
    median = {name: statistics.median(values) for name, values in spent.items()}
    per_epoch = -(-TRAIN // 64)
    return {
        **{f"{name}_ms": round(1000 * value, 3) for name, value in median.items()},
        "recipe_epoch_s": round(median["recipe"] * per_epoch, 2),
        "ours_epoch_s": round(median["ours"] * per_epoch, 2),
        "speedup": round(median["recipe"] / median["ours"], 2),
        "d_sse_overhead": round(median["d_sse"] / median["ours"] - 1, 4),
        "swaps_overhead": round(median["d_sse"] / median["watched"] - 1, 4),
    }


def main() -> None:
    """Measure both kinds of view."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=200)
    steps = parser.parse_args().steps
    seed_everything(0, 1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_idx(folder / "mnist")
        print(json.dumps({view: measure(folder, view, steps) for view in ("plain", "digit")}, indent=2))


if __name__ == "__main__":
    main()
