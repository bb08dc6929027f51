from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from joint_toy import RATIONALE, SIDE, JointToy, method

from crisisweave.datasets.text import words
from crisisweave.errors import ConfigError, DataError
from crisisweave.evaluation.rationale_tables import rationale_tables
from crisisweave.explaining import evaluate
from crisisweave.explaining.evaluate import evaluate_rationales
from crisisweave.explaining.explain import explain
from crisisweave.explaining.known import known_rationales
from crisisweave.explaining.table import METHOD, Found, rationale_table
from crisisweave.files import read_json, write_parquet
from toy import TINY_TEXT


def truth_of_boxes(toy: JointToy, folder: Path) -> Path:
    """The left half of every image carries its label (40 x 32 pixels: the square is x from 4 to 36)."""
    path = folder / "images.jsonl"
    lines = [
        json.dumps({"image_id": row.instance_id, "objects": [{"box": [4, 0, 20, 32], "carries_label": True}]})
        for row in toy.rows
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def made_rationales(toy: JointToy, folder: Path) -> pd.DataFrame:
    """A method that is right about words and takes the upper half of the image, and a right comparator."""
    frame = toy.frame()
    frame = frame[frame["split"] == "test"]
    texts = [words(text) for text in frame["text"]]
    n = len(frame)
    gold = [2 if label == "flood" else 3 for label in frame["label"].astype(str)]
    right = [np.arange(len(text)) < k for text, k in zip(texts, gold, strict=True)]
    upper = (np.arange(SIDE**2) // SIDE < SIDE // 2)[None].repeat(n, axis=0)
    left = (np.arange(SIDE**2) % SIDE < SIDE // 2)[None].repeat(n, axis=0)
    found = {
        METHOD: Found(
            ["flood"] * n,
            [r.astype(np.float32) for r in right],
            right,
            list(upper.astype(np.float32)),
            list(upper),
        ),
        "rise": Found(["flood"] * n, None, None, list(left.astype(np.float32)), list(left)),
        "attention": Found(["flood"] * n, [1 - r.astype(np.float32) for r in right], [~r for r in right]),
    }
    write_parquet(folder / "rationales.parquet", rationale_table(frame, texts, (SIDE, SIDE), found))
    return frame


def test_scores_by_hand(joint_toy: JointToy, tmp_path: Path) -> None:
    run = joint_toy.folder_of(RATIONALE)
    frame = made_rationales(joint_toy, tmp_path)
    known = known_rationales(
        frame,
        joint_toy.sources.rationales("truth"),
        truth_of_boxes(joint_toy, tmp_path),
        joint_toy.sources.images / "index.parquet",
    )
    evaluate_rationales(run, tmp_path, frame, joint_toy.sources, known, None)
    made = read_json(tmp_path / "rationales.json")
    assert (made["scorer"], made["gold_words"], made["target"]) == ("scorer", "truth", None)
    scores = made["splits"]["test"]
    own = scores[METHOD]
    assert (own["n"], own["n_gold_words"], own["n_boxes"]) == (16, 16, 16)
    for name in ("word_precision", "word_recall", "word_f1", "token_f1", "iou_f1", "auprc"):
        assert own[name] == pytest.approx(1.0)
    assert scores["attention"]["word_f1"] == 0.0
    # Upper and left half share a quarter of the image out of three quarters.
    assert own["patch_iou"] == pytest.approx(1 / 3)
    assert own["pointing_game"] == own["energy_in_box"] == pytest.approx(0.5)
    assert scores["rise"]["patch_iou"] == scores["rise"]["pointing_game"] == 1.0
    assert own["selected_patches"] == scores["rise"]["selected_patches"] == 0.5
    assert "word_f1" not in scores["rise"]
    assert "patch_iou" not in scores["attention"]
    assert {"comprehensiveness", "comprehensiveness_text", "sufficiency_image", "flip_consistency"} <= set(
        own
    )
    assert "comprehensiveness_image" not in scores["rise"]
    for extractor in scores.values():
        assert -1 <= extractor["aopc_sufficiency"] <= 1


def test_of_a_large_split_a_part_is_asked_about(
    joint_toy: JointToy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "FAITHFUL", 5)
    monkeypatch.setattr(evaluate, "AT_ONCE", 3)
    frame = made_rationales(joint_toy, tmp_path)
    known = known_rationales(frame, joint_toy.sources.rationales("truth"), None, None)
    evaluate_rationales(joint_toy.folder_of(RATIONALE), tmp_path, frame, joint_toy.sources, known, None)
    table = pd.read_parquet(tmp_path / "rationale_scores.parquet")
    asked = table[table["sufficiency"].notna()]
    assert (asked.groupby("extractor")["instance_id"].nunique() == 5).all()
    assert asked["instance_id"].nunique() == 5
    assert (table["extractor"].value_counts() == 16).all()
    own = read_json(tmp_path / "rationales.json")["splits"]["test"][METHOD]
    assert (own["n"], own["n_gold_words"], own["n_faithfulness"]) == (16, 16, 5)


def test_the_tables_read_what_was_written(joint_toy: JointToy, tmp_path: Path) -> None:
    run = joint_toy.folder_of(RATIONALE)
    frame = made_rationales(joint_toy, tmp_path)
    known = known_rationales(frame, joint_toy.sources.rationales("truth"), None, None)
    evaluate_rationales(run, tmp_path, frame, joint_toy.sources, known, None)
    rationale_tables([tmp_path], tmp_path / "tables")
    tables = read_json(tmp_path / "tables" / "rationales.json")
    (row,) = tables["comparisons"]
    assert (row["extractor"], row["metric"], row["difference"]) == ("attention", "word_f1", 1.0)
    assert row["significant"]


def test_a_run_without_a_scorer_writes_nothing(joint_toy: JointToy, tmp_path: Path) -> None:
    run = tmp_path / "rationale" / "seed-1"
    shutil.copytree(joint_toy.folder_of(RATIONALE), run)
    frame = made_rationales(joint_toy, run)
    known = known_rationales(frame, None, None, None)
    with pytest.raises(ConfigError, match="crisisweave train"):
        evaluate_rationales(run, run, frame, joint_toy.sources, known, None)
    assert not (run / "rationales.json").exists()
    assert not (run / "rationale_scores.parquet").exists()


def test_rationales_of_other_instances_are_refused(joint_toy: JointToy, tmp_path: Path) -> None:
    run = joint_toy.folder_of(RATIONALE)
    frame = made_rationales(joint_toy, tmp_path).iloc[1:]
    known = known_rationales(frame, None, None, None)
    with pytest.raises(DataError, match="its instances of split test are not those of the prepared table"):
        evaluate_rationales(run, tmp_path, frame, joint_toy.sources, known, None)


def test_no_rationales_name_the_step(joint_toy: JointToy, tmp_path: Path) -> None:
    frame = joint_toy.frame()
    known = known_rationales(frame, None, None, None)
    with pytest.raises(DataError, match="run `crisisweave explain`"):
        evaluate_rationales(joint_toy.folder_of(RATIONALE), tmp_path, frame, joint_toy.sources, known, None)


def test_a_method_of_text_alone_is_explained_and_scored_by_its_words(
    joint_toy: JointToy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joint_toy, "root", tmp_path)
    text = {"inputs": ["text"], "joint": None, "text": TINY_TEXT}
    rationales = {"labels": "truth", "hidden": 4, "patches": "none", "scorer": "scorer_text"}
    run = joint_toy.joint_run(method("rationale", name="words", rationales=rationales, **text))
    joint_toy.joint_run(method("joint", name="scorer_text", masking=0.5, **text))
    frame = joint_toy.frame()
    frame = frame[frame["split"] == "test"]
    explain(run, frame, joint_toy.sources, run)
    known = known_rationales(frame, joint_toy.sources.rationales("truth"), None, None)
    evaluate_rationales(run, run, frame, joint_toy.sources, known, None)
    scores = read_json(run / "rationales.json")["splits"]["test"]
    assert set(scores) == {METHOD, "attention", "gradient_input", "random_words"}
    assert {"word_f1", "comprehensiveness", "selected_words"} <= set(scores[METHOD])
    assert not {"comprehensiveness_text", "patch_iou", "deletion_auc", "flip_consistency"} & set(
        scores[METHOD]
    )
