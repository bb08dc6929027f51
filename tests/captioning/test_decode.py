"""Batched decoding with a cache against naive references that do one image and no cache."""

import itertools

import pytest
import torch

from crisisweave.captioning.decode import _sample, beam, nucleus
from crisisweave.captioning.language_model import CausalLanguageModel
from crisisweave.config.captioner import LanguageModel

STOP = 3


def language_model(vocabulary: int) -> CausalLanguageModel:
    """A random model whose next-token distributions are far from uniform, so that captions differ."""
    torch.manual_seed(5)
    shape = LanguageModel(layers=2, heads=2, width=16, positions=24, dropout=0.0)
    model = CausalLanguageModel(shape, vocabulary).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


def prefixes(n: int) -> torch.Tensor:
    return 2 * torch.randn((n, 3, 16), generator=torch.Generator().manual_seed(6))


def next_log_probs(model, prefix, tokens):
    """log p(next | one image's prefix (k, width), tokens so far), from scratch."""
    embedded = model.wte(torch.tensor(tokens, dtype=torch.long))
    states = model.states(torch.cat([prefix, embedded])[None])
    return model.logits(states[:, -1]).log_softmax(-1)[0].tolist()


def naive_greedy(model, prefix, max_tokens):
    tokens = []
    while len(tokens) < max_tokens and STOP not in tokens:
        scores = next_log_probs(model, prefix, tokens)
        tokens.append(max(range(len(scores)), key=scores.__getitem__))
    return tuple(tokens)


def naive_beam(model, prefix, width, max_tokens):
    """Beam search over Python lists: (tokens, sum), ranked by mean log-probability."""
    beams = [((), 0.0)]
    for _ in range(max_tokens):
        extended = []
        for tokens, total in beams:
            if tokens and tokens[-1] == STOP:
                extended.append((tokens, total))
            else:
                scores = next_log_probs(model, prefix, tokens)
                extended += [((*tokens, t), total + score) for t, score in enumerate(scores)]
        beams = sorted(extended, key=lambda b: -b[1] / len(b[0]))[:width]
    return [tokens for tokens, _ in beams]


@torch.no_grad()
def test_greedy_equals_the_naive_loop():
    model, images = language_model(11), prefixes(9)
    found = [own[0].tokens for own in beam(model, images, width=1, stop=STOP, max_tokens=12)]
    assert found == [naive_greedy(model, image, 12) for image in images]
    assert len({len(tokens) for tokens in found}) > 2  # images leave the batch at different steps


@torch.no_grad()
def test_beam_equals_the_naive_search():
    model, images = language_model(11), prefixes(9)
    found = [[c.tokens for c in own] for own in beam(model, images, width=5, stop=STOP, max_tokens=10)]
    assert found == [naive_beam(model, image, 5, 10) for image in images]


@torch.no_grad()
def test_a_beam_wide_enough_finds_the_best_of_all_sequences():
    model, images, length = language_model(4), prefixes(3), 3
    everything = [
        tokens
        for n in range(1, length + 1)
        for tokens in itertools.product(range(4), repeat=n)
        if STOP not in tokens[:-1] and (n == length or tokens[-1] == STOP)
    ]
    found = beam(model, images, width=64, stop=STOP, max_tokens=length)
    for image, candidates in zip(images, found, strict=True):
        scores = {}
        for tokens in everything:
            steps = [next_log_probs(model, image, tokens[:i])[token] for i, token in enumerate(tokens)]
            scores[tokens] = sum(steps) / len(steps)
        assert [c.tokens for c in candidates] == sorted(everything, key=scores.__getitem__, reverse=True)
        assert [c.score for c in candidates] == pytest.approx(sorted(scores.values(), reverse=True), abs=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("method", ["greedy", "beam", "nucleus"])
def test_candidates_do_not_depend_on_batch_or_order(method):
    model, images = language_model(11), prefixes(8)

    def run(rows):
        if method == "nucleus":
            found = nucleus(
                model,
                images[rows],
                samples=5,
                top_p=0.9,
                temperature=1.0,
                stop=STOP,
                max_tokens=10,
                seeds=[100 + row for row in rows],
            )
        else:
            width = 1 if method == "greedy" else 5
            found = beam(model, images[rows], width=width, stop=STOP, max_tokens=10)
        return {row: [c.tokens for c in own] for row, own in zip(rows, found, strict=True)}

    together = run(list(range(8)))
    assert run([5, 0, 7, 2, 1, 6, 3, 4]) == together
    assert {row: run([row])[row] for row in range(8)} == together


@torch.no_grad()
def test_nucleus_repeats_with_the_seed_and_changes_with_it():
    model, images = language_model(11), prefixes(4)
    settings = {"samples": 5, "top_p": 1.0, "temperature": 1.0, "stop": STOP, "max_tokens": 10}
    first = nucleus(model, images, **settings, seeds=[1, 2, 3, 4])
    assert nucleus(model, images, **settings, seeds=[1, 2, 3, 4]) == first
    assert nucleus(model, images, **settings, seeds=[5, 6, 7, 8]) != first


@torch.no_grad()
def test_nucleus_with_a_tiny_top_p_is_greedy_and_scores_by_mean_log_probability():
    model, images = language_model(11), prefixes(4)
    found = nucleus(
        model, images, samples=2, top_p=1e-6, temperature=1.0, stop=STOP, max_tokens=8, seeds=[0, 1, 2, 3]
    )
    greedy = beam(model, images, width=1, stop=STOP, max_tokens=8)
    for samples, best in zip(found, greedy, strict=True):
        assert [c.tokens for c in samples] == [best[0].tokens] * 2
        assert samples[0].score == pytest.approx(best[0].score, abs=1e-5)


def test_the_nucleus_is_the_fewest_tokens_that_reach_top_p():
    logits = torch.tensor([0.5, 0.1, 0.3, 0.1]).log().expand(1000, 4)
    uniform = torch.linspace(0, 1 - 1e-9, 1000, dtype=torch.double)
    drawn = _sample(logits, uniform, top_p=0.7, temperature=1.0).bincount(minlength=4)
    # 0.5 + 0.3 ≥ 0.7, so tokens 0 and 2 remain, in the proportion 5 : 3.
    assert drawn.tolist() == [625, 0, 375, 0]
