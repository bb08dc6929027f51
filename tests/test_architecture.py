"""The layout shows the architecture: imports point downward only."""

from __future__ import annotations

import ast
from pathlib import Path

import crisisweave

PACKAGE = Path(crisisweave.__file__).parent
# From the bottom up; a module may import from its own row and from rows below it.
ROWS = [
    {"drawing", "errors", "files", "invocation", "progress", "seeding", "__init__"},
    {"config"},
    {"datasets", "images"},
    {"encoders", "layout", "orphans"},
    {"rationales"},
    {"fetching"},
    {"methods"},
    {"balancing", "evaluation"},
    {"training"},
    {"captioning", "explaining", "pretraining"},
    {"reporting"},
    {"prediction", "study"},
    {"cli", "cli_options", "cli_rationales", "cli_study"},
]
RANK = {name: rank for rank, row in enumerate(ROWS) for name in row}


def _part(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def _imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crisisweave."):
            names.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            names |= {a.name.split(".")[1] for a in node.names if a.name.startswith("crisisweave.")}
    return names


def test_imports_point_downward_only() -> None:
    upward = [
        f"{path.relative_to(PACKAGE)} imports crisisweave.{name}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for name in sorted(_imports(path))
        if RANK[name] > RANK[_part(path)]
    ]
    assert upward == []


def test_every_part_has_a_rank() -> None:
    assert {_part(path) for path in PACKAGE.rglob("*.py")} == set(RANK)


def test_one_place_decides_on_the_device() -> None:
    deciding = [path.name for path in PACKAGE.rglob("*.py") if "cuda.is_available" in path.read_text("utf-8")]
    assert deciding == ["seeding.py"]
