"""A trained run as one folder that needs neither the project nor a model cache.

README.md              the model card
export.json            format, classes, inputs
config.yaml            the run's config
model.safetensors      every tensor, also those that training left as they came
text/, image/, joint/  how the encoders are built; the tokenizer (lxmert/, detector/ where there are such)
captioner/             for methods that read captions: captioner, scorer, tokenizer, its image encoder
members/text, /image   for a decision fusion: the two methods, each a folder like this one
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

import crisisweave
from crisisweave.captioning.folder import save_captioner
from crisisweave.config.run import read_run_config, write_run_config
from crisisweave.encoders.folder import (
    describe_detector,
    describe_image_encoder,
    describe_joint_encoder,
    describe_lxmert,
    describe_text_encoder,
)
from crisisweave.encoders.joint import JointEncoder
from crisisweave.errors import ConfigError, DataError
from crisisweave.files import atomic_path, write_bytes, write_json, write_text
from crisisweave.prediction.folder import (
    EXPORTED,
    FORMAT,
    captioner_parts,
    frozen_encoders,
    is_exported,
    load_run,
    project_of,
)
from crisisweave.prediction.model_card import model_card
from crisisweave.prediction.network import Fusion, Network, Trained, patch_encoder
from crisisweave.prediction.predictor import NEEDED


def export(run: Path, out: Path | None = None) -> Path:
    """Write the folder of a run; an earlier export at the same place is replaced.

    Args:
        run: the run's folder, in its project.
        out: the folder; default: `exports/<data set>-<task>-<method>-<seed>` in the current folder.

    Returns:
        the folder.

    Raises:
        DataError: the run is not complete, or something else is at `out`.
        ConfigError, WeightsError: as `folder.load`.
    """
    if is_exported(run):
        raise DataError(f"{run}: is an exported folder already; copy it")
    if not (run / "config.yaml").is_file():
        raise DataError(
            f"{run}: holds no run; give results/<dataset>/<task>/<method>/seed-<n> of a finished run"
        )
    config = read_run_config(run)
    if out is None:
        out = Path("exports") / f"{config.dataset}-{config.task}-{config.method.name}-{config.seed}"
    if out.exists() and not is_exported(out):
        raise DataError(f"{out}: is there already and is no exported folder; give another --out")
    network = load_run(run)
    card = model_card(run, project_of(run), network, out.name)
    with atomic_path(out) as folder:
        folder.mkdir()
        write_network(network, folder)
        write_text(folder / "README.md", card)
    return out


def write_network(network: Network, folder: Path) -> None:
    """Write all but the model card."""
    config = network.config
    write_run_config(config, folder)
    write_json(
        folder / EXPORTED,
        {
            "format": FORMAT,
            "crisisweave": crisisweave.__version__,
            "classes": config.classes,
            "inputs": [name for name in NEEDED if name in network.needs],
            "config_sha256": config.digest(),
        },
    )
    if isinstance(network, Fusion):
        for name, member in network.members.items():
            write_network(member, folder / "members" / name)
        return
    method, encoders = config.method, network.encoders
    if method.text is not None:
        describe_text_encoder(encoders.text(method.text.name), method.text.name, folder / "text")
    if method.image is not None:
        describe_image_encoder(encoders.image(method.image.name), method.image.name, folder / "image")
    if isinstance(network.model.joint, JointEncoder):
        describe_joint_encoder(network.model.joint, folder / "joint")
    if network.model.lxmert is not None and method.regions is not None:
        describe_lxmert(network.model.lxmert, folder / "lxmert")
        seen = method.regions.encoder
        if seen is None:
            describe_detector(encoders.detector(method.regions), folder / "detector")
        else:
            describe_image_encoder(encoders.image(seen), seen, folder / "image")
    patches = patch_encoder(config)
    if patches is not None:
        describe_image_encoder(encoders.image(patches), patches, folder / "image")
    parts: dict[str, Any] = {"model": network.model, **frozen_encoders(config, encoders)}
    _write_weights(folder / "model.safetensors", nn.ModuleDict(parts))
    if network.captioner is not None:
        _write_captioner(network, folder / "captioner")


def _write_captioner(network: Trained, folder: Path) -> None:
    maker = network.captioner
    assert maker is not None
    if maker.config.generator is not None:
        raise ConfigError(
            f"captioner {maker.config.name} is a model of the hub, which is not copied into an export; "
            f"predict from the run's own folder"
        )
    folder.mkdir()
    save_captioner(maker.captioner, maker.config, folder)
    for encoder, (name, described, weights) in zip(
        maker.encoders, captioner_parts(maker.config), strict=True
    ):
        describe_image_encoder(encoder, name, folder / described)
        _write_weights(folder / weights, encoder)


def _write_weights(path: Path, module: nn.Module) -> None:
    # Copies: a tensor that a module holds under two names is stored under both.
    state = {name: value.detach().cpu().contiguous().clone() for name, value in module.state_dict().items()}
    write_bytes(path, save(state))
