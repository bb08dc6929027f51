"""What a joint encoder learns from pairs: masked words, which image belongs, which patch a word speaks of.

ViLT's three objectives (Kim, Son and Kim 2021, section 3.2). One pass, with a part of the words masked and
half of the images exchanged, serves all three.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crisisweave.encoders.joint import JointEncoder, JointInput
from crisisweave.encoders.text import Tokens
from crisisweave.encoders.vilt import JointStates
from crisisweave.rationales.transport import cosine_cost, ipot, transport_distance

ALIGNMENT_STEPS = 50


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
        self.register_buffer("vocabulary", vocabulary)
        position = torch.full((words.num_embeddings,), -1)
        position[vocabulary] = torch.arange(len(vocabulary))
        self.register_buffer("back", position)

    def forward(self, x: JointInput, generator: torch.Generator) -> Losses:
        """The losses of B pairs of different images."""
        tokens, device = x.tokens, x.tokens.ids.device
        n = len(tokens.ids)
        drawn = torch.rand(tokens.ids.shape, generator=generator).to(device)
        hidden = (drawn < self.share) & (tokens.words >= 0)
        wrong = (torch.rand(n, generator=generator) < 0.5).to(device)
        seen = tokens._replace(ids=tokens.ids.masked_fill(hidden, self.mask))
        patches = torch.where(wrong[:, None, None], x.patches.roll(1, 0), x.patches)
        states = self.encoder(JointInput(seen, patches))
        return Losses(
            self._words(states.tokens, tokens, hidden & ~wrong[:, None]),
            F.cross_entropy(self.match(states.pooled), (~wrong).long()),
            self._alignment(states, tokens.words >= 0, wrong),
        )

    def _words(self, states: Tensor, tokens: Tokens, asked: Tensor) -> Tensor:
        table = self.encoder.network.word.weight[self.vocabulary]
        truth = self.back[tokens.ids[asked]]
        guesses = self.guess(states[asked]) @ table.T + self.bias
        # A batch in which no known word is masked has nothing to learn from.
        return F.cross_entropy(guesses, truth, ignore_index=-1, reduction="sum") / (truth >= 0).sum().clamp(1)

    def _alignment(self, states: JointStates, real: Tensor, wrong: Tensor) -> Tensor:
        """The transport distance of pairs that belong together, less that of pairs that do not, per row."""
        cost = cosine_cost(states.tokens, states.patches)
        plan = ipot(cost.detach(), real, real.new_ones(len(cost), cost.shape[2]), steps=ALIGNMENT_STEPS)
        distances = transport_distance(cost, plan)
        return torch.where(wrong, -distances, distances).mean()
