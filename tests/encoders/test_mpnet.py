"""package:mpnet from packages that the test makes: the real loading code, small random weights."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from crisisweave.encoders import mpnet, packages
from crisisweave.encoders.folder import build_text_encoder, describe_text_encoder
from crisisweave.encoders.text import load_text_encoder
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError, FetchError, WeightsError
from crisisweave.fetching.needs import Needs
from crisisweave.fetching.presence import Hashes
from crisisweave.fetching.status import status
from crisisweave.fetching.weights import fetch_encoder

WORDS = ["<s>", "<pad>", "</s>", "[UNK]", "the", "bridge", "is", "down"]
TEXTS = [["the", "bridge", "is", "down"], ["down"]]


@pytest.fixture
def reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The transformers library's model, whose weights lie in five made-up packages."""
    prepare_torchvision()
    from transformers import MPNetConfig, MPNetModel

    torch.manual_seed(0)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    model = MPNetModel(MPNetConfig(vocab_size=len(WORDS), **shape)).eval()
    with torch.no_grad():
        # As large as what they are added to, so that a model that forgot them would be seen.
        model.encoder.relative_attention_bias.weight.normal_()
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(WORDS)}, unk_token=WORDS[3]))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("all-mpnet-base-v2/config.json", json.dumps(model.config.to_dict()))
        files.writestr("all-mpnet-base-v2/tokenizer.json", tokenizer.to_str())
        files.writestr("all-mpnet-base-v2/model.safetensors", save(model.state_dict()))
    _install(archive.getvalue(), tmp_path, monkeypatch)
    return model


def _install(archive: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an archive into five packages, and pin those."""
    size = -(-len(archive) // 5)
    parts = []
    for i, pinned in enumerate(packages.MPNET_ARCHIVE):
        piece = archive[i * size : (i + 1) * size]
        part = pinned._replace(package=f"made_up_{i}", sha256=hashlib.sha256(piece).hexdigest())
        path = folder / part.package / part.path
        path.parent.mkdir(parents=True)
        path.write_bytes(piece)
        (folder / part.package / "__init__.py").touch()
        parts.append(part)
    packages.packaged.cache_clear()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(mpnet, "MPNET_ARCHIVE", tuple(parts))


def test_it_equals_the_librarys_model_on_its_own_padding(reference: Any) -> None:
    encoder = load_text_encoder("package:mpnet").eval()
    lists = encoder.tokenise(TEXTS)
    assert [ids.tolist() for ids in lists.ids] == [[0, 4, 5, 6, 7, 2], [0, 7, 2]]
    tokens = lists.pad(np.arange(2))
    ids = tokens.ids.masked_fill(~tokens.mask, reference.config.pad_token_id)
    with torch.no_grad():
        expected = reference(ids, attention_mask=tokens.mask.long()).last_hidden_state
        found = encoder(tokens)
        alone = encoder(lists.pad(np.array([1])))
    assert torch.allclose(found[tokens.mask], expected[tokens.mask], atol=1e-5)
    assert torch.allclose(found[1, :3], alone[0], atol=1e-5), "padding changes nothing"
    assert (encoder.dim, encoder.types) == (16, 1)


def test_it_comes_back_from_a_folder(reference: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load_text_encoder("package:mpnet").eval()
    describe_text_encoder(encoder, "package:mpnet", tmp_path)
    monkeypatch.setattr("crisisweave.encoders.mpnet.packaged", None)
    again = build_text_encoder(tmp_path).eval()
    again.load_state_dict(encoder.state_dict())
    tokens = again.tokenise(TEXTS).pad(np.arange(2))
    with torch.inference_mode():
        assert torch.equal(encoder(tokens), again(tokens))


def test_an_altered_part_is_refused(reference: Any, tmp_path: Path) -> None:
    (tmp_path / "made_up_3" / packages.MPNET_ARCHIVE[3].path).write_bytes(b"not what was pinned")
    with pytest.raises(WeightsError, match="the weights were altered"):
        load_text_encoder("package:mpnet")


def test_captions_are_refused_for_want_of_token_types(reference: Any) -> None:
    encoder = load_text_encoder("package:mpnet")
    with pytest.raises(ConfigError, match="knows one token type"):
        encoder.tokenise(TEXTS, TEXTS)


def test_without_the_packages_one_sentence_says_what_installs_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tuple(part._replace(package="no_such_package") for part in packages.MPNET_ARCHIVE)
    monkeypatch.setattr(mpnet, "MPNET_ARCHIVE", missing)
    monkeypatch.setitem(packages.FILES, "mpnet", missing)
    with pytest.raises(WeightsError, match=r"part-001==0\.0\.1 is not installed; run 'make mpnet'"):
        load_text_encoder("package:mpnet")
    monkeypatch.chdir(tmp_path)  # hashes are remembered here
    (row,) = status(Needs([], ["package:mpnet"]), tmp_path, Hashes())
    assert (row.state, row.obtain) == ("missing", "`make mpnet`")
    with pytest.raises(FetchError, match="install them with 'make mpnet'"):
        fetch_encoder("package:mpnet")
