"""Every page of a made-up report in Debian's Chromium, from disk."""

import re
from importlib.resources import files
from typing import Literal

import pytest
from playwright.sync_api import Page, expect
from report_reader import Reader

pytestmark = pytest.mark.slow  # installs Chromium where it is missing; with it, half a minute

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
NUMBER = re.compile(r"[0-9.]+")


def column(page: Page, table: str, number: int) -> list[str]:
    """The first line of each shown row's cell in a column."""
    cells = page.locator(f"#{table} tbody tr:visible > :nth-child({number})").all()
    return [cell.inner_text().split("\n")[0].strip() for cell in cells]


def luminance(colour: str) -> float:
    """Relative luminance of `rgb(r, g, b)` as WCAG defines it."""
    shares = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_formula_on_known_pairs() -> None:
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    assert contrast("rgb(118, 118, 118)", "rgb(255, 255, 255)") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_no_violation_on_any_page(
    reader: Reader, scheme: Literal["light", "dark"], width: int
) -> None:
    found = []
    for file in reader.files:
        page = reader.open(file, scheme=scheme, width=width)
        page.evaluate(AXE)
        for violation in page.evaluate("axe.run({preload: false, resultTypes: ['violations']})")[
            "violations"
        ]:
            nodes = [(node["html"][:200], node["failureSummary"]) for node in violation["nodes"][:3]]
            found.append((file, violation["id"], nodes))
    assert found == []


def test_no_page_scrolls_sideways_on_a_phone(reader: Reader) -> None:
    for file in reader.files:
        page = reader.open(file, width=360)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, file
        page.evaluate("scrollTo(1000, 0)")
        assert page.evaluate("scrollX") == 0, file


def test_pages_are_complete_without_scripts(reader: Reader) -> None:
    for file in reader.files:
        page = reader.open(file, scripts=False)
        for image in page.locator(".figure img").all():
            image.scroll_into_view_if_needed()
            assert image.get_attribute("alt")
            page.wait_for_function(
                "(image) => image.complete && image.naturalWidth > 0", arg=image.element_handle()
            )
        assert page.locator(".filters:visible").count() == 0
        assert page.locator("th button").count() == 0


def test_figures_are_drawn_and_follow_the_scheme(reader: Reader) -> None:
    with_figures = [file for file in reader.files if 'class="figure"' in (reader.folder / file).read_text()]
    assert "index.html" in with_figures
    for file in with_figures:
        page = reader.open(file)
        assert page.locator(".figure img").count() == 0
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
            inks = page.evaluate(
                "[...document.querySelectorAll('.drawn .role-axis-label text, .drawn .role-legend text')]"
                ".map((text) => getComputedStyle(text).fill)"
            )
            assert inks, file
            assert min(contrast(ink, paper) for ink in set(inks)) >= 4.5, (file, scheme)


def test_the_static_image_turns_dark_too(reader: Reader) -> None:
    image = next(iter(sorted((reader.folder / "pages/figures").glob("leads-*.svg"))))
    inks = {}
    for scheme, paper in (("light", "rgb(253, 252, 250)"), ("dark", "rgb(21, 24, 28)")):
        page = reader.browser.new_context(color_scheme=scheme).new_page()  # type: ignore[arg-type]
        page.goto(image.as_uri())
        fills = page.evaluate("[...document.querySelectorAll('text')].map((t) => getComputedStyle(t).fill)")
        inks[scheme] = fills
        assert min(contrast(ink, paper) for ink in fills) >= 4.5
    assert inks["light"] != inks["dark"]


def test_the_table_sorts_by_mouse_and_keyboard(reader: Reader) -> None:
    page = reader.open("index.html")
    header = page.locator("#all-methods th", has_text="Accuracy")
    assert header.get_attribute("aria-sort") == "none"
    as_written = column(page, "all-methods", 1)
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "descending"
    scores = [float(NUMBER.findall(text)[0]) for text in column(page, "all-methods", 8)]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    header.get_by_role("button").focus()
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert [float(NUMBER.findall(text)[0]) for text in column(page, "all-methods", 8)] == scores[::-1]
    method = page.locator("#all-methods th[aria-sort]", has_text="Method")
    method.get_by_role("button").click()
    assert (header.get_attribute("aria-sort"), method.get_attribute("aria-sort")) == ("none", "ascending")
    assert column(page, "all-methods", 1) == ["concat", 'im"age', "text"]
    assert sorted(as_written) == ["concat", 'im"age', "text"]


def test_filters_leave_what_was_asked_for_and_say_how_much(reader: Reader) -> None:
    page = reader.open("index.html")
    status = page.locator("#methods [role=status]")
    expect(status).to_have_text("3 of 3 methods")
    page.get_by_label("Find").fill('IM"A')
    expect(status).to_have_text("1 of 3 methods")
    assert column(page, "all-methods", 1) == ['im"age']
    page.get_by_label("Find").fill("no such method")
    expect(status).to_have_text("0 of 3 methods")

    page = reader.open("pages/provenance.html")
    status = page.locator("[role=status]")
    expect(status).to_have_text("6 of 6 runs")
    page.locator(".filters [data-key=method]").select_option('im"age')
    expect(status).to_have_text("2 of 6 runs")
    page.get_by_label("Find").fill("seed-1")
    expect(status).to_have_text("1 of 6 runs")
    assert column(page, "all-runs", 1) == ['demo/harm/im"age/seed-1']


def test_the_first_key_leads_past_the_navigation(reader: Reader) -> None:
    page = reader.open("index.html")
    page.evaluate("scrollTo(0, 0)")
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")


def test_hostile_text_stays_text_in_the_overview_and_its_tooltips(reader: Reader) -> None:
    page = reader.open("index.html")
    figure = page.locator(".figure").first
    figure.locator(".drawn .role-mark.mark-symbol path").last.hover()
    tooltip = page.locator("#vg-tooltip-element")
    expect(tooltip).to_be_visible()
    expect(tooltip).to_contain_text("Difference (points)")
    assert page.locator("main :is(i, b, em, u) :is(script, img)").count() == 0
    page = reader.open("pages/data-demo.html")
    expect(page.get_by_text("<script>alert('tweet')</script>").first).to_be_visible()


def test_the_policy_is_in_force_from_disk(reader: Reader) -> None:
    """The pages' own policy, and not only the escaping, keeps a script from data from running."""
    page = reader.open("index.html")
    page.evaluate(
        """() => {
          const inline = document.createElement("script");
          inline.textContent = "window.ran = true";
          const image = document.createElement("img");
          image.src = "https://example.invalid/pixel.gif";
          document.body.append(inline, image);
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.ran") is None
    refused = [t for t in reader.troubles if "violates the following Content Security Policy" in t]
    assert [("inline script" in t, "example.invalid" in t) for t in refused] == [(True, False), (False, True)]
    reader.troubles.clear()


def test_print_is_light_whole_and_without_controls(reader: Reader) -> None:
    page = reader.open("index.html", scheme="dark")
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = false; })")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert luminance(page.evaluate("getComputedStyle(document.body).backgroundColor")) > 0.9
    assert page.locator("details:not([open])").count() == 0
    assert page.locator(".filters:visible, nav:visible").count() == 0
