"""Published ClipCap checkpoints: files as the authors' code writes them, made here from reference modules."""

import json

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import nn

from crisisweave.captioning.caption import caption
from crisisweave.captioning.folder import load_captioner_folder
from crisisweave.captioning.prefix import TransformerMapper
from crisisweave.captioning.published import clipcap_state, import_published, load_clipcap
from crisisweave.captioning.tokenizer import learn_tokenizer
from crisisweave.config.captioner import Mapper
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError, WeightsError
from crisisweave.files import sha256_file

DIM = 16
CAPTIONS = ["a flooded house.", "a dog in the park.", "people stand in line near a tent."]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return learn_tokenizer(CAPTIONS, 300)


@pytest.fixture(scope="module")
def reference(tokenizer):
    """transformers' GPT-2 with the shapes of the small config, randomly initialised."""
    prepare_torchvision()
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    size = tokenizer.get_vocab_size()
    config = GPT2Config(
        vocab_size=size, n_positions=32, n_embd=32, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0
    )
    return GPT2LMHeadModel(config).eval()


@pytest.fixture(scope="module")
def open_clip_model(tmp_path_factory):
    """A tiny CLIP known to open_clip under the name `tiny-clip`."""
    prepare_torchvision()
    import open_clip

    tower = {"width": 32, "layers": 1}
    shape = {
        "embed_dim": DIM,
        "vision_cfg": {"image_size": 32, "patch_size": 16, "head_width": 16, **tower},
        "text_cfg": {"context_length": 77, "vocab_size": 49408, "heads": 2, **tower},
    }
    path = tmp_path_factory.mktemp("clip") / "tiny-clip.json"
    path.write_text(json.dumps(shape))
    open_clip.add_model_config(path)
    torch.manual_seed(1)
    return open_clip.create_model("tiny-clip", pretrained=None).eval()


def clipcap_dict(reference, mapper: nn.Module) -> dict[str, torch.Tensor]:
    """The state dict of a module with the children `clip_project` and `gpt`, old causal masks included."""
    state = {f"clip_project.{key}": value for key, value in mapper.state_dict().items()}
    state |= {f"gpt.{key}": value for key, value in reference.state_dict().items()}
    state["gpt.transformer.h.0.attn.bias"] = torch.ones(1, 1, 32, 32, dtype=torch.uint8).tril()
    state["gpt.transformer.h.0.attn.masked_bias"] = torch.tensor(-1e4)
    return state


def test_mlp_checkpoint_gives_the_references_logits(tmp_path, published_config, reference, tokenizer):
    sizes = (DIM, 3 * 32 // 2, 3 * 32)
    mapper = nn.Module()
    mapper.model = nn.Sequential(nn.Linear(sizes[0], sizes[1]), nn.Tanh(), nn.Linear(sizes[1], sizes[2]))
    torch.save(clipcap_dict(reference, mapper), tmp_path / "clipcap.pt")
    features, tokens = torch.randn(4, DIM), torch.randint(tokenizer.get_vocab_size(), (4, 7))

    ours = load_clipcap(tmp_path / "clipcap.pt", published_config(), tokenizer.get_vocab_size())
    with torch.no_grad():
        prefix = mapper.model(features).view(4, 3, 32)
        embeddings = torch.cat([prefix, reference.transformer.wte(tokens)], dim=1)
        expected = reference(inputs_embeds=embeddings).logits[:, 2:-1]
        found = ours(ours.prefix(features[:, None]), tokens)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_transformer_mapper_equals_attention_from_torch():
    """The mapper's layers, written with torch's own multi-head attention."""
    torch.manual_seed(2)
    mapper = TransformerMapper(
        Mapper(kind="transformer", prefix_length=3, image_tokens=2, layers=2, heads=4), 1, DIM, 32
    )
    features = torch.randn(5, DIM)
    x = torch.cat([mapper.linear(features).view(5, 2, 32), mapper.prefix_const.expand(5, 3, 32)], dim=1)
    for layer in mapper.transformer.layers:
        normed = layer.norm1(x).transpose(0, 1)
        attended, _ = F.multi_head_attention_forward(
            *(normed, normed, normed, 32, 4),
            in_proj_weight=torch.cat([layer.attn.to_queries.weight, layer.attn.to_keys_values.weight]),
            in_proj_bias=None,
            bias_k=None,
            bias_v=None,
            add_zero_attn=False,
            dropout_p=0.0,
            out_proj_weight=layer.attn.project.weight,
            out_proj_bias=layer.attn.project.bias,
        )
        x = x + attended.transpose(0, 1)
        x = x + layer.mlp.fc2(layer.mlp.fc1(layer.norm2(x)).relu())
    torch.testing.assert_close(mapper(features[:, None]), x[:, 2:], atol=1e-5, rtol=0)


def test_transformer_checkpoint_has_the_published_names(published_config, reference, tokenizer):
    mapper = Mapper(kind="transformer", prefix_length=3, image_tokens=2, layers=8, heads=2)
    state = clipcap_state(clipcap_dict(reference, TransformerMapper(mapper, 1, DIM, 32)))
    for name in (
        "mapper.prefix_const",
        "mapper.linear.weight",
        "mapper.transformer.layers.7.attn.to_queries.weight",
        "mapper.transformer.layers.7.attn.to_keys_values.weight",
        "mapper.transformer.layers.7.attn.project.bias",
        "mapper.transformer.layers.7.mlp.fc2.weight",
        "language_model.h.1.mlp.c_proj.weight",
    ):
        assert name in state
    assert not any(name.endswith((".attn.bias", ".attn.masked_bias")) for name in state)


@pytest.fixture
def weights(tmp_path, published_config, reference, tokenizer, open_clip_model):
    """A weights folder as a user would fill it, and the config with its hashes."""
    folder = tmp_path / "weights"
    folder.mkdir()
    mapper = nn.Module()
    mapper.model = nn.Sequential(nn.Linear(DIM, 48), nn.Tanh(), nn.Linear(48, 96))
    torch.save(clipcap_dict(reference, mapper), folder / "clipcap.pt")
    tokenizer.save(str(folder / "tokenizer.json"))
    save_file(open_clip_model.state_dict(), folder / "clip.safetensors")
    hashes = {file.name: sha256_file(file) for file in folder.iterdir()}
    config = published_config(
        "tiny-clip",
        scorer={"weights": {"sha256": hashes["clip.safetensors"]}},
        published={
            "checkpoint": {"sha256": hashes["clipcap.pt"]},
            "tokenizer": {"sha256": hashes["tokenizer.json"]},
        },
        decoding={"stop": "."},
    )
    return folder, config


def test_import_then_caption_scores_by_clip(tmp_path, weights, open_clip_model):
    import numpy as np
    import open_clip
    import pandas as pd

    folder, config = weights
    import_published(config, weights=folder, out=tmp_path / "captioner")
    features = np.random.default_rng(0).normal(size=(6, DIM)).astype(np.float32)
    np.save(tmp_path / "features.npy", features)
    pd.DataFrame({"instance_id": list("abcdef")}).to_parquet(tmp_path / "index.parquet")
    caption(
        config,
        captioner=tmp_path / "captioner",
        features=tmp_path / "features.npy",
        index=tmp_path / "index.parquet",
        out=tmp_path / "captions",
    )
    table = pd.read_parquet(tmp_path / "captions" / "captions.parquet")
    with torch.no_grad():
        texts = open_clip_model.encode_text(open_clip.get_tokenizer("tiny-clip")(table["caption"].tolist()))
    images = torch.from_numpy(features).repeat_interleave(5, dim=0)
    expected = F.cosine_similarity(images, texts)
    torch.testing.assert_close(torch.tensor(table["score"].to_numpy()).float(), expected, atol=1e-5, rtol=0)
    best = table.groupby("instance_id")["score"].transform("max")
    assert (table.loc[table["chosen"], "score"] == best[table["chosen"]]).all()
    assert table.groupby("instance_id")["chosen"].sum().tolist() == [1] * 6


def test_without_a_hash_nothing_is_loaded_and_the_files_own_is_shown(tmp_path, weights, published_config):
    folder, _ = weights
    with pytest.raises(WeightsError, match=sha256_file(folder / "clipcap.pt")):
        import_published(published_config("tiny-clip"), weights=folder, out=tmp_path / "captioner")
    assert not (tmp_path / "captioner").exists()


def test_altered_weights_stop(tmp_path, weights):
    folder, config = weights
    with (folder / "clipcap.pt").open("ab") as handle:
        handle.write(b"x")
    with pytest.raises(WeightsError, match=r"clipcap\.pt has SHA-256 .* expected"):
        import_published(config, weights=folder, out=tmp_path / "captioner")


def test_a_missing_file_says_where_it_comes_from(tmp_path, published_config):
    with pytest.raises(WeightsError, match=r"clipcap\.pt is missing; fetch it \(test\)"):
        import_published(published_config(), weights=tmp_path, out=tmp_path / "captioner")


def test_another_models_checkpoint_stops(tmp_path, published_config, reference, tokenizer):
    torch.save({"fc.weight": torch.zeros(2, 2)}, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match="not a ClipCap checkpoint"):
        load_clipcap(tmp_path / "other.pt", published_config(), tokenizer.get_vocab_size())
    mapper = nn.Module()
    mapper.model = nn.Sequential(nn.Linear(DIM, 80), nn.Tanh(), nn.Linear(80, 160))  # prefix of 5, not 3
    torch.save(clipcap_dict(reference, mapper), tmp_path / "longer.pt")
    with pytest.raises(WeightsError, match="not the model that config small describes"):
        load_clipcap(tmp_path / "longer.pt", published_config(), tokenizer.get_vocab_size())


def test_a_pickle_that_would_run_code_is_refused(tmp_path, published_config):
    import os

    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    torch.save({"clip_project.model.0.weight": Bomb()}, tmp_path / "bomb.pt")
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        load_clipcap(tmp_path / "bomb.pt", published_config(), 300)
    assert not (tmp_path / "ran").exists()


def test_importing_a_trained_captioner_is_refused(tmp_path, small_config):
    with pytest.raises(ConfigError, match="nothing to import"):
        import_published(small_config(), weights=tmp_path, out=tmp_path / "captioner")


def test_a_folder_of_another_captioner_is_refused(tmp_path, weights, published_config):
    folder, config = weights
    import_published(config, weights=folder, out=tmp_path / "captioner")
    other = published_config("tiny-clip", mapper={"prefix_length": 4})
    with pytest.raises(WeightsError, match="made with another 'mapper'"):
        load_captioner_folder(tmp_path / "captioner", other, torch.device("cpu"))
