"""Results that no run of the profile made are found, and removed only when asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from checkout import Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    checkout = Checkout.copy(tmp_path)
    for name in (
        "demo/humanitarian/text/seed-1/transfer/demo_heldout",
        "demo/humanitarian/text/seed-1/transfer/elsewhere",
        "demo/humanitarian/text/seed-9",
        "demo/humanitarian/gone/seed-1",
        "other/task/text/seed-1",
    ):
        folder = tmp_path / "results" / name
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text("{}")
    return checkout


GONE = [
    "results/demo/humanitarian/gone/seed-1",
    "results/demo/humanitarian/text/seed-1/transfer/elsewhere",
    "results/demo/humanitarian/text/seed-9",
    "results/other/task/text/seed-1",
]


def test_orphans_are_listed_and_left_alone(checkout: Checkout) -> None:
    done = checkout.call("crisisweave", "prune", "--profile", "config/tiny.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[:-1] == GONE
    assert done.stdout.splitlines()[-1].startswith("4 folders")
    assert all((checkout.folder / path).is_dir() for path in GONE)


def test_orphans_are_removed_when_asked_and_nothing_else(checkout: Checkout) -> None:
    done = checkout.call("crisisweave", "prune", "--profile", "config/tiny.yaml", "--delete")
    assert done.returncode == 0, done.stderr
    left = sorted(
        str(p.relative_to(checkout.folder)) for p in checkout.folder.glob("results/**/*") if p.is_file()
    )
    assert left == ["results/demo/humanitarian/text/seed-1/transfer/demo_heldout/metrics.json"]
    assert not (checkout.folder / "results/other").exists()
    again = checkout.call("crisisweave", "prune", "--profile", "config/tiny.yaml", "--delete")
    assert again.stdout == "Nothing in results/ but what config/tiny.yaml runs.\n"
