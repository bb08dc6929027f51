"""An encoder described in a folder, so that it is built again without package, cache or network.

The folder says how the encoder is built (`encoder.json`, for text also `tokenizer.json`); its weights lie
wherever the caller keeps them and are loaded into what is built here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from crisisweave.config.joint import Patches
from crisisweave.encoders.bert import Bert, BertShape
from crisisweave.encoders.clip import clip_model
from crisisweave.encoders.image import (
    TINY_IMAGE,
    FirstToken,
    clip_views,
    create_timm,
    efficientnet_views,
    timm_views,
    tiny_views,
)
from crisisweave.encoders.image_encoder import HALF, ImageEncoder, Normalisation, Views
from crisisweave.encoders.joint import JointEncoder
from crisisweave.encoders.joint_folder import shape_of
from crisisweave.encoders.lxmert import Lxmert, LxmertShape
from crisisweave.encoders.lxmert_encoder import LxmertEncoder
from crisisweave.encoders.names import EncoderName, parse
from crisisweave.encoders.regions import RegionDetector
from crisisweave.encoders.text import MINILM, TINY_TEXT, HubNetwork, TextEncoder, clip_text_encoder
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.encoders.vilt import Vilt
from crisisweave.errors import WeightsError
from crisisweave.files import read_json, write_json, write_text

# Where a model lay on the machine that exported it, and code that a repository brings along: neither is used.
_NOT_NEEDED = {"_name_or_path", "auto_map"}


def describe_text_encoder(encoder: TextEncoder, name: str, folder: Path) -> None:
    """Write encoder.json and tokenizer.json."""
    hub = _hub_config(encoder.network.model) if isinstance(encoder.network, HubNetwork) else None
    write_json(
        folder / "encoder.json", {"name": name, "dim": encoder.dim, "types": encoder.types, "config": hub}
    )
    write_text(folder / "tokenizer.json", encoder.tokenizer_json() + "\n")


def describe_image_encoder(encoder: ImageEncoder, name: str, folder: Path) -> None:
    """Write encoder.json."""
    hub = _hub_config(encoder.network.model) if isinstance(encoder.network, FirstToken) else None
    channels = {"mean": encoder.mean.flatten().tolist(), "std": encoder.std.flatten().tolist()}
    write_json(folder / "encoder.json", {"name": name, "dim": encoder.dim, "config": hub, **channels})


def describe_joint_encoder(encoder: JointEncoder, folder: Path) -> None:
    """Write encoder.json and tokenizer.json."""
    shape = encoder.network.shape._asdict()
    write_json(folder / "encoder.json", {"shape": shape, "patches": encoder.patches.model_dump(mode="json")})
    write_text(folder / "tokenizer.json", encoder.tokenizer_json() + "\n")


def describe_lxmert(encoder: LxmertEncoder, folder: Path) -> None:
    """Write encoder.json and tokenizer.json."""
    shape = encoder.network.shape
    described = {**shape._asdict(), "language": shape.language._asdict()}
    write_json(folder / "encoder.json", {"shape": described})
    write_text(folder / "tokenizer.json", encoder.tokenizer_json() + "\n")


def describe_detector(detector: RegionDetector, folder: Path) -> None:
    """Write encoder.json; the normalisation is among the weights."""
    write_json(folder / "encoder.json", {"config": _hub_config(detector.model)})


def build_text_encoder(folder: Path) -> TextEncoder:
    """The text encoder that a folder describes, its weights not yet loaded.

    Raises:
        WeightsError: a file is missing, or describes no text encoder.
    """
    made = _read(folder)
    try:
        name = parse(made["name"])
        tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text(encoding="utf-8"))
        if made["config"] is not None:
            model = _hub_model(made["config"])
            model.pooler = None
            return TextEncoder(HubNetwork(model, made["types"]), tokenizer, made["dim"], made["types"])
        if name.kind == "open_clip":
            return clip_text_encoder(clip_model(name._replace(detail="")), tokenizer)
        shape = TINY_TEXT[name.model] if name.kind == "tiny" else MINILM
        return TextEncoder(Bert(shape), tokenizer, made["dim"], made["types"])
    except Exception as error:  # whatever the libraries raise on a description that is not theirs
        raise _damaged(folder, error) from error


def build_joint_encoder(folder: Path) -> JointEncoder:
    """The joint encoder that a folder describes, its weights not yet loaded.

    Raises:
        WeightsError: a file is missing, or describes no joint encoder.
    """
    made = _read(folder)
    try:
        tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text(encoding="utf-8"))
        return JointEncoder(Vilt(shape_of(made["shape"])), tokenizer, Patches.model_validate(made["patches"]))
    except Exception as error:  # as above
        raise _damaged(folder, error) from error


def build_lxmert(folder: Path) -> LxmertEncoder:
    """The LXMERT that a folder describes, its weights not yet loaded.

    Raises:
        WeightsError: a file is missing, or describes no LXMERT.
    """
    made = _read(folder)
    try:
        shape = LxmertShape(**{**made["shape"], "language": BertShape(**made["shape"]["language"])})
        tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text(encoding="utf-8"))
        return LxmertEncoder(Lxmert(shape), tokenizer)
    except Exception as error:  # as above
        raise _damaged(folder, error) from error


def build_detector(folder: Path) -> RegionDetector:
    """The detector that a folder describes, its weights not yet loaded.

    Raises:
        WeightsError: a file is missing, or describes no detector.
    """
    made = _read(folder)
    prepare_torchvision()
    from transformers import DetrConfig, DetrForObjectDetection

    try:
        return RegionDetector(DetrForObjectDetection(DetrConfig.from_dict(made["config"])), HALF).eval()
    except Exception as error:  # as above
        raise _damaged(folder, error) from error


def build_image_encoder(folder: Path) -> ImageEncoder:
    """The image encoder that a folder describes, its weights not yet loaded.

    Raises:
        WeightsError: a file is missing, or describes no image encoder.
    """
    made = _read(folder)
    try:
        mean, std = ((a / 255, b / 255, c / 255) for a, b, c in (made["mean"], made["std"]))
        network, views = _image_network(parse(made["name"]), made["config"])
        encoder = ImageEncoder(network, made["dim"], Normalisation(mean, std), views)
    except Exception as error:  # as above
        raise _damaged(folder, error) from error
    return encoder


def _image_network(name: EncoderName, config: Any) -> tuple[Any, Views]:
    """The network of an image encoder without weights, and what it says of an image's parts."""
    if name.kind == "tiny":
        tiny = TINY_IMAGE[name.model]()
        return tiny, tiny_views(tiny)
    if name.kind == "hub":
        hub = FirstToken(_hub_model(config))
        return hub, Views(tokens=hub.tokens)
    if name.kind == "open_clip":
        visual = clip_model(name._replace(detail="")).visual
        return visual, clip_views(visual)
    if name.kind == "package":
        network = create_timm("tf_efficientnet_lite0", pretrained=False)
        return network, efficientnet_views(network)
    network = create_timm(name.model, pretrained=False)
    return network, timm_views(network)


def _hub_config(model: Any) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(model.config.to_json_string(use_diff=False))
    return {key: value for key, value in values.items() if key not in _NOT_NEEDED}


def _hub_model(values: dict[str, Any]) -> Any:
    prepare_torchvision()
    from transformers import CONFIG_MAPPING, AutoModel

    kept = {key: value for key, value in values.items() if key not in _NOT_NEEDED}
    return AutoModel.from_config(CONFIG_MAPPING[kept["model_type"]].from_dict(kept))


def _read(folder: Path) -> Any:
    path = folder / "encoder.json"
    if not path.is_file():
        raise WeightsError(f"{path}: no such file; export the run again")
    try:
        return read_json(path)
    except ValueError as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> WeightsError:
    reason = " ".join(str(error).split())[:200]
    return WeightsError(
        f"{folder}: describes no encoder ({type(error).__name__}: {reason}); export the run again"
    )
