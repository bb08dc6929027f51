"""A run folder: what training writes and what predicting reads."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from crisisweave.config.run import RunConfig
from crisisweave.encoders.provider import PRETRAINED, Encoders
from crisisweave.errors import WeightsError
from crisisweave.files import sha256_file, write_bytes
from crisisweave.layout import Sources, joint_folder
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.registry import build_model


def data_digest(run: RunConfig, sources: Sources) -> str:
    """SHA-256 over the files that a run's numbers depend on."""
    config, joint = run.method, run.joint
    files = [sources.prepared / "instances.parquet"]
    if config.views is not None:
        files += [sources.views / name for name in ("views.json", "grey.npy", "colour.npy")]
    if config.image is not None:
        files.append(sources.images / "index.parquet")
        if not config.image.tuned:
            image = config.image
            files.append(sources.image_features(image.name, image.size, image.grid) / "features.npy")
    if joint is not None:
        files += [sources.images / "index.parquet", joint_folder(joint.name) / "model.safetensors"]
        if joint.patches.encoder is not None:
            files.append(sources.patch_features(joint.patches) / "features.npy")
    if config.rationales is not None and config.rationales.alpha:
        files.append(sources.rationales(config.rationales.labels))
    if config.text is not None and not config.text.tuned:
        files.append(sources.text_features(config) / "features.npy")
    if config.captioner is not None:
        files.append(sources.captions(config.captioner) / "captions.parquet")
    joined = "".join(sha256_file(file) for file in files if file.is_file())
    return hashlib.sha256(joined.encode()).hexdigest()


def save_model(state: dict[str, Any], config: RunConfig, folder: Path) -> None:
    """Write model.safetensors; its header names the method, so that no other loads it."""
    from safetensors.torch import save

    data = save(
        {name: value.contiguous() for name, value in state.items()},
        # One entry: safetensors writes several in an order that differs from process to process.
        metadata={"crisisweave": json.dumps(_origin(config), sort_keys=True)},
    )
    write_bytes(folder / "model.safetensors", data)


def _origin(config: RunConfig) -> dict[str, str]:
    return {"method": config.method.name, "config_sha256": config.digest()}


def load_model(config: RunConfig, folder: Path, encoders: Encoders = PRETRAINED) -> Classifier:
    """The run's network with its weights, in evaluation mode.

    Raises:
        WeightsError: no weights, unreadable weights, or weights of another run or method.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(folder) / "model.safetensors"
    if not path.is_file():
        raise WeightsError(f"{path}: no weights; run `crisisweave train` for this run first")
    try:
        with safe_open(path, "pt") as stored:
            origin = json.loads((stored.metadata() or {}).get("crisisweave", "{}"))
            state = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise WeightsError(f"{path}: not a safetensors file ({error}); train this run again") from error
    if origin.get("config_sha256") != config.digest():
        made_by = origin.get("method", "an unknown program")
        raise WeightsError(
            f"{path}: these weights belong to another run (method {made_by}), not to {folder}/config.yaml "
            f"(method {config.method.name}); train this run again"
        )
    model = build_model(config.method, len(config.classes), encoders)
    expected = {name: value.shape for name, value in model.stored_state().items()}
    if {name: value.shape for name, value in state.items()} != expected:
        raise WeightsError(
            f"{path}: its tensors do not fit method {config.method.name}; train this run again"
        )
    model.load_state_dict(state, strict=False)
    return model.eval()
