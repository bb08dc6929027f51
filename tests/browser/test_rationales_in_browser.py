"""Marked words and overlays of a made-up report in Debian's Chromium: they are where they should be."""

import re
from typing import Any

import pandas as pd
import pytest
from playwright.sync_api import Locator, expect
from report_reader import Reader

pytestmark = pytest.mark.slow  # installs Chromium where it is missing

GALLERY = "pages/gallery-demo-harm-concat-1.html"
COMPARED = "pages/extractors-demo-harm.html"
SIDE = 4
"""Patches in a row of the made-up rationales."""


@pytest.fixture(scope="session")
def rationales(project: Any) -> pd.DataFrame:
    """What the made-up method chose, by instance."""
    table = pd.read_parquet(project.explained["demo", "harm", "concat"].path)
    return table[(table["split"] == "test") & (table["extractor"] == "method")].set_index("instance_id")


def pixels(card: Locator) -> dict[str, float]:
    """Where the picture's pixels are on the screen: the image is shown whole in the middle of its box."""
    found: dict[str, float] = card.locator("img").evaluate(
        """(image) => {
          const box = image.getBoundingClientRect();
          const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
          const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
          const [left, top] = [box.x + (box.width - width) / 2, box.y + (box.height - height) / 2];
          return {width, height, left, top};
        }"""
    )
    return found


@pytest.mark.parametrize("width", [1280, 360])
def test_the_outline_lies_over_the_chosen_patches(
    reader: Reader, rationales: pd.DataFrame, width: int
) -> None:
    page = reader.open(GALLERY, width=width)
    for card in page.locator(".card").all()[:6]:
        card.scroll_into_view_if_needed()
        card.locator("img").evaluate("(image) => image.decode()")
        name = card.locator("code").inner_text()
        shown = pixels(card)
        side = min(shown["width"], shown["height"])
        left = shown["left"] + (shown["width"] - side) / 2
        top = shown["top"] + (shown["height"] - side) / 2
        chosen = [divmod(i, SIDE) for i, flag in enumerate(rationales.loc[name, "patch_selected"]) if flag]
        wanted = (
            left + min(column for _, column in chosen) * side / SIDE,
            top + min(row for row, _ in chosen) * side / SIDE,
            left + (1 + max(column for _, column in chosen)) * side / SIDE,
            top + (1 + max(row for row, _ in chosen)) * side / SIDE,
        )
        box = card.locator(".edge").evaluate(
            """(path) => {
              const own = path.getBBox(), matrix = path.getScreenCTM();
              const corner = (x, y) => new DOMPoint(x, y).matrixTransform(matrix);
              const [a, b] = [corner(own.x, own.y), corner(own.x + own.width, own.y + own.height)];
              return [a.x, a.y, b.x, b.y];
            }"""
        )
        assert box == pytest.approx(wanted, abs=1.5), name


def test_the_chosen_words_are_marked_and_the_text_can_be_copied(
    reader: Reader, rationales: pd.DataFrame
) -> None:
    page = reader.open(GALLERY)
    for card in page.locator(".card").all()[:6]:
        row = rationales.loc[card.locator("code").inner_text()]
        tweet = card.locator(".tweet")
        marked = [word for mark in tweet.locator("mark").all() for word in mark.inner_text().split()]
        assert marked == [w for w, flag in zip(row["words"], row["word_selected"], strict=True) if flag]
        tweet.evaluate("(element) => getSelection().selectAllChildren(element)")
        assert page.evaluate("getSelection().toString()").split() == list(row["words"])


def test_a_mark_is_not_told_by_colour_alone(reader: Reader) -> None:
    page = reader.open(GALLERY)
    for strength, width in (("w1", 1), ("w2", 2), ("w3", 3)):
        mark = page.locator(f".legend mark .{strength}")
        assert mark.evaluate("(element) => getComputedStyle(element).borderBottomWidth") == f"{width}px"
        assert mark.evaluate("(element) => getComputedStyle(element).borderBottomStyle") == "solid"


def test_switches_work_without_scripts(reader: Reader) -> None:
    page = reader.open(GALLERY, scripts=False)
    veil, box = page.locator(".patches").first, page.locator(".boxes").first
    marked = page.locator(".tweet mark span").first
    expect(veil).to_be_visible()
    page.get_by_label("veil over pictures").uncheck()
    expect(veil).to_be_hidden()
    expect(box).to_be_visible()
    page.get_by_label("truth").uncheck()
    expect(box).to_be_hidden()
    page.get_by_label("marked words").uncheck()
    assert marked.evaluate("(element) => getComputedStyle(element).backgroundColor") == "rgba(0, 0, 0, 0)"


def test_every_extractor_has_its_picture_beside_the_methods_own(reader: Reader) -> None:
    page = reader.open(COMPARED)
    card = page.locator(".compared > li").first
    assert [by.inner_text() for by in card.locator(".pictures .by").all()] == [
        "The method’s own", "RISE", "Grad-CAM", "Attention roll-out", "Integrated gradients",
        "Random patches", "Centre",
    ]  # fmt: skip
    for label in (svg.get_attribute("aria-label") for svg in card.locator("svg.overlay").all()):
        assert re.match(r"4 of 16 patches chosen: row \d", label or "")
    for image in card.locator("img").all():
        image.scroll_into_view_if_needed()
        page.wait_for_function("(i) => i.complete && i.naturalWidth > 0", arg=image.element_handle())
