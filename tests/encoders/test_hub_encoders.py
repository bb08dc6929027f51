"""`hub:` encoders from a model cache that the test fills: the real loading code, no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tiny_hub_model import REVISION, load, make


@pytest.mark.parametrize(
    ("kind", "tokens", "types"),
    [
        ("bert", ["[CLS]", "the", "bridge", "is", "down", "[SEP]"], 2),
        # Every word with the space before it: without it a byte-level vocabulary falls to pieces.
        ("roberta", ["<s>", "Ġthe", "Ġbridge", "Ġis", "Ġdown", "</s>"], 1),
    ],
)
def test_a_cached_hub_model_reads_words_as_it_was_trained_to(
    tmp_path: Path, kind: str, tokens: list[str], types: int
) -> None:
    model = tmp_path / "models--somebody--tiny"
    snapshot = model / "snapshots" / REVISION
    snapshot.mkdir(parents=True)
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(REVISION)
    make(kind, snapshot)
    found = load(tmp_path)
    assert found["tokens"] == tokens
    assert found["types"] == types
    assert found["padding_error"] < 1e-5
