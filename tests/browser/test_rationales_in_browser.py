"""Marked words and overlays of a made-up report in Debian's Chromium: they are where they should be."""

import re
from importlib.resources import files
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, expect
from report_reader import Reader

from crisisweave.prediction.card import write_card
from crisisweave.prediction.predictor import Prediction
from crisisweave.prediction.rationale import Rationale

pytestmark = pytest.mark.slow  # installs Chromium where it is missing

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
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


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_the_card_of_a_prediction_is_sound(
    browser: Browser, tmp_path: Path, scheme: Literal["light", "dark"], width: int
) -> None:
    Image.new("RGB", (250, 180), "grey").save(tmp_path / "photo.png")
    words = ["water", "<b>rises</b>", "in", "town"]
    rationale = Rationale(
        words, [0.1, 0.9, 0.6, 0.0], [False, True, True, False], (2, 2), [0.1] * 4, [True, False, False, True]
    )
    inputs = {"text": " ".join(words), "image": str(tmp_path / "photo.png")}
    method = SimpleNamespace(title="A <i>method</i>", idea="An idea.")
    config = SimpleNamespace(method=method, task="harm", dataset="demo", classes=["calm", "flood"])
    answer = Prediction("flood", {"calm": 0.25, "flood": 0.75}, inputs, rationale)
    write_card(SimpleNamespace(config=config), answer, tmp_path / "card.html")  # type: ignore[arg-type]

    page = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text))
    page.goto((tmp_path / "card.html").as_uri())
    picture, veil = (page.locator(f".picture {part}").bounding_box() for part in ("img", "svg"))
    assert veil == picture
    assert page.locator(".read mark").inner_text() == "<b>rises</b> in"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert troubles == []
    page.evaluate(AXE)
    found = page.evaluate("axe.run({preload: false, resultTypes: ['violations']})")["violations"]
    assert [(violation["id"], violation["nodes"][0]["html"]) for violation in found] == []
