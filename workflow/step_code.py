"""Holds the declared versions of the steps to their code.

    python workflow/step_code.py             what changed since the last confirmation
    python workflow/step_code.py --confirm   versions in config/steps.py are right for the code as it is

A step's code is every module of the package that its command can import, found from the source. Comments,
docstrings and layout do not count. `step_code.json` beside this file holds the confirmed digests; a test
fails while it differs from the code. So whoever changes what a step can compute must decide: raise the
version (results go stale) or confirm that results stay the same.
"""

from __future__ import annotations

import ast
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from crisisweave.config.steps import FAMILY_VERSIONS, STEPS

SOURCE = Path(__file__).parents[1] / "src"
CONFIRMED = Path(__file__).with_name("step_code.json")
# A rule's command by the step that it is, where the two differ.
COMMANDS: dict[str, tuple[str, ...]] = {
    "features": ("features", "text_features"),
    "media-views": ("media_views",),
    "predict-splits": ("predict_splits",),
    "read-partly": ("read_partly",),
    "evaluate-rationales": ("evaluate_rationales",),
    "patch-features": ("patch_features",),
    "region-features": ("region_features",),
    "tagger": ("train_tagger",),
    "rationale-labels": ("labels",),
}
# Steps whose command stands in another module than `crisisweave.cli`.
COMMAND_MODULES = dict.fromkeys(("tagger", "rationale-labels"), "crisisweave.cli_rationales")
# Families are imported by name, so the source does not say it: whoever builds a method can reach them all.
BY_NAME = {"crisisweave.methods.registry": [f"crisisweave.methods.{name}" for name in FAMILY_VERSIONS]}
# What only messages, pages and the command line of a step are made of.
APART = {"crisisweave.config.steps", "crisisweave.invocation", "crisisweave.progress", "crisisweave.errors"}


def stated() -> dict[str, Any]:
    """Versions and code as they stand: each module's digest, and the modules that each step reaches."""
    steps = {}
    modules: set[str] = set()
    for step, declared in STEPS.items():
        cli = _tree(COMMAND_MODULES.get(step, "crisisweave.cli"))
        functions = [_function(cli, name) for name in COMMANDS.get(step, (step,))]
        reached = _closure({*_imports(functions), *_imports(_helpers(cli, functions))})
        modules |= reached
        steps[step] = {
            "version": declared.version,
            "command": _digest(functions),
            "modules": sorted(reached),
        }
    return {
        "families": FAMILY_VERSIONS,
        "steps": steps,
        "code": {name: _digest([_tree(name)]) for name in sorted(modules)},
    }


def changes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """One line for each step whose code or version differs."""
    lines = []
    for step in sorted({*old["steps"], *new["steps"]}):
        before, now = old["steps"].get(step), new["steps"].get(step)
        if before is None or now is None:
            lines.append(f"{step}: {'new' if before is None else 'gone'}")
            continue
        names = sorted({*before["modules"], *now["modules"]})
        edited = [name for name in names if old["code"].get(name) != new["code"].get(name)]
        edited += [name for name in names if (name in before["modules"]) != (name in now["modules"])]
        if before["command"] != now["command"]:
            edited.append("its command in crisisweave.cli")
        if before["version"] != now["version"]:
            lines.append(f"{step}: version {before['version']} became {now['version']}")
        elif edited:
            lines.append(f"{step}: version {now['version']}, changed: {', '.join(dict.fromkeys(edited))}")
    if old["families"] != new["families"]:
        lines.append(f"families: {old['families']} became {new['families']}")
    return lines


def _file(module: str) -> Path | None:
    path = SOURCE.joinpath(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _tree(module: str) -> ast.Module:
    path = _file(module)
    assert path is not None, module
    return ast.parse(path.read_text(encoding="utf-8"))


def _function(tree: ast.Module, name: str) -> ast.FunctionDef:
    return next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)


def _helpers(tree: ast.Module, functions: Iterable[ast.FunctionDef]) -> list[ast.FunctionDef]:
    """Functions of the module that the given ones call, directly or through one another."""
    known = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found: dict[str, ast.FunctionDef] = {}
    todo = list(functions)
    while todo:
        for node in ast.walk(todo.pop()):
            if isinstance(node, ast.Name) and node.id in known and node.id not in found:
                found[node.id] = known[node.id]
                todo.append(known[node.id])
    return list(found.values())


def _imports(trees: Iterable[ast.AST]) -> Iterator[str]:
    """Modules of the package that code imports when it runs, at whatever depth."""
    for tree in trees:
        skipped = {
            id(inner)
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in ast.walk(tree):
            if id(node) in skipped or not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            else:
                base = node.module or ""
                names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
            yield from (name for name in names if name.split(".")[0] == "crisisweave" and _file(name))


def _closure(modules: set[str]) -> set[str]:
    seen: set[str] = set()
    todo = list(modules)
    while todo:
        name = todo.pop()
        if name in seen or name in APART or _file(name) is None:
            continue
        seen.add(name)
        parts = name.split(".")
        todo += [".".join(parts[:n]) for n in range(1, len(parts))]
        todo += [*_imports([_tree(name)]), *BY_NAME.get(name, [])]
    return seen


def _digest(trees: Iterable[ast.AST]) -> str:
    digest = hashlib.sha256()
    for tree in trees:
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list):
                # Docstrings, also those of attributes: a bare string computes nothing.
                node.body = [s for s in body if not _is_bare_string(s)] or [ast.Pass()]  # type: ignore[attr-defined]
        digest.update(ast.dump(tree).encode())
    return digest.hexdigest()[:16]


def _is_bare_string(statement: ast.stmt) -> bool:
    value = getattr(statement, "value", None)
    return (
        isinstance(statement, ast.Expr) and isinstance(value, ast.Constant) and isinstance(value.value, str)
    )


def main(arguments: list[str]) -> int:
    """Print what changed; `--confirm` accepts it."""
    now = stated()
    if arguments == ["--confirm"]:
        CONFIRMED.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return 0
    lines = changes(json.loads(CONFIRMED.read_text(encoding="utf-8")), now)
    if not lines:
        print("Every step's version is confirmed for its code as it stands.")
        return 0
    print("\n".join(lines))
    print(
        "Raise the versions in src/crisisweave/config/steps.py of the steps whose results can differ now, "
        "then run: python workflow/step_code.py --confirm"
    )
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
