"""A text encoder where a joint one is expected: the same interface, and no patches."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from crisisweave.encoders.bert import Bert
from crisisweave.encoders.joint import MASK, STAR, JointInput, known_token
from crisisweave.encoders.text import TextEncoder, TokenLists, Tokens, pool
from crisisweave.encoders.vilt import JointStates
from crisisweave.errors import ConfigError


class TextOnly(nn.Module):
    """A BERT without images. Attributes as `JointEncoder`; its grid has no patch.

    Args:
        encoder: the text encoder.
        pooling: how token states become one.

    Raises:
        ConfigError: the encoder's layers cannot be read one by one.
    """

    grey: Tensor

    def __init__(self, encoder: TextEncoder, pooling: str):
        super().__init__()
        if not isinstance(encoder.network, Bert):
            raise ConfigError(
                "rationales from text alone need an encoder whose embeddings can be explained; "
                "use package:minilm or tiny:bert"
            )
        self.text = encoder
        self.pooling = pooling
        self.dim = encoder.dim
        self.grid = (0, 0)
        self.patches = None
        self.positions = encoder.network.embeddings.position_embeddings.num_embeddings
        self.star, self.mask = (known_token(encoder.tokenizer, token) for token in (STAR, MASK))
        self.register_buffer("grey", torch.zeros(0))

    @property
    def network(self) -> Bert:
        """The transformer; a property, so that its weights are stored once."""
        network = self.text.network
        assert isinstance(network, Bert)
        return network

    def read(self, tokens: Tokens, image: Tensor | None) -> JointInput:
        """Tokens as the encoder reads them."""
        return JointInput(tokens, tokens.ids.new_zeros(len(tokens.ids), 0, 0, dtype=torch.float32))

    def tokenise(self, words: list[list[str]], max_tokens: int) -> TokenLists:
        """Lists of words as tokens, each cut to `max_tokens`."""
        return self.text.tokenise(words, max_tokens=max_tokens)

    def embed(self, x: JointInput) -> tuple[Tensor, Tensor]:
        """Embeddings of tokens (B, L, d) and of no patches (B, 0, d)."""
        states: Tensor = self.network.embeddings(x.tokens.ids, x.tokens.types)
        return states, states[:, :0]

    def encode(
        self, tokens: Tensor, patches: Tensor, mask: Tensor, attentions: list[Tensor] | None = None
    ) -> JointStates:
        """States of embeddings; the visual CLS is zero."""
        states = self.network.encode(tokens, mask, attentions)
        pooled = pool(states, mask, self.pooling)
        return JointStates(states, torch.zeros_like(pooled), patches, pooled)

    def forward(self, x: JointInput) -> JointStates:
        """States of a batch."""
        return self.encode(*self.embed(x), x.tokens.mask)
