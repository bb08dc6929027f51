"""Loading a model for new tweets, from the folder of a run or from an exported one.

A run keeps what was trained; the encoders that it left as they came, its captioner and the members of a
fusion lie where the workflow has them. An exported folder holds all of it (`export`). Both are read as
safetensors, JSON and YAML: nothing in them can run code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from crisisweave.captioning.folder import load_captioner_folder
from crisisweave.config.captioner import CaptionerConfig
from crisisweave.config.run import RunConfig, read_run_config
from crisisweave.encoders.folder import (
    build_detector,
    build_image_encoder,
    build_joint_encoder,
    build_lxmert,
    build_text_encoder,
)
from crisisweave.encoders.image import ImageEncoder
from crisisweave.encoders.joint_folder import load_joint_encoder
from crisisweave.encoders.provider import PRETRAINED, Encoders
from crisisweave.errors import DataError, WeightsError
from crisisweave.files import read_json, sha256_file
from crisisweave.layout import captioner_folder, joint_folder
from crisisweave.methods.registry import build_model
from crisisweave.prediction.network import CaptionMaker, Fusion, Network, Remembered, Trained, patch_encoder
from crisisweave.prediction.predictor import Predictor
from crisisweave.seeding import best_device
from crisisweave.training.runs import load_model

E = TypeVar("E")
FORMAT = 1
EXPORTED = "export.json"
# results/<dataset>/<task>/<method>/seed-<n>, counted up to the project's root.
_BELOW_ROOT = 5


def load(folder: str | Path) -> Predictor:
    """The model of a run's folder or of an exported one, in evaluation mode.

    Raises:
        DataError: the folder is neither.
        ConfigError: its config.yaml is not a run's.
        WeightsError: weights are missing, damaged or of another run.
    """
    folder = Path(folder)
    if not (folder / "config.yaml").is_file():
        raise DataError(
            f"{folder}: neither a run's folder nor an exported one (it holds no config.yaml); "
            f"give results/<dataset>/<task>/<method>/seed-<n> or a folder made by `crisisweave export`"
        )
    if is_exported(folder):
        return Predictor(_exported(folder), _digest(sorted(p for p in folder.rglob("*") if p.is_file())))
    return Predictor(load_run(folder), _digest(_run_files(folder)))


def _as_frozen(load_encoder: Callable[[str], E]) -> Callable[[str], E]:
    """An encoder without published weights is what the step `features` ran: the one that seed 0 gives."""

    def loaded(name: str) -> E:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return load_encoder(name)

    return loaded


PINNED = Encoders(_as_frozen(PRETRAINED.text), _as_frozen(PRETRAINED.image), PRETRAINED.joint)


def is_exported(folder: Path) -> bool:
    """Whether a folder was made by `export`."""
    return (folder / EXPORTED).is_file()


def project_of(run: Path) -> Path:
    """The root of the project that a run's folder belongs to.

    Raises:
        DataError: the folder does not lie where the workflow puts runs.
    """
    parents = run.resolve().parents
    if len(parents) < _BELOW_ROOT:
        raise DataError(f"{run}: does not lie in a project's results/<dataset>/<task>/<method>/seed-<n>")
    return parents[_BELOW_ROOT - 1]


def members_of(run: Path, config: RunConfig) -> dict[str, Path]:
    """The run folders that a decision fusion combines: beside it, with the same seed."""
    here = run.resolve()
    return {name: here.parent.parent / method / here.name for name, method in config.method.members.items()}


def load_run(run: Path) -> Network:
    """The network of a run's folder.

    Raises:
        ConfigError, DataError, WeightsError: as `load`.
    """
    config = read_run_config(run)
    if config.method.is_decision:
        return _fusion(
            config, {name: load_run(_there(member)) for name, member in members_of(run, config).items()}
        )
    if config.method.model_of is not None:
        raise DataError(
            f"{run}: reads the model of method '{config.method.model_of}' and has no weights of its own; "
            f"give that method's run beside it"
        )
    encoders = Remembered(_of_project(run))
    model = load_model(config, run, encoders.provider())
    captioner = None
    if config.method.captioner is not None:
        needed = _captioner_config(config, run)
        folder = captioner_folder(config.method.captioner, project_of(run) / "data")
        captioner = _caption_maker(needed, folder, [PINNED.image(name) for name, _, _ in needed.encodings])
    return Trained(config, model, encoders, captioner, best_device())


def _of_project(run: Path) -> Encoders:
    """Pinned encoders, and the joint encoders of the run's project, wherever the command is given."""
    return PINNED._replace(
        joint=lambda name: load_joint_encoder(name, joint_folder(name, project_of(run) / "data"))
    )


def _there(member: Path) -> Path:
    if not (member / "config.yaml").is_file():
        raise DataError(f"{member}: no such run, and the fusion combines its decisions; train it first")
    return member


def _fusion(config: RunConfig, members: dict[str, Network]) -> Fusion:
    text, image = members["text"], members["image"]
    for member in (text, image):
        if member.config.classes != config.classes:
            raise WeightsError(
                f"member '{member.config.method.name}' has other classes than method "
                f"'{config.method.name}'; train both again"
            )
    sides = {member.shorter_side for member in (text, image)} - {None}
    if len(sides) > 1:
        raise WeightsError(
            f"the members of method '{config.method.name}' were trained on images of different size "
            f"({' and '.join(map(str, sorted(map(int, filter(None, sides)))))} pixels); train both again"
        )
    return Fusion(config, text, image)


def _captioner_config(config: RunConfig, folder: Path) -> CaptionerConfig:
    if config.captioner is None:
        raise WeightsError(
            f"{folder / 'config.yaml'}: does not say which captioner made the captions; train this run again"
        )
    return config.captioner


def _caption_maker(config: CaptionerConfig, folder: Path, encoders: list[ImageEncoder]) -> CaptionMaker:
    return CaptionMaker(config, load_captioner_folder(folder, config, best_device()), encoders)


def captioner_parts(config: CaptionerConfig) -> list[tuple[str, str, str]]:
    """Encoder, folder and weights file of each image encoder in an exported captioner."""
    marks = ["", *(f"-{i}" for i in range(1, len(config.encodings)))]
    return [
        (name, f"image{mark}", f"encoder{mark}.safetensors")
        for (name, _, _), mark in zip(config.encodings, marks, strict=True)
    ]


def _exported(folder: Path) -> Network:
    """The network of an exported folder; see `export.write_network` for what lies where."""
    made = _read_marker(folder)
    config = read_run_config(folder)
    if config.digest() != made.get("config_sha256") or config.classes != made.get("classes"):
        raise WeightsError(f"{folder}: its config.yaml was changed after the export; export the run again")
    if config.method.is_decision:
        return _fusion(config, {name: _exported(folder / "members" / name) for name in config.method.members})
    encoders = Remembered(
        Encoders(
            lambda _: build_text_encoder(folder / "text"),
            lambda _: build_image_encoder(folder / "image"),
            lambda _: build_joint_encoder(folder / "joint"),
            lambda _, __: build_lxmert(folder / "lxmert"),
            lambda _: build_detector(folder / "detector"),
        )
    )
    model = build_model(config.method, len(config.classes), encoders.provider()).eval()
    parts: dict[str, nn.Module] = {"model": model, **frozen_encoders(config, encoders)}
    load_weights(folder / "model.safetensors", nn.ModuleDict(parts))
    captioner = None
    if config.method.captioner is not None:
        needed, made_by = _captioner_config(config, folder), []
        for _, described, weights in captioner_parts(needed):
            made_by.append(build_image_encoder(folder / "captioner" / described))
            load_weights(folder / "captioner" / weights, made_by[-1])
        captioner = _caption_maker(needed, folder / "captioner", made_by)
    return Trained(config, model, encoders, captioner, best_device())


def frozen_encoders(config: RunConfig, encoders: Remembered) -> dict[str, nn.Module]:
    """The encoders that a method reads through without training them."""
    frozen: dict[str, nn.Module] = {}
    if config.method.text is not None and not config.method.text.tuned:
        frozen["text_encoder"] = encoders.text(config.method.text.name)
    if config.method.image is not None and not config.method.image.tuned:
        frozen["image_encoder"] = encoders.image(config.method.image.name)
    regions = config.method.regions
    if regions is not None and regions.encoder is not None:
        frozen["region_encoder"] = encoders.image(regions.encoder)
    elif regions is not None:
        frozen["detector"] = encoders.detector(regions)
    patches = patch_encoder(config)
    if patches is not None:
        frozen["patch_encoder"] = encoders.image(patches)
    return frozen


def load_weights(path: Path, module: nn.Module) -> None:
    """Load every tensor of a module.

    Raises:
        WeightsError: the file is missing or damaged, or its tensors are not the module's.
    """
    if not path.is_file():
        raise WeightsError(f"{path}: no weights; export the run again")
    try:
        with safe_open(path, "pt") as stored:
            state: dict[str, Tensor] = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
        module.load_state_dict(state)
    except (SafetensorError, RuntimeError) as error:
        raise WeightsError(
            f"{path}: not the weights of this export ({' '.join(str(error).split())[:200]}); "
            f"export the run again"
        ) from error


def _read_marker(folder: Path) -> dict[str, Any]:
    path = folder / EXPORTED
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; export the run again")
    try:
        made = read_json(path)
    except ValueError as error:
        raise WeightsError(f"{path}: is not JSON; export the run again") from error
    if not isinstance(made, dict) or made.get("format") != FORMAT:
        raise WeightsError(
            f"{path}: this version of crisisweave reads exports of format {FORMAT}; "
            f"export the run again with it"
        )
    return made


def _run_files(run: Path) -> list[Path]:
    """The files on which a run's answers depend."""
    config = read_run_config(run)
    files = [run / "config.yaml"]
    if config.method.is_decision:
        for member in members_of(run, config).values():
            files += _run_files(member)
        return files
    files.append(run / "model.safetensors")
    if config.joint is not None:
        folder = joint_folder(config.joint.name, project_of(run) / "data")
        files += [folder / name for name in ("config.yaml", "tokenizer.json", "model.safetensors")]
    if config.method.captioner is not None:
        folder = captioner_folder(config.method.captioner, project_of(run) / "data")
        files += [folder / name for name in ("config.yaml", "tokenizer.json", "model.safetensors")]
    return files


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(json.dumps([sha256_file(file) for file in files]).encode()).hexdigest()
