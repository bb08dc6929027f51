from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crisisweave.errors import DataError
from crisisweave.evaluation.rationale_tables import averages, rationale_tables
from crisisweave.files import read_json, write_json, write_parquet

N = 60


def made_run(
    root: Path, seed: int, iou: dict[str, float], method: str = "transfer", n: int = N, target: str = ""
) -> Path:
    """Scored rationales: an extractor's patch IoU scatters about the given mean, alike for all extractors."""
    folder = root / method / f"seed-{seed}" / target
    noise = np.random.default_rng(seed).normal(0, 0.1, n)
    parts = []
    for split in ("dev", "test"):
        for extractor, mean in iou.items():
            part = pd.DataFrame(
                {
                    "instance_id": [f"{split}{i}" for i in range(n)],
                    "tweet_id": [f"{split}{i // 2}" for i in range(n)],
                    "split": split,
                    "extractor": extractor,
                    "patch_iou": mean + noise - noise.mean(),
                    "word_f1": np.nan,
                    "sufficiency": -0.4,
                }
            )
            part.loc[0, "patch_iou"] = np.nan
            parts.append(part)
    write_parquet(folder / "rationale_scores.parquet", pd.concat(parts, ignore_index=True))
    write_json(
        folder / "rationales.json",
        {
            "dataset": "demo",
            "task": "harm",
            "method": method,
            "seed": seed,
            "target": target or None,
            "splits": {split: {name: {"n": n} for name in iou} for split in ("dev", "test")},
        },
    )
    return folder


def tables(folders: list[Path], out: Path) -> tuple[pd.DataFrame, dict]:
    rationale_tables(folders, out)
    return pd.read_csv(out / "rationales.csv", keep_default_na=False), read_json(out / "rationales.json")


def test_scores_are_means_over_seeds_with_an_interval_about_them(tmp_path: Path) -> None:
    runs = [made_run(tmp_path, seed, {"method": 0.5 + seed / 100, "rise": 0.3}) for seed in (1, 2, 3)]
    table, made = tables(runs, tmp_path / "out")
    assert len(table) == 3 * 2 * 2 * 2  # seeds, splits, extractors, scores
    row = next(
        row
        for row in made["scores"]
        if (row["split"], row["extractor"], row["metric"]) == ("test", "method", "patch_iou")
    )
    of_seeds = table.query("split == 'test' and extractor == 'method' and metric == 'patch_iou'")
    assert row["value"] == pytest.approx(of_seeds["value"].mean())
    assert row["sd"] == pytest.approx(of_seeds["value"].std())
    assert (row["seeds"], row["n"]) == (3, N - 1)
    assert row["low"] < row["value"] < row["high"]
    # Means of 59 rows in 30 tweets, deviation 0.1: some ± 0.03.
    assert 0.02 < row["high"] - row["low"] < 0.1


def test_scores_below_zero_keep_their_sign(tmp_path: Path) -> None:
    _, made = tables([made_run(tmp_path, 1, {"method": 0.5})], tmp_path / "out")
    row = next(row for row in made["scores"] if row["metric"] == "sufficiency")
    assert (row["value"], row["low"], row["high"]) == pytest.approx((-0.4, -0.4, -0.4))


def test_comparisons_are_paired_and_adjusted(tmp_path: Path) -> None:
    means = {"method": 0.5, "centre": 0.499, "random_patches": 0.2, "rise": 0.5}
    _, made = tables([made_run(tmp_path, seed, means) for seed in (1, 2)], tmp_path / "out")
    rows = {row["extractor"]: row for row in made["comparisons"]}
    assert {row["split"] for row in made["comparisons"]} == {"test"}
    assert set(rows) == set(means) - {"method"}
    # The same noise on both: rows by themselves scatter by 0.1, differences not at all.
    assert rows["random_patches"]["difference"] == pytest.approx(0.3, abs=0.01)
    assert rows["random_patches"]["significant"]
    assert rows["rise"]["p"] == 1.0
    assert not rows["rise"]["significant"]
    assert all(row["p_holm"] >= row["p"] for row in rows.values())


def test_iou_f1_is_made_of_mean_precision_and_mean_recall() -> None:
    table = pd.DataFrame(
        {
            "instance_id": ["a", "b", "c"],
            "iou_precision": [1.0, 0.0, np.nan],
            "iou_recall": [1.0, np.nan, 0.5],
        }
    )
    # Means 0.5 over two tweets that select and 0.75 over two with a gold rationale.
    assert averages(table) == {"iou_f1": (pytest.approx(0.6), 2)}


def test_a_profile_without_rationale_methods_gets_empty_tables(tmp_path: Path) -> None:
    table, made = tables([], tmp_path)
    assert list(table.columns)[:4] == ["dataset", "task", "method", "seed"]
    assert len(table) == 0
    assert (made["scores"], made["comparisons"]) == ([], [])


def test_the_order_of_runs_does_not_matter(tmp_path: Path) -> None:
    runs = [made_run(tmp_path, seed, {"method": 0.5, "rise": 0.4}) for seed in (1, 2)]
    runs.append(made_run(tmp_path, 1, {"method": 0.6, "rise": 0.4}, target="elsewhere"))
    rationale_tables(runs, tmp_path / "a")
    rationale_tables(runs[::-1], tmp_path / "b")
    for name in ("rationales.csv", "rationales.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_seeds_with_other_instances_are_refused(tmp_path: Path) -> None:
    runs = [made_run(tmp_path, 1, {"method": 0.5}), made_run(tmp_path, 2, {"method": 0.5}, n=N - 2)]
    with pytest.raises(DataError, match="seed 2: its rationales are of other instances"):
        rationale_tables(runs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_missing_file_names_the_step(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="crisisweave evaluate-rationales"):
        rationale_tables([tmp_path / "nothing"], tmp_path / "out")
