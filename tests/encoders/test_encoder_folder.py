"""An encoder described in a folder is built again without package or cache, and gives the same numbers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from crisisweave.encoders.folder import (
    build_image_encoder,
    build_text_encoder,
    describe_image_encoder,
    describe_text_encoder,
)
from crisisweave.encoders.image import load_image_encoder
from crisisweave.encoders.text import load_text_encoder
from tiny_hub_model import REPOSITORY, REVISION, make

WORDS = [["the", "bridge", "is", "down"], ["help"]]


@pytest.mark.parametrize("name", ["tiny:bert", "package:minilm"])
def test_a_text_encoder_comes_back_with_its_tokenizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    encoder = load_text_encoder(name).eval()
    encoder.tokenise(WORDS, max_tokens=4)  # leaves a limit in the tokenizer, which must not be exported
    describe_text_encoder(encoder, name, tmp_path)
    monkeypatch.setattr("crisisweave.encoders.packages.packaged", None)
    again = build_text_encoder(tmp_path).eval()
    again.load_state_dict(encoder.state_dict())
    tokens = [each.tokenise(WORDS, max_tokens=32) for each in (encoder, again)]
    assert [list(ids) for ids in tokens[0].ids] == [list(ids) for ids in tokens[1].ids]
    batch = tokens[0].pad(np.arange(2))
    with torch.inference_mode():
        assert torch.equal(encoder(batch), again(batch))
    assert (again.dim, again.types) == (encoder.dim, encoder.types)


@pytest.mark.parametrize(("name", "grid"), [("tiny:conv", 2), ("package:efficientnet_lite0", 2)])
def test_an_image_encoder_comes_back_with_its_normalisation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, grid: int
) -> None:
    encoder = load_image_encoder(name).eval()
    describe_image_encoder(encoder, name, tmp_path)
    monkeypatch.setattr("crisisweave.encoders.packages.packaged", None)
    again = build_image_encoder(tmp_path).eval()
    again.load_state_dict(encoder.state_dict())
    pixels = torch.randint(
        0, 256, (2, 64, 64, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    with torch.inference_mode():
        assert torch.equal(encoder(pixels), again(pixels))
        assert torch.equal(encoder.grid(pixels, grid), again.grid(pixels, grid))


_EXPORT = """
import sys, torch
from pathlib import Path
from safetensors.torch import save_file
from crisisweave.encoders.folder import describe_text_encoder
from crisisweave.encoders.text import load_text_encoder
encoder = load_text_encoder(sys.argv[1]).eval()
describe_text_encoder(encoder, sys.argv[1], Path(sys.argv[2]))
save_file({k: v.clone() for k, v in encoder.state_dict().items()}, sys.argv[2] + "/w.safetensors")
print(encoder(encoder.tokenise([["the", "bridge"]]).pad([0])).flatten().tolist())
"""
_IMPORT = """
import sys
from pathlib import Path
from safetensors.torch import load_file
from crisisweave.encoders.folder import build_text_encoder
encoder = build_text_encoder(Path(sys.argv[2])).eval()
encoder.load_state_dict(load_file(sys.argv[2] + "/w.safetensors"))
print(encoder(encoder.tokenise([["the", "bridge"]]).pad([0])).flatten().tolist())
"""


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_hub_model_comes_back_without_the_cache(tmp_path: Path, kind: str) -> None:
    cache, folder = tmp_path / "cache", tmp_path / "folder"
    snapshot = cache / f"models--{REPOSITORY.replace('/', '--')}" / "snapshots" / REVISION
    for made in (snapshot, folder, snapshot.parents[1] / "refs"):
        made.mkdir(parents=True)
    (snapshot.parents[1] / "refs" / "main").write_text(REVISION)
    make(kind, snapshot)

    def run(code: str, hub: Path) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code, f"hub:{REPOSITORY}@{REVISION}", str(folder)],
            env={"PATH": "", "HF_HUB_CACHE": str(hub), "HF_HUB_OFFLINE": "1", "HOME": str(hub)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert run(_EXPORT, cache) == run(_IMPORT, tmp_path / "nowhere")
    assert str(tmp_path) not in (folder / "encoder.json").read_text()
