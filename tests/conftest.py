"""Fixtures that all tests share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from crisisweave.encoders.joint_folder import new_encoder, save_joint
from toy import Toy, joint_config


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    """A prepared data set of 64 tweets with images and captions."""
    return Toy(tmp_path)


@pytest.fixture(scope="session")
def untrained_joint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a joint encoder with random weights; only read it."""
    folder = tmp_path_factory.mktemp("untrained-joint")
    torch.manual_seed(0)
    save_joint(new_encoder(joint_config(), 3 * joint_config().patches.patch ** 2), joint_config(), folder)
    return folder


@pytest.fixture
def rationale_toy(toy: Toy, untrained_joint: Path, monkeypatch: pytest.MonkeyPatch) -> Toy:
    """The same with rationale labels and a joint encoder; its folder is the working directory."""
    toy.write_truth()
    shutil.copytree(untrained_joint, toy.root / "data" / "joint" / "toy")
    monkeypatch.chdir(toy.root)
    return toy
