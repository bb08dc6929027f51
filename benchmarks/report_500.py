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
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
from crisisweave.reporting.rationale_scores import COMPARATORS, METRICS, OWN

CONFIG = Path(__file__).resolve().parents[1] / "config"
DATASET, TASK = "demo", "humanitarian"
KINDS = {"cmb": 0.93, "concat": 0.85, "decision_mean": 0.78, "image": 0.7, "text": 0.8}
"""Method and the share of rows that it is made to have right."""
COPIES, SEEDS = 20, range(1, 6)
EXPLAINED, GRID = "concat", 7
"""Method that is given rationales, and its patches in a row."""
WORDS, PATCHES = list(COMPARATORS)[:3], list(COMPARATORS)[3:]
"""Comparators that choose words, and patches."""


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
        explained = [make_scores(root, table, seed) for seed in SEEDS]
        aggregate(runs, tables, [path for run in runs for path in run.glob("history.csv")], explained)
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
    """Rationales of the test rows: the method's own are nearly the truth, others choose as much at random."""
    rows = table[(table["split"] == "test") & table["label"].notna()]
    known = read_truth(truth, rows, root / "images" / DATASET)
    store = ImageStore(root / "images" / DATASET)
    generator = np.random.default_rng(0)
    lines = []
    for row in rows.to_dict("records"):
        height, width = store.image(int(store.rows([row["instance_id"]])[0])).shape[:2]
        words = row["text"].split()
        gold = np.isin(np.arange(len(words)), list(known.words[row["instance_id"]]))
        carrying = _in_boxes(known.boxes[row["instance_id"]], width, height)
        scores = [0.8 * part + 0.2 * generator.random(part.shape) for part in (gold, carrying)]
        chosen = [(part > 0.5) ^ (generator.random(part.shape) < 0.03) for part in scores]
        for extractor in (OWN, *COMPARATORS):
            line = {
                "instance_id": row["instance_id"], "split": "test", "extractor": extractor,
                "target": str(row["label"]), "words": words, "grid_h": GRID, "grid_w": GRID,
            }  # fmt: skip
            for name, score, choice, without in (
                ("word", scores[0], chosen[0], PATCHES),
                ("patch", scores[1], chosen[1], WORDS),
            ):
                order = generator.permutation(len(score)) if extractor != OWN else np.arange(len(score))
                is_there = extractor not in without
                line[f"{name}_scores"] = score[order].astype(np.float32) if is_there else None
                line[f"{name}_selected"] = choice[order] if is_there else None
            lines.append(line)
    path = root / "rationales.parquet"
    write_parquet(path, pd.DataFrame(lines))
    return path


def _in_boxes(boxes: Sequence[Sequence[float]], width: int, height: int) -> NDArray[np.bool_]:
    """Patches whose centre lies in a box, row by row."""
    side = min(width, height)
    centres = (np.arange(GRID) + 0.5) / GRID * side
    x, y = np.meshgrid((width - side) // 2 + centres, (height - side) // 2 + centres)
    inside = np.zeros((GRID, GRID), dtype=bool)
    for x0, y0, x1, y1 in boxes:
        inside |= (x0 <= x) & (x <= x1) & (y0 <= y) & (y <= y1)
    return inside.ravel()


def make_scores(root: Path, table: pd.DataFrame, seed: int) -> Path:
    """Made-up scores of one run's rationales, in a folder as the step writes it."""
    folder = root / "results" / DATASET / TASK / EXPLAINED / f"seed-{seed}"
    rows = table[(table["split"] == "test") & table["label"].notna()]
    generator = np.random.default_rng(seed)
    parts = []
    for extractor in (OWN, *COMPARATORS):
        part = rows[["instance_id", "tweet_id", "split"]].assign(extractor=extractor)
        for modality, without in (("text", PATCHES), ("image", WORDS)):
            for metric in METRICS[modality] if extractor not in without else ():
                part[metric.name] = generator.normal(0.8 if extractor == OWN else 0.4, 0.2, len(rows)).clip(
                    0, 1
                )
                if metric.by_part and extractor == OWN:
                    part[f"{metric.name}_{modality}"] = part[metric.name]
        parts.append(part.drop(columns="iou_f1", errors="ignore"))
    write_parquet(folder / "rationale_scores.parquet", pd.concat(parts, ignore_index=True))
    which = {"dataset": DATASET, "task": TASK, "method": EXPLAINED, "seed": seed, "target": None}
    splits = {"test": {extractor: {"n": len(rows)} for extractor in (OWN, *COMPARATORS)}}
    write_json(folder / "rationales.json", {**which, "splits": splits})
    return folder


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
    rationales = read_json(folder / "rationales.json")
    for key in ("scores", "comparisons"):
        rationales[key] = [{**row, "method": copy} for row in rationales[key] for copy in copies(EXPLAINED)]
    write_json(folder / "rationales.json", rationales)
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
