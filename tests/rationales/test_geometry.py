from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from crisisweave.images.store import centre_squares, shrink
from crisisweave.rationales.geometry import Sizes, coverage, in_centre_square, positive_patches


def stored(width: int, height: int, side: int) -> Sizes:
    small = shrink(Image.new("RGB", (width, height)), side)
    return Sizes(width, height, small.width, small.height)


def test_a_square_image_keeps_its_boxes() -> None:
    boxes = in_centre_square([[50, 0, 100, 25]], stored(100, 100, 50))
    np.testing.assert_allclose(boxes, [[0.5, 0.0, 1.0, 0.25]])


def test_a_wide_image_loses_both_ends() -> None:
    # 200 x 100: the centre square is x from 50 to 150.
    boxes = in_centre_square([[50, 0, 150, 100], [0, 0, 50, 100]], stored(200, 100, 100))
    np.testing.assert_allclose(boxes, [[0, 0, 1, 1], [-0.5, 0, 0, 1]])


def test_the_store_s_cut_of_extreme_images_is_undone_first() -> None:
    # 1000 x 100 is stored as its middle 200 x 100, the square is x from 450 to 550.
    boxes = in_centre_square([[450, 0, 500, 100]], stored(1000, 100, 50))
    np.testing.assert_allclose(boxes, [[0, 0, 0.5, 1]])
    tall = in_centre_square([[0, 450, 100, 500]], stored(100, 1000, 50))
    np.testing.assert_allclose(tall, [[0, 0, 1, 0.5]])


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((640, 480), (200, 100, 330, 260)),
        ((481, 640), (30, 220, 170, 420)),
        ((2000, 301), (900, 20, 1015, 180)),
        ((300, 1900), (100, 900, 220, 1010)),
        ((50, 40), (10, 5, 30, 30)),
        ((640, 480), (0, 0, 90, 480)),
    ],
)
def test_a_painted_box_is_found_where_the_encoder_sees_it(
    size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    """The real store's functions on a black image with one white box, against the computed coverage."""
    image = Image.new("RGB", size)
    image.paste((255, 255, 255), box)
    small = shrink(image, 224)
    square = centre_squares([np.asarray(small)], 224)[0, :, :, 0] / 255
    seen = square.reshape(7, 32, 7, 32).mean(axis=(1, 3)).ravel()
    sizes = Sizes(*size, small.width, small.height)
    # An edge of the box is blurred over two pixels, more where a small image is enlarged.
    np.testing.assert_allclose(coverage(in_centre_square([box], sizes), (7, 7)), seen, atol=0.06)


def test_coverage_counts_an_overlap_once() -> None:
    boxes = np.array([[0.0, 0.0, 0.5, 0.5], [0.25, 0.0, 0.75, 0.5]])
    np.testing.assert_allclose(coverage(boxes, (2, 2)), [1.0, 0.5, 0.0, 0.0])


def test_coverage_sums_to_the_area_of_the_union() -> None:
    generator = np.random.default_rng(0)
    corners = np.sort(generator.uniform(-0.3, 1.3, (6, 2, 2)), axis=1)
    boxes = corners.reshape(6, 4)
    points = generator.random((200_000, 2))
    hit = np.zeros(len(points), dtype=bool)
    for x0, y0, x1, y1 in boxes:
        hit |= (x0 < points[:, 0]) & (points[:, 0] < x1) & (y0 < points[:, 1]) & (points[:, 1] < y1)
    assert coverage(boxes, (3, 5)).mean() == pytest.approx(hit.mean(), abs=0.005)


def test_a_box_outside_the_square_covers_nothing() -> None:
    shares = coverage(np.array([[1.2, 0.1, 1.5, 0.9]]), (4, 4))
    assert shares.max() == 0
    assert not positive_patches(shares).any()
    assert coverage(np.zeros((0, 4)), (4, 4)).max() == 0


def test_patches_half_covered_are_positive_and_else_the_most_covered() -> None:
    assert positive_patches(np.array([0.5, 0.49, 1.0])).tolist() == [True, False, True]
    assert positive_patches(np.array([0.1, 0.2, 0.2])).tolist() == [False, True, False]
