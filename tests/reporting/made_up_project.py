"""A small made-up project in the formats of the steps, with hostile text wherever data can put text."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from crisisweave.config.published import Published, PublishedCell, PublishedTable, load_published
from crisisweave.evaluation.aggregate import aggregate
from crisisweave.evaluation.evaluate import evaluate
from crisisweave.files import write_json, write_parquet
from crisisweave.reporting.datasets import About
from crisisweave.reporting.explained import Explained
from crisisweave.reporting.methods import Description, Key
from crisisweave.reporting.pages import report

CLASSES = ["calm", "flood", "<i>quake"]
EVENTS = ['storm "Ann" & <b>sons</b>', "river'rise"]
TWEETS = ["<script>alert('tweet')</script> Réfugiés 🌊", 'they said "run" & ran', "all is quiet"]
METHODS = {"concat": 0.95, "text": 0.7, 'im"age': 0.1}
"""How often each is right."""
EXPLAINED = {"concat": True, "text": False}
"""The methods that give rationales, and whether of images too."""
GRID = (4, 4)
EXTRACTORS = {
    "words": ("attention", "gradient_input", "random_words"),
    "patches": (
        "rise", "grad_cam", "attention_rollout", "integrated_gradients", "random_patches", "centre"
    ),
}  # fmt: skip
"""What each is compared with; every one chooses in one modality."""
SPLITS = {"train": 40, "dev": 10, "test": 30, "heldout": 12}


def about(**redact: bool) -> dict[str, About]:
    """What is said about the two data sets; both are redacted unless something else is said."""
    title, licence = "The <em>made-up</em> set", "CC0, see https://example.org/licence"
    return {
        name: About(title, licence, redact.get(name, True), source="made_up") for name in ("demo", "real")
    }


def published() -> Published:
    """All published values, and three made-up ones on the rows of `demo`: two of them stand beside ours."""
    table = _instances(0)
    test_rows = int(((table["split"] == "test") & table["label"].notna()).sum())
    real = load_published(Path(__file__).parents[2] / "config")
    cells = []
    for row, method, printed, value, sd in (
        ("<script>print('row')</script> BERT", "text", "70.00", 70, None),
        ('A "fusion" & more', "concat", "0.9100±0.0123", 91, 1.23),
        ("<i>ViT</i>", "image", "80.00", 80, None),
    ):
        values = {
            "source": "A <i>source</i>", "table": "0.1", "dataset": "made_up", "task": "harm", "row": row,
            "column": "Acc & <b>more</b>", "metric": "accuracy", "printed": printed, "value": value, "sd": sd,
            "n": test_rows, "runs": 5, "train": "concordant", "test": "concordant", "protocol": "<u>own",
            "backbone": "BERT <sub>base", "method": method, "note": "A <u>note",
        }  # fmt: skip
        cells.append(PublishedCell.model_validate(values))
    made_up = PublishedTable("made_up", "Table <s>0.1", "What it <q>is.", "a <b>pencil", tuple(cells))
    return Published((made_up, *real.tables), real.figures, real.methods)


@dataclass
class Project:
    """Folders as `report` wants them."""

    root: Path
    tables: Path
    datasets: list[Path]
    audits: list[Path]
    stores: list[Path]
    captions: list[Path]
    similarities: list[Path]
    ceilings: dict[str, Path]
    descriptions: dict[Key, Description]
    explained: dict[Key, Explained]
    truths: dict[str, Path]


def _instances(seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    n = sum(SPLITS.values())
    split = [name for name, rows in SPLITS.items() for _ in range(rows)]
    text, image = generator.integers(3, size=(2, n))
    image = np.where(generator.random(n) < 0.7, text, image)
    agree = text == image
    label = pd.Categorical.from_codes(np.where(agree, text, -1), CLASSES)
    return pd.DataFrame(
        {
            "instance_id": [f"{i // 2:03d}_{i % 2}" for i in range(n)],
            "tweet_id": [f"{i // 2:03d}" for i in range(n)],
            "event": [EVENTS[i % 2] for i in range(n)],
            "split": split,
            "text": [TWEETS[i // 2 % 3] for i in range(n)],
            "image_path": [f"data_image/{i:03d}.jpg" for i in range(n)],
            "label": label,
            "label_text": pd.Categorical.from_codes(text, CLASSES),
            "label_image": pd.Categorical.from_codes(image, CLASSES),
            "concordant": pd.array(agree, dtype="boolean"),
        }
    )


def _prepared(root: Path, dataset: str, table: pd.DataFrame) -> Path:
    folder = root / "data/prepared" / dataset / "harm"
    write_parquet(folder / "instances.parquet", table)
    write_json(
        folder / "dataset.json",
        {
            "dataset": dataset,
            "task": "harm",
            "classes": CLASSES,
            "counts": {},
            "rows": SPLITS,
            "discordant": {},
            "sources": {"tables/<train>.tsv": "ab" * 32},
            "dropped": [{"reason": "image missing", "n": 7, "examples": ["1_0", "2_0"]}],
            "repaired_mojibake": 1234,
            "missing_images": 7,
            "official_counts_checked": False,
        },
    )
    return folder


def _store(root: Path, dataset: str, table: pd.DataFrame) -> Path:
    folder = root / "data/images" / dataset
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    rows, pixels, offset = [], [], 0
    for i, instance_id in enumerate(sorted(table["instance_id"])):
        height, width = (48, 64) if i % 2 else (64, 48)
        image = np.full((height, width, 3), generator.integers(256, size=3), dtype=np.uint8)
        pixels.append(image.tobytes())
        rows.append(
            {
                "instance_id": instance_id, "image_path": f"{i}.jpg", "offset": offset, "height": height,
                "width": width, "sha256": f"{i:064x}", "phash": f"{i:016x}", "source_width": width,
                "source_height": height, "source_format": "JPEG", "source_mode": "RGB",
            }
        )  # fmt: skip
        offset += height * width * 3
    (folder / "pixels.u8").write_bytes(b"".join(pixels))
    write_parquet(folder / "index.parquet", pd.DataFrame(rows))
    write_json(
        folder / "images.json",
        {
            "dataset": dataset, "images": len(rows), "shorter_side": 48, "bytes": offset,
            "formats": {"JPEG": 92}, "modes": {"RGB": 92}, "smaller_than_shorter_side": 0,
            "identical_files": 3, "missing": {"n": 7, "examples": ["1_0"]}, "absent_tables": [],
        },
    )  # fmt: skip
    return folder


def _audit(root: Path, dataset: str, table: pd.DataFrame) -> Path:
    folder = root / "data/audit" / dataset
    test = table[table["split"] == "test"]["instance_id"]
    train = table[table["split"] == "train"]["instance_id"]
    kinds = {"text": 0, "image_near": 3, "image_bytes": 0, "tweet_id": 0}
    twins = pd.DataFrame({"task": "harm", "split": "test", "instance_id": test[:4].tolist()})
    twins["twin_instance_id"], twins["twin_split"] = train[:4].tolist(), "train"
    twins["kind"], twins["distance"] = list(kinds), list(kinds.values())
    write_parquet(folder / "duplicates.parquet", twins)
    found = {"rows": 4, "share": 4 / 30}
    counted = ("exact_text", *kinds, "any")
    write_json(
        folder / "audit.json",
        {
            "near_bits": 8,
            "twins_in_train": {"harm": {"test": {"n": 30, **dict.fromkeys(counted, found)}}},
            "across_tasks": {"harm": {"test": {"other": {"instance_id": found, "text": found}}}},
        },
    )
    return folder


def _captions(root: Path, dataset: str, table: pd.DataFrame) -> Path:
    folder = root / "data/captions" / dataset / "prefix"
    write_parquet(
        folder / "captions.parquet",
        pd.DataFrame(
            {
                "instance_id": table["instance_id"], "captioner": "prefix", "rank": 0,
                "caption": "a <house> in the water", "score": 0.3, "chosen": True,
            }
        ),
    )  # fmt: skip
    scores = {"n": 30, "bleu": 21.5, "bleu_signature": "x", "rouge_l": 0.41, "cider_d": 0.88}
    write_json(
        folder / "captions.json",
        {
            "captioner": "prefix", "images": 92, "distinct_captions": 1, "empty_captions": 0,
            "metrics": {"test": {"chosen": scores, "first": scores, "shuffled": scores}},
        },
    )  # fmt: skip
    return folder


def _run(
    root: Path, dataset: str, table: pd.DataFrame, method: str, seed: int, right: float, target: str | None
) -> Path:
    """Predictions that are right with probability `right`, scored."""
    folder = root / "results" / dataset / "harm" / method / f"seed-{seed}"
    splits = ["heldout"] if target else ["dev", "test"]
    rows = table[table["split"].isin(splits) & table["label"].notna()].reset_index(drop=True)
    generator = np.random.default_rng([seed, round(1000 * right), len(splits)])
    truth = rows["label"].cat.codes.to_numpy()
    codes = np.where(generator.random(len(rows)) < right, truth, generator.integers(3, size=len(rows)))
    predictions = rows[["instance_id", "tweet_id", "event", "split", "label"]].copy()
    predictions["predicted"] = pd.Categorical.from_codes(codes, CLASSES)
    for i, name in enumerate(CLASSES):
        predictions[f"p_{name}"] = np.where(codes == i, 0.7, 0.15)
    write_json(
        folder / "run.json",
        {
            "versions": {"python": "3.11.2", "torch": "2.13.0"}, "device": "cpu", "threads": 1,
            "wall_s": 61.0, "peak_memory_mb": 1234, "energy_wh": 0.25,
            "energy_assumes": {"watts_per_core": 12.0},
            "command": f"crisisweave train --method {method} --note '<script>'", "config_sha256": "0" * 64,
            "parameters": {"total": 9, "trained": 9},
        },
    )  # fmt: skip
    _config_and_history(folder, dataset, method, seed)
    folder = folder / "transfer" / target if target else folder
    write_parquet(folder / "predictions.parquet", predictions)
    evaluate(
        folder / "predictions.parquet",
        None if target else root / "data/audit" / dataset / "duplicates.parquet",
        folder / "metrics.json",
        dataset=dataset,
        task="harm",
        method=method,
        seed=seed,
        target=target,
    )
    return folder


def _truth(root: Path, table: pd.DataFrame) -> Path:
    """Every tweet's second word carries its label, and the upper left quarter of every image."""
    folder = root / "data/raw/demo/truth"
    folder.mkdir(parents=True)
    distinct = table.drop_duplicates("tweet_id")
    tweets = [{"tweet_id": t.tweet_id, "text": t.text, "rationale": [[1, 2]]} for t in distinct.itertuples()]
    thing = {"name": "house", "box": [0, 0, 24, 24], "carries_label": True}
    other = {"name": "<sky>", "box": [0, 0, 48, 10], "carries_label": False}
    images = [{"image_id": name, "objects": [thing, other]} for name in table["instance_id"]]
    for name, lines in (("tweets", tweets), ("images", images)):
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return folder


def rationale_row(
    instance_id: str, text: str, extractor: str, generator: np.random.Generator, split: str = "test"
) -> dict[str, object]:
    """A random rationale: a third of the words, a quarter of the patches, or one of the two."""
    words, n = text.split(), GRID[0] * GRID[1]
    row: dict[str, object] = {
        "instance_id": instance_id, "split": split, "extractor": extractor, "target": CLASSES[2],
        "words": words, "word_scores": None, "word_selected": None, "grid_h": None, "grid_w": None,
        "patch_scores": None, "patch_selected": None,
    }  # fmt: skip
    if extractor not in EXTRACTORS["patches"]:
        scores = generator.random(len(words)).astype(np.float32)
        row |= {"word_scores": scores, "word_selected": scores >= np.sort(scores)[-(-len(words) // 3)]}
    if extractor not in EXTRACTORS["words"]:
        scores = generator.random(n).astype(np.float32)
        row |= {"grid_h": GRID[0], "grid_w": GRID[1], "patch_scores": scores}
        row["patch_selected"] = scores >= np.sort(scores)[-n // 4]
    return row


def _extractors(with_patches: bool) -> list[str]:
    return ["method", *EXTRACTORS["words"], *(EXTRACTORS["patches"] if with_patches else ())]


def _rationales(root: Path, table: pd.DataFrame, method: str) -> Explained:
    """What the steps write of an explained method's lowest seed."""
    path = root / f"results/demo/harm/{method}/seed-0/rationales.parquet"
    generator = np.random.default_rng(0)
    rows = [
        rationale_row(row.instance_id, row.text, extractor, generator, row.split)
        for row in table[table["split"].isin(["dev", "test"])].itertuples()
        for extractor in _extractors(EXPLAINED[method])
    ]
    frame = pd.DataFrame(rows).astype({"grid_h": "Int64", "grid_w": "Int64"})
    if not EXPLAINED[method]:
        frame[["grid_h", "grid_w", "patch_scores", "patch_selected"]] = None
    write_parquet(path, frame)
    return Explained(0, path)


def _rationale_scores(root: Path, table: pd.DataFrame, method: str, seed: int, target: str | None) -> Path:
    """Scored rationales: the method's own are better than all others but `rise`."""
    folder = root / f"results/demo/harm/{method}/seed-{seed}"
    folder = folder / "transfer" / target if target else folder
    parts = []
    for split in ["heldout"] if target else ["dev", "test"]:
        rows = table[table["split"] == split]
        for extractor in _extractors(EXPLAINED[method]):
            generator = np.random.default_rng([seed, len(extractor)])
            level = 0.8 if extractor in ("method", "rise") else 0.3
            part = rows[["instance_id", "tweet_id", "split"]].assign(extractor=extractor)
            of_words = ["word_precision", "word_recall", "word_f1", "token_f1", "auprc", "selected_words"]
            of_patches = ["patch_iou", "pointing_game", "energy_in_box", "deletion_auc", "selected_patches"]
            faithful = ["comprehensiveness", "sufficiency"]
            if extractor == "method" and EXPLAINED[method]:
                faithful += [f"{name}_{part}" for name in faithful for part in ("text", "image")]
            names = [*of_words, *of_patches, *faithful]
            if extractor in EXTRACTORS["patches"]:
                names = [*of_patches, *faithful]
            elif extractor in EXTRACTORS["words"] or not EXPLAINED[method]:
                names = [*of_words, *faithful]
            for name in names:
                value = 0.0 if name.startswith("sufficiency") else level
                part[name] = value + generator.normal(0, 0.05, len(rows))
            parts.append(part)
    scores = pd.concat(parts, ignore_index=True)
    write_parquet(folder / "rationale_scores.parquet", scores)
    counts = scores.groupby(["split", "extractor"]).size()
    splits = {s: {e: {"n": int(counts[s, e])} for e in counts[s].index} for s in counts.index.levels[0]}
    which = {"dataset": "demo", "task": "harm", "method": method, "seed": seed, "target": target}
    write_json(folder / "rationales.json", {**which, "splits": splits})
    return folder


def _config_and_history(folder: Path, dataset: str, method: str, seed: int) -> None:
    """What a run was made from: `im"age` is a decision fusion and was not trained."""
    trained: dict[str, object] = {
        "family": "text",
        "inputs": ["text", "caption"],
        "text": {"name": "tiny:<bert>"},
        "captioner": "prefix",
        "training": {"lr": 0.001, "batch_size": 4, "epochs": 2},
    }
    fused = {"family": "decision", "inputs": ["text", "image"], "rule": "mean"}
    fused["members"] = {"text": "text", "image": "concat"}
    said = {"title": "T", "idea": "I", "source": {"document": "D", "section": "S"}}
    config = {"dataset": dataset, "task": "harm", "classes": CLASSES, "seed": seed, "threads": 1}
    config |= {"shorter_side": None, "captioner": None}
    config["method"] = {"name": method, **said, **(fused if method == 'im"age' else trained)}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    if method != 'im"age':
        rows = [f"{epoch},{1 / (1 + epoch)},{0.5 + seed / 10},0.6,0.7" for epoch in range(2)]
        header = "epoch,train_loss,dev_loss,dev_accuracy,dev_f1_macro"
        (folder / "history.csv").write_text("\n".join([header, *rows]) + "\n")


def similarity_folder(root: Path, dataset: str) -> Path:
    """Own pairs at 0.4 and 0.2, strangers at 0.1 and 0."""
    pairs_of = pd.DataFrame(
        {
            "instance_id": ["a", "b", "a", "b"],
            "image_of": ["a", "b", "b", "a"],
            "pair": ["own", "own", "random", "random"],
            "concordant": pd.array([True, False, None, None], "boolean"),
            "similarity": [0.4, 0.2, 0.1, 0.0],
        }
    )
    folder = root / "similarity" / dataset / "harm" / "clip"
    write_parquet(folder / "similarity.parquet", pairs_of)
    groups = {
        name: {
            "n": 1,
            "mean": 0.25,
            "deviation": 0.0,
            "minimum": 0,
            "q25": 0,
            "q50": 0,
            "q75": 0,
            "maximum": 0,
        }
        for name in ("own", "concordant", "discordant", "random")
    }
    write_json(folder / "similarity.json", {"title": "<b>CLIP</b>", "task": "harm", "groups": groups})
    return folder


def build_project(root: Path) -> Project:
    """Two data sets: `demo` with everything, `real` with prepared tables alone."""
    table = _instances(0)
    project = Project(
        root=root,
        tables=root / "results/tables",
        datasets=[_prepared(root, "demo", table), _prepared(root, "real", _instances(1))],
        audits=[_audit(root, "demo", table)],
        stores=[_store(root, "demo", table)],
        captions=[_captions(root, "demo", table)],
        similarities=[similarity_folder(root, "demo")],
        ceilings={"demo": root / "ceilings.json"},
        descriptions={
            ("demo", "harm", method): Description(
                f"The <u>{method}</u> method",
                "An <s>idea</s>. A 'second' sentence.",
                "Thesis <q>, section 1",
                ["It & the source differ <dl>"] if method == "text" else [],
                [("text.name", "hub:<dfn>", "tiny:<bert>")] if method == "text" else [],
            )
            for method in METHODS
        },
        explained={("demo", "harm", method): _rationales(root, table, method) for method in EXPLAINED},
        truths={"demo": _truth(root, table)},
    )
    best = {"population": {}, "splits": {"test": {"n": 23, "expected_accuracy": 0.951, "accuracy": 0.962}}}
    best["splits"]["test"]["f1_macro"] = 0.943
    write_json(root / "ceilings.json", {"harm": dict.fromkeys(("text", "image", "both"), best)})
    runs = [
        _run(root, "demo", table, method, seed, right, target)
        for method, right in METHODS.items()
        for seed in (0, 1)
        for target in (None, "held<out>")
    ]
    histories = [path for run in runs for path in run.glob("history.csv")]
    explained = [
        _rationale_scores(root, table, method, seed, target)
        for method in EXPLAINED
        for seed in (0, 1)
        for target in (None, "held<out>")
    ]
    aggregate(runs, project.tables, histories, explained)
    return project


def render(project: Project, out: Path, **changes: object) -> Path:
    """Write the report of the made-up project, with changes; gives its folder."""
    arguments: dict = {
        "datasets": project.datasets,
        "audits": project.audits,
        "stores": project.stores,
        "captions": project.captions,
        "similarities": project.similarities,
        "about": about(demo=False),
        "descriptions": project.descriptions,
        "published": published(),
        "ceilings": project.ceilings,
        "explained": project.explained,
        "truths": project.truths,
    }
    report(project.tables, out, **{**arguments, **changes})
    return out
