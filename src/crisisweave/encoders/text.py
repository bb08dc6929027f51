"""Text encoders by name, each with its tokenizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from crisisweave.encoders import packages
from crisisweave.encoders.bert import Bert, BertShape, from_transformers
from crisisweave.encoders.clip import ClipText, clip_model, clip_tokenizer
from crisisweave.encoders.hub_cache import from_hub_cache
from crisisweave.encoders.mpnet import load_mpnet
from crisisweave.encoders.names import EncoderName, parse
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError

MINILM = BertShape(vocabulary=30522, dim=384, layers=6, heads=12, intermediate=1536)
# Small enough to train from nothing in seconds; reads MiniLM's vocabulary.
TINY_TEXT = {
    "bert": BertShape(vocabulary=30522, dim=64, layers=2, heads=4, intermediate=128, positions=256),
}


class Tokens(NamedTuple):
    """A batch of token sequences, padded to its longest; all parts are (B, L).

    Attributes:
        ids: token ids.
        mask: True at real tokens.
        types: token types.
        words: position of the token's word in the (first) list of words, −1 at special tokens, at padding and
            in the second list.
    """

    ids: Tensor
    mask: Tensor
    types: Tensor
    words: Tensor

    def to(self, device: torch.device) -> Tokens:
        """The same batch on a device."""
        return Tokens(*(part.to(device, non_blocking=True) for part in self))


class TokenLists(NamedTuple):
    """Token sequences of a whole data set, unpadded; the lists run in parallel."""

    ids: list[np.ndarray]
    types: list[np.ndarray]
    words: list[np.ndarray]

    def lengths(self) -> np.ndarray:
        """Tokens per sequence (N,)."""
        return np.array([len(ids) for ids in self.ids], dtype=np.int64)

    def pad(self, rows: np.ndarray) -> Tokens:
        """The sequences at `rows`, padded with id 0 to the longest among them."""
        longest = max(len(self.ids[row]) for row in rows)
        ids = np.zeros((len(rows), longest), dtype=np.int64)
        types = np.zeros_like(ids)
        words = np.full_like(ids, -1)
        mask = np.zeros(ids.shape, dtype=bool)
        for i, row in enumerate(rows):
            n = len(self.ids[row])
            ids[i, :n], types[i, :n], mask[i, :n] = self.ids[row], self.types[row], True
            words[i, :n] = self.words[row]
        return Tokens(*(torch.from_numpy(part) for part in (ids, mask, types, words)))


def pool(states: Tensor, mask: Tensor, how: str) -> Tensor:
    """Token states (B, L, d) and mask (B, L) → (B, d): the first, the last or the mean of the real ones."""
    if how == "cls":
        return states[:, 0]
    if how == "end":
        return states[torch.arange(len(states), device=states.device), mask.sum(dim=1) - 1]
    weights = mask[:, :, None].to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1)


class TextEncoder(nn.Module):
    """A text encoder with its tokenizer.

    Attributes:
        dim: width d of a token state.
        types: number of token types that the encoder knows.
        longest: most tokens that it reads; null: whatever its method says.
    """

    def __init__(
        self, network: nn.Module, tokenizer: Tokenizer, dim: int, types: int, longest: int | None = None
    ):
        super().__init__()
        self.network = network
        self.dim = dim
        self.types = types
        self.longest = longest
        self.tokenizer = tokenizer

    def forward(self, tokens: Tokens) -> Tensor:
        """Token states (B, L, d)."""
        states: Tensor = self.network(tokens.ids, tokens.mask, tokens.types)
        return states

    def words_only(self) -> TextEncoder:
        """Its word vectors by themselves: each token's state is the same in every text."""
        # Of whatever network: Bert, a hub's or CLIP's.
        words: Callable[[], nn.Embedding] = self.network.words  # type: ignore[assignment]
        table = words()
        return TextEncoder(WordVectors(table), self.tokenizer, table.embedding_dim, self.types)

    def freeze_embeddings(self) -> None:
        """Leave the embeddings as they came."""
        for module in self.network.modules():
            if isinstance(module, nn.Embedding):
                module.requires_grad_(False)

    def tokenizer_json(self) -> str:
        """The tokenizer in the tokenizers library's format."""
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        text: str = self.tokenizer.to_str()
        return text

    def tokenise(
        self, first: list[list[str]], second: list[list[str]] | None = None, max_tokens: int = 128
    ) -> TokenLists:
        """Tokenise lists of words, or pairs of them, each cut to `max_tokens` (the longer half first).

        With a second list, the first has token type 0 and the second type 1.

        Raises:
            ConfigError: pairs are given to an encoder that knows one token type only, or the limit is longer
                than the encoder reads.
        """
        if self.longest is not None and max_tokens > self.longest:
            raise ConfigError(
                f"this text encoder reads {self.longest} tokens at most: set max_tokens to {self.longest}"
            )
        if second is not None and self.types < 2:
            raise ConfigError(
                "this text encoder knows one token type, so it cannot tell tweet and caption apart; "
                "use a BERT-like encoder for methods that read captions"
            )
        return token_lists(self.tokenizer, first, second, max_tokens)


class WordVectors(nn.Module):
    """A table of word vectors in the place of a text encoder."""

    def __init__(self, table: nn.Embedding):
        super().__init__()
        self.table = table

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """Token ids (B, L) → their vectors (B, L, d)."""
        vectors: Tensor = self.table(ids)
        return vectors


def token_lists(
    tokenizer: Tokenizer, first: list[list[str]], second: list[list[str]] | None, max_tokens: int
) -> TokenLists:
    """Lists of words, or pairs of them, as tokens, each cut to `max_tokens` (the longer half first)."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens, strategy="longest_first")
    given = first if second is None else list(zip(first, second, strict=True))
    encodings = tokenizer.encode_batch(given, is_pretokenized=True)
    return TokenLists(
        [np.array(e.ids, dtype=np.int32) for e in encodings],
        [np.array(e.type_ids, dtype=np.int32) for e in encodings],
        [
            np.array(
                [
                    word if sequence == 0 and word is not None else -1
                    for word, sequence in zip(e.word_ids, e.sequence_ids, strict=True)
                ],
                dtype=np.int32,
            )
            for e in encodings
        ],
    )


def load_text_encoder(name: str) -> TextEncoder:
    """The text encoder of a name (see `crisisweave.encoders.names`) with its pretrained weights.

    Raises:
        ConfigError: the name is unknown or names no text encoder.
        WeightsError: its weights are missing here or altered.
    """
    parsed = parse(name)
    if parsed.kind == "package":
        return _packaged(parsed)
    if parsed.kind == "tiny":
        return _tiny(parsed)
    if parsed.kind == "hub":
        return _hub(parsed)
    if parsed.kind == "open_clip":
        return clip_text_encoder(clip_model(parsed), clip_tokenizer())
    raise ConfigError(
        f"encoder '{name}': kind '{parsed.kind}' has no text encoder; use hub, open_clip, package or tiny"
    )


def _wordpiece() -> Tokenizer:
    return Tokenizer.from_file(str(packages.packaged(packages.MINILM_TOKENIZER)))


def _packaged(name: EncoderName) -> TextEncoder:
    if name.model not in packages.TEXT_MODELS:
        raise packages.unknown(name.kind, name.model, packages.TEXT_MODELS)
    if name.model == "mpnet":
        model, tokenizer = load_mpnet()
        return TextEncoder(HubNetwork(model, 1), tokenizer, model.config.hidden_size, 1)
    network = Bert(MINILM)
    weights = load_file(packages.packaged(packages.MINILM_WEIGHTS))
    network.load_state_dict(from_transformers(weights, MINILM.layers))
    return TextEncoder(network, _wordpiece(), MINILM.dim, MINILM.types)


def _tiny(name: EncoderName) -> TextEncoder:
    if name.model not in TINY_TEXT:
        raise packages.unknown(name.kind, name.model, tuple(TINY_TEXT))
    shape = TINY_TEXT[name.model]
    return TextEncoder(Bert(shape), _wordpiece(), shape.dim, shape.types)


def clip_text_encoder(model: Any, tokenizer: Tokenizer) -> TextEncoder:
    """The text half of an open_clip model; `pooling: end` gives what CLIP itself takes of a text.

    Raises:
        ConfigError: the model reads texts in another way than CLIP.
    """
    if getattr(model, "text_pool_type", None) != "argmax" or model.vocab_size != tokenizer.get_vocab_size():
        raise ConfigError(
            "this open_clip model does not read texts as CLIP does; use ViT-B-32-quickgelu, ViT-B-16 or "
            "another of CLIP's own models"
        )
    return TextEncoder(ClipText(model), tokenizer, model.text_projection.shape[1], 1, model.context_length)


class HubNetwork(nn.Module):
    """A transformers model behind our calling convention."""

    def __init__(self, model: Any, types: int):
        super().__init__()
        self.model = model
        self.takes_types = types > 1

    def words(self) -> nn.Embedding:
        """The word vectors."""
        table: nn.Embedding = self.model.get_input_embeddings()
        return table

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        extra = {"token_type_ids": types} if self.takes_types else {}
        states: Tensor = self.model(input_ids=ids, attention_mask=mask.long(), **extra).last_hidden_state
        return states


def _hub(name: EncoderName) -> TextEncoder:
    prepare_torchvision()
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    with from_hub_cache(name) as where:
        config = AutoConfig.from_pretrained(name.model, **where)
        tokenizer = AutoTokenizer.from_pretrained(
            name.model,
            use_fast=True,
            # Tweets come as words: byte-level vocabularies must see the space that stood before each.
            add_prefix_space=True,
            **where,
        )
        model = AutoModel.from_pretrained(name.model, use_safetensors=True, **where)
    # Unused heads would be trained by nothing and stored for nothing.
    model.pooler = None
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    types = getattr(config, "type_vocab_size", 1)
    return TextEncoder(HubNetwork(model, types), backend, config.hidden_size, types)
