"""What is not shown: stars, grey, and everything between."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from crisisweave.encoders.joint import JointInput
from crisisweave.encoders.text import Tokens
from crisisweave.rationales.masking import masked, randomly_masked, starred

STAR = 9
CLS, SEP, PAD = 1, 2, 0
# Two tweets: "ab cd" (the first word in two tokens) and "e", padded.
IDS = torch.tensor([[CLS, 11, 12, 13, SEP], [CLS, 14, SEP, PAD, PAD]])
WORDS = torch.tensor([[-1, 0, 0, 1, -1], [-1, 0, -1, -1, -1]])


class Encoder:
    """What masking asks of an encoder."""

    star = STAR
    grey = torch.tensor([7.0, -7.0])


def _tokens() -> Tokens:
    return Tokens(IDS, IDS != PAD, torch.zeros_like(IDS), WORDS)


def _input(patches: Tensor | None = None) -> JointInput:
    return JointInput(_tokens(), torch.arange(12.0).reshape(2, 3, 2) if patches is None else patches)


def test_hidden_words_become_stars_and_special_tokens_never_do() -> None:
    keep = torch.tensor([[False, False, False, True, False], [False] * 5])
    found = starred(_tokens(), keep, STAR)
    assert found.ids.tolist() == [[CLS, STAR, STAR, 13, SEP], [CLS, STAR, SEP, PAD, PAD]]
    for part in ("mask", "types", "words"):
        assert torch.equal(getattr(found, part), getattr(_tokens(), part))
    assert torch.equal(IDS, _tokens().ids), "the input itself stays as it is"


def test_patches_are_shown_hidden_or_mixed_with_grey() -> None:
    x = _input()
    share = torch.tensor([[1.0, 0.0, 0.25], [0.5, 1.0, 0.0]])
    found = masked(x, Encoder(), None, share)  # type: ignore[arg-type]
    # Patch 2 of the first image is (4, 5): a quarter of it and three quarters of grey (7, −7).
    assert found.patches[0].tolist() == [[0, 1], [7, -7], [6.25, -4]]
    assert found.patches[1].tolist() == [[6.5, 0], [8, 9], [7, -7]]
    assert found.tokens is x.tokens
    assert x.patches[0, 1].tolist() == [2, 3], "the input itself stays as it is"


def test_yes_and_no_are_one_and_zero() -> None:
    keep = torch.tensor([[True, False, True], [False, True, False]])
    found, same = (masked(_input(), Encoder(), None, k) for k in (keep, keep.float()))  # type: ignore[arg-type]
    assert torch.equal(found.patches, same.patches)
    assert torch.equal(found.patches[keep], _input().patches[keep]), "to the bit, not nearly"
    assert torch.equal(found.patches[~keep], Encoder.grey.expand(3, 2))


def test_text_alone_has_no_patches_to_hide() -> None:
    x = _input(torch.zeros(2, 0, 0))
    found = masked(x, Encoder(), torch.zeros(2, 5, dtype=torch.bool), torch.zeros(2, 0, dtype=torch.bool))  # type: ignore[arg-type]
    assert found.patches.shape == (2, 0, 0)
    assert found.tokens.ids[1].tolist() == [CLS, STAR, SEP, PAD, PAD]


def _many(rows: float, n: int = 400) -> tuple[Tensor, Tensor]:
    """Which tokens and patches of n copies of the first tweet are shown."""
    torch.manual_seed(0)
    tokens = Tokens(*(part[:1].expand(n, -1) for part in _tokens()))
    found = randomly_masked(JointInput(tokens, torch.zeros(n, 16, 2)), Encoder(), rows)  # type: ignore[arg-type]
    return found.tokens.ids != STAR, found.patches[:, :, 0] == 0


def test_random_masking_hides_whole_words_in_the_asked_share_of_rows() -> None:
    words, patches = _many(0.6)
    assert torch.equal(words[:, 1], words[:, 2]), "both tokens of a word"
    assert words[:, [0, 4]].all()
    whole = words.all(dim=1) & patches.all(dim=1)
    # 40 % are left alone, and few of the others keep all 16 patches and both words.
    assert whole.float().mean().item() == pytest.approx(0.43, abs=0.06)


def test_random_masking_shows_every_degree_of_completeness() -> None:
    shown = _many(1.0)[1].float().mean(dim=1)
    counts = torch.histc(shown, bins=4, min=0, max=1)
    assert counts.min() > 60, counts.tolist()


def test_no_row_is_touched_where_none_is_asked_for() -> None:
    words, patches = _many(0.0)
    assert words.all()
    assert patches.all()
