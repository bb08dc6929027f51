"""LXMERT with what it takes to feed it: its tokenizer, and the scale of the regions' vectors."""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer
from torch import Tensor, nn

from crisisweave.config.regions import Lxmert as LxmertConfig
from crisisweave.config.regions import Regions
from crisisweave.encoders.bert import Bert, BertShape
from crisisweave.encoders.hub_cache import from_hub_cache
from crisisweave.encoders.lxmert import Lxmert, LxmertShape, from_transformers
from crisisweave.encoders.names import parse
from crisisweave.encoders.standardise import Standardise
from crisisweave.encoders.text import TokenLists, Tokens, load_text_encoder, token_lists
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError, WeightsError


class LxmertEncoder(nn.Module):
    """An LXMERT: tokens and regions in, one pooled vector out.

    Attributes:
        dim: width d of the pooled vector.
        positions: longest text in tokens.
        scale: of the regions' vectors; as they come until it is fitted.
    """

    def __init__(self, network: Lxmert, tokenizer: Tokenizer):
        super().__init__()
        self.network = network
        self.dim = network.shape.language.dim
        self.positions = network.shape.language.positions
        self.scale = Standardise(network.shape.region_dim)
        self._tokenizer = tokenizer

    def tokenise(self, words: list[list[str]], max_tokens: int) -> TokenLists:
        """Lists of words as tokens, each cut to `max_tokens` and to what there are positions for."""
        return token_lists(self._tokenizer, words, None, min(max_tokens, self.positions))

    def tokenizer_json(self) -> str:
        """The tokenizer in the tokenizers library's format."""
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        text: str = self._tokenizer.to_str()
        return text

    def forward(self, tokens: Tokens, regions: Tensor) -> Tensor:
        """Tokens and regions (B, R, D + 4), each a vector and its box → pooled states (B, d)."""
        vectors, boxes = regions[..., :-4], regions[..., -4:]
        pooled: Tensor = self.network(tokens.ids, tokens.mask, tokens.types, self.scale(vectors), boxes)
        return pooled


def load_lxmert(config: LxmertConfig, regions: Regions) -> LxmertEncoder:
    """An LXMERT with its pretrained weights: all of them, or those of its language layers.

    Raises:
        ConfigError: it cannot read such regions, its language encoder is no BERT, or no revision is given.
        WeightsError: weights are missing here or altered.
    """
    if config.hub is not None:
        return _published(config, regions)
    assert config.language is not None
    text = load_text_encoder(config.language)
    if not isinstance(text.network, Bert):
        raise ConfigError(
            f"lxmert.language '{config.language}' has other layers than LXMERT's; "
            "use package:minilm or tiny:bert"
        )
    if not config.tune_words:
        text.freeze_embeddings()
    shape = LxmertShape(text.network.shape, regions.width, config.relation_layers, config.cross_layers)
    return LxmertEncoder(Lxmert(shape, text.network), text.tokenizer)


def _published(config: LxmertConfig, regions: Regions) -> LxmertEncoder:
    assert config.hub is not None
    name = parse(config.hub.encoder_name("the method's lxmert.hub"))
    prepare_torchvision()
    from transformers import AutoTokenizer, LxmertModel

    with from_hub_cache(name) as where:
        model = LxmertModel.from_pretrained(name.model, use_safetensors=True, **where)
        tokenizer = AutoTokenizer.from_pretrained(name.model, use_fast=True, **where)
    shape = shape_of(model.config)
    if shape.region_dim != regions.width:
        raise ConfigError(
            f"{name.model} reads {shape.region_dim} numbers of each region, but regions.width is "
            f"{regions.width}; take regions of that width"
        )
    network = Lxmert(shape)
    network.load_state_dict(from_transformers(model.state_dict(), shape))
    return LxmertEncoder(network, Tokenizer.from_str(tokenizer.backend_tokenizer.to_str()))


def shape_of(config: Any) -> LxmertShape:
    """The sizes of a transformers `LxmertConfig`.

    Raises:
        WeightsError: it has parts that this LXMERT lacks.
    """
    if (config.hidden_act, config.visual_pos_dim) != ("gelu", 4):
        raise WeightsError("this LXMERT has other activations or boxes than the published one; use that")
    language = BertShape(
        vocabulary=config.vocab_size,
        dim=config.hidden_size,
        layers=config.l_layers,
        heads=config.num_attention_heads,
        intermediate=config.intermediate_size,
        positions=config.max_position_embeddings,
        types=config.type_vocab_size,
        dropout=config.hidden_dropout_prob,
    )
    return LxmertShape(language, config.visual_feat_dim, config.r_layers, config.x_layers)
