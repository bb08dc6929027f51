"""The step `similarity`: cosines of own and of random pairs, by CLIP and by a captioner's scorer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from crisisweave.captioning.text_image import (
    Reader,
    caption_reader,
    clip_reader,
    strangers,
    summarised,
    text_image_similarity,
)
from crisisweave.config.similarity import SimilarityConfig
from crisisweave.datasets.text import model_words
from crisisweave.encoders.clip import clip_tokenizer
from crisisweave.encoders.features import text_features
from crisisweave.encoders.text import clip_text_encoder, load_text_encoder
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import DataError
from crisisweave.files import read_json, write_json
from crisisweave.images.store import ImageStore
from toy import Toy

SOURCE = {"document": "none", "section": "none"}
CONFIG = SimilarityConfig.model_validate(
    {"name": "toy", "title": "Toy", "source": SOURCE, "clip": "open_clip:ViT-B-32-quickgelu/openai"}
)


def _features(toy: Toy, features: np.ndarray) -> Path:
    folder = toy.sources.image_features("tiny:conv", 32)
    folder.mkdir(parents=True)
    np.save(folder / "features.npy", features.astype(np.float32))
    write_json(folder / "features.json", {"encoder": "toy"})
    return folder


def _colours(toy: Toy) -> np.ndarray:
    """Red and blue of each stored image."""
    store = ImageStore(toy.sources.images)
    return np.stack([store.image(row).mean(axis=(0, 1))[[0, 2]] for row in range(len(store.index))])


def _read(texts: list[str]) -> Tensor:
    return F.normalize(torch.tensor([[0.1, 1.0] if "water" in t else [1.0, 0.1] for t in texts]), dim=-1)


def _reader(toy: Toy) -> Reader:
    """Knows the toy's rule: water is blue."""
    colours, store = torch.from_numpy(_colours(toy)).float(), ImageStore(toy.sources.images)
    return Reader(_read, lambda ids: F.normalize(colours[store.rows(ids)], dim=-1))


def _run(toy: Toy, tmp_path: Path, reader: Reader) -> tuple[pd.DataFrame, Any]:
    out = tmp_path / "similarity"
    text_image_similarity(CONFIG, sources=toy.sources, reader=reader, out=out)
    return pd.read_parquet(out / "similarity.parquet"), read_json(out / "similarity.json")


def test_own_pairs_are_nearer_than_strangers(toy: Toy, tmp_path: Path) -> None:
    table, summary = _run(toy, tmp_path, _reader(toy))
    assert list(table.columns) == ["instance_id", "image_of", "pair", "concordant", "similarity"]
    assert table["pair"].value_counts().to_dict() == {"own": 64, "random": 64}
    own, random = (table[table["pair"] == kind] for kind in ("own", "random"))
    assert (own["instance_id"] == own["image_of"]).all()
    assert (random["instance_id"] != random["image_of"]).all()
    groups = summary["groups"]
    assert set(groups) == {"own", "concordant", "random"}, "the toy has no discordant row"
    assert groups["own"]["mean"] > 0.95 > 0.8 > groups["random"]["mean"]
    np.testing.assert_allclose(groups["own"]["q50"], own["similarity"].median(), rtol=1e-6)
    # Of one random pair, from the rule.
    pair = random.iloc[5]
    colours = dict(zip(ImageStore(toy.sources.images).index["instance_id"], _colours(toy), strict=True))
    text = next(row.text for row in toy.rows if row.instance_id == pair["instance_id"])
    words, image = _read([text])[0].numpy(), colours[pair["image_of"]]
    np.testing.assert_allclose(pair["similarity"], words @ image / np.linalg.norm(image), rtol=1e-5)


def test_the_same_inputs_give_the_same_bytes(toy: Toy, tmp_path: Path) -> None:
    for name in ("a", "b"):
        _run(toy, tmp_path / name, _reader(toy))
    for name in ("similarity.parquet", "similarity.json"):
        first, second = (tmp_path / each / "similarity" / name for each in ("a", "b"))
        assert first.read_bytes() == second.read_bytes()


def test_clip_s_similarity_is_open_clip_s_own(toy: Toy, tmp_path: Path) -> None:
    prepare_torchvision()
    from open_clip.model import CLIP
    from open_clip.tokenizer import SimpleTokenizer

    torch.manual_seed(0)
    clip = CLIP(
        embed_dim=24,
        vision_cfg={"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
        text_cfg={"width": 32, "heads": 2, "layers": 2},
        quick_gelu=True,
    ).eval()
    pixels = torch.from_numpy(ImageStore(toy.sources.images).batch(np.arange(64), 32))
    with torch.no_grad():
        images = clip.encode_image(pixels.permute(0, 3, 1, 2) / 255)
    folder = _features(toy, images.numpy())
    reader = clip_reader(clip_text_encoder(clip, clip_tokenizer()), folder, toy.sources.images)
    table, _ = _run(toy, tmp_path, reader)
    rows = {name: i for i, name in enumerate(ImageStore(toy.sources.images).index["instance_id"])}
    texts = {row.instance_id: " ".join(model_words(row.text)) for row in toy.rows}
    with torch.no_grad():
        words = clip.encode_text(SimpleTokenizer()([texts[name] for name in table["instance_id"]]))
    expected = F.cosine_similarity(words, images[[rows[name] for name in table["image_of"]]])
    np.testing.assert_allclose(table["similarity"], expected, atol=1e-5)
    assert table["similarity"].std() > 0.01, "cosines that never vary prove nothing"


def test_captions_are_read_as_the_texts_are(toy: Toy, tmp_path: Path) -> None:
    encoder = load_text_encoder("package:minilm")
    reader = caption_reader(encoder, toy.sources.captions("toy"))
    table, summary = _run(toy, tmp_path, reader)
    # The toy's chosen captions say "blue water" or "red ground".
    assert summary["groups"]["own"]["mean"] > summary["groups"]["random"]["mean"] + 0.05
    texts = {row.instance_id: " ".join(model_words(row.text)) for row in toy.rows}
    pair = table.iloc[70]
    said = "blue water" if "water" in texts[pair["image_of"]] else "red ground"
    tokens = encoder.tokenise([texts[pair["instance_id"]].split(), said.split()]).pad(np.arange(2))
    with torch.no_grad():
        words, caption = text_features(encoder.eval(), tokens, "mean")
    expected = F.cosine_similarity(words, caption, dim=0)
    assert pair["similarity"] == pytest.approx(expected.item(), abs=1e-5)
    with pytest.raises(DataError, match="has no caption of nobody; run `crisisweave captions` again"):
        reader.images(["nobody"])
    with pytest.raises(DataError, match="holds no captions; run `crisisweave captions` first"):
        caption_reader(encoder, tmp_path)


def test_strangers_are_of_another_tweet() -> None:
    tweets = np.array(["a"] * 50 + ["b", "c"])
    others = strangers(tweets, 0)
    assert (tweets[others] != tweets).all()
    np.testing.assert_array_equal(others, strangers(tweets, 0))
    assert (others != strangers(tweets, 1)).any()
    with pytest.raises(DataError, match="there is one tweet only"):
        strangers(np.array(["a", "a"]), 0)


def test_groups_are_by_what_is_known_of_a_pair() -> None:
    table = pd.DataFrame(
        {
            "pair": ["own", "own", "own", "own", "random"],
            "concordant": pd.array([True, True, False, None, None], "boolean"),
            "similarity": [0.4, 0.2, 0.1, 0.9, 0.0],
        }
    )
    found = summarised(table)
    assert {name: group["n"] for name, group in found.items()} == {
        "own": 4, "concordant": 2, "discordant": 1, "random": 1,
    }  # fmt: skip
    assert found["own"]["mean"] == pytest.approx(0.4)
    assert (found["own"]["q25"], found["own"]["q50"]) == pytest.approx((0.175, 0.3))
    assert found["concordant"]["deviation"] == pytest.approx(0.1)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"clip": "open_clip:ViT-B-32/openai", "captioner": "demo_prefix"},
        {"clip": "package:minilm"},
        {"captioner": "demo_prefix"},
    ],
)
def test_a_similarity_is_clip_s_or_a_captioner_s(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"give either 'clip'|should match pattern|belong together"):
        SimilarityConfig.model_validate({"name": "x", "title": "X", "source": SOURCE, **values})
