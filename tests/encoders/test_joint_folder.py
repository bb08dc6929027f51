"""The folder of a joint encoder: what is stored, what comes back, and what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from crisisweave.config.joint import JointConfig
from crisisweave.encoders.joint import JointEncoder, JointInput
from crisisweave.encoders.joint_folder import load_joint_encoder, new_encoder, save_joint
from crisisweave.encoders.text import load_text_encoder
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError, WeightsError
from crisisweave.pretraining.published import import_hub
from tiny_hub_model import REPOSITORY, REVISION, WORDS, make
from toy import joint_config

PATCH, SIDE = 8, 4
TEXTS = [["the", "bridge", "is", "down"], ["bridge"]]


def _input(encoder: JointEncoder) -> JointInput:
    torch.manual_seed(0)
    tokens = encoder.tokenise(TEXTS, 12).pad(np.arange(2))
    return encoder.read(tokens, torch.randint(0, 256, (2, PATCH * SIDE, PATCH * SIDE, 3), dtype=torch.uint8))


def _same(first: JointEncoder, second: JointEncoder) -> bool:
    first.eval()
    second.eval()
    x, y = _input(first), _input(second)
    with torch.no_grad():
        states = zip(first(x), second(y), strict=True)
        return torch.equal(x.tokens.ids, y.tokens.ids) and all(torch.equal(a, b) for a, b in states)


@pytest.fixture(scope="module")
def trained() -> JointEncoder:
    """An encoder as the workflow trains them, with statistics of its patches."""
    torch.manual_seed(3)
    encoder = new_encoder(joint_config(), 3 * PATCH**2)
    encoder.fit_patches(torch.randn(5, SIDE**2, 3 * PATCH**2), torch.randn(3 * PATCH**2))
    return encoder


def test_a_trained_encoder_comes_back_to_the_bit(trained: JointEncoder, tmp_path: Path) -> None:
    save_joint(trained, joint_config(), tmp_path)
    again = load_joint_encoder("toy", tmp_path)
    for name, tensor in trained.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
    assert _same(trained, again)
    assert (again.grid, again.dim, again.positions) == ((SIDE, SIDE), 16, 16)
    assert (again.star, again.mask) == (trained.star, trained.mask)
    assert not again.network.word.weight.requires_grad


def test_word_embeddings_are_those_of_their_package_and_not_stored(
    trained: JointEncoder, tmp_path: Path
) -> None:
    save_joint(trained, joint_config(), tmp_path)
    assert "network.word.weight" not in load_file(tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").stat().st_size < 100_000
    words = load_text_encoder("package:minilm").network.embeddings.word_embeddings.weight
    assert torch.equal(trained.network.word.weight, words)


def test_the_same_encoder_gives_the_same_bytes(trained: JointEncoder, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        save_joint(trained, joint_config(), tmp_path / name)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == ["config.yaml", "model.safetensors", "tokenizer.json"]
    assert all((tmp_path / "a" / f).read_bytes() == (tmp_path / "b" / f).read_bytes() for f in files)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.yaml"])
def test_a_missing_file_says_which_command_makes_it(untrained_joint: Path, tmp_path: Path, name: str) -> None:
    folder = _copy(untrained_joint, tmp_path)
    (folder / name).unlink()
    with pytest.raises(WeightsError, match=rf"{name} is missing; run `crisisweave joint --joint toy` first"):
        load_joint_encoder("toy", folder)


def _copy(source: Path, target: Path) -> Path:
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


REFUSED = r"not the weights of joint encoder toy \(.*\); run `crisisweave joint --joint toy` again"


def test_damaged_weights_are_refused(untrained_joint: Path, tmp_path: Path) -> None:
    path = _copy(untrained_joint, tmp_path) / "model.safetensors"
    whole = path.read_bytes()
    for damaged in (b"", b"\x00" * 20, whole[: len(whole) // 2]):
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=REFUSED):
            load_joint_encoder("toy", tmp_path)


def test_weights_of_something_else_are_refused(untrained_joint: Path, tmp_path: Path) -> None:
    path = _copy(untrained_joint, tmp_path) / "model.safetensors"
    shape = {"shape": json.dumps(joint_config().patches.model_dump())}
    for metadata in (None, {"other": "x"}, {"shape": "{"}, shape):
        save_file({"a": torch.zeros(1)}, path, metadata=metadata)
        with pytest.raises(WeightsError, match=REFUSED):
            load_joint_encoder("toy", tmp_path)


def test_a_config_of_another_shape_is_refused(untrained_joint: Path, tmp_path: Path) -> None:
    path = _copy(untrained_joint, tmp_path) / "config.yaml"
    path.write_text(path.read_text().replace("width: 16", "width: 32"))
    with pytest.raises(WeightsError, match=REFUSED):
        load_joint_encoder("toy", tmp_path)


def hub_config(**changes: Any) -> JointConfig:
    """A published joint encoder of 32 pixels in patches of 8."""
    values = joint_config().model_dump()
    values["training"] = values["transformer"] = None
    return JointConfig.model_validate(
        {**values, "hub": {"repository": REPOSITORY, "revision": REVISION}, **changes}
    )


_IMPORT = """
import sys
from pathlib import Path
from crisisweave.config.joint import JointConfig
from crisisweave.errors import CrisisWeaveError
from crisisweave.pretraining.published import import_hub
for number, values in enumerate(sys.argv[2:]):
    try:
        import_hub(JointConfig.model_validate_json(values), Path(sys.argv[1]) / f"out{number}")
    except CrisisWeaveError as error:
        print(f"{type(error).__name__}: {error}")
    else:
        print("imported")
"""


class Published:
    """A tiny ViLT in a model cache, and what came of importing it three times."""

    def __init__(self, root: Path):
        model = root / "cache" / f"models--{REPOSITORY.replace('/', '--')}"
        self.root, self.snapshot = root, model / "snapshots" / REVISION
        self.snapshot.mkdir(parents=True)
        make("vilt", self.snapshot)
        configs = [
            hub_config(),
            hub_config(patches={"size": 64, "patch": 8}),
            hub_config(hub={"repository": REPOSITORY, "revision": "f" * 40}),
        ]
        done = subprocess.run(
            [sys.executable, "-c", _IMPORT, str(root), *(c.model_dump_json() for c in configs)],
            env={
                "PATH": "",
                "HF_HUB_CACHE": str(root / "cache"),
                "HF_HUB_OFFLINE": "1",
                "HOME": str(root),
                "OMP_NUM_THREADS": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        self.said = done.stdout.splitlines()


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Published:
    """Imported once."""
    return Published(tmp_path_factory.mktemp("published"))


def test_a_published_encoder_gives_what_its_library_gives(published: Published) -> None:
    prepare_torchvision()
    from transformers import ViltModel

    assert published.said[0] == "imported"
    encoder = load_joint_encoder("toy", published.root / "out0").eval()
    reference = ViltModel.from_pretrained(published.snapshot).eval()
    x = _input(encoder)
    assert x.tokens.ids[0].tolist() == [2, *(WORDS.index(word) for word in TEXTS[0]), 3]
    rows = x.patches.view(2, SIDE, SIDE, 3, PATCH, PATCH).permute(0, 3, 1, 4, 2, 5)
    with torch.no_grad():
        found = encoder(x)
        expected = reference(
            input_ids=x.tokens.ids,
            attention_mask=x.tokens.mask.long(),
            pixel_values=rows.reshape(2, 3, PATCH * SIDE, PATCH * SIDE),
        )
    assert torch.allclose(found.pooled, expected.pooler_output, atol=1e-5)
    tokens = expected.last_hidden_state[:, : x.tokens.ids.shape[1]]
    assert torch.allclose(found.tokens[x.tokens.mask], tokens[x.tokens.mask], atol=1e-5)


def test_a_published_encoder_s_folder_holds_all_of_it(published: Published, tmp_path: Path) -> None:
    encoder = load_joint_encoder("toy", published.root / "out0")
    assert "network.word.weight" in load_file(published.root / "out0" / "model.safetensors")
    assert encoder.network.word.weight.requires_grad, "a published encoder is tuned whole"
    assert (encoder.star, encoder.mask) == (WORDS.index("*"), WORDS.index("[MASK]"))
    save_joint(encoder, hub_config(), tmp_path)
    for name in ("model.safetensors", "tokenizer.json", "config.yaml"):
        assert (tmp_path / name).read_bytes() == (published.root / "out0" / name).read_bytes()


def test_a_damaged_tokenizer_is_refused(published: Published, tmp_path: Path) -> None:
    (_copy(published.root / "out0", tmp_path) / "tokenizer.json").write_text("{")
    with pytest.raises(WeightsError, match=r"tokenizer.json: not a tokenizer .*; run `crisisweave joint"):
        load_joint_encoder("toy", tmp_path)


def test_an_image_size_that_the_model_was_not_made_for_is_refused(published: Published) -> None:
    assert published.said[1] == (
        f"ConfigError: joint encoder toy: {REPOSITORY} reads images of 32 pixels in patches of 8; "
        "set patches.size and patches.patch to that"
    )
    assert not (published.root / "out1").exists()


def test_a_revision_that_is_not_in_the_cache_says_how_to_fetch_it(published: Published) -> None:
    assert published.said[2].startswith("WeightsError: ")
    assert "on a machine with internet run 'crisisweave fetch'" in published.said[2]
    assert not (published.root / "out2").exists()


def test_a_revision_that_is_not_filled_in_stops(tmp_path: Path) -> None:
    config = hub_config(hub={"repository": REPOSITORY, "revision": None})
    with pytest.raises(
        ConfigError,
        match=rf"config/joint/toy.yaml: hub.revision is null; fill in the commit hash of {REPOSITORY}",
    ):
        import_hub(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()
