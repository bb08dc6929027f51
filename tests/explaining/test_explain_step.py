from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from joint_toy import RATIONALE, SIDE, JointToy

from crisisweave.config.run import read_run_config
from crisisweave.datasets.text import words
from crisisweave.explaining.explain import explain, explained
from crisisweave.explaining.table import COLUMNS, METHOD, read_rationales
from crisisweave.methods.rationale import RationaleClassifier
from crisisweave.training.examples import Examples
from crisisweave.training.runs import load_model

WORD_EXTRACTORS = {"attention", "gradient_input", "random_words"}
PATCH_EXTRACTORS = {
    "rise",
    "grad_cam",
    "attention_rollout",
    "integrated_gradients",
    "random_patches",
    "centre",
}


@pytest.fixture
def few_masks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What RISE answers is not at stake here."""
    module = importlib.import_module("crisisweave.rationales.extractors.rise")
    masks = module.rise_masks
    monkeypatch.setattr(module, "rise_masks", lambda grid: masks(grid, 32))


def rows_of(toy: JointToy) -> pd.DataFrame:
    frame = toy.frame()
    return frame[frame["split"].isin(["dev", "test"])]


def test_the_table_holds_every_extractor_of_each_instance(
    joint_toy: JointToy, few_masks: None, tmp_path: Path
) -> None:
    frame = rows_of(joint_toy)
    explain(joint_toy.folder_of(RATIONALE), frame, joint_toy.sources, tmp_path)
    table = pd.read_parquet(tmp_path / "rationales.parquet")
    assert tuple(table.columns) == COLUMNS
    assert set(table.loc[table["split"] == "dev", "extractor"]) == {METHOD}
    test = table[table["split"] == "test"]
    assert (test["extractor"].value_counts() == 16).all()
    assert set(test["extractor"]) == {METHOD, *WORD_EXTRACTORS, *PATCH_EXTRACTORS}
    texts = dict(zip(frame["instance_id"], frame["text"], strict=True))
    for row in table.itertuples():
        assert list(row.words) == words(texts[row.instance_id])
        assert (row.word_scores is None) == (row.extractor in PATCH_EXTRACTORS)
        assert (row.patch_scores is None) == (row.extractor in WORD_EXTRACTORS)
        if row.word_scores is not None:
            assert len(row.word_scores) == len(row.word_selected) == len(row.words)
        if row.patch_scores is not None:
            assert len(row.patch_scores) == len(row.patch_selected) == row.grid_h * row.grid_w == SIDE**2


def test_comparators_select_as_much_as_the_method(
    joint_toy: JointToy, few_masks: None, tmp_path: Path
) -> None:
    frame = rows_of(joint_toy)
    explain(joint_toy.folder_of(RATIONALE), frame, joint_toy.sources, tmp_path)
    found = read_rationales(tmp_path / "rationales.parquet")["test"]
    own = found[METHOD].selected
    for name in WORD_EXTRACTORS:
        np.testing.assert_array_equal(found[name].selected.words.sum(axis=1), own.words.sum(axis=1))
    for name in PATCH_EXTRACTORS:
        part = found[name]
        np.testing.assert_array_equal(part.selected.patches.sum(axis=1), own.patches.sum(axis=1))
        for scores, selected in zip(part.scores.patches, part.selected.patches, strict=True):
            if selected.any() and not selected.all():
                assert scores[selected].min() >= scores[~selected].max()


def test_the_same_run_gives_the_same_bytes(joint_toy: JointToy, few_masks: None, tmp_path: Path) -> None:
    run, frame = joint_toy.folder_of(RATIONALE), rows_of(joint_toy)
    explain(run, frame, joint_toy.sources, tmp_path / "a")
    explain(run, frame.iloc[::-1], joint_toy.sources, tmp_path / "b")
    first, second = (pd.read_parquet(tmp_path / name / "rationales.parquet") for name in "ab")
    pd.testing.assert_frame_equal(
        first[["instance_id", "extractor", "target"]], second[["instance_id", "extractor", "target"]]
    )
    explain(run, frame, joint_toy.sources, tmp_path / "c")
    files = [tmp_path / name / "rationales.parquet" for name in "ac"]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_neither_batch_nor_padding_changes_a_rationale(
    joint_toy: JointToy, few_masks: None, tmp_path: Path
) -> None:
    run, frame = joint_toy.folder_of(RATIONALE), rows_of(joint_toy)
    frame = frame.iloc[:9]
    model = load_model(read_run_config(run), run)
    assert isinstance(model, RationaleClassifier)
    texts = [words(text) for text in frame["text"]]
    cpu = torch.device("cpu")
    together = explained(
        model, Examples(frame, model, RATIONALE, joint_toy.sources), texts, ["a", "b"], cpu, True
    )
    for i in range(len(frame)):
        examples = Examples(frame.iloc[[i]], model, RATIONALE, joint_toy.sources)
        alone = explained(model, examples, texts[i : i + 1], ["a", "b"], cpu, True)
        for name, found in together.items():
            assert found.target[i] == alone[name].target[0]
            for part in ("word", "patch"):
                selected = getattr(found, f"{part}_selected")
                if selected is None:
                    continue
                assert selected[i].tolist() == getattr(alone[name], f"{part}_selected")[0].tolist()
                scores, scores_alone = (getattr(f, f"{part}_scores") for f in (found, alone[name]))
                np.testing.assert_allclose(scores[i], scores_alone[0], atol=2e-6)


def test_words_beyond_the_longest_text_are_never_chosen(
    joint_toy: JointToy, few_masks: None, tmp_path: Path
) -> None:
    frame = joint_toy.frame()
    frame = frame[frame["split"] == "test"].iloc[:3].assign(text="water " * 200)
    explain(joint_toy.folder_of(RATIONALE), frame, joint_toy.sources, tmp_path)
    table = pd.read_parquet(tmp_path / "rationales.parquet")
    for row in table[table["word_scores"].notna()].itertuples():
        assert len(row.word_scores) == 200
        # Of 16 tokens two are special; "water" is one token.
        assert not row.word_selected[14:].any()
        assert not row.word_scores[14:].any()
