"""One toy with a joint encoder and its runs, for all tests of explanations."""

from __future__ import annotations

import pytest
from joint_toy import RATIONALE, SCORER, JointToy


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> JointToy:
    """The toy in which a method with rationales and its scorer have been run; only read it."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("joint")
        patch.chdir(root)
        toy = JointToy(root)
        toy.joint_run(RATIONALE)
        toy.joint_run(SCORER)
        return toy


@pytest.fixture
def joint_toy(built: JointToy, monkeypatch: pytest.MonkeyPatch) -> JointToy:
    """The same, in whose folder a step runs: it finds encoders below the current folder."""
    monkeypatch.chdir(built.root)
    return built
