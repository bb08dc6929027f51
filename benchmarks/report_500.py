"""The report of 500 runs (100 methods with five seeds each): seconds and bytes. Prints JSON.

    python benchmarks/report_500.py [--out FOLDER]

The data are the demo's, prepared as in every run. Five methods "answer" its test rows with a made-up share of
right answers, are scored and aggregated by the real steps, and then stand in the tables twenty times each
under other names, so that all tables, pairs and answers have the size and shape that 100 methods would give.
The wanted limits are 60 s, 25 MB in all and 2 MB for any page. `--out` keeps the report to look at.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from crisisweave.config.profile import Profile
from crisisweave.config.published import load_published
from crisisweave.config.run import RunConfig, write_run_config
from crisisweave.datasets.demo import generate
from crisisweave.datasets.prepare import prepare
from crisisweave.evaluation.aggregate import aggregate
from crisisweave.evaluation.evaluate import evaluate
from crisisweave.evaluation.leakage import audit
from crisisweave.files import read_json, write_csv, write_json, write_parquet
from crisisweave.images.store import ImageStore, build_store
from crisisweave.reporting.datasets import About
from crisisweave.reporting.explained import Explained, read_truth
from crisisweave.reporting.methods import Description
from crisisweave.reporting.pages import report

CONFIG = Path(__file__).resolve().parents[1] / "config"
DATASET, TASK = "demo", "humanitarian"
KINDS = {"cmb": 0.93, "concat": 0.85, "decision_mean": 0.78, "image": 0.7, "text": 0.8}
"""Method and the share of rows that it is made to have right."""
COPIES, SEEDS = 20, range(1, 6)
EXPLAINED, GRID = "concat", 7
"""Method that is given rationales, and its patches in a row."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="where the report is left; by default nowhere")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        profile = Profile(CONFIG / "default.yaml")
        prepared = make_data(root, profile)
        table = pd.read_parquet(prepared / "instances.parquet")
        runs = [make_run(root, profile, table, method, seed) for method in KINDS for seed in SEEDS]
        tables = root / "results/tables"
        aggregate(runs, tables, [path for run in runs for path in run.glob("history.csv")])
        multiply(tables)
        truth = root / profile.dataset(DATASET).folder / "truth"
        rationales = make_rationales(root, table, truth)
        out = arguments.out or root / "reports"
        said = {
            (DATASET, TASK, copy): Description.of(profile.method(DATASET, TASK, method), [])
            for method in KINDS
            for copy in copies(method)
        }
        began, cpu = time.perf_counter(), time.process_time()
        report(
            tables,
            out,
            datasets=[prepared],
            audits=[root / "audit" / DATASET],
            stores=[root / "images" / DATASET],
            about={DATASET: About("The demo", "CC0", redact=False)},
            descriptions=said,
            published=load_published(CONFIG),
            explained={
                (DATASET, TASK, copy): Explained(min(SEEDS), rationales) for copy in copies(EXPLAINED)
            },
            truths={DATASET: truth},
        )
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        files = {path: path.stat().st_size for path in out.rglob("*") if path.is_file()}
        pages = {path.name: size for path, size in files.items() if path.suffix == ".html"}
        largest = max(pages, key=lambda page: pages[page])
        megabytes = {
            kind: round(sum(size for path, size in files.items() if path.suffix == f".{kind}") / 1e6, 2)
            for kind in ("html", "svg", "jpg", "csv", "js")
        }
        result = {
            "runs": COPIES * len(KINDS) * len(SEEDS),
            "seconds": round(seconds, 1),
            "processor_seconds": round(cpu, 1),
            "files": len(files),
            "pages": len(pages),
            "megabytes": {"all": round(sum(files.values()) / 1e6, 2), **megabytes},
            "largest_page": {"file": largest, "megabytes": round(pages[largest] / 1e6, 2)},
            "wanted": {"seconds": 60, "megabytes": 25, "largest_page": 2},
        }
        print(json.dumps(result, indent=2))


def make_data(root: Path, profile: Profile) -> Path:
    """The demo's task with images and audit; gives the prepared folder."""
    config = profile.dataset(DATASET)
    generate(root / config.folder, seed=0, tweets=profile.config.demo_tweets)
    prepared = root / "prepared" / DATASET / TASK
    prepare(config=config, task=TASK, data_root=root, out=prepared)
    build_store(config=config, data_root=root, out=root / "images" / DATASET)
    index = root / "images" / DATASET / "index.parquet"
    audit(prepared={TASK: prepared}, index=index, out=root / "audit" / DATASET)
    return prepared


def make_run(root: Path, profile: Profile, table: pd.DataFrame, method: str, seed: int) -> Path:
    """A run folder with the method's share of right answers; all fail on much the same rows."""
    folder = root / "results" / DATASET / TASK / method / f"seed-{seed}"
    rows = table[table["split"].isin(["dev", "test"]) & table["label"].notna()].reset_index(drop=True)
    classes = list(rows["label"].cat.categories)
    hard = np.random.default_rng(0).random(len(rows))
    generator = np.random.default_rng([seed, list(KINDS).index(method)])
    right = (hard + generator.random(len(rows))) / 2 < KINDS[method]
    truth = rows["label"].cat.codes.to_numpy()
    answer = np.where(right, truth, generator.integers(len(classes), size=len(rows)))
    odds = generator.random((len(rows), len(classes)))
    odds[np.arange(len(rows)), answer] = 1 + 9 * generator.random(len(rows))
    probabilities = odds / odds.sum(axis=1, keepdims=True)
    predictions = rows[["instance_id", "tweet_id", "event", "split", "label"]].copy()
    predictions["predicted"] = pd.Categorical.from_codes(answer, classes)
    for i, name in enumerate(classes):
        predictions[f"p_{name}"] = probabilities[:, i]
    write_parquet(folder / "predictions.parquet", predictions)
    twins = root / "audit" / DATASET / "duplicates.parquet"
    which = {"dataset": DATASET, "task": TASK, "method": method, "seed": seed}
    evaluate(folder / "predictions.parquet", twins, folder / "metrics.json", **which, target=None)
    settings = profile.method(DATASET, TASK, method)
    config = RunConfig(
        **{**which, "method": settings}, classes=classes, threads=1, shorter_side=None, captioner=None
    )
    write_run_config(config, folder)
    write_json(
        folder / "run.json",
        {
            "versions": {"python": "3.11", "torch": "2.13.0"},
            "device": "cpu",
            "threads": 1,
            "wall_s": 60.0 + seed,
            "peak_memory_mb": 1200,
            "energy_wh": 0.2,
            "energy_assumes": {"watts_per_core": 12.0, "watts_per_gpu": 350.0},
            "command": f"CRISISWEAVE_PROFILE=config/default.yaml crisisweave train --method {method}",
            "config_sha256": config.digest(),
            "data_sha256": "0" * 64,
            "parameters": {"total": 22_000_000, "trained": 10_000_000},
            "best_epoch": 9,
        },
    )
    if not settings.is_decision:
        epochs = pd.DataFrame({"epoch": range(10)})
        for i, name in enumerate(
            ["train_loss", "dev_loss", "dev_accuracy", "dev_f1_macro", "dev_f1_weighted"]
        ):
            epochs[name] = generator.random(10) + i
        write_csv(folder / "history.csv", epochs)
    return folder


def make_rationales(root: Path, table: pd.DataFrame, truth: Path) -> Path:
    """Rationales of the test rows: what the generator marked, with a fifth of words and patches exchanged."""
    rows = table[(table["split"] == "test") & table["label"].notna()]
    store = ImageStore(root / "images" / DATASET)
    known = read_truth(truth, rows, store)
    generator = np.random.default_rng(0)
    columns, lines = (np.arange(GRID) + 0.5) / GRID, []
    for row in rows.itertuples():
        height, width = store.image(int(store.rows([row.instance_id])[0])).shape[:2]
        side = min(height, width)
        x, y = np.meshgrid((width - side) // 2 + columns * side, (height - side) // 2 + columns * side)
        inside = np.zeros((GRID, GRID), dtype=bool)
        for x0, y0, x1, y1 in known.boxes[row.instance_id]:
            inside |= (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)
        words = str(row.text).split()
        gold = np.isin(np.arange(len(words)), list(known.words[row.instance_id]))
        scores = [0.8 * part + 0.2 * generator.random(part.shape) for part in (gold, inside.ravel())]
        chosen = [(part > 0.5) ^ (generator.random(part.shape) < 0.05) for part in scores]
        lines.append(
            {
                "instance_id": row.instance_id, "split": "test", "extractor": "method",
                "target": str(row.label), "words": words, "word_scores": scores[0].astype(np.float32),
                "word_selected": chosen[0], "grid_h": GRID, "grid_w": GRID,
                "patch_scores": scores[1].astype(np.float32), "patch_selected": chosen[1],
            }
        )  # fmt: skip
    path = root / "rationales.parquet"
    write_parquet(path, pd.DataFrame(lines))
    return path


def copies(method: str) -> list[str]:
    """The names under which a method stands in the tables; the first is its own."""
    return [method, *(f"{method}_{number:02d}" for number in range(2, COPIES + 1))]


def multiply(folder: Path) -> None:
    """Let every method stand in the tables under each of its copies' names, and every pair of them."""
    tables, details = read_json(folder / "tables.json"), read_json(folder / "details.json")
    for record, key in ((tables, "comparisons"), (details, "shared_errors")):
        record[key] = pairs(record[key])
    for record, keys in ((tables, ("runs", "methods", "classes", "provenance")), (details, ("methods",))):
        for key in keys:
            record[key] = [{**row, "method": copy} for row in record[key] for copy in copies(row["method"])]
    write_json(folder / "tables.json", tables)
    write_json(folder / "details.json", details)
    for name in ("runs", "methods", "classes", "comparisons"):
        write_csv(folder / f"{name}.csv", pd.DataFrame(tables[name]))
    answers = pd.read_parquet(folder / "answers.parquet")
    parts = [
        answers[answers["method"] == method].assign(method=copy)
        for method in KINDS
        for copy in copies(method)
    ]
    write_parquet(folder / "answers.parquet", pd.concat(parts, ignore_index=True))


def pairs(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All pairs of copies; between copies of one method there is no difference."""
    known = {(row["method_a"], row["method_b"]): row for row in rows}
    zero = {"f1_macro_difference": 0.0, "f1_macro_low": -0.01, "f1_macro_high": 0.01}
    none = {**rows[0], **zero, "significant": False}
    every = [(method, copy) for method in KINDS for copy in copies(method)]
    return [
        {**(none if a == b else known[a, b]), "method_a": first, "method_b": second}
        for (a, first), (b, second) in combinations(every, 2)
    ]


if __name__ == "__main__":
    main()
