"""The registry of method families: one module of this package each."""

from __future__ import annotations

import importlib
import pkgutil

from crisisweave import methods
from crisisweave.config.method import MethodConfig
from crisisweave.config.strict import nearest
from crisisweave.encoders.provider import PRETRAINED, Encoders
from crisisweave.errors import ConfigError
from crisisweave.methods.classifier import Classifier

# Modules that serve the families rather than being one.
_SHARED = {"branches", "classifier", "decision", "inputs", "registry"}


def families() -> list[str]:
    """Names of the families that have parameters."""
    return sorted(m.name for m in pkgutil.iter_modules(methods.__path__) if m.name not in _SHARED)


def build_model(config: MethodConfig, n_classes: int, encoders: Encoders = PRETRAINED) -> Classifier:
    """Build a method's network: encoders as they are given, new layers initialised.

    Raises:
        ConfigError: the family is unknown.
        WeightsError: pretrained weights are missing or altered.
    """
    if config.family not in families():
        raise ConfigError(
            f"method '{config.name}': family '{config.family}' is not known; "
            f"{nearest(config.family, families())}"
        )
    module = importlib.import_module(f"crisisweave.methods.{config.family}")
    model: Classifier = module.build(config, n_classes, encoders)
    return model
