"""Building and reading the memory-mapped image store."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crisisweave.config.dataset import DatasetConfig
from crisisweave.errors import ConfigError, DataError
from crisisweave.images.decode import load_rgb
from crisisweave.images.store import ImageStore, build_store, shrink


def config(**changes: object) -> DatasetConfig:
    values: dict[str, object] = {
        "name": "small",
        "loader": "crisismmd",
        "folder": "small",
        "title": "t",
        "source": "https://example.org",
        "citation": "c",
        "licence": "l",
        "modalities": ["text", "image"],
        "shorter_side": 32,
        "tasks": {
            "damage": {"layout": "all", "table": "damage", "classes": ["a", "b"]},
            "other": {"layout": "agreed", "table": "other", "classes": ["a", "b"]},
        },
    }
    return DatasetConfig.model_validate({**values, **changes})


def picture(width: int, height: int, seed: int) -> Image.Image:
    """A smooth, non-uniform picture, so that resizing, cropping and hashing are visible."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


SIZES = {"3_0": (100, 80), "1_0": (400, 40), "2_0": (20, 30), "2_1": (32, 32)}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four images; the ids are listed out of order, and one split table is absent."""
    folder = tmp_path / "small"
    (folder / "data_image").mkdir(parents=True)
    (folder / "crisismmd_datasplit_all").mkdir()
    header = "event_name\ttweet_id\timage_id\ttweet_text\timage\tlabel"
    for seed, (name, (width, height)) in enumerate(SIZES.items()):
        picture(width, height, seed).save(folder / f"data_image/{name}.png")
    for split, names in {"train": ["3_0", "1_0"], "dev": ["2_0"], "test": ["2_1"]}.items():
        rows = [f"e\t{name[0]}\t{name}\ttext\tdata_image/{name}.png\ta" for name in names]
        table = folder / "crisismmd_datasplit_all" / f"task_damage_text_img_{split}.tsv"
        table.write_text("\n".join([header, *rows]) + "\n")
    return tmp_path


def test_the_store_of_the_contract(root: Path) -> None:
    build_store(config(), root, root / "out")
    store = ImageStore(root / "out")
    assert list(store.index["instance_id"]) == ["1_0", "2_0", "2_1", "3_0"]
    assert list(store.index.columns) == [
        *["instance_id", "image_path", "offset", "height", "width", "phash"],
        *["source_width", "source_height", "source_format", "source_mode", "sha256"],
    ]
    # Longer side capped at twice the shorter; never enlarged; untouched where it fits; reduced.
    assert [store.image(row).shape for row in range(4)] == [
        (32, 64, 3),
        (30, 20, 3),
        (32, 32, 3),
        (32, 40, 3),
    ]
    original = np.asarray(load_rgb(root / "small/data_image/2_1.png"))
    assert np.array_equal(store.image(2), original)
    assert (root / "out/pixels.u8").stat().st_size == (32 * 64 + 30 * 20 + 32 * 32 + 32 * 40) * 3
    report = json.loads((root / "out/images.json").read_text())
    assert report["images"] == 4
    assert report["formats"] == {"PNG": 4}
    assert report["smaller_than_shorter_side"] == 1
    assert len(report["absent_tables"]) == 3


def test_rows_follow_the_asked_order_and_an_unknown_id_is_named(root: Path) -> None:
    build_store(config(), root, root / "out")
    store = ImageStore(root / "out")
    assert store.rows(["3_0", "1_0", "3_0"]).tolist() == [3, 0, 3]
    with pytest.raises(DataError, match="no image of instance '9_9'"):
        store.rows(["1_0", "9_9", "8_8"])


def test_a_batch_is_the_centre_square(root: Path) -> None:
    build_store(config(), root, root / "out")
    store = ImageStore(root / "out")
    batch = store.batch([3, 0, 2], 32)
    assert batch.shape == (3, 32, 32, 3)
    assert batch.dtype == np.uint8
    assert np.array_equal(batch[0], store.image(3)[:, 4:36])
    assert np.array_equal(batch[1], store.image(0)[:, 16:48])
    assert np.array_equal(batch[2], store.image(2))


@pytest.mark.parametrize("size", [16, 24, 50])
def test_another_size_is_resized_as_pillow_does_and_alike_in_every_batch(root: Path, size: int) -> None:
    build_store(config(), root, root / "out")
    store = ImageStore(root / "out")
    batch = store.batch([3, 1, 0, 2], size)
    for position, row in enumerate([3, 1, 0, 2]):
        image = Image.fromarray(store.image(row))
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))
        expected = np.asarray(square.resize((size, size), Image.Resampling.BICUBIC), dtype=int)
        assert np.abs(batch[position] - expected).max() <= 2
        assert np.array_equal(store.batch([row], size)[0], batch[position])


def test_shrinking_cuts_both_ends_of_a_panorama_equally() -> None:
    panorama = Image.new("RGB", (400, 100))
    panorama.paste((255, 255, 255), (100, 0, 300, 100))
    kept = np.asarray(shrink(panorama, 50))
    # White but for the filter's reach at the edges, and the same on both.
    assert kept[:, 2:-2].min() >= 250
    assert np.array_equal(kept, kept[:, ::-1])
    assert shrink(panorama, 50).size == (100, 50)
    assert shrink(Image.new("RGB", (1, 5000)), 50).size == (1, 2)


def test_a_jpeg_decoded_at_reduced_size_looks_like_the_full_decode(root: Path) -> None:
    path = root / "small/data_image/2_1.png"
    picture(1600, 1200, 5).save(path, format="JPEG", quality=92)
    build_store(config(), root, root / "out")
    stored = np.asarray(ImageStore(root / "out").image(2), dtype=int)
    full = np.asarray(shrink(load_rgb(path), 32), dtype=int)
    assert np.abs(stored - full).mean() < 1.5


def test_identical_files_share_their_pixels_and_hashes(root: Path) -> None:
    (root / "small/data_image/2_0.png").write_bytes((root / "small/data_image/3_0.png").read_bytes())
    build_store(config(), root, root / "out")
    index = ImageStore(root / "out").index.set_index("instance_id")
    assert index.loc["2_0", "sha256"] == index.loc["3_0", "sha256"]
    assert index.loc["2_0", "offset"] == index.loc["3_0", "offset"]
    assert json.loads((root / "out/images.json").read_text())["identical_files"] == 1


def test_same_input_same_bytes(root: Path) -> None:
    for name in ("a", "b"):
        build_store(config(), root, root / name)
    for file in ("pixels.u8", "index.parquet", "images.json"):
        assert (root / "a" / file).read_bytes() == (root / "b" / file).read_bytes()


@pytest.mark.parametrize("content", [b"", b"<html>", None])
def test_a_bad_image_in_the_middle_leaves_nothing_half_written(root: Path, content: bytes | None) -> None:
    path = root / "small/data_image/2_1.png"
    path.write_bytes(path.read_bytes()[:-200] if content is None else content)
    before = sorted(root.iterdir())
    with pytest.raises(DataError, match=r"2_1\.png"):
        build_store(config(), root, root / "out")
    assert sorted(root.iterdir()) == before


def test_missing_images_stop_or_are_dropped_and_counted(root: Path) -> None:
    (root / "small/data_image/2_0.png").unlink()
    with pytest.raises(DataError, match=r"1 of 4 images are not there, the first is data_image/2_0\.png"):
        build_store(config(), root, root / "out")
    build_store(config(missing_images="drop"), root, root / "out")
    report = json.loads((root / "out/images.json").read_text())
    assert (report["images"], report["missing"]) == (3, {"n": 1, "examples": ["2_0"]})


def test_an_image_outside_the_folder_is_refused(root: Path) -> None:
    path = root / "small/data_image/2_0.png"
    path.unlink()
    picture(40, 40, 1).save(root / "elsewhere.png")
    path.symlink_to(root / "elsewhere.png")
    with pytest.raises(DataError, match="through a symbolic link"):
        build_store(config(), root, root / "out")


def test_a_text_only_data_set_has_no_store(root: Path) -> None:
    with pytest.raises(ConfigError, match="has no images"):
        build_store(config(modalities=["text"]), root, root / "out")


def test_a_store_that_is_absent_or_cut_short_is_said(root: Path) -> None:
    with pytest.raises(DataError, match="holds no image store"):
        ImageStore(root / "out")
    build_store(config(), root, root / "out")
    pixels = root / "out/pixels.u8"
    pixels.write_bytes(pixels.read_bytes()[:-1])
    with pytest.raises(DataError, match="does not fit"):
        ImageStore(root / "out")


def test_index_survives_a_round_trip(root: Path) -> None:
    build_store(config(), root, root / "out")
    index = pd.read_parquet(root / "out/index.parquet")
    assert index["offset"].dtype == np.int64
    assert index["phash"].str.fullmatch("[0-9a-f]{16}").all()
    assert index["sha256"].str.fullmatch("[0-9a-f]{64}").all()
