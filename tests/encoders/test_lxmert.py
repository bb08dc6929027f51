"""LXMERT in plain torch gives what the library's LXMERT gives, on the same random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crisisweave.config.hub import HubModel
from crisisweave.config.regions import Lxmert as LxmertConfig
from crisisweave.config.regions import Regions
from crisisweave.encoders.lxmert import Lxmert, from_transformers
from crisisweave.encoders.lxmert_encoder import load_lxmert, shape_of
from crisisweave.encoders.text import load_text_encoder
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError, WeightsError

REGIONS = Regions(detector="tiny:detr", boxes=5, size=32, width=12)


def _library_model(**changes: Any) -> Any:
    prepare_torchvision()
    from transformers import LxmertConfig as LibraryConfig
    from transformers import LxmertModel

    torch.manual_seed(0)
    config = LibraryConfig(
        vocab_size=50,
        hidden_size=16,
        num_attention_heads=4,
        intermediate_size=24,
        max_position_embeddings=20,
        l_layers=2,
        x_layers=3,
        r_layers=2,
        visual_feat_dim=12,
        **changes,
    )
    model = LxmertModel(config).eval()
    # As initialised, every bias is 0 and every norm the identity: a mix-up of them would go unnoticed.
    for name, parameter in model.named_parameters():
        norm = name.lower().endswith(("layernorm.weight", "layer_norm.weight"))
        torch.nn.init.normal_(parameter, mean=float(norm), std=0.5)
    return model


@pytest.fixture(scope="module")
def library() -> Any:
    """A small LXMERT of the library with random weights."""
    return _library_model()


def _ours(library: Any) -> Lxmert:
    shape = shape_of(library.config)
    network = Lxmert(shape).eval()
    network.load_state_dict(from_transformers(library.state_dict(), shape))
    return network


def _batch(padded: bool) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(1, 50, (3, 7), generator=generator)
    mask = torch.ones(3, 7, dtype=torch.bool)
    if padded:
        mask[1, 4:] = False
        ids[1, 4:] = 0
    types = torch.randint(0, 2, (3, 7), generator=generator)
    regions = torch.randn(3, 5, 12, generator=generator)
    return ids, mask, types, regions, torch.rand(3, 5, 4, generator=generator)


@pytest.mark.parametrize("padded", [False, True])
def test_the_pooled_state_is_the_library_s(library: Any, padded: bool) -> None:
    ids, mask, types, regions, boxes = _batch(padded)
    with torch.no_grad():
        found = _ours(library)(ids, mask, types, regions, boxes)
        expected = library(
            input_ids=ids,
            attention_mask=mask.long(),
            token_type_ids=types,
            visual_feats=regions,
            visual_pos=boxes,
        )
    assert torch.allclose(found, expected.pooled_output, atol=1e-5)
    assert found.std() > 0.1, "states that never vary prove nothing"


def test_all_but_the_last_layer_s_work_on_regions_is_taken_over(library: Any) -> None:
    theirs = sum(p.numel() for p in library.parameters())
    last = library.encoder.x_layers[-1]
    parts = (last.visn_self_att, last.visn_inter, last.visn_output)
    unread = sum(p.numel() for part in parts for p in part.parameters())
    assert sum(p.numel() for p in _ours(library).parameters()) == theirs - unread


def test_the_published_sizes_are_those_of_the_paper() -> None:
    prepare_torchvision()
    from transformers import LxmertConfig as LibraryConfig
    from transformers import LxmertModel

    with torch.device("meta"):
        shape = shape_of(LibraryConfig())
        ours, theirs = Lxmert(shape), LxmertModel(LibraryConfig())
    assert (shape.language.layers, shape.relation_layers, shape.cross_layers) == (9, 5, 5)
    # Of a layer over the regions: attention, two norms, and the layers between 768 and 3,072.
    layer = 4 * (768 * 768 + 768) + 4 * 768 + 2 * 768 * 3072 + 3072 + 768
    assert sum(p.numel() for p in theirs.parameters()) - sum(p.numel() for p in ours.parameters()) == layer


def test_what_lxmert_cannot_do_here_is_refused(library: Any) -> None:
    with pytest.raises(WeightsError, match="other activations or boxes"):
        shape_of(_library_model(hidden_act="relu").config)


def test_where_a_region_lies_makes_a_difference_and_their_order_none(library: Any) -> None:
    network = _ours(library)
    ids, mask, types, regions, boxes = _batch(padded=False)
    order = torch.tensor([3, 1, 4, 0, 2])
    with torch.no_grad():
        found = network(ids, mask, types, regions, boxes)
        together = network(ids, mask, types, regions[:, order], boxes[:, order])
        apart = network(ids, mask, types, regions, boxes[:, order])
    assert torch.allclose(found, together, atol=1e-5)
    assert not torch.allclose(found, apart, atol=1e-2)


def test_the_language_layers_start_from_a_bert() -> None:
    config = LxmertConfig(language="package:minilm", relation_layers=1, cross_layers=1, tune_words=False)
    torch.manual_seed(0)
    encoder = load_lxmert(config, REGIONS).eval()
    bert = load_text_encoder("package:minilm").eval()
    tokens = encoder.tokenise([["the", "bridge", "is", "down"]], 16).pad(np.arange(1))
    with torch.no_grad():
        words = encoder.network.language(tokens.ids, tokens.mask, tokens.types)
        assert torch.equal(words, bert(tokens))
        assert encoder(tokens, torch.rand(1, 5, 16)).shape == (1, 384)
    frozen = {name for name, p in encoder.named_parameters() if not p.requires_grad}
    assert frozen == {
        f"network.language.embeddings.{part}_embeddings.weight" for part in ("word", "position", "token_type")
    }


def test_other_language_encoders_and_unknown_revisions_stop() -> None:
    with pytest.raises(
        ConfigError, match=r"lxmert.hub.revision is null; fill in the commit hash of some/one"
    ):
        load_lxmert(LxmertConfig(hub=HubModel(repository="some/one", revision=None)), REGIONS)
    with pytest.raises(ValueError, match="give either 'hub' or 'language'"):
        LxmertConfig()
    with pytest.raises(ValueError, match="are random: set tune_words to true"):
        LxmertConfig(language="tiny:bert", tune_words=False)
