"""What a joint encoder is taught, by hand-made cases and on a world of colours."""

from __future__ import annotations

import pytest
import torch
from tokenizers import Tokenizer, models
from torch import Tensor

from crisisweave.config.joint import Patches
from crisisweave.encoders.joint import JointEncoder, JointInput
from crisisweave.encoders.text import Tokens
from crisisweave.encoders.vilt import JointStates, Vilt, ViltShape
from crisisweave.pretraining.objectives import Losses, Objectives

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "*", "red", "green", "blue", "here", "there"]
CLS, SEP, MASK = (WORDS.index(word) for word in ("[CLS]", "[SEP]", "[MASK]"))
COLOURS = 3
RED = WORDS.index("red")


def learner(share: float = 0.3) -> Objectives:
    """A small encoder of three tokens' worth of colours and four patches, with its objectives."""
    torch.manual_seed(0)
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}))
    shape = ViltShape(len(WORDS), 24, COLOURS, (2, 2), 24, 2, 4, 48, 6)
    encoder = JointEncoder(Vilt(shape), tokenizer, Patches(encoder="tiny:conv", size=64, patch=32))
    return Objectives(encoder, torch.arange(CLS, len(WORDS)), encoder.mask, share)


def world(n: int, generator: torch.Generator) -> tuple[JointInput, Tensor]:
    """Tweets "red here" with an image of one coloured patch and three empty ones, and their colours."""
    colours = torch.randint(0, COLOURS, (n,), generator=generator)
    second = torch.randint(RED + 3, RED + 5, (n,), generator=generator)
    ids = torch.stack([torch.full((n,), CLS), RED + colours, second, torch.full((n,), SEP)], dim=1)
    words = torch.tensor([-1, 0, 1, -1]).expand(n, -1)
    patches = 0.05 * torch.randn(n, 4, COLOURS, generator=generator)
    place = torch.randint(0, 4, (n,), generator=generator)
    patches[torch.arange(n), place, colours] += 1
    return JointInput(
        Tokens(ids, torch.ones_like(ids).bool(), torch.zeros_like(ids), words), patches
    ), colours


def test_words_of_the_pair_are_masked_and_special_tokens_never(monkeypatch: pytest.MonkeyPatch) -> None:
    found = learner(0.5)
    x, _ = world(200, torch.Generator().manual_seed(1))
    seen: list[JointInput] = []
    forward = JointEncoder.forward
    monkeypatch.setattr(JointEncoder, "forward", lambda self, y: (seen.append(y), forward(self, y))[1])
    found(x, torch.Generator().manual_seed(2))
    hidden = seen[0].tokens.ids == MASK
    assert not hidden[:, [0, 3]].any()
    assert hidden[:, 1:3].float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert torch.equal(seen[0].tokens.ids[~hidden], x.tokens.ids[~hidden])
    # Half of the images are those of the next row, the others their own; none is anything else.
    own = (seen[0].patches == x.patches).flatten(1).all(dim=1)
    next_row = (seen[0].patches == x.patches.roll(1, 0)).flatten(1).all(dim=1)
    assert (own ^ next_row).all()
    assert own.float().mean().item() == pytest.approx(0.5, abs=0.12)


def test_losses_before_anything_is_learned_are_those_of_guessing() -> None:
    found = learner()
    for parameter in (found.guess.weight, found.guess.bias, found.match.weight, found.match.bias):
        torch.nn.init.zeros_(parameter)
    losses = found(world(64, torch.Generator().manual_seed(1))[0], torch.Generator().manual_seed(2))
    assert losses.words.item() == pytest.approx(torch.log(torch.tensor(len(WORDS) - CLS)).item(), rel=1e-5)
    assert losses.matching.item() == pytest.approx(torch.log(torch.tensor(2.0)).item(), rel=1e-5)


def test_words_that_training_never_saw_are_not_asked_for() -> None:
    found = learner(0.9)
    found.back[RED : RED + 5] = -1
    losses = found(world(16, torch.Generator().manual_seed(1))[0], torch.Generator().manual_seed(2))
    assert losses.words.item() == 0


def _states(tokens: Tensor, patches: Tensor) -> JointStates:
    return JointStates(tokens, tokens[:, 0], patches, tokens[:, 0])


REAL = torch.tensor([[True, True]])


@pytest.mark.parametrize(
    ("patches", "distance"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], 0.0),
        ([[0.0, 1.0], [1.0, 0.0]], 0.0),  # transport does not mind the order
        ([[-1.0, 0.0], [0.0, -1.0]], 1.0),  # opposite costs 2, at a right angle 1
        ([[1.0, 0.0], [-1.0, 0.0]], 0.5),  # the second word is at a right angle to both
    ],
)
@pytest.mark.parametrize("wrong", [False, True])
def test_the_alignment_term_by_hand(patches: list[list[float]], distance: float, wrong: bool) -> None:
    words = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    found = learner()._alignment(_states(words, torch.tensor([patches])), REAL, torch.tensor([wrong]))
    assert found.item() == pytest.approx(-distance if wrong else distance, abs=0.02)


def test_the_alignment_term_pulls_pairs_together_and_pushes_others_apart() -> None:
    torch.manual_seed(0)
    words, patches = (torch.randn(2, n, 5, requires_grad=True) for n in (2, 3))
    wrong, real = torch.tensor([False, True]), REAL.expand(2, -1)
    alone = [torch.tensor([False])] * 2

    def distances() -> list[float]:
        with torch.no_grad():
            rows = [_states(words[i : i + 1], patches[i : i + 1]) for i in range(2)]
            return [objectives._alignment(row, REAL, w).item() for row, w in zip(rows, alone, strict=True)]

    objectives = learner()
    before = distances()
    optimiser = torch.optim.SGD([words, patches], lr=0.5)
    for _ in range(20):
        optimiser.zero_grad()
        objectives._alignment(_states(words, patches), real, wrong).backward()
        optimiser.step()
    after = distances()
    assert after[0] < before[0] - 0.2
    assert after[1] > before[1] + 0.2


@pytest.fixture(scope="module")
def taught() -> tuple[Objectives, list[Losses]]:
    """The objectives after 300 steps in the world of colours, and the losses on the way."""
    found, generator = learner(), torch.Generator().manual_seed(1)
    for parameter in found.encoder.parameters():
        if parameter.ndim > 1:
            # Initial weights for a width of hundreds are too small for one of 24.
            torch.nn.init.normal_(parameter, std=0.2)
    optimiser = torch.optim.AdamW(found.parameters(), lr=3e-3)
    losses = []
    for _ in range(300):
        parts = found(world(64, generator)[0], generator)
        optimiser.zero_grad()
        (parts.words + parts.matching + parts.alignment).backward()
        optimiser.step()
        losses.append(Losses(*(part.detach() for part in parts)))
    return found.eval(), losses


def test_every_loss_falls(taught: tuple[Objectives, list[Losses]]) -> None:
    for name in Losses._fields:
        values = torch.stack([getattr(losses, name) for losses in taught[1]])
        assert values[-40:].mean() < values[:40].mean() - 0.1, name


def test_a_masked_colour_is_read_off_the_image(taught: tuple[Objectives, list[Losses]]) -> None:
    found = taught[0]
    x, colours = world(200, torch.Generator().manual_seed(9))
    ids = x.tokens.ids.clone()
    ids[:, 1] = MASK
    with torch.no_grad():
        states = found.encoder(JointInput(x.tokens._replace(ids=ids), x.patches)).tokens[:, 1]
        guesses = found.guess(states) @ found.encoder.network.word.weight[found.vocabulary].T + found.bias
    read = found.vocabulary[guesses.argmax(dim=1)] - RED
    assert (read == colours).float().mean() > 0.9
