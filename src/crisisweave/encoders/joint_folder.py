"""The folder of a joint encoder: model.safetensors, tokenizer.json and config.yaml.

Trained and published ones have the same folder. Word embeddings that stay as they came are not stored: they
come from their pinned package again.
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from tokenizers import Tokenizer
from torch import nn

from crisisweave.config.joint import JointConfig, Transformer
from crisisweave.config.strict import read_yaml, validate
from crisisweave.encoders.joint import JointEncoder
from crisisweave.encoders.text import load_text_encoder
from crisisweave.encoders.vilt import Vilt, ViltShape
from crisisweave.errors import ConfigError, WeightsError
from crisisweave.files import write_text

# What may change without the weights becoming another encoder's.
NOT_WEIGHTS = {"title", "source", "deviations"}
_WORDS = "network.word.weight"


def new_encoder(config: JointConfig, patch_dim: int) -> JointEncoder:
    """A joint encoder that the workflow trains: pretrained word embeddings, everything else fresh.

    Args:
        config: with a `transformer`.
        patch_dim: width D of a patch as it is read.
    """
    assert config.transformer is not None
    tokenizer, words = _vocabulary(config.transformer)
    shape = ViltShape(
        vocabulary=words.num_embeddings,
        word_dim=words.embedding_dim,
        patch_dim=patch_dim,
        grid=(config.patches.side, config.patches.side),
        dim=config.transformer.width,
        layers=config.transformer.layers,
        heads=config.transformer.heads,
        intermediate=4 * config.transformer.width,
        positions=config.max_tokens,
        types=1,
        dropout=config.transformer.dropout,
    )
    network = Vilt(shape)
    network.word.weight.data.copy_(words.weight.data)
    network.word.weight.requires_grad_(False)
    return JointEncoder(network, tokenizer, config.patches)


def _vocabulary(config: Transformer) -> tuple[Tokenizer, nn.Embedding]:
    encoder = load_text_encoder(config.words)
    for module in encoder.network.modules():
        if isinstance(module, nn.Embedding):
            return Tokenizer.from_str(encoder.tokenizer_json()), module
    raise ConfigError(f"text encoder '{config.words}' has no word embeddings; name a BERT-like one")


def save_joint(encoder: JointEncoder, config: JointConfig, folder: Path) -> None:
    """Write weights, tokenizer and config into an existing folder."""
    weights = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in encoder.state_dict().items()
        if config.hub is not None or name != _WORDS
    }
    shape = {"shape": json.dumps(encoder.network.shape._asdict())}
    (folder / "model.safetensors").write_bytes(save(weights, metadata=shape))
    write_text(folder / "tokenizer.json", encoder.tokenizer_json() + "\n")
    write_text(folder / "config.yaml", yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))


def load_joint_encoder(name: str, folder: Path) -> JointEncoder:
    """The joint encoder of a folder.

    Raises:
        WeightsError: a file is missing or damaged.
    """
    path = folder / "model.safetensors"
    for file in (path, folder / "tokenizer.json", folder / "config.yaml"):
        if not file.is_file():
            raise WeightsError(f"{file} is missing; run `crisisweave joint --joint {name}` first")
    config = validate(JointConfig, read_yaml(folder / "config.yaml"), str(folder / "config.yaml"))
    try:
        with safe_open(path, framework="pt") as file:
            shape = shape_of(json.loads(file.metadata()["shape"]))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if config.hub is None:
            encoder = new_encoder(config, shape.patch_dim)
            weights[_WORDS] = encoder.network.word.weight.data
        else:
            encoder = JointEncoder(Vilt(shape), _tokenizer(folder / "tokenizer.json", name), config.patches)
        encoder.load_state_dict(weights)
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        raise WeightsError(
            f"{path}: not the weights of joint encoder {name} ({' '.join(str(error).split())[:200]}); "
            f"run `crisisweave joint --joint {name}` again"
        ) from error
    return encoder


def _tokenizer(path: Path, name: str) -> Tokenizer:
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # The library raises nothing narrower.
        raise WeightsError(
            f"{path}: not a tokenizer ({' '.join(str(error).split())[:200]}); "
            f"run `crisisweave joint --joint {name}` again"
        ) from error


def shape_of(values: dict[str, object]) -> ViltShape:
    """A shape as it stands in JSON."""
    return ViltShape(**{**values, "grid": tuple(values["grid"])})  # type: ignore[arg-type]
