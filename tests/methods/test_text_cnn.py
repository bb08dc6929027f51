"""Convolutions over word vectors against a loop over windows."""

from __future__ import annotations

import numpy as np
import torch

from crisisweave.encoders.text import load_text_encoder
from crisisweave.methods.inputs import Batch
from crisisweave.methods.registry import build_model
from crisisweave.methods.text_cnn import strongest
from toy import tiny_method


def test_a_filter_answers_with_its_strongest_window_of_the_text() -> None:
    torch.manual_seed(0)
    layer = torch.nn.Conv1d(4, 3, kernel_size=3)
    mask = torch.arange(6)[None, :] < torch.tensor([6, 1])[:, None]
    vectors = torch.randn(2, 6, 4) * mask[:, :, None]
    found = strongest(layer, vectors.transpose(1, 2), mask).detach().numpy()
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    for i, length in enumerate([6, 1]):
        # Two empty places on either side, so that each window with at least one word counts.
        words = np.pad(vectors[i, :length].numpy(), ((2, 2), (0, 0)))
        answers = [
            np.maximum(0, (weight * words[start : start + 3].T).sum(axis=(1, 2)) + bias)
            for start in range(length + 2)
        ]
        assert np.allclose(found[i], np.max(answers, axis=0), atol=1e-6)


def test_a_word_s_vector_does_not_depend_on_its_neighbours() -> None:
    encoder = load_text_encoder("tiny:bert").words_only().eval()
    tokens = encoder.tokenise([["water", "here"], ["no", "water"]]).pad(np.arange(2))
    states = encoder(tokens)
    assert torch.equal(states[0, 1], states[1, 2])
    assert not torch.equal(states[0, 1], states[0, 2])


def test_the_rest_of_the_encoder_is_not_part_of_the_method() -> None:
    model = build_model(tiny_method("text_cnn"), 2)
    names = [name for name, _ in model.text_branch.named_parameters()]
    assert names == ["encoder.network.table.weight"]
    tokens = model.text_branch.encoder.tokenise([["water"]]).pad(np.arange(1))
    assert model(Batch(tokens, None)).shape == (1, 2)
