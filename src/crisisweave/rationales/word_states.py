"""Words as a frozen text encoder sees them: the mean of their tokens' states in some of its layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from crisisweave.datasets.text import model_words
from crisisweave.encoders.bert import Bert
from crisisweave.encoders.names import parse
from crisisweave.encoders.text import Tokens, load_text_encoder
from crisisweave.errors import ConfigError

_BATCH = 64


class WordEncoder:
    """A frozen encoder that gives one vector per word.

    Args:
        name: a text encoder of kind `package`, whose weights are known by their hash.
        layers: layers to read, 0 being the embeddings; their states stand side by side.
        max_tokens: longest token sequence.

    Raises:
        ConfigError: the encoder is of another kind, or has no such layer.
    """

    def __init__(self, name: str, layers: Sequence[int], max_tokens: int):
        # A tagger's folder holds no encoder, so its weights must be the same wherever it is loaded.
        if parse(name).kind != "package":
            raise ConfigError(f"encoder '{name}': taggers read package encoders; use package:minilm")
        encoder = load_text_encoder(name)
        assert isinstance(encoder.network, Bert)
        known = len(encoder.network.layers)
        for layer in layers:
            if not 0 <= layer <= known:
                raise ConfigError(
                    f"encoder '{name}' has the layers 0 to {known}, not {layer}; correct 'layers'"
                )
        self._encoder = encoder.eval()
        self._network = encoder.network
        self._layers = list(layers)
        self._max_tokens = max_tokens
        self.dim = encoder.dim * len(self._layers)

    @torch.inference_mode()
    def states(self, words: Sequence[Sequence[str]]) -> list[Tensor]:
        """Word vectors of each tweet (n, dim); n leaves out words that were cut off by `max_tokens`.

        URLs and mentions are read as one word each. A word without tokens (a lone variation selector) is 0.
        """
        read = [model_words(" ".join(tweet)) for tweet in words]
        lists = self._encoder.tokenise(read, max_tokens=self._max_tokens)
        lengths = lists.lengths()
        result: list[Tensor] = [torch.empty(0, self.dim)] * len(words)
        # Tweets of one length together: little padding, and the order of the given list does not matter.
        order = np.argsort(lengths, kind="stable")
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            tokens = lists.pad(rows)
            states = self._read(tokens)
            for state, of_word, row in zip(states, tokens.words, rows, strict=True):
                cut = lengths[row] == self._max_tokens
                seen = int(of_word.max()) + 1 if cut else len(words[row])
                result[row] = _per_word(state, of_word, seen)
        return result

    def _read(self, tokens: Tokens) -> Tensor:
        """(B, L, dim) states of the chosen layers."""
        mask = None if bool(tokens.mask.all()) else tokens.mask[:, None, None, :]
        states = self._network.embeddings(tokens.ids, tokens.types)
        read = [states]
        for layer in self._network.layers[: max(self._layers)]:
            states = layer(states, mask)
            read.append(states)
        return torch.cat([read[layer] for layer in self._layers], dim=2)


def _per_word(states: Tensor, of_word: Tensor, words: int) -> Tensor:
    """Token states (L, d) → mean per word (words, d)."""
    real = of_word >= 0
    summed = torch.zeros(words, states.shape[1]).index_add_(0, of_word[real], states[real])
    counts = torch.bincount(of_word[real], minlength=words).clamp(min=1)
    return summed / counts[:, None]
