"""Generation for many images at once, with a key–value cache.

All prefixes have the same length, so nothing is padded and every row of a batch stands at the same position.
Images whose candidates are all finished leave the batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from crisisweave.captioning.language_model import KeyValueCache
from crisisweave.config.captioner import Decoding


class Decoder(Protocol):
    """What writes token by token: a language model by itself, or one that looks at an image."""

    @property
    def wte(self) -> Callable[[Tensor], Tensor]:
        """Tokens → their embeddings."""

    def cache(self, rows: int, capacity: int) -> KeyValueCache:
        """An empty cache for `rows` sequences of at most `capacity` positions."""

    def states(self, embeddings: Tensor, cache: KeyValueCache) -> Tensor:
        """Final states of embeddings that continue what the cache holds."""

    def logits(self, states: Tensor) -> Tensor:
        """Scores of the next token."""


class Candidate(NamedTuple):
    """One generated caption.

    `tokens` includes the stop token if it was reached; `score` is the mean log-probability per token.
    """

    tokens: tuple[int, ...]
    score: float


def generate(
    model: Decoder, prefix: Tensor, config: Decoding, stop: int, seeds: Sequence[int]
) -> list[list[Candidate]]:
    """Candidates of every image, the best score first.

    Args:
        model: in evaluation mode.
        prefix: (n, k, width).
        config: method and its settings.
        stop: id of the token that ends a caption.
        seeds: one per image (nucleus only), so that an image's samples do not depend on its batch.
    """
    with torch.inference_mode():
        if config.method == "nucleus":
            return nucleus(
                model,
                prefix,
                samples=config.candidates,
                top_p=config.top_p,
                temperature=config.temperature,
                stop=stop,
                max_tokens=config.max_tokens,
                seeds=seeds,
            )
        return beam(model, prefix, width=config.candidates, stop=stop, max_tokens=config.max_tokens)


def beam(model: Decoder, prefix: Tensor, *, width: int, stop: int, max_tokens: int) -> list[list[Candidate]]:
    """Beam search as in ClipCap: beams compete by mean log-probability; a finished one stays and competes on.

    A width of 1 is greedy decoding. Fewer than `width` candidates come back only where the vocabulary does
    not hold as many sequences.
    """
    n, k, _ = prefix.shape
    device = prefix.device
    results: list[list[Candidate]] = [[] for _ in range(n)]
    images = torch.arange(n, device=device)
    sums = torch.full((n, width), -torch.inf, device=device)
    sums[:, 0] = 0.0  # all beams start equal: only one of them may be continued
    lengths = torch.zeros((n, width), device=device)
    stopped = torch.zeros((n, width), dtype=torch.bool, device=device)
    tokens = torch.empty((n, width, 0), dtype=torch.long, device=device)

    cache = model.cache(n, k + max_tokens)
    states = model.states(prefix, cache)[:, -1].repeat_interleave(width, dim=0)
    cache.select(torch.arange(n, device=device).repeat_interleave(width))
    for step in range(max_tokens):
        log_probs = model.logits(states).log_softmax(-1).view(len(images), width, -1)
        vocabulary = log_probs.shape[-1]
        # A finished beam has one continuation, itself: written as token 0 at no cost.
        log_probs = log_probs.masked_fill(stopped[..., None], -torch.inf)
        log_probs[..., 0] = log_probs[..., 0].masked_fill(stopped, 0.0)
        lengths = lengths + ~stopped
        extended = sums[..., None] + log_probs
        chosen = (extended / lengths[..., None]).flatten(1).topk(width).indices
        source, token = chosen // vocabulary, chosen % vocabulary
        sums = extended.flatten(1).gather(1, chosen)
        lengths = lengths.gather(1, source)
        stopped = stopped.gather(1, source)
        tokens = torch.cat([tokens.gather(1, source[..., None].expand(-1, -1, step)), token[..., None]], 2)
        stopped = stopped | (token == stop)

        last = step == max_tokens - 1
        done = stopped.all(1) | last
        for i in done.nonzero().flatten().tolist():
            results[int(images[i])] = _ranked(tokens[i], sums[i], lengths[i])
        if bool(done.all()):
            break
        going = (~done).nonzero().flatten()
        rows = (going[:, None] * width + source[going]).flatten()
        images, sums, lengths = images[going], sums[going], lengths[going]
        stopped, tokens = stopped[going], tokens[going]
        if width > 1 or len(going) < len(done):
            cache.select(rows)
        states = model.states(model.wte(tokens[..., -1].reshape(-1, 1)), cache)[:, -1]
    return results


def nucleus(
    model: Decoder,
    prefix: Tensor,
    *,
    samples: int,
    top_p: float,
    temperature: float,
    stop: int,
    max_tokens: int,
    seeds: Sequence[int],
) -> list[list[Candidate]]:
    """Top-p sampling (Holtzman et al. 2020): from the fewest tokens whose probabilities reach `top_p`.

    All of an image's random numbers are drawn beforehand from its own seed. The score is the mean
    log-probability under the whole distribution at temperature 1.
    """
    n, k, _ = prefix.shape
    device = prefix.device
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    uniform = torch.cat(
        [torch.rand((samples, max_tokens), generator=own, dtype=torch.double) for own in generators]
    ).to(device)
    rows = torch.arange(n * samples, device=device)
    tokens = torch.zeros((n * samples, max_tokens), dtype=torch.long, device=device)
    sums = torch.zeros(n * samples, device=device)
    lengths = torch.zeros(n * samples, dtype=torch.long, device=device)

    cache = model.cache(n, k + max_tokens)
    states = model.states(prefix, cache)[:, -1].repeat_interleave(samples, dim=0)
    cache.select(torch.arange(n, device=device).repeat_interleave(samples))
    for step in range(max_tokens):
        logits = model.logits(states)
        token = _sample(logits, uniform[rows, step], top_p, temperature)
        tokens[rows, step] = token
        sums[rows] += logits.log_softmax(-1).gather(1, token[:, None])[:, 0]
        lengths[rows] += 1
        going = (token != stop).nonzero().flatten()
        if len(going) == 0 or step == max_tokens - 1:
            break
        if len(going) < len(rows):
            cache.select(going)
        rows, token = rows[going], token[going]
        states = model.states(model.wte(token[:, None]), cache)[:, -1]
    return [
        _ranked(tokens[i : i + samples], sums[i : i + samples], lengths[i : i + samples])
        for i in range(0, n * samples, samples)
    ]


def _sample(logits: Tensor, uniform: Tensor, top_p: float, temperature: float) -> Tensor:
    """One token per row of logits (rows, vocabulary): the nucleus inverted at `uniform` (rows,)."""
    probabilities, order = (logits.double() / temperature).softmax(-1).sort(-1, descending=True)
    before = probabilities.cumsum(-1) - probabilities
    cumulated = probabilities.masked_fill(before >= top_p, 0.0).cumsum(-1)
    target = uniform[:, None] * cumulated[:, -1:]
    place = torch.searchsorted(cumulated, target, right=True)
    return order.gather(1, place)[:, 0]


def _ranked(tokens: Tensor, sums: Tensor, lengths: Tensor) -> list[Candidate]:
    """Candidates of one image, best score first, equal scores in the order of their tokens."""
    found = [
        Candidate(tuple(row[: int(length)]), total / int(length))
        for row, total, length in zip(tokens.tolist(), sums.tolist(), lengths.tolist(), strict=True)
        if total > -torch.inf
    ]
    return sorted(found, key=lambda candidate: (-candidate.score, candidate.tokens))
