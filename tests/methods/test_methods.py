"""Every method in the registry: what it gives does not depend on its neighbours, and it can learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crisisweave.errors import ConfigError
from crisisweave.methods.registry import build_model, families
from crisisweave.training.examples import Examples
from toy import Toy, tiny_method

FAMILIES = families()


def _examples(toy: Toy, family: str) -> tuple[torch.nn.Module, Examples]:
    torch.manual_seed(0)
    method = tiny_method(family)
    model = build_model(method, 2)
    frame = toy.frame()
    return model, Examples(frame[frame["split"] == "train"], model, method, toy.sources)


def test_the_families_of_this_slice_are_registered() -> None:
    assert FAMILIES == ["cmb", "concat", "image", "text"]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tweet_alone_in_a_batch_and_in_a_shuffled_batch_scores_the_same(toy: Toy, family: str) -> None:
    model, examples = _examples(toy, family)
    model.eval()
    order = np.random.default_rng(0).permutation(len(examples))
    with torch.no_grad():
        together = model(examples.batch(np.arange(len(examples))))
        shuffled = model(examples.batch(order))
        alone = torch.cat([model(examples.batch(np.array([i]))) for i in range(len(examples))])
    assert torch.allclose(alone, together, atol=1e-5)
    assert torch.allclose(shuffled, together[order], atol=1e-5)
    assert together.std(dim=0).min() > 1e-4, "scores that never vary prove nothing"


@pytest.mark.parametrize("family", FAMILIES)
def test_gradient_reaches_every_trainable_parameter(toy: Toy, family: str) -> None:
    model, examples = _examples(toy, family)
    model.train()
    loss = torch.nn.functional.cross_entropy(
        model(examples.batch(np.arange(16))), torch.from_numpy(examples.labels[:16])
    )
    loss.backward()
    unreached = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.abs().sum() > 0)
    ]
    assert unreached == []


def test_an_unknown_family_names_the_nearest() -> None:
    method = tiny_method("text").model_copy(update={"family": "txt"})
    with pytest.raises(ConfigError, match="family 'txt' is not known; did you mean 'text'"):
        build_model(method, 2)


def test_frozen_embeddings_are_neither_trained_nor_stored(toy: Toy) -> None:
    frozen = {"name": "tiny:bert", "pooling": "mean", "tune_embeddings": False}
    model = build_model(tiny_method("text", text=frozen), 2)
    assert not any("embeddings.word_embeddings" in name for name in model.stored_state())
    assert any("layers.0.qkv.weight" in name for name in model.stored_state())
