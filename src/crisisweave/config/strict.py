"""Strict typed models: an unknown key stops with the nearest valid one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from crisisweave.errors import ConfigError

M = TypeVar("M", bound="StrictModel")


class StrictModel(BaseModel):
    """Base of every config model: immutable, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def nearest(word: str, valid: list[str]) -> str:
    """A hint: the nearest valid word if one is near, else the whole list."""
    close = difflib.get_close_matches(word, valid, n=1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"valid are: {', '.join(sorted(valid))}"


def _model_at(model: type[BaseModel], path: tuple[Any, ...]) -> type[BaseModel] | None:
    """The model class that holds the key at `path`, found by walking the annotations."""
    current: Any = model
    for step in path:
        if not (isinstance(current, type) and issubclass(current, BaseModel)):
            return None
        if step not in current.model_fields:
            return None
        candidates = [current.model_fields[step].annotation]
        while candidates and not (isinstance(candidates[0], type) and issubclass(candidates[0], BaseModel)):
            candidates = [*getattr(candidates[0], "__args__", ()), *candidates[1:]]
        if not candidates:
            return None
        current = candidates[0]
    return current if isinstance(current, type) and issubclass(current, BaseModel) else None


def validate(model: type[M], values: Any, where: str) -> M:
    """Build `model` from plain values.

    Raises:
        ConfigError: names the file, the key, the offending value and what to do.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        path = tuple(part for part in first["loc"] if not isinstance(part, int))
        key = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            holder = _model_at(model, path[:-1])
            # Inside a mapping of free names (tasks by name) the holder is found one level further down.
            holder = holder or _model_at_any(model, str(path[-1]))
            valid = list(holder.model_fields) if holder else []
            hint = nearest(str(path[-1]), valid) if valid else "remove it"
            raise ConfigError(f"{where}: unknown key '{key}'; {hint}") from error
        if first["type"] == "missing":
            raise ConfigError(f"{where}: key '{key}' is missing; add it") from error
        value = first.get("input")
        raise ConfigError(f"{where}: key '{key}' has the value {value!r}: {first['msg']}") from error


def _model_at_any(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    """The nested model whose fields come nearest to `key` (for models behind mappings and lists)."""
    best: tuple[float, type[BaseModel]] | None = None
    stack: list[Any] = [model]
    seen: set[Any] = set()
    while stack:
        current = stack.pop()
        if isinstance(current, type) and issubclass(current, BaseModel):
            if current in seen:
                continue
            seen.add(current)
            for name, field in current.model_fields.items():
                score = difflib.SequenceMatcher(None, key, name).ratio()
                if best is None or score > best[0]:
                    best = (score, current)
                stack.append(field.annotation)
        else:
            stack.extend(getattr(current, "__args__", ()))
    return best[1] if best else None


def read_yaml(path: str | Path) -> Any:
    """Parse a YAML file.

    Raises:
        ConfigError: the file is missing or is not YAML; says where.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"{path}: no such config file; check the name or run from the project's root")
    try:
        # The C parser: every command and every `snakemake -n` starts by reading a dozen of these files.
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8; save it as UTF-8") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: holds no keys; a config file is a mapping of keys to values")
    return values


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `change` laid over it: mappings are merged key by key, anything else is replaced."""
    result = dict(base)
    for key, value in change.items():
        both_mappings = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both_mappings else value
    return result


def load_named(
    folder: Path, what: str, name: str, model: type[M], override: Mapping[str, Any] | None = None
) -> M:
    """Read `<folder>/<name>.yaml`, with `override` laid over it.

    Args:
        folder: holds one file for each of its kind.
        what: the kind, as a message calls it.
        name: the file's name, which the file says again.
        model: of its values; has a `name`.
        override: changed keys.

    Raises:
        ConfigError: there is no such file (the nearest name is given), or a key or value is wrong.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        known = [file.stem for file in sorted(folder.glob("*.yaml"))]
        hint = nearest(name, known) if known else f"add {path}"
        raise ConfigError(f"{path}: there is no {what} '{name}'; {hint}")
    config = validate(model, merged(read_yaml(path), override or {}), str(path))
    own: str = config.name  # type: ignore[attr-defined]
    if own != name:
        raise ConfigError(f"{path}: name is '{own}'; it must be the file's name, '{name}'")
    return config
