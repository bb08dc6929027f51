"""Image features that were made elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crisisweave.encoders.features import gather_given, read_features
from crisisweave.encoders.given import given_digest, given_folder, read_given
from crisisweave.encoders.image import load_image_encoder
from crisisweave.encoders.names import parse
from crisisweave.errors import ConfigError, DataError
from crisisweave.images.store import ImageStore
from toy import Toy


def _give(folder: Path, names: list[str], shape: tuple[int, ...] = (4, 3)) -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(0).normal(size=(len(names), *shape)).astype(np.float32)
    for name, value in zip(names, values, strict=True):
        np.save(folder / f"{name}.npy", value)
    return values


def test_they_stand_in_the_order_of_the_store(toy: Toy, tmp_path: Path) -> None:
    store = ImageStore(toy.sources.images)
    names = store.index["instance_id"].tolist()
    folder = given_folder(parse("given:boxes"), "toy", tmp_path)
    assert folder == tmp_path / "features" / "toy" / "boxes"
    values = _give(folder, names)
    gather_given(store, "given:boxes", 224, 2, folder, tmp_path / "out")
    assert np.array_equal(read_features(tmp_path / "out", len(names)), values)


def test_one_vector_per_image(tmp_path: Path) -> None:
    values = _give(tmp_path, ["a", "b"], (5,))
    assert np.array_equal(read_given(tmp_path, ["b", "a"], 1), values[::-1])


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((3, 3), np.float32),
        np.zeros((4, 2), np.float32),
        np.zeros((4, 3)),
        np.full((4, 3), np.nan, "f4"),
    ],
)
def test_a_file_that_is_not_as_described_is_named(tmp_path: Path, wrong: np.ndarray) -> None:
    _give(tmp_path, ["a"])
    np.save(tmp_path / "b.npy", wrong)
    with pytest.raises(DataError, match=r"b\.npy: expected 4 vectors of finite float32"):
        read_given(tmp_path, ["a", "b"], 4)


def test_a_missing_file_says_what_to_put_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"a\.npy: no such file; these features are made elsewhere: put one"):
        read_given(tmp_path, ["a"], 4)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"x": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="is no array of numbers"):
        read_given(tmp_path, ["a"], 1)


def test_other_files_are_another_digest(tmp_path: Path) -> None:
    _give(tmp_path, ["a"])
    before = given_digest(tmp_path)
    assert given_digest(tmp_path) == before
    _give(tmp_path, ["a", "b"])
    assert given_digest(tmp_path) != before


def test_new_images_cannot_be_encoded() -> None:
    with pytest.raises(ConfigError, match="its features are made elsewhere, so no new image can be encoded"):
        load_image_encoder("given:boxes")
