"""MARMOT: the image is translated into states of its caption's tokens, and BERT reads all three (table 4.3).

Wu and Mebane 2022, as in the authors' public code. Unlike CMB it keeps the image beside the caption:

1. Translator: a BERT reads the caption as a decoder does, each token what stands before it, and in every
   layer looks at the image's local features. Its states are the image in the caption's words.
2. A second BERT reads tweet, caption and translated image side by side, with a token type each; positions
   start anew in each part.
3. Its states are averaged; the head is linear – ReLU – dropout – linear.
"""

from __future__ import annotations

import copy
from typing import cast

import torch
from torch import Tensor, nn

from crisisweave.config.method import MethodConfig
from crisisweave.encoders.bert import Bert, BertShape, ContextAttention, Layer, from_transformers, initialise
from crisisweave.encoders.provider import Encoders
from crisisweave.encoders.text import HubNetwork, TextEncoder, Tokens, pool
from crisisweave.errors import ConfigError
from crisisweave.methods.branches import ImageBranch, TextBranch, classification_head
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch

PARTS = 3
"""Token types: tweet, caption, translated image."""


class MarmotClassifier(Classifier):
    """Tweet, caption and image, the last translated into the caption's tokens."""

    def __init__(self, config: MethodConfig, n_classes: int, encoders: Encoders):
        super().__init__()
        assert config.text is not None
        assert config.image is not None
        self.text_branch = TextBranch(config.text, encoders)
        self.image_branch = ImageBranch(config.image, encoders)
        given = self.text_branch.encoder
        assert given is not None
        # Another encoder around the same tokenizer: who gave the first one may describe it as it was.
        bert = as_bert(given)
        encoder = TextEncoder(bert, given.tokenizer, bert.dim, bert.types)
        if not config.text.tune_embeddings:
            encoder.freeze_embeddings()
        self.translator = Translator(copy.deepcopy(bert), self.image_branch.dim)
        bert.embeddings.token_type_embeddings = _with_third(bert.embeddings.token_type_embeddings)
        self.text_branch.encoder = encoder
        self.head = classification_head(bert.dim, n_classes, config.head)

    @property
    def bert(self) -> Bert:
        """The BERT that reads all parts."""
        assert self.text_branch is not None
        assert self.text_branch.encoder is not None
        network = self.text_branch.encoder.network
        assert isinstance(network, Bert)
        return network

    def forward(self, batch: Batch) -> Tensor:
        """Class scores (B, C)."""
        assert isinstance(batch.text, Tokens)
        text, text_mask, caption, caption_mask = parts(batch.text)
        embeddings = self.bert.embeddings
        translated = self.translator(caption, caption_mask, self._local_features(batch))
        translated = translated + embeddings(caption, torch.zeros_like(caption))
        words = embeddings.word_embeddings
        states = torch.cat([words(text), words(caption), translated], dim=1)
        lengths = torch.tensor([text.shape[1], caption.shape[1], caption.shape[1]], device=text.device)
        types = torch.arange(PARTS, device=text.device).repeat_interleave(lengths)
        positions = torch.cat([torch.arange(int(length), device=text.device) for length in lengths])
        states = states + embeddings.position_embeddings(positions) + embeddings.token_type_embeddings(types)
        states = embeddings.dropout(embeddings.LayerNorm(states))
        mask = torch.cat([text_mask, caption_mask, caption_mask], dim=1)
        scores: Tensor = self.head(pool(self.bert.encode(states, mask), mask, "mean"))
        return scores

    def _local_features(self, batch: Batch) -> Tensor:
        """Features of the image's parts (B, P, d); a frozen encoder's one vector is one part."""
        assert self.image_branch is not None
        assert batch.image is not None
        if self.image_branch.encoder is None:
            return self.image_branch(batch).unsqueeze(1)
        return self.image_branch.encoder.sequence(batch.image)[:, 1:]

    def is_pretrained(self, parameter_name: str) -> bool:
        """Both BERTs came with the text encoder's weights; attention to the image is new."""
        assert self.text_branch is not None
        if parameter_name.startswith("translator."):
            new = ".to_image." in parameter_name or parameter_name.startswith("translator.project.")
            return not new and not self.text_branch.use.name.startswith("tiny:")
        return super().is_pretrained(parameter_name)


class Translator(nn.Module):
    """A BERT that reads the caption and looks at the image."""

    def __init__(self, bert: Bert, image_dim: int):
        super().__init__()
        self.project = nn.Linear(image_dim, bert.dim)
        self.embeddings = bert.embeddings
        self.layers = nn.ModuleList(TranslatorLayer(cast(Layer, layer), bert.shape) for layer in bert.layers)

    def forward(self, ids: Tensor, mask: Tensor, image: Tensor) -> Tensor:
        """The image in the caption's words.

        Args:
            ids: the caption's tokens (B, L).
            mask: True at real ones (B, L).
            image: local features (B, P, D).

        Returns:
            states (B, L, d).
        """
        memory = self.project(image)
        states = self.embeddings(ids, torch.zeros_like(ids))
        length = ids.shape[1]
        before = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()
        visible = before & mask[:, None, None, :]
        for layer in self.layers:
            states = layer(states, visible, memory)
        return states


class TranslatorLayer(nn.Module):
    """A BERT layer with attention to the image between its two halves."""

    def __init__(self, layer: Layer, shape: BertShape):
        super().__init__()
        self.layer = layer
        self.to_image = ContextAttention(shape).apply(initialise)

    def forward(self, states: Tensor, visible: Tensor, memory: Tensor) -> Tensor:
        """States (B, L, d), visible (B, 1, L, L), image (B, P, d) → states (B, L, d)."""
        attended = self.to_image(self.layer.attend(states, visible), memory)
        fed: Tensor = self.layer.feed(attended)
        return fed


def parts(pairs: Tokens) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pairs of tweet and caption taken apart: each begins with the first token and ends with a separator.

    Returns:
        token ids and mask of the tweets (B, L₁), then of the captions (B, L₂).
    """
    is_text, is_caption = pairs.mask & (pairs.types == 0), pairs.mask & (pairs.types == 1)
    longest = int(is_text.sum(dim=1).max())
    counts = is_caption.sum(dim=1)
    # Captions follow texts of different lengths: their tokens move to the front, in their order.
    order = (~is_caption).int().argsort(dim=1, stable=True)[:, : int(counts.max())]
    shown = torch.arange(order.shape[1], device=order.device) < counts[:, None]
    ids = pairs.ids.gather(1, order) * shown
    caption, caption_mask = torch.cat([pairs.ids[:, :1], ids], 1), torch.cat([is_text[:, :1], shown], 1)
    text_mask = is_text[:, :longest]
    return pairs.ids[:, :longest] * text_mask, text_mask, caption, caption_mask


def as_bert(encoder: TextEncoder) -> Bert:
    """The encoder's network as a BERT whose layers can be taken apart.

    Raises:
        ConfigError: it is no BERT.
    """
    network = encoder.network
    if isinstance(network, Bert):
        return network
    if not isinstance(network, HubNetwork) or network.model.config.model_type != "bert":
        raise ConfigError("MARMOT takes BERT apart: give it a BERT as text encoder")
    config = network.model.config
    bert = Bert(
        BertShape(
            vocabulary=config.vocab_size,
            dim=config.hidden_size,
            layers=config.num_hidden_layers,
            heads=config.num_attention_heads,
            intermediate=config.intermediate_size,
            positions=config.max_position_embeddings,
            types=config.type_vocab_size,
            dropout=config.hidden_dropout_prob,
            eps=config.layer_norm_eps,
        )
    )
    bert.load_state_dict(from_transformers(network.model.state_dict(), config.num_hidden_layers), assign=True)
    return bert


def _with_third(types: nn.Embedding) -> nn.Embedding:
    """Token types with one more, near the mean of those that came."""
    wider = nn.Embedding(PARTS, types.embedding_dim, device=types.weight.device)
    with torch.no_grad():
        mean = types.weight.mean(dim=0)
        wider.weight[:-1] = types.weight
        wider.weight[-1] = mean + 0.01 * torch.randn_like(mean)
    return wider


build = MarmotClassifier
