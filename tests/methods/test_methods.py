"""Every method in the registry: what it gives does not depend on its neighbours, and it can learn."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from crisisweave.encoders.joint import JointEncoder
from crisisweave.encoders.joint_folder import load_joint_encoder
from crisisweave.encoders.provider import PRETRAINED
from crisisweave.errors import ConfigError
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.rationale import RationaleClassifier
from crisisweave.methods.registry import build_model, families
from crisisweave.training.examples import Examples
from crisisweave.training.gold import training_gold
from crisisweave.training.loop import precision
from toy import METHODS, Toy, tiny_method

RATIONALES = [name for name in METHODS if name.startswith("rationale")]


@pytest.fixture(scope="session")
def encoder(untrained_joint: Path) -> JointEncoder:
    """A joint encoder, read once for all methods, with weights so large that its inputs make a difference."""
    found = load_joint_encoder("toy", untrained_joint)
    torch.manual_seed(1)
    for parameter in found.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=0.3)
    return found


def _examples(toy: Toy, encoder: JointEncoder, name: str) -> tuple[Classifier, Examples]:
    torch.manual_seed(0)
    method = tiny_method(name)
    model = build_model(method, 2, PRETRAINED._replace(joint=lambda _: copy.deepcopy(encoder)))
    if isinstance(model, RationaleClassifier):
        # An untrained word head says nearly the same of every word.
        for parameter in model.word_head.parameters():
            torch.nn.init.normal_(parameter, std=0.7)
    frame = toy.frame()
    train = frame[frame["split"] == "train"]
    gold = training_gold(toy.run(method), toy.sources, train)
    return model, Examples(train, model, method, toy.sources, gold)


def test_every_family_is_tested_here() -> None:
    assert {tiny_method(name).family for name in METHODS} == set(families())


@pytest.mark.parametrize("name", METHODS)
def test_a_tweet_alone_in_a_batch_and_in_a_shuffled_batch_scores_the_same(
    rationale_toy: Toy, encoder: JointEncoder, name: str
) -> None:
    model, examples = _examples(rationale_toy, encoder, name)
    model.eval()
    order = np.random.default_rng(0).permutation(len(examples))
    with torch.no_grad():
        together = model(examples.batch(np.arange(len(examples))))
        shuffled = model(examples.batch(order))
        alone = torch.cat([model(examples.batch(np.array([i]))) for i in range(len(examples))])
    assert torch.allclose(alone, together, atol=1e-5)
    assert torch.allclose(shuffled, together[order], atol=1e-5)
    assert together.std(dim=0).min() > 1e-4, "scores that never vary prove nothing"


# Those with rationales choose words and patches, and a near tie may fall otherwise.
@pytest.mark.parametrize("name", [name for name in METHODS if name not in RATIONALES])
def test_half_precision_gives_nearly_the_same_scores(
    rationale_toy: Toy, encoder: JointEncoder, name: str
) -> None:
    model, examples = _examples(rationale_toy, encoder, name)
    model.eval()
    batch = examples.batch(np.arange(8))
    with torch.no_grad():
        full = model(batch)
        with precision(torch.device("cpu"), "bf16"):
            half = model(batch)
    assert not torch.equal(half.float(), full)
    assert torch.allclose(half.float(), full, atol=0.1, rtol=0.05)


@pytest.mark.parametrize("name", METHODS)
def test_gradient_reaches_every_trainable_parameter_in_some_phase_and_no_other(
    rationale_toy: Toy, encoder: JointEncoder, name: str
) -> None:
    model, examples = _examples(rationale_toy, encoder, name)
    labels = torch.from_numpy(examples.labels[:16])
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    reached: set[str] = set()
    for phase in model.phases:
        model.begin(phase)
        model.train()
        model.zero_grad()
        model.loss(examples.batch(np.arange(16)), labels, None).backward()
        found = {
            name
            for name, parameter in model.named_parameters()
            if parameter.grad is not None and parameter.grad.abs().sum() > 0
        }
        assert found == {name for name in trained if model.learns(name)}
        reached |= found
    assert reached == trained


@pytest.mark.parametrize("name", RATIONALES)
def test_what_is_not_in_the_rationale_does_not_reach_the_scores(
    rationale_toy: Toy, encoder: JointEncoder, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, examples = _examples(rationale_toy, encoder, name)
    assert isinstance(model, RationaleClassifier)
    model.eval()
    batch = examples.batch(np.arange(8))
    found = model.rationale(model.joint_input(batch))
    before = model(batch)
    hidden = (batch.text.words >= 0) & ~found.tokens_selected
    assert hidden.any()
    other = batch._replace(text=batch.text._replace(ids=torch.where(hidden, 2050, batch.text.ids)))
    if found.patches_selected is not None:
        other = other._replace(image=_painted(other.image, ~found.patches_selected))
    # The same rationale, held fast; only what it leaves out is another.
    monkeypatch.setattr(model, "rationale", lambda x: found)
    assert torch.equal(model(other), before)
    assert not torch.allclose(model.full(other), model.full(batch)), "stage 1 does read it"


def _painted(pixels: Tensor, patches: Tensor) -> Tensor:
    """Pixels (B, 32, 32, 3) with some of the 4 × 4 patches black."""
    shown = ~patches.view(-1, 4, 4).repeat_interleave(8, 1).repeat_interleave(8, 2)
    return pixels * shown[..., None]


def test_an_unknown_family_names_the_nearest() -> None:
    method = tiny_method("text").model_copy(update={"family": "txt"})
    with pytest.raises(ConfigError, match="family 'txt' is not known; did you mean 'text'"):
        build_model(method, 2)


@pytest.mark.parametrize("name", ["text", "joint_text", "rationale_text"])
def test_frozen_embeddings_are_neither_trained_nor_stored(toy: Toy, name: str) -> None:
    frozen = {"name": "tiny:bert", "pooling": "mean", "tune_embeddings": False}
    model = build_model(tiny_method(name, text=frozen), 2)
    assert not any("embeddings.word_embeddings" in name for name in model.stored_state())
    assert any("layers.0.qkv.weight" in name for name in model.stored_state())


def test_a_joint_encoder_s_word_embeddings_are_neither_trained_nor_stored(
    rationale_toy: Toy, encoder: JointEncoder
) -> None:
    model, _ = _examples(rationale_toy, encoder, "rationale")
    stored = model.stored_state()
    assert not any(name.endswith("network.word.weight") for name in stored)
    assert {"extractor.encoder.grey", "_second.encoder.network.patch.weight"} <= set(stored)
