"""The distribution over runs of words, and the answer with the best expected F1: against enumeration."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crisisweave.rationales.spans import best_run, span_logits, span_loss, span_probabilities, word_marginals


def _random(n: int, seed: int = 0) -> np.ndarray:
    values = np.triu(np.random.default_rng(seed).random((n, n)) ** 4)
    return values / values.sum()


def test_a_run_is_scored_by_its_start_its_end_and_its_words() -> None:
    words, starts, ends = torch.randn(3, 2, 5, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    logits = span_logits(words, starts, ends, mask)
    for row, n in ((0, 5), (1, 3)):
        for i in range(5):
            for j in range(5):
                if i <= j < n:
                    expected = starts[row, i] + ends[row, j] + words[row, i : j + 1].sum()
                    torch.testing.assert_close(logits[row, i, j], expected)
                else:
                    assert logits[row, i, j] == -torch.inf
    probabilities = span_probabilities(logits)
    torch.testing.assert_close(probabilities.sum(dim=(1, 2)), torch.ones(2))
    loss = span_loss(logits, torch.tensor([1, 0]), torch.tensor([4, 2]))
    torch.testing.assert_close(loss, -(probabilities[0, 1, 4].log() + probabilities[1, 0, 2].log()) / 2)


def test_padding_changes_nothing() -> None:
    words, starts, ends = torch.randn(3, 1, 4, generator=torch.Generator().manual_seed(1))
    alone = span_probabilities(span_logits(words, starts, ends, torch.ones(1, 4, dtype=torch.bool)))
    padded = [torch.cat([part, torch.full((1, 3), 9.0)], dim=1) for part in (words, starts, ends)]
    mask = torch.tensor([[True] * 4 + [False] * 3])
    torch.testing.assert_close(span_probabilities(span_logits(*padded, mask))[:, :4, :4], alone)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_marginals_are_sums_over_runs(n: int) -> None:
    p = _random(n)
    for word in range(n):
        expected = sum(p[i, j] for i in range(n) for j in range(i, n) if i <= word <= j)
        assert word_marginals(p)[word] == pytest.approx(expected)


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("seed", range(4))
def test_the_best_run_has_the_highest_expected_f1(n: int, seed: int) -> None:
    p = _random(n, seed)
    runs = [(i, j) for i in range(n) for j in range(i, n)]

    def f1(a: tuple[int, int], b: tuple[int, int]) -> float:
        shared = max(0, min(a[1], b[1]) - max(a[0], b[0]) + 1)
        return 2 * shared / (a[1] - a[0] + 1 + b[1] - b[0] + 1)

    expected = {run: sum(p[true] * f1(run, true) for true in runs) for run in runs}
    start, end = best_run(p)
    assert expected[start, end - 1] == pytest.approx(max(expected.values()))


def test_either_a_clause_or_all_is_not_answered_by_half_of_each() -> None:
    p = np.zeros((8, 8))
    p[0, 7], p[3, 4] = 0.6, 0.4
    assert best_run(p) == (0, 8)
    p[0, 7], p[3, 4] = 0.2, 0.8
    assert best_run(p) == (3, 5)
