"""Extractors on small joint classifiers whose decision is known to hang on one patch, or on one word."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor, nn

from crisisweave.config.joint import Patches
from crisisweave.encoders.joint import JointEncoder, JointInput
from crisisweave.encoders.text import Tokens
from crisisweave.encoders.vilt import JointStates, Layer, Vilt, ViltShape
from crisisweave.rationales.extractors import PATCHES, WORDS
from crisisweave.rationales.extractors.explained import log_probability
from crisisweave.rationales.extractors.grad_cam import grad_cam
from crisisweave.rationales.extractors.gradient_input import gradient_input
from crisisweave.rationales.extractors.integrated_gradients import integrated_gradients
from crisisweave.rationales.extractors.rise import MASKS, rise, rise_masks

GRID, PATCH_DIM, DIM, HEADS = (4, 4), 8, 32, 4
STAR, CLS, SEP, NOISE, VOCABULARY = 1, 2, 3, 12, 40
SIGNS = (10, 11)  # the words that carry class 1 and 2
ALL = sorted(WORDS | PATCHES)


class Toy(nn.Module):
    """A joint classifier whose weights are written by hand, so that what decides is known.

    States hold the word in their first 16 numbers and the patch in the next 8. In every layer each position
    reads all others, those with a sign more than the rest, and adds up what it reads. The classes' scores
    come from the first token, from the numbers in which the signs of words or of patches lie.
    """

    def __init__(self, decides: str):
        super().__init__()
        shape = ViltShape(VOCABULARY, 16, PATCH_DIM, GRID, DIM, 2, HEADS, 64, positions=24, dropout=0.1)
        tokenizer = Tokenizer(WordLevel({"*": STAR, "[MASK]": 4}))
        self.encoder = JointEncoder(Vilt(shape), tokenizer, Patches(size=32, patch=8))
        self.encoder.grey.fill_(0.1)
        self.head = nn.Linear(DIM, 3)
        signs = [0, 1] if decides == "word" else [16, 17]
        torch.manual_seed(0)
        with torch.no_grad():
            self._write(signs)
            for i, number in enumerate(signs):
                self.head.weight[i + 1, number] = 4.0

    def _write(self, signs: list[int]) -> None:
        network = self.encoder.network
        for parameter in self.parameters():
            parameter.zero_()
        for module in self.modules():
            if isinstance(module, nn.LayerNorm):
                module.weight.fill_(1.0)
        network.word.weight[:, 2:] = torch.randn(VOCABULARY, 14)
        network.word.weight[list(SIGNS)] = 4 * torch.eye(16)[:2]
        network.word_map.weight[:16] = torch.eye(16)
        network.patch.weight[16:24] = torch.eye(PATCH_DIM)
        network.text_position.weight.normal_(std=0.05)
        network.image_position.normal_(std=0.05)
        for layer in network.layers:
            assert isinstance(layer, Layer)
            first_of_heads = torch.arange(0, DIM, DIM // HEADS)
            layer.qkv.bias[first_of_heads] = 1.0
            for number in signs:
                layer.qkv.weight[DIM + first_of_heads, number] = 1.0
            layer.qkv.weight[2 * DIM :] = torch.eye(DIM)
            layer.attention_output.weight.copy_(torch.eye(DIM))
        network.pooler.weight.copy_(0.1 * torch.eye(DIM))

    def classify(self, states: JointStates) -> Tensor:
        scores: Tensor = self.head(states.pooled)
        return scores

    def scores(self, x: JointInput) -> Tensor:
        return self.classify(self.encoder(x))


class Instances:
    """Made-up tweets with images; one word and one patch are the sign of class 1 or 2, all else is noise."""

    def __init__(self, n: int, seed: int = 0):
        generator = torch.Generator().manual_seed(seed)
        rows, place = torch.arange(n), torch.arange(13)
        lengths = torch.randint(4, 12, (n,), generator=generator)
        ids = torch.randint(NOISE, VOCABULARY, (n, 13), generator=generator)
        inner, real = (place >= 1) & (place <= lengths[:, None]), place <= lengths[:, None] + 1
        ids = torch.where(inner, ids, SEP).masked_fill(~real, 0)
        ids[:, 0] = CLS
        self.token = 1 + (torch.rand(n, generator=generator) * lengths).long()
        self.of_word, self.of_patch = (torch.randint(1, 3, (n,), generator=generator) for _ in range(2))
        ids[rows, self.token] = torch.tensor(SIGNS)[self.of_word - 1]
        patches = 0.1 + 0.5 * torch.randn((n, GRID[0] * GRID[1], PATCH_DIM), generator=generator)
        patches[:, :, :2] = 0.1
        self.patch = torch.randint(GRID[0] * GRID[1], (n,), generator=generator)
        patches[rows, self.patch] = 4 * torch.eye(PATCH_DIM)[self.of_patch - 1]
        words = torch.where(inner, place - 1, -1)
        self.x = JointInput(Tokens(ids, real, torch.zeros_like(ids), words), patches)


def picked(x: JointInput, rows: list[int], length: int | None = None) -> JointInput:
    return JointInput(Tokens(*(part[rows, :length] for part in x.tokens)), x.patches[rows])


@pytest.fixture(scope="module")
def by_patch() -> Toy:
    return Toy("patch").eval()


@pytest.fixture(scope="module")
def by_word() -> Toy:
    return Toy("word").eval()


@pytest.fixture(scope="module")
def few() -> Instances:
    return Instances(12)


def test_the_toys_decide_by_their_sign(by_patch: Toy, by_word: Toy) -> None:
    many = Instances(100)
    with torch.no_grad():
        assert torch.equal(by_patch.scores(many.x).argmax(1), many.of_patch)
        assert torch.equal(by_word.scores(many.x).argmax(1), many.of_word)


@pytest.mark.parametrize("name", ["rise", "grad_cam", "attention_rollout", "integrated_gradients"])
def test_the_deciding_patch_comes_first(name: str, by_patch: Toy, few: Instances) -> None:
    scores = PATCHES[name](by_patch, few.x, few.of_patch)
    assert scores.shape == (12, 16)
    assert torch.equal(scores.argmax(1), few.patch)


@pytest.mark.parametrize("name", ["attention", "gradient_input"])
def test_the_deciding_word_comes_first(name: str, by_word: Toy, few: Instances) -> None:
    scores = WORDS[name](by_word, few.x, few.of_word)
    assert scores.shape == few.x.tokens.ids.shape
    assert torch.equal(scores.argmax(1), few.token)


def test_integrated_gradients_are_complete(by_patch: Toy, few: Instances) -> None:
    scores = integrated_gradients(by_patch, few.x, few.of_patch)
    grey = few.x._replace(patches=by_patch.encoder.grey.expand_as(few.x.patches))
    with torch.no_grad():
        gained, of_grey = (log_probability(by_patch.scores(x), few.of_patch) for x in (few.x, grey))
    gained = (gained - of_grey).float()
    assert gained.abs().min() > 0.1
    torch.testing.assert_close(scores.sum(dim=1), gained, atol=1e-4, rtol=1e-3)


def test_gradient_input_is_the_slope_along_an_embedding(by_word: Toy, few: Instances) -> None:
    scores = gradient_input(by_word, few.x, few.of_word)
    double, x = Toy("word").eval().double(), few.x
    with torch.no_grad():
        text, image = double.encoder.embed(x._replace(patches=x.patches.double()))
        for token in (1, 3):

            def score(t: float, token: int = token) -> Tensor:
                scaled = text.clone()
                scaled[:, token] *= t
                return log_probability(
                    double.classify(double.encoder.encode(scaled, image, x.tokens.mask)), few.of_word
                )

            slope = (score(1 + 1e-5) - score(1 - 1e-5)) / 2e-5
            torch.testing.assert_close(scores[:, token].double(), slope, atol=1e-5, rtol=1e-3)


def test_grad_cam_is_the_mean_gradient_times_the_states(by_patch: Toy, few: Instances) -> None:
    """Equations 1 and 2 written out for this network: before its last layer, and what follows."""
    network, x = by_patch.encoder.network, few.x
    text, image = by_patch.encoder.embed(x)
    visual = (network.visual + network.image_position[0] + network.modality.weight[1]).expand(12, 1, -1)
    states = torch.cat([text, visual, image], dim=1)
    seen = torch.cat([x.tokens.mask, torch.ones((12, 17), dtype=torch.bool)], dim=1)[:, None, None, :]
    first, last = network.layers
    states = first(states, seen, None).detach()
    read = last.before(states).detach().requires_grad_()
    query, key, value = last.qkv(read).view(12, 30, 3, HEADS, 8).permute(2, 0, 3, 1, 4)
    weights = (query @ key.transpose(-1, -2) / 8**0.5).masked_fill(~seen, -torch.inf).softmax(dim=-1)
    after = states + last.attention_output((weights @ value).transpose(1, 2).reshape(12, 30, DIM))
    scores = by_patch.head(torch.tanh(network.pooler(network.norm(after)[:, 0])))
    (gradient,) = torch.autograd.grad(log_probability(scores, few.of_patch).sum(), read)
    expected = (gradient[:, 14:].mean(dim=1, keepdim=True) * read[:, 14:]).sum(dim=2).relu()
    torch.testing.assert_close(grad_cam(by_patch, x, few.of_patch), expected.detach())
    assert expected.max() > 0


def test_roll_out_is_the_product_of_halved_attentions(by_patch: Toy, few: Instances) -> None:
    attentions: list[Tensor] = []
    with torch.no_grad():
        by_patch.encoder.encode(*by_patch.encoder.embed(few.x), few.x.tokens.mask, attentions)
    flow = torch.eye(30).expand(12, 30, 30)
    for layer in attentions:
        flow = (0.5 * layer.mean(dim=1) + 0.5 * torch.eye(30)) @ flow
    scores = PATCHES["attention_rollout"](by_patch, few.x, few.of_patch)
    torch.testing.assert_close(scores, flow[:, 0, 14:])


def test_rise_is_the_mean_over_masks_that_show_a_patch(by_patch: Toy, few: Instances) -> None:
    """One mask and one image at a time, on a grid whose masks are binary."""
    masks, x, target = rise_masks(GRID), picked(few.x, [5]), int(few.of_patch[5])
    found = []
    with torch.no_grad():
        for mask in masks:
            patches = torch.where(mask.bool()[:, None], x.patches, by_patch.encoder.grey)
            found.append(by_patch.scores(x._replace(patches=patches)).softmax(dim=1)[0, target])
    expected = torch.stack([torch.stack(found)[masks[:, j] == 1].mean() for j in range(16)])
    torch.testing.assert_close(rise(by_patch, few.x, few.of_patch)[5], expected, atol=1e-5, rtol=0)


def test_rise_masks_are_drawn_once_and_show_half() -> None:
    assert rise_masks(GRID) is rise_masks(GRID)
    assert set(rise_masks((7, 7)).unique().tolist()) == {0.0, 1.0}
    enlarged = rise_masks((12, 12))
    assert enlarged.shape == (MASKS, 144)
    assert ((enlarged > 0) & (enlarged < 1)).any()
    for masks in (rise_masks((7, 7)), enlarged):
        assert (masks.mean(dim=0) - 0.5).abs().max() < 0.15
        assert masks.std(dim=0).min() > 0.2
    assert rise_masks((3, 20)).shape == (MASKS, 60)


def test_rise_masks_are_balanced() -> None:
    """Whatever adds up over patches is found exactly: nothing is blurred by what is shown beside a patch."""
    worth = torch.randn(49, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    masks = rise_masks((7, 7)).double()
    found = (masks @ worth) @ masks / masks.sum(dim=0)
    torch.testing.assert_close(found, worth.sum() / 2 + worth / 2)


@pytest.mark.parametrize("name", ALL)
def test_batch_order_and_padding_change_nothing(name: str, by_patch: Toy, few: Instances) -> None:
    extractor = (WORDS | PATCHES)[name]
    scores = extractor(by_patch, few.x, few.of_patch)
    order = [7, 2, 11, 4]
    shuffled = extractor(by_patch, picked(few.x, order), few.of_patch[order])
    torch.testing.assert_close(shuffled, scores[order], atol=1e-6, rtol=1e-4)
    length = int(few.x.tokens.mask[2].sum())
    alone = extractor(by_patch, picked(few.x, [2], length), few.of_patch[[2]])[0]
    expected = scores[2, :length] if name in WORDS else scores[2]
    torch.testing.assert_close(alone, expected, atol=1e-6, rtol=1e-4)
    assert torch.equal(scores, extractor(by_patch, few.x, few.of_patch))


@pytest.mark.parametrize("name", WORDS)
def test_only_words_have_scores(name: str, by_word: Toy, few: Instances) -> None:
    scores = WORDS[name](by_word, few.x, few.of_word)
    assert (scores[few.x.tokens.words < 0] == 0).all()
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("outside", [torch.no_grad, torch.inference_mode])
def test_the_model_is_left_as_it_was(
    name: str, outside: Callable[[], AbstractContextManager[None]], few: Instances
) -> None:
    toy = Toy("patch").train()
    toy.head.eval()
    toy.head.weight.requires_grad_(False)
    before = {key: value.clone() for key, value in toy.state_dict().items()}
    with outside():
        scores = (WORDS | PATCHES)[name](toy, picked(few.x, [0, 1, 2]), few.of_patch[:3])
    # Dropout would make the second time differ from the first.
    assert torch.equal(scores, (WORDS | PATCHES)[name](toy, picked(few.x, [0, 1, 2]), few.of_patch[:3]))
    assert not scores.requires_grad
    assert toy.training
    assert toy.encoder.training
    assert not toy.head.training
    assert [p.requires_grad for p in toy.head.parameters()] == [False, True]
    assert all(p.grad is None for p in toy.parameters())
    assert all(torch.equal(value, before[key]) for key, value in toy.state_dict().items())


def test_a_saturated_score_still_has_an_explanation(few: Instances) -> None:
    certain = Toy("patch").eval()
    with torch.no_grad():
        certain.head.weight *= 30
        assert (certain.scores(few.x).softmax(dim=1).max(dim=1).values > 1 - 1e-6).all()
    assert torch.equal(grad_cam(certain, few.x, few.of_patch).argmax(1), few.patch)


def test_chance_depends_on_the_instance_alone(by_patch: Toy, few: Instances) -> None:
    words, patches = WORDS["random_words"], PATCHES["random_patches"]
    other_image = few.x._replace(patches=few.x.patches + 1)
    for extractor in (words, patches):
        scores = extractor(by_patch, few.x, few.of_patch)
        assert not torch.equal(scores[0], scores[1])
        assert not torch.equal(scores, extractor(by_patch, other_image, few.of_patch))
    split = few.x._replace(tokens=few.x.tokens._replace(words=(few.x.tokens.words / 2).floor().long()))
    scores = words(by_patch, split, few.of_word)
    assert torch.equal(scores[:, 1], scores[:, 2])  # one word's tokens


def test_the_centre_comes_first_and_corners_last(by_patch: Toy, few: Instances) -> None:
    scores = PATCHES["centre"](by_patch, few.x, few.of_patch)
    assert torch.equal(scores[0], scores[1])
    middle = scores[0].view(4, 4)
    assert (middle[1:3, 1:3] == middle.max()).all()
    assert middle[0, 0] == middle[3, 3] == middle.min()
