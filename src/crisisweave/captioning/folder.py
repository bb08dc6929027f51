"""The captioner folder: model.safetensors, tokenizer.json, config.yaml and what its making left behind.

Trained and published captioners have the same folder, so that the captions step knows only one format.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import torch
import yaml
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from tokenizers import Tokenizer
from torch import nn

from crisisweave.captioning.encoder_decoder import TransformerCaptioner
from crisisweave.captioning.generator import GeneratorCaptioner, load_generator
from crisisweave.captioning.prefix import PrefixCaptioner
from crisisweave.captioning.similarity import Scorer, build_scorer
from crisisweave.config.captioner import CaptionerConfig
from crisisweave.config.strict import read_yaml, validate
from crisisweave.errors import WeightsError
from crisisweave.files import write_text

# What may change without the weights becoming another captioner's.
_NOT_WEIGHTS = {"title", "source", "deviations", "decoding"}


Model = PrefixCaptioner | TransformerCaptioner | GeneratorCaptioner
"""Each writes captions by the same call: `write(images, tokenizer, decoding, seeds)`."""


class Captioner(NamedTuple):
    """A captioner ready for use, in evaluation mode.

    Attributes:
        cells: vectors that it reads of each image; 0 where it reads pixels.
        dim: width of each.
    """

    model: Model
    scorer: Scorer
    tokenizer: Tokenizer
    cells: int
    dim: int


def save_captioner(captioner: Captioner, config: CaptionerConfig, folder: Path) -> None:
    """Write weights, tokenizer and config into an existing folder."""
    stored = _stored(captioner.model, captioner.scorer)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in stored.state_dict().items()}
    # One entry: safetensors writes several in an order that differs from process to process.
    shape = {"input": json.dumps({"cells": captioner.cells, "dim": captioner.dim})}
    # Written by us: safetensors' own writer reports a full disk as an error that `atomic_path` cannot tell.
    (folder / "model.safetensors").write_bytes(save(weights, metadata=shape))
    write_text(folder / "tokenizer.json", captioner.tokenizer.to_str(pretty=False) + "\n")
    write_text(folder / "config.yaml", yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False))


def _stored(model: Model, scorer: Scorer) -> nn.ModuleDict:
    """What the folder's weights are: not a generator's, which stay in the model cache."""
    parts: dict[str, nn.Module] = {"scorer": scorer}
    if not isinstance(model, GeneratorCaptioner):
        parts["captioner"] = model
    return nn.ModuleDict(parts)


def _built(config: CaptionerConfig, cells: int, dim: int, tokenizer: Tokenizer) -> Model:
    if config.generator is not None:
        return load_generator(config)[0]
    if config.encoder_decoder is not None:
        return TransformerCaptioner(config, dim, tokenizer.get_vocab_size())
    return PrefixCaptioner(config, cells, dim, tokenizer.get_vocab_size())


def load_captioner_folder(folder: Path, config: CaptionerConfig, device: torch.device) -> Captioner:
    """Load a captioner that was made with `config`; only the decoding may differ.

    Raises:
        WeightsError: a file is missing or damaged, or the folder holds another captioner.
    """
    path = folder / "model.safetensors"
    for file in (path, folder / "tokenizer.json", folder / "config.yaml"):
        if not file.is_file():
            raise WeightsError(f"{file} is missing; run `crisisweave captioner` first")
    stored = validate(CaptionerConfig, read_yaml(folder / "config.yaml"), str(folder / "config.yaml"))
    was, wanted = stored.model_dump(exclude=_NOT_WEIGHTS), config.model_dump(exclude=_NOT_WEIGHTS)
    for key in wanted:
        if was[key] != wanted[key]:
            raise WeightsError(
                f"{folder}: was made with another '{key}' than config {config.name} has; "
                f"run `crisisweave captioner` again"
            )
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    try:
        with safe_open(path, framework="pt") as file:
            shape = json.loads(file.metadata()["input"])
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        cells, dim = shape["cells"], shape["dim"]
        model = _built(config, cells, dim, tokenizer)
        scorer = build_scorer(config, cells, dim, tokenizer)
        _stored(model, scorer).load_state_dict(weights)
    except (SafetensorError, RuntimeError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{path}: not the weights of captioner {config.name} ({' '.join(str(error).split())[:200]}); "
            f"run `crisisweave captioner` again"
        ) from error
    return Captioner(model.to(device).eval(), scorer.to(device).eval(), tokenizer, cells, dim)
