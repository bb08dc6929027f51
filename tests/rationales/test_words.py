"""The word head, its loss, and the choice of words, by known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crisisweave.encoders.text import Tokens
from crisisweave.rationales.words import WordHead, chosen_words, over_words, rationale_loss, word_f1


def _logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_the_loss_by_hand() -> None:
    # One tweet of three tokens, r = (1, 0, 0) and p = (0.8, 0.4, 0.1): n = 3, w = (3/1, 3/2, 3/2).
    logits = torch.tensor([[_logit(0.8), _logit(0.4), _logit(0.1)]])
    expected = -(3 * math.log(0.8) + 1.5 * math.log(0.6) + 1.5 * math.log(0.9)) / 3
    found = rationale_loss(logits, torch.tensor([[1, 0, 0]]))
    assert found.item() == pytest.approx(expected, rel=1e-5)


def _equation_1(logits: np.ndarray, gold: np.ndarray) -> float:
    """The formula as it stands, tweet by tweet and token by token."""
    losses = []
    for row, marks in zip(logits, gold, strict=True):
        real = [j for j in range(len(marks)) if marks[j] >= 0]
        n, summed = len(real), 0.0
        for j in real:
            p, r = 1 / (1 + math.exp(-row[j])), marks[j]
            weight = n / sum(marks[k] == r for k in real)
            summed += weight * (r * math.log(p) + (1 - r) * math.log(1 - p))
        if n:
            losses.append(-summed / n)
    return sum(losses) / len(losses)


def test_the_loss_is_its_formula() -> None:
    draw = np.random.default_rng(0)
    for _ in range(20):
        logits = draw.normal(size=(5, 9), scale=2)
        gold = draw.integers(-1, 2, size=(5, 9))
        gold[0] = -1  # a tweet that nobody annotated
        gold[1, gold[1] == 0] = 1  # only rationale
        gold[2, gold[2] == 1] = 0  # none
        gold[:3, 8], gold[1, 0], gold[2, 0] = -1, 1, 0
        found = rationale_loss(torch.from_numpy(logits), torch.from_numpy(gold))
        assert found.item() == pytest.approx(_equation_1(logits, gold), rel=1e-5)


def test_both_kinds_of_tokens_weigh_the_same_whatever_stands_at_padding() -> None:
    # At p = 0.5 everywhere each kind contributes log 2, be there one token of it or six; padding none.
    gold = torch.tensor([[1, 0, 0, 0, 0, 0, 0, -1, -1]])
    assert rationale_loss(torch.zeros(1, 9), gold).item() == pytest.approx(2 * math.log(2))
    longer = torch.cat([gold, torch.full((1, 50), -1)], dim=1)
    loud = torch.zeros(1, 59)
    loud[:, 7:] = 100.0
    assert rationale_loss(loud, longer).item() == pytest.approx(2 * math.log(2))


def test_padding_and_unknown_tweets_get_no_gradient() -> None:
    logits = torch.zeros(2, 4, requires_grad=True)
    gold = torch.tensor([[1, 0, -1, -1], [-1, -1, -1, -1]])
    rationale_loss(logits, gold).backward()
    assert (logits.grad != 0).tolist() == [[True, True, False, False], [False] * 4]


def test_a_batch_without_annotated_tweets_has_no_loss() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    loss = rationale_loss(logits, torch.full((2, 3), -1))
    loss.backward()
    assert loss.item() == 0
    assert not logits.grad.any()


LENGTHS = torch.tensor([5, 2, 7, 1])
MASK = torch.arange(7)[None, :] < LENGTHS[:, None]


def _disagreement(head: nn.Module) -> float:
    """How much a tweet's logits change with the batch that it is in."""
    torch.manual_seed(1)
    states = torch.randn(4, 7, 6)
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        together = head(states, MASK)
        shuffled = head(states[order], MASK[order])
        worst = (shuffled - together[order]).abs().max()
        for i, n in enumerate(LENGTHS.tolist()):
            alone = head(states[i : i + 1, :n], MASK[i : i + 1, :n])[0]
            worst = torch.maximum(worst, (alone - together[i, :n]).abs().max())
    return worst.item()


class AcrossTweets(nn.Module):
    """The flaw that is guarded against: a recurrence over the first axis, which is the batch."""

    def __init__(self, head: WordHead):
        super().__init__()
        self.head = head
        self.gru = nn.GRU(6, 5, bidirectional=True)
        self.gru.load_state_dict(head.gru.state_dict())

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        return self.head.output(self.gru(states)[0])[:, :, 0].masked_fill(~mask, 0.0)


def test_a_tweet_alone_in_a_batch_and_in_a_shuffled_batch_has_the_same_word_scores() -> None:
    torch.manual_seed(0)
    head = WordHead(6, 5)
    assert _disagreement(head) < 1e-6
    assert _disagreement(AcrossTweets(head)) > 0.01, "this test must be able to fail"


def test_the_recurrence_runs_along_the_tweet_in_both_directions() -> None:
    torch.manual_seed(0)
    head = WordHead(6, 5)
    states = torch.randn(1, 7, 6)
    mask = torch.ones(1, 7, dtype=torch.bool)
    before = head(states, mask)[0]
    for changed, far in ((0, 6), (6, 0)):
        other = states.clone()
        other[0, changed] += 1
        assert (head(other, mask)[0, far] - before[far]).abs() > 1e-5


def test_padding_has_no_word_score_and_its_states_do_not_matter() -> None:
    torch.manual_seed(0)
    head = WordHead(6, 5)
    states = torch.randn(4, 7, 6)
    found = head(states, MASK)
    assert not found[~MASK].any()
    assert torch.equal(head(torch.where(MASK[..., None], states, 1e3), MASK), found)


def _tokens(words: list[list[int]]) -> Tokens:
    of_word = torch.tensor(words)
    return Tokens(
        of_word + 10, torch.ones_like(of_word, dtype=torch.bool), torch.zeros_like(of_word), of_word
    )


def test_a_word_has_the_score_of_its_highest_token() -> None:
    tokens = _tokens([[-1, 0, 0, 1, 2, 2, -1], [-1, 0, 1, -1, -1, -1, -1]])
    scores = torch.tensor([[0.9, 0.1, 0.6, 0.2, 0.5, 0.3, 0.9], [0.9, 0.4, 0.3, 0.9, 0.9, 0.9, 0.9]])
    assert over_words(scores, tokens).tolist() == torch.tensor(
        [[0.0, 0.6, 0.6, 0.2, 0.5, 0.5, 0.0], [0.0, 0.4, 0.3, 0.0, 0.0, 0.0, 0.0]]
    ).tolist()  # fmt: skip


def test_words_at_the_threshold_are_chosen_whole() -> None:
    tokens = _tokens([[-1, 0, 0, 1, 2, -1]])
    scores = over_words(torch.tensor([[0.9, 0.1, 0.5, 0.49, 0.7, 0.9]]), tokens)
    assert chosen_words(scores, tokens, 0.5).tolist() == [[False, True, True, False, True, False]]


def test_where_no_word_reaches_the_threshold_the_best_is_kept() -> None:
    tokens = _tokens([[-1, 0, 1, 1, 2, -1], [-1, 0, 1, 2, 3, -1]])
    scores = over_words(
        torch.tensor([[0.9, 0.1, 0.2, 0.3, 0.2, 0.9], [0.9, 0.2, 0.3, 0.3, 0.1, 0.9]]), tokens
    )
    assert chosen_words(scores, tokens, 0.5).tolist() == [
        [False, False, True, True, False, False],
        # Of two that are equally good the first.
        [False, False, True, False, False, False],
    ]


def test_the_best_word_is_kept_even_if_nothing_speaks_for_it() -> None:
    tokens = _tokens([[-1, 0, 1, -1]])
    assert chosen_words(torch.zeros(1, 4), tokens, 0.5).tolist() == [[False, True, False, False]]


def test_a_tweet_without_words_has_no_rationale() -> None:
    tokens = _tokens([[-1, -1, -1], [-1, 0, -1]])
    scores = over_words(torch.tensor([[0.9, 0.9, 0.9], [0.9, 0.2, 0.9]]), tokens)
    assert scores.tolist() == torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.2, 0.0]]).tolist()
    assert chosen_words(scores, tokens, 0.5).tolist() == [[False] * 3, [False, True, False]]
    nobody = _tokens([[-1, -1]])
    assert not over_words(torch.ones(1, 2), nobody).any()
    assert not chosen_words(torch.zeros(1, 2), nobody, 0.5).any()


def test_word_f1_counts_words_not_tokens() -> None:
    # Three words of one, two and one token; then an empty rationale, and a tweet that nobody annotated.
    words = torch.tensor([[-1, 0, 1, 1, 2, -1]]).repeat(3, 1)
    real = torch.ones_like(words, dtype=torch.bool)
    tokens = Tokens(torch.ones_like(words), real, torch.zeros_like(words), words)
    selected = torch.tensor([[0, 1, 1, 1, 0, 0]]).bool().repeat(3, 1)
    gold = torch.tensor([[-1, 0, 1, 1, 1, -1], [-1, 0, 0, 0, 0, -1], [-1] * 6])
    scores = word_f1(selected, gold, tokens)
    # Chosen: words 0 and 1; wanted: words 1 and 2.
    assert scores[0] == 0.5
    assert scores[1:].isnan().all()
