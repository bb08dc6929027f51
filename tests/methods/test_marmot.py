"""MARMOT against transformers' BERTs put together as its authors' code does, and the published sizes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor, nn

from crisisweave.config.method import MethodConfig
from crisisweave.config.profile import CONFIG_DIR, method_values
from crisisweave.encoders.image import HALF, ImageEncoder, create_timm
from crisisweave.encoders.image_encoder import Views
from crisisweave.encoders.provider import PRETRAINED, Encoders
from crisisweave.encoders.text import HubNetwork, TextEncoder, Tokens
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.methods.inputs import Batch
from crisisweave.methods.marmot import MarmotClassifier, parts
from crisisweave.methods.registry import build_model
from toy import tiny_method

CLS, SEP, D, CHANNELS = 1, 2, 16, 64
TWEETS = [[5, 6, 7], [8]]
CAPTIONS = [[9, 10], [11, 12, 13, 14]]


def hub_bert(**shape: int) -> TextEncoder:
    """A BERT as the hub gives it, without its pooler."""
    prepare_torchvision()
    from transformers import BertConfig, BertModel

    model = BertModel(BertConfig(**shape))
    model.pooler = None
    return TextEncoder(HubNetwork(model, 2), Tokenizer(WordLevel({"x": 0})), model.config.hidden_size, 2)


def pairs() -> Tokens:
    """Tweets and captions as the data give them: [CLS] tweet [SEP] caption [SEP], padded."""
    rows = [[CLS, *t, SEP, *c, SEP] for t, c in zip(TWEETS, CAPTIONS, strict=True)]
    types = [[0] * (len(t) + 2) + [1] * (len(c) + 1) for t, c in zip(TWEETS, CAPTIONS, strict=True)]
    ids, kinds = padded(rows), padded(types)
    return Tokens(ids, padded([[1] * len(row) for row in rows]).bool(), kinds, torch.full_like(ids, -1))


def padded(rows: list[list[int]]) -> Tensor:
    return nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)


@pytest.fixture(scope="module")
def model() -> Iterator[MarmotClassifier]:
    torch.manual_seed(0)
    shape = {"vocab_size": 20, "hidden_size": D, "num_hidden_layers": 2, "num_attention_heads": 4}
    encoder = hub_bert(**shape, intermediate_size=24, max_position_embeddings=24)
    encoders = Encoders(lambda _: encoder, PRETRAINED.image, PRETRAINED.joint)
    built = build_model(tiny_method("marmot"), 3, encoders).eval()
    assert isinstance(built, MarmotClassifier)
    for name, parameter in built.named_parameters():
        if "image_branch" not in name:
            nn.init.normal_(parameter, std=0.3)
    yield built


def reference_bert(weights: dict[str, Tensor], types: int, **kind: bool) -> nn.Module:
    from transformers import BertConfig, BertModel

    shape = {"vocab_size": 20, "hidden_size": D, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = BertConfig(
        **shape, intermediate_size=24, max_position_embeddings=24, type_vocab_size=types, **kind
    )
    bert = BertModel(config, add_pooling_layer=False).eval()
    missing, unexpected = bert.load_state_dict(weights, strict=False)
    assert not unexpected
    assert not [name for name in missing if not name.endswith("position_ids")]
    return bert


def layer_weights(own: dict[str, Tensor], prefix: str, i: int) -> dict[str, Tensor]:
    """One of our layers under transformers' names."""
    there = f"encoder.layer.{i}"
    found = {}
    for part in ("weight", "bias"):
        for name, value in zip(("query", "key", "value"), own[f"{prefix}.qkv.{part}"].chunk(3), strict=True):
            found[f"{there}.attention.self.{name}.{part}"] = value
        for ours, theirs in (
            ("attention_output", "attention.output.dense"),
            ("attention_norm", "attention.output.LayerNorm"),
            ("intermediate", "intermediate.dense"),
            ("output", "output.dense"),
            ("output_norm", "output.LayerNorm"),
        ):
            found[f"{there}.{theirs}.{part}"] = own[f"{prefix}.{ours}.{part}"]
    return found


def test_scores_are_those_of_transformers_berts(model: MarmotClassifier) -> None:
    own = model.state_dict()
    decoder = {k.removeprefix("translator."): v for k, v in own.items() if "translator.embeddings" in k}
    network = "text_branch.encoder.network"
    encoder = {k.removeprefix(f"{network}."): v for k, v in own.items() if k.startswith(f"{network}.emb")}
    for i in range(2):
        here, there = f"translator.layers.{i}", f"encoder.layer.{i}.crossattention"
        decoder |= layer_weights(own, f"{here}.layer", i)
        encoder |= layer_weights(own, f"{network}.layers.{i}", i)
        for part in ("weight", "bias"):
            key, value = own[f"{here}.to_image.key_value.{part}"].chunk(2)
            query = own[f"{here}.to_image.query.{part}"]
            for name, tensor in (("query", query), ("key", key), ("value", value)):
                decoder[f"{there}.self.{name}.{part}"] = tensor
            decoder[f"{there}.output.dense.{part}"] = own[f"{here}.to_image.output.{part}"]
            decoder[f"{there}.output.LayerNorm.{part}"] = own[f"{here}.to_image.norm.{part}"]
    translator = reference_bert(decoder, 2, is_decoder=True, add_cross_attention=True)
    bert = reference_bert(encoder, 3)
    pixels = torch.randint(0, 255, (2, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        found = model(Batch(pairs(), pixels))
        image = model.image_branch.encoder.sequence(pixels)[:, 1:]
        assert image.shape == (2, 4, CHANNELS)
        text = padded([[CLS, *t, SEP] for t in TWEETS])
        caption = padded([[CLS, *c, SEP] for c in CAPTIONS])
        shown = [m.long() for m in (text > 0, caption > 0)]
        translated = translator(
            input_ids=caption,
            attention_mask=shown[1],
            encoder_hidden_states=model.translator.project(image),
        ).last_hidden_state
        translated = translated + bert.embeddings(caption)
        words = bert.embeddings.word_embeddings
        lengths = [text.shape[1], caption.shape[1], caption.shape[1]]
        mask = torch.cat([*shown, shown[1]], dim=1)
        states = bert(
            inputs_embeds=torch.cat([words(text), words(caption), translated], dim=1),
            attention_mask=mask,
            token_type_ids=torch.cat([torch.full((2, n), kind) for kind, n in enumerate(lengths)], dim=1),
            position_ids=torch.cat([torch.arange(n) for n in lengths])[None].expand(2, -1),
        ).last_hidden_state
        mean = (states * mask[..., None]).sum(dim=1) / mask.sum(dim=1, keepdim=True)
        expected = model.head(mean)
    assert torch.allclose(found, expected, atol=1e-5)
    assert found.std() > 0.01


def test_pairs_are_taken_apart() -> None:
    text, text_mask, caption, caption_mask = parts(pairs())
    assert text.tolist() == [[CLS, 5, 6, 7, SEP], [CLS, 8, SEP, 0, 0]]
    assert caption.tolist() == [[CLS, 9, 10, SEP, 0, 0], [CLS, 11, 12, 13, 14, SEP]]
    assert torch.equal(text_mask, text > 0)
    assert torch.equal(caption_mask, caption > 0)


def on_meta(name: str) -> int:
    """Parameters of a method as its file describes it, built without memory or weights."""

    def image(_: str) -> ImageEncoder:
        network = create_timm("resnet152", pretrained=False)
        return ImageEncoder(network, network.num_features, HALF, Views(network.forward_features))

    method = MethodConfig.model_validate(method_values(name, CONFIG_DIR))
    with torch.device("meta"):
        built = build_model(method, 2, Encoders(lambda _: hub_bert(), image, PRETRAINED.joint))
    return sum(parameter.numel() for parameter in built.parameters())


POOLER = 768 * 768 + 768
"""The dense layer that BERT brings for its first token; neither method reads it, and we do not build it."""


def test_sizes_are_those_of_table_4_3() -> None:
    """112 and 309 million: 3,072 in the head, ResNet-152, and the poolers that the source counts along."""
    cmb, marmot = on_meta("cmb"), on_meta("marmot")
    assert (cmb, cmb + POOLER) == (111_260_162, 111_850_754)
    assert (marmot, marmot + 2 * POOLER) == (308_236_866, 309_418_050)
