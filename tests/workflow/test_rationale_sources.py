"""Rationale labels in the real DAG: each source has its rules, and only what is stale is made again."""

from __future__ import annotations

import os

import pytest
import yaml

from checkout import FOUR_RUNS, Checkout
from small_tagger import TABLE, small_tagger, write_table

pytestmark = pytest.mark.slow

SOURCES = ["demo_truth", "small_tagger", "given"]
TARGETS = [f"data/rationales/demo/informative/{source}.jsonl" for source in SOURCES]
TAGGER = {"Train and cross-validate the rationale tagger small_tagger"}
LABELS = {s: {f"Rationale labels of demo/informative from {s}"} for s in SOURCES}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout in which the labels of three sources were made."""
    result = Checkout.copy(tmp_path_factory.mktemp("sources") / "project", profile="small")
    folder = result.folder
    (folder / "config" / "small.yaml").write_text(FOUR_RUNS)
    (folder / "data" / "raw").mkdir(parents=True)
    write_table(folder / "data" / "raw" / TABLE)
    given = {"name": "given", "title": "a file", "kind": "file", "file": "given.jsonl"}
    for source in (small_tagger("informative"), given):
        file = folder / "config" / "rationales" / f"{source['name']}.yaml"
        file.write_text(yaml.safe_dump(source))
    result.run(TARGETS[0])
    (folder / "data" / "raw" / "given.jsonl").write_bytes((folder / TARGETS[0]).read_bytes())
    result.run(*TARGETS)
    return result


def test_all_sources_are_made_and_nothing_is_stale(checkout: Checkout) -> None:
    assert checkout.stale(*TARGETS) == set()
    for file in (checkout.folder / "data" / "raw").iterdir():
        os.utime(file)
    assert checkout.stale(*TARGETS) == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("small_tagger", "title: small", "title: other", set()),
        ("small_tagger", "hidden: 8", "hidden: 9", TAGGER | LABELS["small_tagger"]),
        ("small_tagger", "  members: 1", "  members: 1\n  class_given: false", LABELS["small_tagger"]),
    ],
)
def test_an_edited_source_reruns_what_depends_on_it(
    checkout: Checkout, file: str, old: str, new: str, expected: set[str]
) -> None:
    with checkout.edited(f"config/rationales/{file}.yaml", old, new):
        assert checkout.stale(*TARGETS) == expected


def test_an_edited_table_or_file_reruns_what_reads_it(checkout: Checkout) -> None:
    with checkout.edited("data/raw/human.csv", "people were killed", "people  were killed"):
        assert checkout.stale(*TARGETS) == TAGGER | LABELS["small_tagger"]
    with checkout.edited("data/raw/given.jsonl", "generator", "somebody"):
        assert checkout.stale(*TARGETS) == LABELS["given"]


def test_a_table_that_is_not_there_is_one_sentence(checkout: Checkout) -> None:
    table = checkout.folder / "data" / "raw" / "human.csv"
    table.rename(table.with_suffix(".away"))
    try:
        done = checkout.snakemake("-n", TARGETS[1])
    finally:
        table.with_suffix(".away").rename(table)
    assert done.returncode != 0
    assert "human.csv: no such file; docs/rationale_labels.md says" in done.stdout + done.stderr
