"""Published captioners, brought into the captioner folder's format: ClipCap, transformers, generators.

The files are not fetched here: the user puts them below a weights folder, and each is checked by the SHA-256
in the config before it is opened. Pickles are read with torch's restricted reader, which runs no code. A
generator's own weights stay in the model cache.
"""

from __future__ import annotations

import hashlib
import pickle
import re
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from crisisweave.captioning.encoder_decoder import TransformerCaptioner
from crisisweave.captioning.folder import Captioner, Model, save_captioner
from crisisweave.captioning.generator import load_generator
from crisisweave.captioning.prefix import PrefixCaptioner
from crisisweave.captioning.similarity import ClipScorer
from crisisweave.captioning.tokenizer import word_tokenizer
from crisisweave.config.captioner import CaptionerConfig, Clip, PinnedFile
from crisisweave.errors import ConfigError, WeightsError
from crisisweave.files import atomic_path, sha256_file, write_json
from crisisweave.training.record import Meter

# transformers' GPT-2 stores these as (in, out), torch's linear layers as (out, in).
_TRANSPOSED = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
# Constant causal masks that older checkpoints carry along.
_MASKS = (".attn.bias", ".attn.masked_bias")


# What the code of Cho et al. pickles beside its weights, by name alone; restricted reading must know it.
_BESIDE_WEIGHTS = ("__main__.ModelCheckpoint", "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint")
# Names in the public transformer code → ours.
_TRANSFORMER_NAMES = {
    "att_embed.0.": "image.",
    "model.encoder.layers.": "encoder.",
    "model.encoder.norm.": "encoder_norm.",
    "model.decoder.layers.": "decoder.",
    "model.decoder.norm.": "decoder_norm.",
    "model.tgt_embed.0.lut.": "words.",
    "model.generator.proj.": "output.",
    ".self_attn.": ".attend.",
    ".src_attn.": ".look.",
    ".linears.0.": ".query.",
    ".linears.1.": ".key.",
    ".linears.2.": ".value.",
    ".linears.3.": ".out.",
    ".feed_forward.w_1.": ".feed.widen.",
    ".feed_forward.w_2.": ".feed.narrow.",
    ".a_2": ".scale",
    ".b_2": ".shift",
}
_SUBLAYER = re.compile(r"\.sublayer\.(\d)\.norm\.")
_UNKNOWN = "UNK"
"""The word that stands for rare ones; it is never written."""


def import_published(config: CaptionerConfig, *, weights: Path, out: Path) -> None:
    """Turn a published checkpoint, or a generator of the model cache, into a captioner folder.

    Args:
        config: a captioner with `published` or `generator`.
        weights: folder below which the pinned files lie.
        out: the captioner folder.

    Raises:
        ConfigError: the captioner is trained, not published.
        WeightsError: a file is missing, altered, without a hash, or of another model.
    """
    meter = Meter()
    if config.training is not None or not isinstance(config.scorer, Clip):
        raise ConfigError(f"captioner {config.name} is trained by the workflow, there is nothing to import")
    pinned: dict[str, PinnedFile] = {}
    if config.published is not None:
        pinned |= {"checkpoint": config.published.checkpoint, "tokenizer": config.published.tokenizer}
    pinned["scorer"] = config.scorer.weights
    paths = {what: checked(weights, file, config.name) for what, file in pinned.items()}
    cells, dim = 0, 0
    model: Model
    if config.generator is not None:
        model, tokenizer = load_generator(config)
    elif config.encoder_decoder is not None:
        assert config.image is not None
        tokenizer = word_tokenizer(paths["tokenizer"])
        model = load_transformer(paths["checkpoint"], config, tokenizer)
        cells, dim = config.image.grid**2, model.image.in_features
    else:
        tokenizer = Tokenizer.from_file(str(paths["tokenizer"]))
        model = load_clipcap(paths["checkpoint"], config, tokenizer.get_vocab_size())
        cells, dim = 1, clip_dim(model)
    scorer = load_clip_text(paths["scorer"], config.scorer, dim if config.scorer_image is None else None)
    with atomic_path(out) as folder:
        folder.mkdir()
        save_captioner(Captioner(model, scorer, tokenizer, cells, dim), config, folder)
        record = meter.record(
            "cpu",
            config_sha256=hashlib.sha256(config.model_dump_json().encode()).hexdigest(),
            weights_sha256={what: file.sha256 for what, file in pinned.items()},
            parameters={"captioner": sum(parameter.numel() for parameter in model.parameters())},
        )
        write_json(folder / "run.json", record)


def checked(weights: Path, pinned: PinnedFile, captioner: str) -> Path:
    """The path of a pinned file whose hash is the config's.

    Raises:
        WeightsError: the file is missing, its hash differs, or the config has no hash yet.
    """
    path = weights / pinned.file
    if not path.is_file():
        raise WeightsError(f"{path} is missing; fetch it ({pinned.origin}) and put it there")
    found = sha256_file(path)
    if pinned.sha256 is None:
        raise WeightsError(
            f"{path}: config/captioners/{captioner}.yaml has no sha256 for it; if the file is the one you "
            f"trust ({pinned.origin}), enter its hash there: {found}"
        )
    if found != pinned.sha256:
        raise WeightsError(
            f"{path} has SHA-256 {found}, expected {pinned.sha256}: it was altered or is another file; "
            f"fetch it again ({pinned.origin})"
        )
    return path


def load_clipcap(path: Path, config: CaptionerConfig, vocabulary: int) -> PrefixCaptioner:
    """A ClipCap checkpoint in our architecture, in evaluation mode.

    Raises:
        WeightsError: the file cannot be read or holds another model.
    """
    state = clipcap_state(_read(path))
    inputs = [state[key] for key in ("mapper.model.0.weight", "mapper.linear.weight") if key in state]
    if not inputs:
        raise WeightsError(f"{path}: holds no mapper (clip_project.…); it is not a ClipCap checkpoint")
    model = PrefixCaptioner(config, 1, inputs[0].shape[1], vocabulary)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path}: not the model that config {config.name} describes ({reason})") from error
    return model.eval()


def load_transformer(path: Path, config: CaptionerConfig, tokenizer: Tokenizer) -> TransformerCaptioner:
    """A checkpoint of self-critical.pytorch or of Cho et al. in our architecture, in evaluation mode.

    Raises:
        WeightsError: the file cannot be read or holds another model.
    """
    state = transformer_state(_read(path))
    if "image.weight" not in state:
        raise WeightsError(
            f"{path}: holds no image embedding (att_embed.0); it is not a transformer of this code"
        )
    model = TransformerCaptioner(config, state["image.weight"].shape[1], tokenizer.get_vocab_size())
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path}: not the model that config {config.name} describes ({reason})") from error
    unknown = tokenizer.token_to_id(_UNKNOWN)
    if unknown is not None:
        with torch.no_grad():
            model.output.bias[unknown] = -1e9
    return model.eval()


def transformer_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a state dict of the public transformer code to ours; positions are computed, not stored."""
    renamed: dict[str, Tensor] = {}
    for key, tensor in state.items():
        if key.startswith("_") or key.endswith(".pe"):
            continue
        own = _SUBLAYER.sub(r".norms.\1.", key)
        for there, here in _TRANSFORMER_NAMES.items():
            own = own.replace(there, here)
        renamed[own] = tensor
    return renamed


def clipcap_state(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename a ClipCap state dict (`clip_project.…`, `gpt.transformer.…`) to ours.

    Raises:
        WeightsError: the output layer is not tied to the token embedding, as GPT-2's is.
    """
    renamed: dict[str, Tensor] = {}
    for key, tensor in state.items():
        if key.startswith("clip_project."):
            renamed["mapper." + key.removeprefix("clip_project.")] = tensor
        elif key.startswith("gpt.transformer.") and not key.endswith(_MASKS):
            own = "language_model." + key.removeprefix("gpt.transformer.")
            renamed[own] = tensor.T.contiguous() if key.endswith(_TRANSPOSED) else tensor
    output, embedding = state.get("gpt.lm_head.weight"), state.get("gpt.transformer.wte.weight")
    if output is not None and embedding is not None and not torch.equal(output, embedding):
        raise WeightsError("the checkpoint's output layer differs from its token embedding: it is not GPT-2")
    return renamed


def load_clip_text(path: Path, config: Clip, dim: int | None) -> ClipScorer:
    """CLIP's text encoder from an open_clip checkpoint, in evaluation mode.

    Args:
        path: the checkpoint.
        config: the scorer.
        dim: width of the image embeddings, where the captioner reads the same ones.

    Raises:
        WeightsError: the file cannot be read, holds another model, or embeds into another space.
    """
    scorer = ClipScorer(config)
    state = {key: tensor for key, tensor in _read(path).items() if not key.startswith("visual.")}
    try:
        scorer.clip.load_state_dict(state)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path}: not the weights of open_clip's {config.model} ({reason})") from error
    shared = scorer.eval().embed_texts(["a"]).shape[1]
    if dim is not None and shared != dim:
        raise WeightsError(f"{path}: embeds into {shared} dimensions, the captioner reads {dim}")
    return scorer


def clip_dim(model: PrefixCaptioner) -> int:
    """Width of the image vector that the mapper reads."""
    first = next(module for module in model.mapper.modules() if isinstance(module, torch.nn.Linear))
    return first.in_features


class _Nothing:
    """Stands for a class whose name alone is in a checkpoint."""


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        with torch.serialization.safe_globals([(_Nothing, name) for name in _BESIDE_WEIGHTS]):
            state = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
            state = state["state_dict"]
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise WeightsError(f"{path}: cannot be read as weights; fetch it again") from error
    if not isinstance(state, dict) or not all(isinstance(tensor, Tensor) for tensor in state.values()):
        raise WeightsError(f"{path}: holds no plain state dict of tensors")
    return state
