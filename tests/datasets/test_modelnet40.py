"""ModelNet40 as ready views: which objects there are is what files are there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crisisweave.config.profile import Profile
from crisisweave.datasets.media_views import MediaViews, build_media_views, open_views
from crisisweave.datasets.prepare import prepare
from crisisweave.datasets.raw import media_digest, task_digest
from crisisweave.errors import ConfigError, DataError
from small_media import objects_config, write_objects

CONFIG = Path(__file__).parents[2] / "config"
CLASSES = ["bowl", "night_stand", "xbox"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_objects(tmp_path / "modelnet40", CLASSES)
    return tmp_path


def _built(root: Path, **objects: object) -> tuple[pd.DataFrame, MediaViews]:
    config = objects_config(CLASSES, **objects)
    prepare(config, "task", root, root / "prepared")
    build_media_views(config, "task", root, root / "prepared", root / "out")
    views = open_views(root / "out")
    assert isinstance(views, MediaViews)
    return pd.read_parquet(root / "prepared" / "instances.parquet"), views


def test_rows_are_the_objects_of_the_folders(root: Path) -> None:
    frame, views = _built(root)
    assert frame["split"].value_counts().to_dict() == {"train": 54, "dev": 6, "test": 12}
    assert len(views) == 72
    labels = frame.set_index("instance_id")["label"].astype(str)
    assert all(name.startswith(label) for name, label in labels.items())
    assert labels["night_stand_0024"] == "night_stand"


@pytest.mark.parametrize("numbers", [[1, 7], [7, 1], [1, 5, 9]])
def test_views_come_in_the_order_that_is_asked_for(root: Path, numbers: list[int]) -> None:
    frame, views = _built(root, numbers=numbers)
    rows = np.arange(len(frame))
    for view, number in enumerate(numbers):
        pixels = views.batch(view, rows)
        assert (pixels.shape, pixels.dtype) == ((72, 1, 3, 16, 16), np.uint8)
        assert (pixels.reshape(72, -1).max(axis=1) == 20 * number).all(), "as bright as its number says"
    # The bar is where the row's own class puts it.
    bar = pixels[:, 0, 0].mean(axis=2).argmax(axis=1)
    assert np.array_equal(bar // 4, frame["label"].astype(str).map(CLASSES.index))


def test_the_default_is_front_and_back_and_so_is_the_shipped_task() -> None:
    config = Profile(CONFIG / "balance_tables.yaml", CONFIG).dataset("modelnet40")
    task = config.tasks["front_back"]
    assert len(task.classes) == 40
    assert task.objects is not None
    assert task.objects.numbers == [1, 7], "half of twelve apart"
    counts = task.counts
    assert (counts["train"] + counts["dev"], counts["test"]) == (9843, 2468)
    assert counts["dev"] == round(task.objects.dev_share * 9843)


def _views(root: Path, name: str = "bowl", split: str = "train") -> Path:
    return root / "modelnet40" / "views" / name / split


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("picture.png", "'picture.png' is not called bowl_"),
        ("xbox_0001_001.png", "'xbox_0001_001.png' is not called bowl_"),
        ("bowl_0001.obj.shaded_v001.png", "view 1 of bowl_0001 is there twice"),
        ("bowl_0099_001.png", "bowl_0099: view 7 is not there"),
    ],
)
def test_a_wrong_file_is_refused_in_a_sentence(root: Path, name: str, message: str) -> None:
    (_views(root) / name).write_bytes((_views(root) / "bowl_0001_001.png").read_bytes())
    with pytest.raises(DataError, match=message):
        prepare(objects_config(CLASSES), "task", root, root / "prepared")
    assert not (root / "prepared").exists()


def test_files_that_are_no_pictures_are_none_of_its_business(root: Path) -> None:
    for name in (".DS_Store", "bowl_0001.obj.npy", "._bowl_0001_001.png"):
        (_views(root) / name).write_bytes(b"x")
    prepare(objects_config(CLASSES), "task", root, root / "prepared")


def test_a_missing_class_is_said(root: Path) -> None:
    with pytest.raises(DataError, match="vase/train: no such folder of views"):
        prepare(objects_config([*CLASSES, "vase"]), "task", root, root / "prepared")


def test_a_damaged_view_and_one_that_went_since_are_refused(root: Path) -> None:
    config = objects_config(CLASSES)
    prepare(config, "task", root, root / "prepared")
    path = _views(root) / "bowl_0002_007.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(DataError, match=r"bowl_0002_007\.png: "):
        build_media_views(config, "task", root, root / "prepared", root / "out")
    path.unlink()
    with pytest.raises(DataError, match="1 files of the view 'view 7' are not there"):
        build_media_views(config, "task", root, root / "prepared", root / "out")
    assert not (root / "out").exists()


def test_a_view_that_links_out_of_the_folder_is_refused(root: Path) -> None:
    config = objects_config(CLASSES)
    prepare(config, "task", root, root / "prepared")
    path = _views(root) / "bowl_0002_007.png"
    path.rename(root / "outside.png")
    path.symlink_to(root / "outside.png")
    with pytest.raises(DataError, match="leads outside the data set's folder"):
        build_media_views(config, "task", root, root / "prepared", root / "out")


def test_digests_see_new_and_changed_files(root: Path) -> None:
    config = objects_config(CLASSES)
    before = task_digest(config, "task", root), media_digest(config, "task", root)
    path = _views(root) / "bowl_0002_007.png"
    path.write_bytes(path.read_bytes() + b"x")
    assert task_digest(config, "task", root) == before[0]
    assert media_digest(config, "task", root) != before[1]
    path.unlink()
    assert task_digest(config, "task", root) != before[0]


def test_a_task_must_say_which_views(root: Path) -> None:
    config = objects_config(CLASSES)
    task = config.tasks["task"].model_copy(update={"objects": None})
    with pytest.raises(ConfigError, match="'objects' is missing"):
        prepare(config.model_copy(update={"tasks": {"task": task}}), "task", root, root / "prepared")
