"""One finished run of the demo's tiny variant, for all tests that look at what would be run next."""

from __future__ import annotations

import pytest

from checkout import Checkout


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the tiny variant has run; whoever changes it puts it back or copies it."""
    checkout = Checkout.copy(tmp_path_factory.mktemp("finished") / "project")
    checkout.run()
    return checkout
