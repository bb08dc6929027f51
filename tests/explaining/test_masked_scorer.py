from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from joint_toy import RATIONALE, SCORER, SIDE, JointToy, method

from crisisweave.config.run import read_run_config, write_run_config
from crisisweave.errors import ConfigError
from crisisweave.explaining.scorer import MaskedScorer, scorer_of
from crisisweave.explaining.words import token_flags, word_flags, word_scores
from crisisweave.methods.joint import JointMethod, joint_input
from crisisweave.rationales.masking import masked
from crisisweave.training.examples import Examples
from crisisweave.training.runs import load_model

CPU = torch.device("cpu")


def test_a_word_takes_its_highest_token_and_a_cut_off_word_takes_zero() -> None:
    words = torch.tensor([-1, 0, 1, 1, -1, -1])
    scores = torch.tensor([9.0, -2.0, 0.5, 0.7, 9.0, 9.0])
    assert word_scores(scores, words, 3).tolist() == pytest.approx([-2.0, 0.7, 0.0])
    assert word_flags(scores > 0.6, words, 3).tolist() == [False, True, False]


def test_tokens_are_shown_with_their_word_and_special_ones_always() -> None:
    words = torch.tensor([[True, False]])
    assert token_flags(words, torch.tensor([[-1, 0, 0, 1, -1]])).tolist() == [[True, True, True, False, True]]


def test_everything_shown_is_the_scorer_s_own_answer(joint_toy: JointToy) -> None:
    run = joint_toy.folder_of(SCORER)
    frame = joint_toy.frame()
    n, p = len(frame), SIDE**2
    model = load_model(read_run_config(run), run)
    assert isinstance(model, JointMethod)
    scorer = MaskedScorer(model, SCORER, frame, joint_toy.sources, CPU)
    found = scorer(np.arange(n), np.ones((n, 20), dtype=bool), np.ones((n, p), dtype=bool))

    examples = Examples(frame, model, SCORER, joint_toy.sources)
    with torch.inference_mode():
        expected = torch.softmax(model(examples.batch(np.arange(n))).double(), dim=1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_hidden_parts_are_those_that_were_named(joint_toy: JointToy) -> None:
    run = joint_toy.folder_of(SCORER)
    frame = joint_toy.frame().iloc[:5]
    words = np.ones((5, 20), dtype=bool)
    words[:, 1] = False
    patches = np.ones((5, SIDE**2), dtype=bool)
    patches[:, 3] = False
    model = load_model(read_run_config(run), run)
    assert isinstance(model, JointMethod)
    found = MaskedScorer(model, SCORER, frame, joint_toy.sources, CPU)(np.arange(5), words, patches)

    examples = Examples(frame, model, SCORER, joint_toy.sources)
    x = joint_input(model.joint, examples.batch(np.arange(5)))
    x = masked(x, model.joint, x.tokens.words != 1, torch.arange(SIDE**2).expand(5, -1) != 3)
    with torch.inference_mode():
        expected = torch.softmax(model.extractor.scores(x).double(), dim=1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_scorer_is_the_run_of_the_same_seed(joint_toy: JointToy) -> None:
    run = joint_toy.folder_of(RATIONALE)
    assert scorer_of(read_run_config(run), run) == joint_toy.folder_of(SCORER)


def test_a_scorer_that_was_not_trained_is_named(joint_toy: JointToy, tmp_path: Path) -> None:
    config = read_run_config(joint_toy.folder_of(RATIONALE))
    with pytest.raises(ConfigError, match="which scores the rationales of 'rationale', has not"):
        scorer_of(config, tmp_path / "rationale" / "seed-1")


def test_a_scorer_that_never_saw_masked_inputs_is_refused(joint_toy: JointToy, tmp_path: Path) -> None:
    folder = tmp_path / "scorer" / "seed-1"
    folder.mkdir(parents=True)
    scorer = read_run_config(joint_toy.folder_of(SCORER))
    write_run_config(scorer.model_copy(update={"method": method("joint", name="scorer")}), folder)
    (folder / "model.safetensors").touch()
    config = read_run_config(joint_toy.folder_of(RATIONALE))
    with pytest.raises(ConfigError, match="not trained on both full and masked"):
        scorer_of(config, tmp_path / "rationale" / "seed-1")


def test_a_method_that_names_no_scorer_has_none(joint_toy: JointToy, tmp_path: Path) -> None:
    alone = method("rationale", rationales={"labels": "truth", "hidden": 4})
    config = read_run_config(joint_toy.folder_of(RATIONALE)).model_copy(update={"method": alone})
    assert scorer_of(config, tmp_path) is None
