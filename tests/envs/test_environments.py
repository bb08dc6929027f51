"""The environments: what is asked for, what is locked and what is installed are the same thing."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
ENVS = ROOT / "envs"
LOCKS = ["requirements.lock", "torch-cpu.lock", "torch-cuda.lock", "weights.lock"]
ACCELERATED = re.compile(r"torch|torchvision|triton|nvidia-.*|cuda-.*")


def requirements(name: str) -> list[Requirement]:
    """The requirements of a file in envs/ that hold on this machine, hashes left out."""
    lines = [line.split(" \\")[0] for line in (ENVS / name).read_text().splitlines()]
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", " "))]
    return [r for r in found if r.marker is None or r.marker.evaluate()]


def locked(name: str) -> dict[str, str]:
    """Package → version in a lock."""
    versions = {}
    for requirement in requirements(name):
        [specifier] = requirement.specifier
        assert specifier.operator in ("==", "==="), f"{name}: {requirement} is not pinned"
        versions[canonicalize_name(requirement.name)] = specifier.version
    return versions


def names(file: str) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements(file)}


def in_force() -> dict[str, str]:
    """What install.sh installs for the build of torch that is here."""
    build = "cpu" if "+cpu" in metadata.version("torch") or sys.platform != "linux" else "cuda"
    return {**locked(f"torch-{build}.lock"), **locked("weights.lock"), **locked("requirements.lock")}


def test_both_builds_of_torch_have_the_same_versions() -> None:
    cpu, cuda = locked("torch-cpu.lock"), locked("torch-cuda.lock")
    assert cpu["torch"].split("+")[0] == cuda["torch"]
    assert cpu["torchvision"] == cuda["torchvision"]


def test_the_lock_with_cuda_does_not_take_a_build_without() -> None:
    [torch] = [r for r in requirements("torch-cuda.lock") if r.name == "torch"]
    [cpu] = [r for r in requirements("torch-cpu.lock") if r.name == "torch"]
    version = locked("torch-cuda.lock")["torch"]
    assert torch.specifier.contains(version)
    assert not torch.specifier.contains(f"{version}+cpu")
    assert SpecifierSet(f"=={version}").contains(f"{version}+cpu"), "why '==' would not do"
    if sys.platform == "linux":
        assert cpu.specifier.contains(f"{version}+cpu")
        assert not cpu.specifier.contains(version)


def test_what_belongs_to_cuda_is_in_its_own_lock() -> None:
    assert all(ACCELERATED.fullmatch(name) for name in locked("torch-cuda.lock"))
    assert not [name for name in locked("requirements.lock") if ACCELERATED.fullmatch(name)]
    assert {"triton", "nvidia-cublas", "nvidia-cudnn-cu13", "nvidia-nccl-cu13"} <= set(
        locked("torch-cuda.lock")
    )


@pytest.mark.parametrize(
    "name", ["requirements.lock", "torch-cuda.lock", "weights.lock", "weights-mpnet.lock"]
)
def test_every_locked_package_has_hashes(name: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (ENVS / name).read_text().strip())
    entries = [entry for entry in entries if not entry.startswith("#")]
    assert len(entries) == len(locked(name))
    assert not [entry for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)]


def test_the_locks_are_those_that_conda_environments_are_made_for() -> None:
    """The digest in the script makes Snakemake renew its conda environment after a lock changed."""
    digest = hashlib.sha256(b"".join((ENVS / name).read_bytes() for name in LOCKS)).hexdigest()
    assert f"# locks {digest[:16]}\n" in (ENVS / "environment.post-deploy.sh").read_text()


def test_everything_asked_for_is_locked_at_the_version_asked_for() -> None:
    everything = {**locked("requirements.lock"), **locked("torch-cuda.lock"), **locked("weights.lock")}
    for file in ("requirements.in", "torch.in", "weights.in"):
        assert names(file) <= set(everything), f"{file} has changed since `make lock`"
    assert names("weights-mpnet.in") == set(locked("weights-mpnet.lock"))
    for constraint in requirements("constraints.in"):
        assert constraint.specifier.contains(everything[canonicalize_name(constraint.name)])


def test_what_the_package_imports_is_asked_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {canonicalize_name(Requirement(line).name) for line in project["dependencies"]}
    assert needed <= names("requirements.in") | names("torch.in")


def test_torchvision_is_the_one_made_for_this_torch() -> None:
    """Each torchvision is published for one torch, and says which."""
    assert metadata.version("torchvision").split("+")[0] == locked("torch-cuda.lock")["torchvision"]
    [torch] = [r for r in map(Requirement, metadata.requires("torchvision") or []) if r.name == "torch"]
    assert torch.specifier.contains(locked("torch-cuda.lock")["torch"])
    assert torch.specifier.contains(metadata.version("torch"))


@pytest.mark.slow
def test_what_is_installed_is_what_is_locked() -> None:
    wrong = {
        name: f"{version} locked, {metadata.version(name)} installed"
        for name, version in in_force().items()
        if metadata.version(name) not in (version, f"{version}+cpu")
    }
    assert wrong == {}


@pytest.mark.slow
def test_the_locks_are_complete() -> None:
    """Whatever an installed package of the lock needs is locked too, at a version that it accepts."""
    everything = in_force()
    missing = []
    for name in everything:
        if name in locked("weights.lock"):
            continue  # only their files are read
        for requirement in map(Requirement, metadata.requires(name) or []):
            environment = {**default_environment(), "extra": ""}
            if requirement.marker is not None and not requirement.marker.evaluate(environment):
                continue
            needed = canonicalize_name(requirement.name)
            if needed == "pip":
                continue  # in every environment before the locks are
            if needed not in everything or not requirement.specifier.contains(everything[needed]):
                missing.append(f"{name} needs {requirement}")
    assert missing == []


@pytest.mark.slow
def test_every_locked_package_imports() -> None:
    modules: dict[str, set[str]] = {}
    for module, owners in metadata.packages_distributions().items():
        for owner in owners:
            modules.setdefault(canonicalize_name(owner), set()).add(module)
    wanted = {
        module
        for package in in_force()
        for module in modules.get(package, set())
        # Not modules: stub packages, and private or test folders that some packages drop beside themselves.
        if module.isidentifier() and not module.startswith("_") and module not in ("tests", "test")
    }
    assert len(wanted) > 100
    program = """
import importlib, sys
from crisisweave.encoders.torchvision_compat import prepare_torchvision
prepare_torchvision()
failed = []
for module in sys.argv[1:]:
    try:
        importlib.import_module(module)
    except Exception as error:
        failed.append(f"{module}: {error!r}")
print("\\n".join(failed))
"""
    result = subprocess.run(
        [sys.executable, "-c", program, *sorted(wanted)], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == ""


def test_conda_environment_is_python_and_the_locks() -> None:
    environment = yaml.safe_load((ENVS / "environment.yaml").read_text())
    assert set(environment) == {"name", "channels", "dependencies"}
    # Anything more here would be a second truth beside the locks.
    assert environment["dependencies"] == ["python=3.11", "pip"]
    # The name under which Snakemake looks for what completes an environment.
    script = (ENVS / "environment.post-deploy.sh").read_text()
    assert "bash envs/install.sh" in script


def test_conda_environment_is_filled_only_when_it_is_active() -> None:
    outside = {name: value for name, value in os.environ.items() if name != "CONDA_PREFIX"}
    result = subprocess.run(
        ["bash", "envs/environment.post-deploy.sh"], cwd=ROOT, env=outside, capture_output=True, text=True
    )
    assert result.returncode != 0
    assert "activate the environment" in result.stderr


def test_docker_recipe_copies_what_is_there_and_installs_from_the_locks() -> None:
    recipe = (ENVS / "Dockerfile").read_text().replace("\\\n", " ")
    instructions = [line.split(maxsplit=1) for line in recipe.splitlines() if line and line[0] not in "# "]
    copied = [part for name, rest in instructions if name == "COPY" for part in rest.split()[:-1]]
    assert "envs" in copied
    assert "src" in copied
    assert [part for part in copied if not (ROOT / part).exists()] == []
    installs = [rest for name, rest in instructions if name == "RUN" and "envs/install.sh" in rest]
    assert len(installs) == 1
    assert "TORCH=$TORCH" in installs[0]
    assert not [rest for name, rest in instructions if name == "RUN" and "pip install" in rest]
    ignored = (ENVS / "Dockerfile.dockerignore").read_text().splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)


def test_apptainer_recipe_copies_what_is_there_and_installs_from_the_locks() -> None:
    recipe = (ENVS / "crisisweave.def").read_text()
    sections = dict(re.findall(r"^%(\w+)\n((?:    .*\n)+)", recipe, flags=re.MULTILINE))
    assert list(sections) == ["arguments", "files", "post", "environment", "runscript"]
    copied = [shlex.split(line)[0] for line in sections["files"].splitlines()]
    assert [part for part in copied if not (ROOT / part).exists()] == []
    assert "TORCH={{ TORCH }} bash envs/install.sh" in sections["post"]
    assert "pip install" not in sections["post"]
    base = re.search(r"^FROM (.+)$", (ENVS / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert base is not None
    assert f"From: {base[1]}\n" in recipe


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"TORCH": "mps"}, "TORCH=mps is no build of torch; say TORCH=cpu (the default) or TORCH=cuda"),
        ({"TORCH": "cuda", "MACHINE": "Darwin arm64"}, "is locked for Linux x86_64, this is Darwin arm64"),
        ({"VERSION": "3.9.2"}, "Python 3.9.2 found, Python 3.11 or 3.12 needed"),
    ],
)
def test_install_refuses_before_it_writes(settings: dict[str, str], sentence: str, tmp_path: Path) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    python = f"[ $1 = --version ] && echo Python {settings.get('VERSION', '3.11.7')}"
    answers = {
        "uname": f"echo {settings.get('MACHINE', 'Linux x86_64')}",
        "python3.11": f"{python} || exit {int('VERSION' in settings)}",
    }
    for name, answer in answers.items():
        (commands / name).write_text(f"#!/bin/sh\n{answer}\n")
        (commands / name).chmod(0o755)
    environment = {"PATH": f"{commands}:{os.environ['PATH']}", "TORCH": settings.get("TORCH", "cpu")}
    target = tmp_path / "environment"
    result = subprocess.run(
        ["bash", str(ENVS / "install.sh"), str(target)], env=environment, capture_output=True, text=True
    )
    assert result.returncode == 2
    assert sentence in result.stderr
    assert not target.exists()
