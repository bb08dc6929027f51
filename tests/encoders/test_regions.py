"""Regions: boxes, what is read inside them, and the step that finds them for a whole store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crisisweave.config.regions import Regions
from crisisweave.encoders import region_step
from crisisweave.encoders.features import encode_images
from crisisweave.encoders.region_rows import RegionRows, grid_boxes
from crisisweave.encoders.region_step import find_regions
from crisisweave.encoders.regions import (
    RegionDetector,
    as_corners,
    detect,
    detector_shape,
    load_detector,
    mean_in_boxes,
)
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError, DataError
from crisisweave.images.store import ImageStore
from toy import Toy

TINY = Regions(detector="tiny:detr", boxes=4, size=64, width=16)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def detector() -> RegionDetector:
    """The small one, loaded once."""
    return load_detector(TINY)


def test_a_box_reads_the_mean_of_what_lies_in_it() -> None:
    ramp = torch.arange(8.0).expand(1, 1, 8, 8) + 100 * torch.arange(8.0)[:, None]
    boxes = torch.tensor([[[0.25, 0.25, 0.75, 0.75], [0.125, 0.5, 0.375, 1.0], [0.5, 0.5, 0.5, 0.5]]])
    # Of a ramp the mean inside a box is the value at its centre; cell i's centre lies at (i + ½) / 8. In the
    # last rows there is nothing below to go on rising, so that box is left to the comparison below.
    found = mean_in_boxes(ramp, boxes)[0, :, 0]
    assert torch.allclose(found[[0, 2]], torch.tensor([353.5, 353.5]))


def test_boxes_are_read_as_torchvision_reads_them() -> None:
    prepare_torchvision()
    from torchvision.ops.roi_align import _roi_align

    roi_align = getattr(_roi_align, "__wrapped__", _roi_align)
    torch.manual_seed(0)
    features, boxes = torch.randn(2, 5, 6, 9), torch.rand(2, 4, 2, 2).sort(dim=2).values.flatten(2)
    scaled = boxes * torch.tensor([9.0, 6.0, 9.0, 6.0])
    owner = torch.arange(2.0).repeat_interleave(4)[:, None]
    expected = roi_align(features, torch.cat([owner, scaled.flatten(0, 1)], dim=1), 1.0, 7, 7, 1, True)
    assert torch.allclose(mean_in_boxes(features, boxes).flatten(0, 1), expected.mean(dim=(2, 3)), atol=1e-5)


def test_corners_stay_in_the_image() -> None:
    boxes = torch.tensor([[0.5, 0.5, 0.5, 0.25], [0.1, 0.9, 0.4, 0.4]])
    expected = torch.tensor([[0.25, 0.375, 0.75, 0.625], [0.0, 0.7, 0.3, 1.0]])
    assert torch.allclose(as_corners(boxes), expected)


def test_the_surest_boxes_are_kept(detector: RegionDetector) -> None:
    torch.manual_seed(0)
    pixels = torch.randint(0, 256, (2, 64, 96, 3), dtype=torch.uint8)
    with torch.no_grad():
        vectors, boxes = detector(pixels, 4)
        library = detector.model(pixel_values=(pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5)
        feature_map = detector.model.model.backbone(
            (pixels.permute(0, 3, 1, 2) / 255 - 0.5) / 0.5, torch.ones(2, 64, 96)
        )[-1][0]
    sure = library.logits.softmax(dim=-1)[..., :-1].max(dim=-1).values
    assert vectors.shape == (2, 4, 16)
    for image in range(2):
        ranked = sure[image].numpy().argsort(kind="stable")[::-1][:4]
        expected = as_corners(library.pred_boxes[image, ranked.copy()])
        assert torch.allclose(boxes[image], expected, atol=1e-5)
        inside = mean_in_boxes(feature_map[image : image + 1], expected[None])[0]
        assert torch.allclose(vectors[image], inside, atol=1e-4)
    assert boxes.std(dim=1).amax(dim=1).min() > 0.01, "boxes that are all the same prove nothing"


def test_an_image_gives_the_same_alone_and_among_others(detector: RegionDetector) -> None:
    generator = np.random.default_rng(0)
    shapes = [(40, 40), (40, 70), (64, 48), (40, 41), (32, 64)]
    images = [generator.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]
    vectors, boxes = detect(detector, images, TINY, CPU)
    assert vectors.dtype == np.float16
    for i, image in enumerate(images):
        alone = detect(detector, [image], TINY, CPU)
        np.testing.assert_allclose(alone[0][0].astype(float), vectors[i].astype(float), atol=2e-3)
        np.testing.assert_allclose(alone[1][0], boxes[i], atol=1e-5)


@pytest.mark.parametrize(
    ("given", "expected"),
    [((224, 224), (480, 480)), ((224, 448), (480, 960)), ((300, 224), (640, 480)), ((50, 400), (480, 3840))],
)
def test_a_detector_sees_images_in_their_own_proportions(
    given: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert detector_shape(*given, 480) == expected


def test_a_grid_s_boxes_are_its_cells_row_by_row() -> None:
    assert grid_boxes(2).tolist() == [[0, 0, 0.5, 0.5], [0.5, 0, 1, 0.5], [0, 0.5, 0.5, 1], [0.5, 0.5, 1, 1]]
    assert grid_boxes(6).shape == (36, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes": 101}, "less than or equal to 100"),
        ({"encoder": "tiny:conv"}, "give either 'detector' or, for a grid, 'encoder'"),
        ({"detector": None}, "give either 'detector' or, for a grid, 'encoder'"),
        ({"detector": "tiny:yolo"}, "Input should be"),
    ],
)
def test_regions_are_of_one_kind(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Regions.model_validate({**TINY.model_dump(), **changes})


def test_a_detector_of_another_width_or_without_revision_stops() -> None:
    with pytest.raises(ConfigError, match=r"regions.width is 2048, but this detector's is 16; set it"):
        load_detector(TINY.model_copy(update={"width": 2048}))
    unpinned = Regions.model_validate(
        {"detector": {"repository": "some/detr", "revision": None}, "size": 480}
    )
    with pytest.raises(ConfigError, match=r"regions.detector.revision is null; fill in .* of some/detr"):
        load_detector(unpinned)


def _folder(toy: Toy) -> Path:
    return toy.sources.regions(TINY)


def test_a_cut_off_search_goes_on_and_writes_the_same_bytes(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(region_step, "CHUNK", 24)
    cache = tmp_path / "cache"
    find_regions(toy.sources.images, TINY, _folder(toy), cache)
    names = ["boxes.npy", "features.json", "features.npy"]
    assert sorted(p.name for p in _folder(toy).iterdir()) == names
    whole = [(_folder(toy) / name).read_bytes() for name in names]
    assert not list(cache.iterdir()), "what was gathered is gone"

    class Killed(Exception):
        pass

    seen: list[int] = []

    def cut_off(*given: Any) -> Any:
        seen.append(len(given[1]))
        if len(seen) == 2:
            raise Killed
        return detect(*given)

    monkeypatch.setattr(region_step, "detect", cut_off)
    with pytest.raises(Killed):
        find_regions(toy.sources.images, TINY, tmp_path / "again", cache)
    assert not (tmp_path / "again").exists()
    find_regions(toy.sources.images, TINY, tmp_path / "again", cache)
    # 64 images: 24 are done and kept, the 24 that were cut off and the last 16 are not.
    assert seen == [24, 24, 24, 16]
    assert [(tmp_path / "again" / name).read_bytes() for name in names] == whole


def test_regions_are_those_of_the_image_s_row(toy: Toy, tmp_path: Path, detector: RegionDetector) -> None:
    find_regions(toy.sources.images, TINY, _folder(toy), tmp_path / "cache")
    store = ImageStore(toy.sources.images)
    names = ["test3_0", "train7_0"]
    rows = store.rows(names)
    expected = detect(detector, [store.image(int(row)) for row in rows], TINY, CPU)
    found = RegionRows(TINY, toy.sources, names).batch(np.array([0, 1])).numpy()
    assert found.shape == (2, 4, 20)
    np.testing.assert_allclose(found[..., :16], expected[0].astype(float), atol=2e-3)
    np.testing.assert_allclose(found[..., 16:], expected[1], atol=1e-5)


def test_a_grid_s_regions_are_the_cells_of_its_encoder_s_map(toy: Toy) -> None:
    grid = Regions(encoder="tiny:conv", cells=2, size=32, width=64)
    store = ImageStore(toy.sources.images)
    torch.manual_seed(0)
    encode_images(store, "tiny:conv", 32, 2, toy.sources.image_features("tiny:conv", 32, 2))
    rows = RegionRows(grid, toy.sources, ["dev1_0"])
    features = np.load(toy.sources.image_features("tiny:conv", 32, 2) / "features.npy")
    found = rows.batch(np.array([0]))[0].numpy()
    np.testing.assert_array_equal(found[:, :64], features[store.rows(["dev1_0"])[0]])
    np.testing.assert_array_equal(found[:, 64:], grid_boxes(2).numpy())
    assert rows.sample().shape == (1, 4, 68)


def test_regions_that_are_not_there_or_of_another_width_stop(toy: Toy, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="run `crisisweave region-features` first"):
        RegionRows(TINY, toy.sources, ["dev1_0"])
    find_regions(toy.sources.images, TINY, _folder(toy), tmp_path / "cache")
    with pytest.raises(DataError, match=r"holds 4 × 16 numbers .* but the method's regions are 4 × 17"):
        RegionRows(TINY.model_copy(update={"width": 17}), toy.sources, ["dev1_0"])
