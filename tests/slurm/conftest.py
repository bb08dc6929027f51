"""The cluster, for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from single_node import SingleNode


@pytest.fixture(scope="session")
def cluster() -> Iterator[SingleNode]:
    """A real SLURM cluster of one node; stopped again when the tests are done."""
    with SingleNode() as running:
        yield running
