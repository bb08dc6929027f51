"""The toy with a joint encoder, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from joint_toy import JointToy


@pytest.fixture
def joint_toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JointToy:
    """Steps find encoders below the current folder."""
    monkeypatch.chdir(tmp_path)
    return JointToy(tmp_path)
