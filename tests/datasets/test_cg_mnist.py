"""CG-MNIST: hostile IDX files are refused, and colours follow the digit as the config says."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from crisisweave.config.dataset import DatasetConfig
from crisisweave.config.profile import Profile
from crisisweave.config.source import load_source
from crisisweave.config.views import ViewEncoder
from crisisweave.datasets import cg_mnist, idx
from crisisweave.datasets.cg_mnist import draw_colours
from crisisweave.datasets.prepare import prepare
from crisisweave.datasets.views import Views, build_views
from crisisweave.encoders.views import build_view_encoder
from crisisweave.errors import DataError

CONFIG = Path(__file__).parents[2] / "config"
MEANS = [[25 * i, 255 - 25 * i, (90 * i) % 256] for i in range(10)]


def _idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def _write(folder: Path, n_train: int = 40, n_test: int = 20, compress: bool = True) -> None:
    """Small files in MNIST's layout: the digit d is a bright square whose side is d + 4."""
    folder.mkdir(parents=True)
    for name, n, seed in (("train", n_train, 0), ("t10k", n_test, 1)):
        labels = np.arange(n, dtype=np.uint8) % 10
        images = np.random.default_rng(seed).integers(0, 30, (n, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 : label + 6, 2 : label + 6] = 250
        for part, array in ((f"{name}-images-idx3-ubyte", images), (f"{name}-labels-idx1-ubyte", labels)):
            content = _idx(array)
            (folder / (f"{part}.gz" if compress else part)).write_bytes(
                gzip.compress(content, mtime=0) if compress else content
            )


def _config(**colours: object) -> DatasetConfig:
    return DatasetConfig.model_validate(
        {
            "name": "cg",
            "loader": "cg_mnist",
            "folder": "mnist",
            "title": "CG",
            "source": "generated",
            "citation": "none",
            "licence": "CC0",
            "modalities": ["views"],
            "tasks": {
                "digits": {
                    "classes": [str(i) for i in range(10)],
                    "colours": {"sigma_train": 0.01, "means": MEANS, **colours},
                }
            },
        }
    )


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with small files; ten of the training rows are dev."""
    monkeypatch.setattr(cg_mnist, "DEV_ROWS", 10)
    _write(tmp_path / "mnist")
    return tmp_path


def _built(root: Path, config: DatasetConfig) -> tuple[pd.DataFrame, Views]:
    prepare(config, "digits", root, root / "prepared")
    build_views(config, "digits", root, root / "prepared", root / "views")
    return pd.read_parquet(root / "prepared" / "instances.parquet"), Views(root / "views")


def test_rows_splits_and_labels_are_those_of_the_files(root: Path) -> None:
    frame, views = _built(root, _config())
    assert frame["split"].value_counts().to_dict() == {"train": 30, "dev": 10, "test": 20}
    assert list(frame["instance_id"][[0, 30, 40]]) == ["train_00000", "train_00030", "t10k_00000"]
    assert list(frame["label"].astype(int)) == [*(np.arange(40) % 10), *(np.arange(20) % 10)]
    assert len(views) == 60
    # The square of the row's digit is bright to its corner and no further.
    grey = views.batch(0, np.arange(60))
    for row, digit in enumerate(frame["label"].astype(int)):
        assert grey[row, 0, digit + 5, digit + 5] == pytest.approx((250 / 255 - 0.5) / 0.5, abs=1e-6)
        assert grey[row, 0, digit + 6, digit + 6] < -0.7


def test_the_coloured_digit_is_the_grey_one_times_its_colour(root: Path) -> None:
    _, views = _built(root, _config(view="digit"))
    rows = np.array([7, 3, 55])
    grey, colour = views.batch(0, rows), views.batch(1, rows)
    assert colour.shape == (3, 3, 28, 28)
    drawn = np.load(root / "views" / "colour.npy")[rows]
    share = (grey + 1) / 2
    raw = share * (drawn[:, :, None, None] + 1) / 2
    assert np.allclose(colour, (raw - 0.5) / 0.5, atol=1e-5)


def test_a_patch_of_one_colour_said_once_is_encoded_as_the_whole_image(root: Path) -> None:
    _, views = _built(root, _config())
    once = torch.from_numpy(views.batch(1, np.arange(8)))
    assert once.shape == (8, 3, 1, 1)
    torch.manual_seed(0)
    encoder = build_view_encoder(ViewEncoder(), 1)
    weight = torch.randn(8, encoder.dim)
    gradients = []
    for image in (once, once.expand(8, 3, 28, 28)):
        vectors = encoder(image)
        found = torch.autograd.grad((weight * vectors).sum(), list(encoder.parameters()))
        gradients.append([vectors.detach(), *found])
    for short, full in zip(*gradients, strict=True):
        assert torch.allclose(short, full, rtol=1e-4, atol=1e-5)


def test_colours_spread_by_sigma_around_the_mean_of_their_digit() -> None:
    n = 20_000
    labels = np.arange(n) % 10
    in_test = np.arange(n) >= n // 2
    for sigma, kind, deviation in ((0.04, "variance", 0.2), (0.04, "deviation", 0.04)):
        colours = _config(sigma_train=sigma, sigma_is=kind).tasks["digits"].colours
        assert colours is not None
        drawn = draw_colours(colours, labels, in_test)
        off = drawn - ((np.array(MEANS) / 255 - 0.5) / 0.5)[labels]
        assert off[~in_test].std() == pytest.approx(deviation, rel=0.02)
        assert off[in_test].std() == pytest.approx(1.0, rel=0.02)
        assert abs(off.mean()) < 0.02
    assert drawn[in_test].max() > 2, "colours beyond white are kept"


def test_test_colours_are_the_same_for_all_sigma_and_the_same_seed_gives_the_same_bytes() -> None:
    labels, in_test = np.arange(100) % 10, np.arange(100) >= 50
    first, again, other = (
        draw_colours(_config(sigma_train=s).tasks["digits"].colours, labels, in_test)  # type: ignore[arg-type]
        for s in (0.01, 0.01, 0.5)
    )
    assert np.array_equal(first, again)
    assert np.array_equal(first[in_test], other[in_test])
    assert not np.array_equal(first[~in_test], other[~in_test])


def test_clipped_colours_stay_between_black_and_white() -> None:
    colours = _config(clip=True).tasks["digits"].colours
    assert colours is not None
    drawn = draw_colours(colours, np.arange(1000) % 10, np.ones(1000, dtype=bool))
    assert drawn.min() == -1.0
    assert drawn.max() == 1.0


def test_plain_files_are_read_like_compressed_ones(tmp_path: Path) -> None:
    _write(tmp_path / "a")
    _write(tmp_path / "b", compress=False)
    name = "train-images-idx3-ubyte"
    assert np.array_equal(
        idx.read_idx(idx.find(tmp_path / "a", name), 3), idx.read_idx(idx.find(tmp_path / "b", name), 3)
    )


def _damaged(content: bytes) -> dict[str, tuple[bytes, str]]:
    head = struct.pack(">III", 3, 28, 28)
    return {
        "truncated": (content[:-1], "says it holds 3 × 28 × 28 bytes but holds 2351"),
        "too long": (content + b"x", "but holds 2353"),
        "another type": (bytes([0, 0, 0x0D, 3]) + content[4:], "no IDX file of bytes"),
        "labels as images": (bytes([0, 0, 8, 1]) + content[4:], "with 3 dimensions"),
        "empty": (b"", "no IDX file"),
        "a huge size": (content[:4] + b"\xff" * 12 + content[16:], "says it holds 4294967295"),
        "other images": (content[:4] + head[:4] + struct.pack(">II", 14, 56) + content[16:], "14 × 56"),
        "half a gzip": (gzip.compress(content)[:-20], "cannot be read"),
        "a gzip bomb": (gzip.compress(bytes(idx.MAX_BYTES + 2)), "holds more than"),
    }


@pytest.mark.parametrize("what", sorted(_damaged(bytes(16 + 2352))))
def test_a_damaged_file_is_refused(tmp_path: Path, what: str) -> None:
    content, message = _damaged(_idx(np.zeros((3, 28, 28), dtype=np.uint8)))[what]
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        idx.read_idx(path, 3)


def test_another_content_than_the_known_one_is_refused(root: Path) -> None:
    name = "train-labels-idx1-ubyte"
    known = hashlib.sha256(_idx(np.arange(40, dtype=np.uint8) % 10)).hexdigest()
    config = _config()
    for digest, refused in ((known, False), ("0" * 64, True)):
        task = config.tasks["digits"].model_copy(update={"content": {name: digest}})
        checked = config.model_copy(update={"tasks": {"digits": task}})
        if refused:
            with pytest.raises(DataError, match=f"{name}.gz: is not the known file"):
                prepare(checked, "digits", root, root / "other")
            assert not (root / "other").exists()
        else:
            prepare(checked, "digits", root, root / "same")


def test_images_and_labels_must_be_of_the_same_rows(root: Path) -> None:
    config = _config()
    prepare(config, "digits", root, root / "prepared")
    path = root / "mnist" / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(_idx(np.zeros((19, 28, 28), dtype=np.uint8))))
    with pytest.raises(DataError, match="holds 19 images for 20 labels"):
        build_views(config, "digits", root, root / "prepared", root / "views")
    assert not (root / "views").exists()


def test_a_label_beyond_nine_is_refused(root: Path) -> None:
    path = root / "mnist" / "train-labels-idx1-ubyte.gz"
    path.write_bytes(gzip.compress(_idx(np.array([1, 2, 10] * 10, dtype=np.uint8))))
    with pytest.raises(DataError, match="row 2 has the label 10"):
        prepare(_config(), "digits", root, root / "prepared")


def test_the_shipped_data_set_checks_the_files_that_the_registry_knows() -> None:
    config = Profile(CONFIG / "cg_mnist.yaml").dataset("cg_mnist")
    known = {
        check.path.removesuffix(".gz"): check.sha256
        for part in load_source("mnist", CONFIG).parts
        for check in part.checks()
    }
    assert all(task.content == known for task in config.tasks.values())
    sigmas = [config.tasks[f"sigma_{s}"].colours.sigma_train for s in ("001", "003", "005", "010", "050")]  # type: ignore[union-attr]
    assert sigmas == [0.01, 0.03, 0.05, 0.1, 0.5], "those of figure 5.5"
