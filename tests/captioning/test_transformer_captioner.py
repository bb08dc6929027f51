"""The encoder–decoder captioner: a checkpoint as the public code writes it, run by torch's own modules."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from crisisweave.captioning.caption import caption
from crisisweave.captioning.decode import beam
from crisisweave.captioning.encoder_decoder import TransformerCaptioner, Writer, sinusoids
from crisisweave.captioning.folder import load_captioner_folder
from crisisweave.captioning.published import import_published, load_transformer
from crisisweave.captioning.tokenizer import decode, end_token, word_tokenizer
from crisisweave.config.captioner import CaptionerConfig
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import WeightsError
from crisisweave.files import sha256_file

D, WIDTH, LAYERS, HEADS = 6, 16, 2, 4
WORDS = ["a", "house", "under", "water", "UNK"]
VALUES = {
    "name": "places",
    "title": "places",
    "source": {"document": "test", "section": "1"},
    "image": {"encoder": "tiny:conv", "size": 32, "grid": 2, "normalise": "none"},
    "encoder_decoder": {
        "encoder_layers": LAYERS,
        "decoder_layers": LAYERS,
        "heads": HEADS,
        "width": WIDTH,
        "feedforward": 24,
    },
    "decoding": {"method": "beam", "candidates": 3, "max_tokens": 6, "batch_size": 2},
    "scorer": {
        "kind": "clip",
        "model": "tiny-clip-of-places",
        "weights": {"file": "clip.safetensors", "sha256": None, "origin": "test"},
        "image": {"encoder": "tiny:conv", "size": 32},
    },
    "published": {
        "checkpoint": {"file": "places.ckpt", "sha256": None, "origin": "test"},
        "tokenizer": {"file": "words.json", "sha256": None, "origin": "test"},
    },
}


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """Tensors under the names and in the shapes of the public code."""
    torch.manual_seed(0)
    made: dict[str, Tensor] = {}

    def linear(name: str, out: int, into: int) -> None:
        made[f"{name}.weight"], made[f"{name}.bias"] = torch.randn(out, into) * 0.3, torch.randn(out) * 0.3

    def norm(name: str) -> None:
        made[f"{name}.a_2"], made[f"{name}.b_2"] = 1 + torch.randn(WIDTH) * 0.1, torch.randn(WIDTH) * 0.1

    linear("att_embed.0", WIDTH, D)
    for half, attentions in (("encoder", ["self_attn"]), ("decoder", ["self_attn", "src_attn"])):
        for i in range(LAYERS):
            layer = f"model.{half}.layers.{i}"
            for attention in attentions:
                for j in range(4):
                    linear(f"{layer}.{attention}.linears.{j}", WIDTH, WIDTH)
            linear(f"{layer}.feed_forward.w_1", 24, WIDTH)
            linear(f"{layer}.feed_forward.w_2", WIDTH, 24)
            for j in range(len(attentions) + 1):
                norm(f"{layer}.sublayer.{j}.norm")
        norm(f"model.{half}.norm")
    made["model.tgt_embed.0.lut.weight"] = torch.randn(len(WORDS) + 1, WIDTH) * 0.3
    made["model.tgt_embed.1.pe"] = sinusoids(20, WIDTH)[None]
    linear("model.generator.proj", len(WORDS) + 1, WIDTH)
    return made


class Lightning:
    """What stands beside the weights in the checkpoints of Cho et al., by its name there."""

    __module__, __qualname__ = "__main__", "ModelCheckpoint"


@pytest.fixture
def weights(tmp_path: Path, state: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights folder as a user would fill it."""
    prepare_torchvision()
    import open_clip

    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(sys.modules["__main__"], "ModelCheckpoint", Lightning, raising=False)
    stored = {**state, "_vocab": torch.zeros(3, dtype=torch.uint8)}
    torch.save({"state_dict": stored, "callbacks": {Lightning: {"best": 1}}}, folder / "places.ckpt")
    named = {str(i): word for i, word in enumerate(WORDS, start=1)}
    (folder / "words.json").write_text(json.dumps({"ix_to_word": named, "images": []}))
    tower = {"width": 32, "layers": 1}
    shape = {
        "embed_dim": 10,
        "vision_cfg": {"image_size": 32, "patch_size": 16, "head_width": 16, **tower},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "heads": 2, **tower},
    }
    (tmp_path / "tiny-clip-of-places.json").write_text(json.dumps(shape))
    open_clip.add_model_config(tmp_path / "tiny-clip-of-places.json")
    torch.manual_seed(1)
    clip = open_clip.create_model("tiny-clip-of-places", pretrained=None)
    save_file(clip.state_dict(), folder / "clip.safetensors")
    return folder


def config(weights: Path) -> CaptionerConfig:
    pinned = json.loads(json.dumps(VALUES))
    for part in (*pinned["published"].values(), pinned["scorer"]["weights"]):
        part["sha256"] = sha256_file(weights / part["file"])
    return CaptionerConfig.model_validate(pinned)


@pytest.fixture
def model(weights: Path) -> TransformerCaptioner:
    return load_transformer(weights / "places.ckpt", config(weights), word_tokenizer(weights / "words.json"))


def norm(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    deviation = torch.sqrt((centred**2).sum(-1, keepdim=True) / (x.shape[-1] - 1))
    return state[f"{name}.a_2"] * centred / (deviation + 1e-6) + state[f"{name}.b_2"]


def attend(state: dict[str, Tensor], name: str, x: Tensor, to: Tensor, causal: bool) -> Tensor:
    """torch's own multi-head attention with the checkpoint's matrices."""
    module = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
    into = [state[f"{name}.linears.{j}.weight"] for j in range(3)]
    module.in_proj_weight = nn.Parameter(torch.cat(into))
    module.in_proj_bias = nn.Parameter(torch.cat([state[f"{name}.linears.{j}.bias"] for j in range(3)]))
    module.out_proj.weight = nn.Parameter(state[f"{name}.linears.3.weight"])
    module.out_proj.bias = nn.Parameter(state[f"{name}.linears.3.bias"])
    mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1]) if causal else None
    return module(x, to, to, attn_mask=mask, need_weights=False)[0]


def feed(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    hidden = F.relu(F.linear(x, state[f"{name}.w_1.weight"], state[f"{name}.w_1.bias"]))
    return F.linear(hidden, state[f"{name}.w_2.weight"], state[f"{name}.w_2.bias"])


def reference(state: dict[str, Tensor], features: Tensor, tokens: Tensor) -> Tensor:
    """Scores (n, t, vocabulary) of the words that follow each of the tokens."""
    x = F.relu(F.linear(features, state["att_embed.0.weight"], state["att_embed.0.bias"]))
    for i in range(LAYERS):
        layer = f"model.encoder.layers.{i}"
        normed = norm(state, f"{layer}.sublayer.0.norm", x)
        x = x + attend(state, f"{layer}.self_attn", normed, normed, causal=False)
        x = x + feed(state, f"{layer}.feed_forward", norm(state, f"{layer}.sublayer.1.norm", x))
    places = norm(state, "model.encoder.norm", x)
    x = state["model.tgt_embed.0.lut.weight"][tokens] * math.sqrt(WIDTH)
    x = x + state["model.tgt_embed.1.pe"][:, : tokens.shape[1]]
    for i in range(LAYERS):
        layer = f"model.decoder.layers.{i}"
        normed = norm(state, f"{layer}.sublayer.0.norm", x)
        x = x + attend(state, f"{layer}.self_attn", normed, normed, causal=True)
        normed = norm(state, f"{layer}.sublayer.1.norm", x)
        x = x + attend(state, f"{layer}.src_attn", normed, places, causal=False)
        x = x + feed(state, f"{layer}.feed_forward", norm(state, f"{layer}.sublayer.2.norm", x))
    x = norm(state, "model.decoder.norm", x)
    return F.linear(x, state["model.generator.proj.weight"], state["model.generator.proj.bias"])


def test_scores_are_those_of_torch_s_attention(model: TransformerCaptioner, state: dict[str, Tensor]) -> None:
    features, tokens = torch.randn(3, 4, D), torch.tensor([[0, 1, 2, 3], [0, 4, 2, 1], [0, 2, 2, 2]])
    with torch.no_grad():
        expected = reference(state, features, tokens)[..., :-1]
        writer = Writer(model, model.places(features))
        at_once = writer.logits(writer.states(writer.wte(tokens), writer.cache(3, 4)))[..., :-1]
        cache = writer.cache(3, 4)
        one_by_one = torch.stack(
            [writer.logits(writer.states(writer.wte(tokens[:, i : i + 1]), cache))[:, 0] for i in range(4)], 1
        )[..., :-1]
    torch.testing.assert_close(at_once, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(one_by_one, expected, atol=1e-5, rtol=0)


def test_the_unknown_word_is_never_written(model: TransformerCaptioner, weights: Path) -> None:
    tokenizer = word_tokenizer(weights / "words.json")
    unknown = tokenizer.token_to_id("UNK")
    with torch.no_grad():
        writer = Writer(model, model.places(torch.randn(8, 4, D)))
        found = beam(writer, writer.wte(torch.zeros(8, 1).long()), width=5, stop=0, max_tokens=6)
    written = [candidate.tokens for own in found for candidate in own]
    assert len(written) == 40
    assert not any(unknown in tokens for tokens in written)
    assert len({word for tokens in written for word in tokens}) > 2
    assert decode(tokenizer, [1, 2, 3, 4, 0]) == "a house under water"
    assert end_token(tokenizer) == 0


def test_import_then_caption_is_batch_invariant_and_scored_by_clip(tmp_path: Path, weights: Path) -> None:
    settings = config(weights)
    import_published(settings, weights=weights, out=tmp_path / "captioner")
    generator = np.random.default_rng(0)
    np.save(tmp_path / "places.npy", generator.normal(size=(5, 4, D)).astype(np.float32))
    compared = generator.normal(size=(5, 10)).astype(np.float32)
    np.save(tmp_path / "compared.npy", compared)
    pd.DataFrame({"instance_id": list("abcde")}).to_parquet(tmp_path / "index.parquet")
    tables = []
    for size in (2, 5):
        caption(
            settings.model_copy(
                update={"decoding": settings.decoding.model_copy(update={"batch_size": size})}
            ),
            captioner=tmp_path / "captioner",
            features=tmp_path / "places.npy",
            index=tmp_path / "index.parquet",
            out=tmp_path / f"captions{size}",
            scorer_features=tmp_path / "compared.npy",
        )
        tables.append(pd.read_parquet(tmp_path / f"captions{size}" / "captions.parquet"))
    assert tables[0]["caption"].tolist() == tables[1]["caption"].tolist()
    table = tables[0]
    assert set(" ".join(table["caption"]).split()) <= set(WORDS) - {"UNK"}
    loaded = load_captioner_folder(tmp_path / "captioner", settings, torch.device("cpu"))
    with torch.no_grad():
        texts = loaded.scorer.embed_texts(table["caption"].tolist())
    expected = F.cosine_similarity(torch.from_numpy(compared).repeat_interleave(3, dim=0), texts)
    torch.testing.assert_close(torch.tensor(table["score"].to_numpy()).float(), expected, atol=1e-5, rtol=0)
    best = table.groupby("instance_id")["score"].transform("max")
    assert (table.loc[table["chosen"], "score"] == best[table["chosen"]]).all()


def test_another_models_checkpoint_stops(tmp_path: Path, weights: Path) -> None:
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="holds no image embedding"):
        load_transformer(tmp_path / "other.pt", config(weights), word_tokenizer(weights / "words.json"))


@pytest.mark.parametrize("text", ["[]", '{"ix_to_word": {"1": "a", "3": "b"}}', "{", '{"ix_to_word": 3}'])
def test_a_broken_vocabulary_stops(tmp_path: Path, text: str) -> None:
    (tmp_path / "words.json").write_text(text)
    with pytest.raises(WeightsError, match="is no vocabulary with ix_to_word"):
        word_tokenizer(tmp_path / "words.json")
