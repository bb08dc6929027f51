"""Our ViLT is the transformers library's, with every patch at its place."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.encoders.vilt import JointStates, Vilt, ViltShape, from_transformers

SIDE, PATCH, LAYERS = 3, 8, 3
SIZE = SIDE * PATCH
SHAPE = ViltShape(
    vocabulary=50,
    word_dim=24,
    patch_dim=3 * PATCH**2,
    grid=(SIDE, SIDE),
    dim=24,
    layers=LAYERS,
    heads=4,
    intermediate=40,
    positions=12,
)


@pytest.fixture(scope="module")
def reference() -> Any:
    """transformers' model, randomly initialised."""
    prepare_torchvision()
    from transformers import ViltConfig, ViltModel

    config = ViltConfig(
        vocab_size=SHAPE.vocabulary,
        hidden_size=SHAPE.dim,
        num_hidden_layers=LAYERS,
        num_attention_heads=SHAPE.heads,
        intermediate_size=SHAPE.intermediate,
        image_size=SIZE,
        patch_size=PATCH,
        max_position_embeddings=SHAPE.positions,
        hidden_dropout_prob=0,
        attention_probs_dropout_prob=0,
    )
    torch.manual_seed(0)
    model = ViltModel(config).eval()
    for parameter in model.parameters():
        # Larger than at initialisation: the two are to agree where states differ.
        torch.nn.init.normal_(parameter, std=0.2)
    return model


@pytest.fixture(scope="module")
def ours(reference: Any) -> Vilt:
    """Our model with the same weights."""
    model = Vilt(SHAPE).eval()
    model.load_state_dict(from_transformers(reference.state_dict(), LAYERS))
    return model


def _cut(pixels: Tensor) -> Tensor:
    """Pixels (B, 3, S, S) → patches (B, P, D), row by row."""
    cut = pixels.view(-1, 3, SIDE, PATCH, SIDE, PATCH).permute(0, 2, 4, 1, 3, 5)
    return cut.reshape(len(pixels), SIDE**2, -1)


class Batch:
    """Three tweets of 7, 4 and 1 tokens with their images."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.ids = torch.randint(1, SHAPE.vocabulary, (3, 7))
        self.types = torch.randint(0, 2, (3, 7))
        self.mask = torch.arange(7)[None, :] < torch.tensor([7, 4, 1])[:, None]
        self.pixels = torch.randn(3, 3, SIZE, SIZE)


def _states(
    model: Vilt, batch: Batch, rows: slice = slice(None), length: int = 7, **options: Any
) -> JointStates:
    tokens = (batch.ids[rows, :length], batch.types[rows, :length])
    with torch.no_grad():
        embedded = model.embed(*tokens, _cut(batch.pixels[rows]))
        return model.encode(*embedded, batch.mask[rows, :length], **options)


def test_vilt_equals_transformers_vilt(reference: Any, ours: Vilt) -> None:
    batch = Batch()
    found = _states(ours, batch)
    with torch.no_grad():
        expected = reference(
            input_ids=batch.ids,
            token_type_ids=batch.types,
            attention_mask=batch.mask.long(),
            pixel_values=batch.pixels,
            pixel_mask=torch.ones(3, SIZE, SIZE, dtype=torch.long),
        )
    states = expected.last_hidden_state
    assert torch.allclose(found.tokens[batch.mask], states[:, :7][batch.mask], atol=1e-5)
    assert torch.allclose(found.visual, states[:, 7], atol=1e-5)
    assert torch.allclose(found.pooled, expected.pooler_output, atol=1e-5)
    # That model gives its patches in a random order, so that they can be compared as a set only.
    distances = torch.cdist(found.patches, states[:, 8:], compute_mode="donot_use_mm_for_euclid_dist")
    assert distances.amin(dim=2).max() < 1e-4
    assert sorted(distances[0].argmin(dim=1).tolist()) == list(range(SIDE**2))
    assert torch.pdist(found.patches[0]).min() > 0.01, "patches that are all alike prove nothing"


def test_the_order_of_patches_is_really_lost_over_there(reference: Any, ours: Vilt) -> None:
    batch = Batch()
    torch.manual_seed(0)
    with torch.no_grad():
        twice = [
            reference(batch.ids, batch.mask.long(), None, batch.pixels).last_hidden_state[:, 8:]
            for _ in range(2)
        ]
    assert not torch.allclose(*twice)
    assert torch.equal(_states(ours, batch).patches, _states(ours, batch).patches)


@pytest.mark.parametrize("place", [0, 1, 3, 5, 8])
def test_painting_one_patch_changes_the_embedding_at_its_place_and_no_other(ours: Vilt, place: int) -> None:
    batch = Batch()
    row, column = divmod(place, SIDE)
    painted = batch.pixels.clone()
    painted[:, :, row * PATCH : (row + 1) * PATCH, column * PATCH : (column + 1) * PATCH] = 0.5
    with torch.no_grad():
        text, before = ours.embed(batch.ids, batch.types, _cut(batch.pixels))
        same_text, after = ours.embed(batch.ids, batch.types, _cut(painted))
    changed = (before != after).any(dim=2)
    assert changed.tolist() == [[p == place for p in range(SIDE**2)]] * 3
    assert torch.equal(text, same_text)


def test_each_patch_has_a_position_of_its_own(ours: Vilt) -> None:
    with torch.no_grad():
        embedded = ours.embed(
            *[torch.ones(1, 2, dtype=torch.long)] * 2, torch.zeros(1, SIDE**2, SHAPE.patch_dim)
        )[1]
    patch = ours.patch.bias + ours.modality.weight[1]
    assert torch.allclose(embedded[0], ours.image_position[1:] + patch, atol=1e-6)
    assert torch.pdist(embedded[0]).min() > 0.1


def test_neither_padding_nor_the_rest_of_the_batch_changes_anything(ours: Vilt) -> None:
    batch = Batch()
    together = _states(ours, batch)
    for i, length in enumerate(batch.mask.sum(dim=1).tolist()):
        alone = _states(ours, batch, slice(i, i + 1), length)
        assert torch.allclose(alone.tokens[0], together.tokens[i, :length], atol=1e-5)
        for part in ("visual", "patches", "pooled"):
            assert torch.allclose(getattr(alone, part)[0], getattr(together, part)[i], atol=1e-5)


def test_the_path_that_keeps_attentions_gives_the_same_states(ours: Vilt) -> None:
    batch = Batch()
    attentions: list[Tensor] = []
    for found, expected in zip(
        _states(ours, batch, attentions=attentions), _states(ours, batch), strict=True
    ):
        real = batch.mask if found.shape[1:2] == (7,) and found.ndim == 3 else slice(None)
        assert torch.allclose(found[real], expected[real], atol=1e-5)
    length = 7 + 1 + SIDE**2
    assert [a.shape for a in attentions] == [(3, SHAPE.heads, length, length)] * LAYERS
    for attention in attentions:
        assert torch.allclose(attention.sum(dim=-1), torch.ones(3, SHAPE.heads, length), atol=1e-5)
        assert not attention[2, :, :, 1:7].any(), "nobody looks at padding"


def test_gradients_flow_through_the_attentions(ours: Vilt) -> None:
    batch = Batch()
    text, image = ours.embed(batch.ids, batch.types, _cut(batch.pixels))
    attentions: list[Tensor] = []
    pooled = ours.encode(text, image, batch.mask, attentions).pooled
    gradients = torch.autograd.grad(pooled.sum(), attentions)
    assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_word_embeddings_of_another_width_are_mapped_to_the_model_s(ours: Vilt) -> None:
    torch.manual_seed(0)
    narrow = Vilt(SHAPE._replace(word_dim=10)).eval()
    states = _states(narrow, Batch())
    assert states.tokens.shape == (3, 7, SHAPE.dim)
    assert states.patches.shape == (3, SIDE**2, SHAPE.dim)


def test_text_alone_has_no_patch_states(ours: Vilt) -> None:
    batch = Batch()
    text, _ = ours.embed(batch.ids, batch.types, _cut(batch.pixels))
    states = ours.encode(text, text[:, :0], batch.mask)
    assert states.patches.shape == (3, 0, SHAPE.dim)
    assert torch.isfinite(states.pooled).all()
