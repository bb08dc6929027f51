"""What a joint encoder learns from pairs: masked words, which image belongs, which patch a word speaks of.

ViLT's three objectives (Kim, Son and Kim 2021, section 3.2). One pass over the pair, with a part of the words
masked and half of the images exchanged, serves the first two. Word–patch alignment is taken from a pass in
which words and patches do not see each other, against all other images of the batch (reconstruction: ViLT
takes it from the joint pass, where the states of all words and patches can tell whether the pair belongs
together without any word being near to its patch).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crisisweave.encoders.joint import JointEncoder, JointInput
from crisisweave.encoders.text import Tokens
from crisisweave.rationales.transport import cosine_cost, ipot, transport_distance

ALIGNMENT_STEPS = 10
"""Proximal steps: the plan of a pair need not be exact to say which of two pairs is the better one."""


class Losses(NamedTuple):
    """Mean losses of a batch."""

    words: Tensor
    matching: Tensor
    alignment: Tensor


class Objectives(nn.Module):
    """A joint encoder with the layers that only pretraining needs.

    Args:
        encoder: is trained.
        vocabulary: ids that occur in training (V,): only these are told apart when words are guessed.
        mask: id of the token that stands for a masked one.
        share: of the words that is masked.
    """

    back: Tensor
    vocabulary: Tensor

    def __init__(self, encoder: JointEncoder, vocabulary: Tensor, mask: int, share: float):
        super().__init__()
        words = encoder.network.word
        self.encoder = encoder
        self.mask, self.share = mask, share
        self.guess = nn.Linear(encoder.dim, words.embedding_dim)
        self.bias = nn.Parameter(torch.zeros(len(vocabulary)))
        self.match = nn.Linear(encoder.dim, 2)
        self.log_scale = nn.Parameter(torch.tensor(3.0))
        self.register_buffer("vocabulary", vocabulary)
        position = torch.full((words.num_embeddings,), -1)
        position[vocabulary] = torch.arange(len(vocabulary))
        self.register_buffer("back", position)

    def forward(self, x: JointInput, generator: torch.Generator) -> Losses:
        """The losses of B pairs of different images."""
        return Losses(*self._joint(x, generator), self._alignment(x))

    def _joint(self, x: JointInput, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        tokens, device = x.tokens, x.tokens.ids.device
        n = len(tokens.ids)
        drawn = torch.rand(tokens.ids.shape, generator=generator).to(device)
        hidden = (drawn < self.share) & (tokens.words >= 0)
        wrong = (torch.rand(n, generator=generator) < 0.5).to(device)
        seen = tokens._replace(ids=tokens.ids.masked_fill(hidden, self.mask))
        patches = torch.where(wrong[:, None, None], x.patches.roll(1, 0), x.patches)
        states = self.encoder(JointInput(seen, patches))
        matching = F.cross_entropy(self.match(states.pooled), (~wrong).long())
        return self._words(states.tokens, tokens, hidden & ~wrong[:, None]), matching

    def _words(self, states: Tensor, tokens: Tokens, asked: Tensor) -> Tensor:
        table = self.encoder.network.word.weight[self.vocabulary]
        truth = self.back[tokens.ids[asked]]
        guesses = self.guess(states[asked]) @ table.T + self.bias
        # A batch in which no known word is masked has nothing to learn from.
        return F.cross_entropy(guesses, truth, ignore_index=-1, reduction="sum") / (truth >= 0).sum().clamp(1)

    def _alignment(self, x: JointInput) -> Tensor:
        """InfoNCE over the transport distances of every text to every image of the batch (B², L, P)."""
        words, patches = self.encoder.apart(x)
        n = len(words)
        real = (x.tokens.words >= 0).repeat_interleave(n, dim=0)
        cost = cosine_cost(words.repeat_interleave(n, dim=0), patches.repeat(n, 1, 1))
        plan = ipot(cost.detach(), real, real.new_ones(n * n, patches.shape[1]), steps=ALIGNMENT_STEPS)
        near = -transport_distance(cost, plan).view(n, n) * self.log_scale.clamp(max=4.6).exp()
        truth = torch.arange(n, device=near.device)
        return (F.cross_entropy(near, truth) + F.cross_entropy(near.T, truth)) / 2
