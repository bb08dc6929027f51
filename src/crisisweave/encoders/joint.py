"""Joint encoders: words and image patches through one transformer, with what it takes to feed them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from crisisweave.config.joint import Patches
from crisisweave.encoders.text import TokenLists, Tokens, token_lists
from crisisweave.encoders.vilt import JointStates, Vilt
from crisisweave.errors import ConfigError

STAR = "*"
"""Stands in the place of a word that is not shown."""
MASK = "[MASK]"
"""Stands in the place of a word that is to be guessed."""


def known_token(tokenizer: Tokenizer, token: str) -> int:
    """The id of a token that a method cannot do without.

    Raises:
        ConfigError: the tokenizer does not know it.
    """
    found = tokenizer.token_to_id(token)
    if found is None:
        raise ConfigError(
            f"the tokenizer of this encoder has no token '{token}'; use one with BERT's vocabulary"
        )
    return int(found)


class JointInput(NamedTuple):
    """What a joint encoder reads.

    Attributes:
        tokens: the text's tokens, each part (B, L).
        patches: what the patch embedding reads (B, P, D), float32, row by row; P is 0 for text alone.
    """

    tokens: Tokens
    patches: Tensor


class JointEncoder(nn.Module):
    """A ViLT with its tokenizer and the normalisation of its patches.

    Args:
        network: the transformer.
        tokenizer: of its vocabulary.
        patches: how an image is cut up. Patches that come as features are brought to mean 0 and deviation 1.

    Attributes:
        dim: width d of a state.
        patches: as given.
        grid: rows and columns of patches.
        positions: longest text in tokens.
        star: id of the token `*`.
        mask: id of the token that stands for a masked one.
        grey: a grey patch as the patch embedding reads it (D,).
    """

    grey: Tensor
    patch_mean: Tensor
    patch_std: Tensor

    def __init__(self, network: Vilt, tokenizer: Tokenizer, patches: Patches):
        super().__init__()
        self.network = network
        self.dim = network.shape.dim
        self.grid = network.shape.grid
        self.patches = patches
        self.positions = network.shape.positions
        self._tokenizer = tokenizer
        self.star, self.mask = (known_token(tokenizer, token) for token in (STAR, MASK))
        width = network.shape.patch_dim
        # Pixels at mid-grey are zero once normalised; of features, `fit_patches` says what grey is.
        self.register_buffer("grey", torch.zeros(width))
        self.register_buffer("patch_mean", torch.zeros(width))
        self.register_buffer("patch_std", torch.ones(width))

    def fit_patches(self, features: Tensor, grey: Tensor) -> None:
        """Measure mean and deviation of patch features (N, P, D), and note those of a grey patch (D,)."""
        flat = features.reshape(-1, features.shape[-1]).float()
        deviation = flat.std(dim=0)
        self.patch_mean.copy_(flat.mean(dim=0))
        # A feature that hardly varies in train must not drown the others later.
        self.patch_std.copy_(deviation.clamp(min=float(deviation.mean()) / 100))
        self.grey.copy_((grey - self.patch_mean) / self.patch_std)

    def read(self, tokens: Tokens, image: Tensor | None) -> JointInput:
        """Tokens, and pixels (B, S, S, 3) uint8 or patch features (B, P, D), as the encoder reads them."""
        assert image is not None
        if self.patches.encoder is not None:
            return JointInput(tokens, (image.float() - self.patch_mean) / self.patch_std)
        rows, columns = self.grid
        side = self.patches.patch
        cut = image.view(len(image), rows, side, columns, side, 3).permute(0, 1, 3, 5, 2, 4)
        return JointInput(tokens, cut.reshape(len(image), rows * columns, -1).float() / 127.5 - 1)

    def tokenise(self, words: list[list[str]], max_tokens: int) -> TokenLists:
        """Lists of words as tokens, each cut to `max_tokens`."""
        return token_lists(self._tokenizer, words, None, max_tokens)

    def tokenizer_json(self) -> str:
        """The tokenizer in the tokenizers library's format."""
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        text: str = self._tokenizer.to_str()
        return text

    def embed(self, x: JointInput) -> tuple[Tensor, Tensor]:
        """Embeddings of tokens (B, L, d) and patches (B, P, d), with positions and types."""
        return self.network.embed(x.tokens.ids, x.tokens.types, x.patches)

    def encode(
        self, tokens: Tensor, patches: Tensor, mask: Tensor, attentions: list[Tensor] | None = None
    ) -> JointStates:
        """States of embeddings; see `Vilt.encode`."""
        return self.network.encode(tokens, patches, mask, attentions)

    def forward(self, x: JointInput) -> JointStates:
        """States of a batch."""
        return self.encode(*self.embed(x), x.tokens.mask)
