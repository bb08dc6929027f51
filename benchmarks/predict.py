"""`crisisweave predict` on a table against the bare model on the same rows, and its memory as tables grow.

    python benchmarks/predict.py [--rows 1024] [--images 512] [--rounds 7]

Throughput: the whole command (reading and hashing the table, repairing and tokenising texts, or checking,
decoding and shrinking image files, and writing Parquet) against nothing but forward passes over the same
rows, tokenised or decoded beforehand, in the same batches. Both sides take turns in one process, one thread
for torch; the ratio is the median over the rounds. `cpu_ratio` is the same with processor time, which other
work on the machine disturbs less; the threads that read ahead count in full there. Text: MiniLM, made-up
tweets of 8 to 30 words. Image: EfficientNet-Lite0 at 224 pixels, JPEGs of 800 × 600.

Memory: peak resident memory of the command in a process of its own, on 10,000 and on 100,000 rows of text
with a small encoder.

The classification layer is random: nothing is trained to measure this.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image

from crisisweave.config.method import MethodConfig
from crisisweave.config.run import RunConfig, write_run_config
from crisisweave.datasets.text import model_words
from crisisweave.images.store import centre_squares
from crisisweave.methods.inputs import Batch
from crisisweave.methods.registry import build_model
from crisisweave.prediction import load
from crisisweave.prediction.many import PART, predict_table
from crisisweave.prediction.network import Trained
from crisisweave.prediction.predictor import Predictor
from crisisweave.seeding import seed_everything
from crisisweave.training.loop import SCORING_BATCH
from crisisweave.training.runs import save_model

WORDS = (
    "flood water bridge street help people need shelter food rescue team now please share family town river "
    "damage storm roof school power out road closed volunteers donate safe missing news update the a of in to"
)
ENCODERS = {
    "minilm": {"text": {"name": "package:minilm", "pooling": "mean"}},
    "tiny": {"text": {"name": "tiny:bert", "pooling": "mean"}},
    "efficientnet": {"image": {"name": "package:efficientnet_lite0", "size": 224}},
}
SIZES = (10_000, 100_000)


def make_run(folder: Path, name: str) -> Path:
    """A run's folder with a random classification layer."""
    kind = "image" if "image" in ENCODERS[name] else "text"
    values = {
        "name": name,
        "family": kind,
        "title": name,
        "idea": "",
        "source": {"document": "none", "section": "none"},
        "inputs": [kind],
        "max_tokens": 64,
        "training": {"lr": 1e-3, "batch_size": 32, "epochs": 1},
        **ENCODERS[name],
    }
    config = RunConfig(
        dataset="made_up",
        task="none",
        classes=["a", "b", "c", "d", "e"],
        seed=1,
        threads=1,
        method=MethodConfig.model_validate(values),
        shorter_side=224 if kind == "image" else None,
        captioner=None,
    )
    seed_everything(config.seed, config.threads)
    save_model(build_model(config.method, len(config.classes)).stored_state(), config, folder)
    write_run_config(config, folder)
    return folder


def make_texts(path: Path, rows: int) -> Path:
    """A table of made-up tweets."""
    generator = np.random.default_rng(0)
    words = WORDS.split()
    texts = [" ".join(generator.choice(words, n)) for n in generator.integers(8, 31, rows)]
    pd.DataFrame({"id": np.arange(rows), "text": texts}).to_csv(path, index=False)
    return path


def make_images(path: Path, rows: int) -> Path:
    """A table of JPEG files, every one of its own."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (rows, 30, 40, 3), dtype=np.uint8)
    for i in range(rows):
        Image.fromarray(coarse[i]).resize((800, 600), Image.Resampling.BICUBIC).save(path.parent / f"{i}.jpg")
    pd.DataFrame({"image": [f"{i}.jpg" for i in range(rows)]}).to_csv(path, index=False)
    return path


def bare(model: Predictor, table: Path) -> Callable[[], None]:
    """Forward passes over a table's rows, everything else done beforehand."""
    network = model.network
    assert isinstance(network, Trained)
    rows = pd.read_csv(table)
    batches: list[Batch] = []
    if "text" in model.needs:
        for start in range(0, len(rows), PART):
            words = [model_words(text) for text in rows["text"][start : start + PART]]
            assert network.config.method.text is not None
            encoder = network.encoders.text(network.config.method.text.name)
            tokens = encoder.tokenise(words, max_tokens=network.config.method.max_tokens)
            order = np.argsort(tokens.lengths(), kind="stable")
            batches += [
                Batch(tokens.pad(order[i : i + SCORING_BATCH]), None)
                for i in range(0, len(order), SCORING_BATCH)
            ]
    else:
        given = [model.read(None, table.parent / name) for name in rows["image"]]
        for i in range(0, len(given), SCORING_BATCH):
            pixels = [row.image for row in given[i : i + SCORING_BATCH] if row.image is not None]
            batches.append(Batch(None, torch.from_numpy(centre_squares(pixels, 224))))

    def run() -> None:
        with torch.inference_mode():
            for batch in batches:
                network.model(batch)

    return run


def throughput(folder: Path, name: str, table: Path, rounds: int) -> dict[str, Any]:
    """Rows per second of both sides, and the median over rounds of their ratio."""
    model = load(make_run(folder / name, name))
    rows = len(pd.read_csv(table))
    sides: dict[str, Callable[[], object]] = {
        "bare": bare(model, table),
        "predict": lambda: predict_table(model, table, folder / f"{name}.parquet"),
    }
    clocks = {"wall": time.perf_counter, "cpu": time.process_time}
    spent: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for turn in range(rounds + 1):
        for side in sorted(sides, reverse=turn % 2 == 1):
            start = {clock: now() for clock, now in clocks.items()}
            sides[side]()
            if turn:  # the first turn warms up
                spent[side].append({clock: now() - start[clock] for clock, now in clocks.items()})
    pairs = list(zip(spent["bare"], spent["predict"], strict=True))
    return {
        "rows": rows,
        "bare_rows_per_s": round(rows / median(each["wall"] for each in spent["bare"]), 1),
        "predict_rows_per_s": round(rows / median(each["wall"] for each in spent["predict"]), 1),
        "ratio": round(median(b["wall"] / p["wall"] for b, p in pairs), 3),
        "cpu_ratio": round(median(b["cpu"] / p["cpu"] for b, p in pairs), 3),
        "ratios": [round(b["wall"] / p["wall"], 3) for b, p in pairs],
    }


def peak(run: Path, table: Path) -> None:
    """Predict a table and print seconds and the process's peak memory; called in a process of its own."""
    seed_everything(1, 1)
    start = time.perf_counter()
    predict_table(load(run), table, table.with_suffix(".parquet"))
    seconds = time.perf_counter() - start
    # Not getrusage, whose peak also counts what the parent held when it started this process.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(json.dumps([seconds, int(status.split("VmHWM:")[1].split()[0]) / 1024]))


def memory(folder: Path) -> dict[str, dict[str, float]]:
    """Seconds and peak MiB for each number of rows."""
    run, found = make_run(folder / "tiny", "tiny"), {}
    for rows in SIZES:
        table = make_texts(folder / f"{rows}.csv", rows)
        command = [sys.executable, __file__, "--peak", str(run), str(table)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds, mib = json.loads(done.stdout)
        found[str(rows)] = {"seconds": round(seconds, 1), "peak_mib": round(mib, 1)}
    return found


def main() -> None:
    """Print both measurements as JSON."""
    parser = argparse.ArgumentParser(description="predict against the bare model, and its memory")
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--images", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--peak", nargs=2, type=Path, metavar=("RUN", "TABLE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        peak(*options.peak)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        texts = make_texts(folder / "texts.csv", options.rows)
        images = make_images(folder / "images.csv", options.images)
        found = {
            "text": throughput(folder, "minilm", texts, options.rounds),
            "image": throughput(folder, "efficientnet", images, options.rounds),
            "memory": memory(folder),
        }
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
