"""Feature fusion against direct transcriptions of the thesis' equations in NumPy, in double precision."""

from __future__ import annotations

from math import erf

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from crisisweave.encoders.bert import BertShape, Layer
from crisisweave.errors import ConfigError
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.registry import build_model
from crisisweave.methods.transformer_fusion import BottleneckFusion, VanillaFusion
from toy import tiny_method

Array = NDArray[np.float64]
TEXT, IMAGE = (torch.randn(5, 64, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))


def array(tensor: Tensor) -> Array:
    return tensor.detach().double().numpy()


def affine(layer: torch.nn.Module, x: Array) -> Array:
    return x @ array(layer.weight).T + array(layer.bias)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array) -> Array:
    raised = np.exp(x - x.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def side_by_side(a: Array, b: Array) -> Array:
    return np.concatenate([a, b], axis=-1)


def vectors_are_given(model: Classifier, monkeypatch: pytest.MonkeyPatch) -> Array:
    """The class distribution that a fusion gives of TEXT and IMAGE, whatever its encoders would say."""
    monkeypatch.setattr(model, "text_vector", lambda batch: TEXT)
    monkeypatch.setattr(model, "image_vector", lambda batch: IMAGE)
    return array(torch.softmax(model.eval()(None), dim=1))


def test_concatenation_is_equations_3_5_10_and_3_5_11(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model(tiny_method("concat"), 3)
    fused = side_by_side(array(TEXT), array(IMAGE))
    expected = softmax(affine(model.head[1], fused))
    assert np.allclose(vectors_are_given(model, monkeypatch), expected, atol=1e-6)


def test_cross_attention_is_equations_3_5_12_to_3_5_17(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model(tiny_method("cross_attention"), 3)
    text, image = array(TEXT), array(IMAGE)
    text_mask = sigmoid(affine(model.text_mask, image))  # 3.5.12
    image_mask = sigmoid(affine(model.image_mask, text))  # 3.5.13
    fused = side_by_side(text_mask * text, image_mask * image)  # 3.5.14 to 3.5.16
    expected = softmax(affine(model.head[1], fused))  # 3.5.17
    assert np.allclose(vectors_are_given(model, monkeypatch), expected, atol=1e-6)


def test_co_attention_is_equations_3_5_18_to_3_5_23(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build_model(tiny_method("co_attention"), 3)
    text, image = array(TEXT), array(IMAGE)
    both = side_by_side(text, image)
    text_mask = sigmoid(affine(model.text_mask, both))  # 3.5.18
    image_mask = sigmoid(affine(model.image_mask, both))  # 3.5.19
    fused = side_by_side(text_mask * text, image_mask * image)  # 3.5.20 to 3.5.22
    expected = softmax(affine(model.head[1], fused))  # 3.5.23
    assert np.allclose(vectors_are_given(model, monkeypatch), expected, atol=1e-6)


def normalised(norm: torch.nn.Module, x: Array) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + norm.eps) * array(
        norm.weight
    ) + array(norm.bias)


def transformer_layer(layer: Layer, states: Array) -> Array:
    """One sequence (n, d) through a layer (thesis, equation 3.4.1; normalisation after, as in BERT)."""
    width = states.shape[1] // layer.heads
    query, key, value = np.split(affine(layer.qkv, states), 3, axis=1)
    heads = []
    for head in range(layer.heads):
        own = slice(head * width, (head + 1) * width)
        attention = softmax(query[:, own] @ key[:, own].T / np.sqrt(width))
        heads.append(attention @ value[:, own])
    attended = affine(layer.attention_output, np.concatenate(heads, axis=1))
    states = normalised(layer.attention_norm, states + attended)
    inner = affine(layer.intermediate, states)
    inner = inner * 0.5 * (1 + np.vectorize(erf)(inner / np.sqrt(2)))
    return normalised(layer.output_norm, states + affine(layer.output, inner))


SHAPE = BertShape(vocabulary=0, dim=16, layers=3, heads=4, intermediate=24)
LENGTHS = [6, 3]


def sequences() -> tuple[Tensor, Tensor, Tensor]:
    """Two texts of unequal length, padded with noise, their mask, and two images of five parts."""
    generator = torch.Generator().manual_seed(3)
    mask = torch.arange(6)[None, :] < torch.tensor(LENGTHS)[:, None]
    return torch.randn(2, 6, 16, generator=generator), torch.randn(2, 5, 16, generator=generator), mask


def test_vanilla_attention_is_layers_over_both_sequences_put_together() -> None:
    torch.manual_seed(0)
    fusion = VanillaFusion(SHAPE).eval()
    text, image, mask = sequences()
    found_text, found_image = fusion(text, image, mask)
    for i, length in enumerate(LENGTHS):
        states = np.concatenate([array(text[i, :length]), array(image[i])])
        for layer in fusion.layers:
            states = transformer_layer(layer, states)
        assert np.allclose(array(found_text[i, :length]), states[:length], atol=1e-5)
        assert np.allclose(array(found_image[i]), states[length:], atol=1e-5)


def test_bottleneck_attention_passes_a_few_tokens_from_one_sequence_to_the_other() -> None:
    torch.manual_seed(0)
    fusion = BottleneckFusion(SHAPE, tokens=2).eval()
    text, image, mask = sequences()
    found_text, found_image = fusion(text, image, mask)
    for i, length in enumerate(LENGTHS):
        words, parts, shared = array(text[i, :length]), array(image[i]), array(fusion.tokens)
        for text_layer, image_layer in zip(fusion.text_layers, fusion.image_layers, strict=True):
            states = transformer_layer(text_layer, np.concatenate([words, shared]))
            words, shared = states[:length], states[length:]
            states = transformer_layer(image_layer, np.concatenate([shared, parts]))
            shared, parts = states[:2], states[2:]
        assert np.allclose(array(found_text[i, :length]), words, atol=1e-5)
        assert np.allclose(array(found_image[i]), parts, atol=1e-5)


@pytest.mark.parametrize("name", ["transformer_fusion", "bottleneck"])
def test_a_linear_layer_reads_both_first_tokens(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = build_model(tiny_method(name), 3).eval()
    generator = torch.Generator().manual_seed(4)
    text, image = (torch.randn(2, n, 64, generator=generator) for n in (4, 7))
    mask = torch.ones(2, 4, dtype=torch.bool)
    monkeypatch.setattr(model.text_branch, "states", lambda batch: (text, mask))
    monkeypatch.setattr(model.image_branch, "states", lambda batch: image)
    words, parts = model.fusion(model.text_in(text), model.image_in(image), mask)
    expected = affine(model.head[1], side_by_side(array(words[:, 0]), array(parts[:, 0])))
    assert np.allclose(array(model(None)), expected, atol=1e-5)


def test_an_image_reaches_the_text_through_the_bottleneck_alone() -> None:
    torch.manual_seed(0)
    fusion = BottleneckFusion(SHAPE, tokens=2).eval()
    text, image, mask = sequences()
    one_layer = BottleneckFusion(SHAPE._replace(layers=1), tokens=2).eval()
    assert torch.equal(one_layer(text, image, mask)[0], one_layer(text, -image, mask)[0])
    assert not torch.allclose(fusion(text, image, mask)[0], fusion(text, -image, mask)[0])


def test_heads_that_do_not_share_the_width_are_explained() -> None:
    method = tiny_method("transformer_fusion", fusion_layers={"heads": 12})
    with pytest.raises(
        ConfigError, match=r"a width of 64 cannot be shared by 12 heads; set fusion_layers\.heads"
    ):
        build_model(method, 2)
