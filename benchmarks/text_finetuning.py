"""Fine-tuning throughput: our loop against the usual recipe, on the same rows, weights and batch size.

The usual recipe is the Hugging Face Trainer with a sequence-classification head, every tweet padded to 128
tokens, single precision. Both sides start from the same MiniLM weights, take the same number of steps with
the same learning rate, and are scored on the same dev rows.

    python benchmarks/text_finetuning.py --prepared data/prepared/crisismmd_text/humanitarian

Prints JSON: texts per second and dev scores of both sides, and the ratio of the throughputs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from crisisweave.config.method import MethodConfig
from crisisweave.datasets.tables import read_instances
from crisisweave.encoders import packages
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.evaluation.metrics import confusion_counts, summarise
from crisisweave.layout import Sources
from crisisweave.methods.registry import build_model
from crisisweave.seeding import seed_everything
from crisisweave.training.checkpoint import Checkpoints
from crisisweave.training.examples import Examples
from crisisweave.training.loop import fit
from crisisweave.training.record import Meter

METHOD = {
    "name": "text",
    "family": "text",
    "title": "Text alone",
    "idea": "Fine-tuned MiniLM.",
    "source": {"document": "benchmark", "section": "none"},
    "inputs": ["text"],
    "text": {"name": "package:minilm", "pooling": "mean"},
    "max_tokens": 128,
}


def ours(
    train: pd.DataFrame, dev: pd.DataFrame, classes: list[str], arguments: argparse.Namespace, seed: int
) -> tuple[float, dict[str, float]]:
    """Seconds of training (dev scoring included) and the last epoch's dev scores."""
    seed_everything(seed, arguments.threads)
    training = {
        "lr": arguments.lr,
        "head_lr": arguments.lr * 20,
        "batch_size": arguments.batch_size,
        "epochs": arguments.epochs,
        "patience": arguments.epochs,
    }
    method = MethodConfig.model_validate({**METHOD, "training": training})
    assert method.training is not None
    model = build_model(method, len(classes))
    sources = Sources("benchmark", "none")
    start = time.perf_counter()
    examples = [Examples(frame, model, method, sources) for frame in (train, dev)]
    with tempfile.TemporaryDirectory() as folder:
        outcome = fit(
            model,
            *examples,
            len(classes),
            method.training,
            seed,
            torch.device("cpu"),
            Checkpoints("benchmark", 1e9, Path(folder)),
            Meter(),
        )
    seconds = time.perf_counter() - start
    last = outcome.history[-1]
    return seconds, {name: last[f"dev_{name}"] for name in ("f1_macro", "f1_weighted")}


def usual(
    train: pd.DataFrame, dev: pd.DataFrame, classes: list[str], arguments: argparse.Namespace, seed: int
) -> tuple[float, dict[str, float]]:
    """The same by the Hugging Face Trainer: seconds of training (dev scoring included) and dev scores."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    prepare_torchvision()
    from transformers import (
        AutoTokenizer,
        BertForSequenceClassification,
        Trainer,
        TrainingArguments,
        set_seed,
    )

    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(arguments.threads)
    set_seed(seed)
    folder = packages.packaged(packages.MINILM_WEIGHTS).parent
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = BertForSequenceClassification.from_pretrained(folder, num_labels=len(classes))

    class Padded(torch.utils.data.Dataset):
        def __init__(self, frame: pd.DataFrame):
            self.encoded = tokenizer(
                list(frame["text"]), padding="max_length", truncation=True, max_length=128
            )
            self.labels = frame["label"].cat.codes.tolist()

        def __len__(self) -> int:
            return len(self.labels)

        def __getitem__(self, row: int) -> dict[str, torch.Tensor]:
            item = {key: torch.tensor(values[row]) for key, values in self.encoded.items()}
            return {**item, "labels": torch.tensor(self.labels[row])}

    with tempfile.TemporaryDirectory() as output:
        start = time.perf_counter()
        data = [Padded(frame) for frame in (train, dev)]
        trainer = Trainer(
            model=model,
            args=TrainingArguments(
                output_dir=output,
                per_device_train_batch_size=arguments.batch_size,
                per_device_eval_batch_size=256,
                num_train_epochs=arguments.epochs,
                learning_rate=arguments.lr,
                weight_decay=0.01,
                warmup_steps=round(0.1 * arguments.epochs * len(train) / arguments.batch_size),
                eval_strategy="epoch",
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                use_cpu=True,
                seed=seed,
            ),
            train_dataset=data[0],
            eval_dataset=data[1],
        )
        trainer.train()
        seconds = time.perf_counter() - start
        predicted = trainer.predict(data[1]).predictions.argmax(axis=1)
    truth = dev["label"].cat.codes.to_numpy(dtype=np.int64)
    scores = summarise(confusion_counts(truth, predicted.astype(np.int64), len(classes)))
    return seconds, {name: float(scores[name]) for name in ("f1_macro", "f1_weighted")}


def main() -> None:
    """Run both sides and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--prepared", type=Path, default=Path("data/prepared/demo/humanitarian"))
    parser.add_argument("--rows", type=int, default=2000, help="training rows (the first ones)")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    arguments = parser.parse_args()
    frame, dataset = read_instances(arguments.prepared, ["train", "dev"])
    frame = frame[frame["label"].notna()]
    train = frame[frame["split"] == "train"].sample(frac=1, random_state=0).head(arguments.rows)
    dev = frame[frame["split"] == "dev"]
    sides: dict[str, list[tuple[float, dict[str, float]]]] = {"ours": [], "usual": []}
    for seed in arguments.seeds:
        sides["ours"].append(ours(train, dev, dataset["classes"], arguments, seed))
        sides["usual"].append(usual(train, dev, dataset["classes"], arguments, seed))
    result: dict[str, object] = {
        "rows": len(train),
        "dev_rows": len(dev),
        "epochs": arguments.epochs,
        "batch_size": arguments.batch_size,
        "threads": arguments.threads,
        "seeds": arguments.seeds,
    }
    throughput = {}
    for name, runs in sides.items():
        seconds = sum(run[0] for run in runs)
        throughput[name] = len(train) * arguments.epochs * len(runs) / seconds
        result[name] = {
            "texts_per_s": round(throughput[name], 1),
            "dev_f1_macro": [round(run[1]["f1_macro"], 4) for run in runs],
            "dev_f1_weighted": [round(run[1]["f1_weighted"], 4) for run in runs],
            "mean_dev_f1_weighted": round(statistics.mean(run[1]["f1_weighted"] for run in runs), 4),
        }
    result["ratio"] = round(throughput["ours"] / throughput["usual"], 2)
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
