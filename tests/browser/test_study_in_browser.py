"""The raters' page in Debian's Chromium, from disk: a study from its first screen to its score."""

import contextlib
import json
import re
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, expect
from report_reader import Reader

sys.path.append(str(Path(__file__).parents[1] / "study"))  # where the made-up study lies

pytestmark = pytest.mark.slow  # installs Chromium where it is missing

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
KEYS = {"left": "ArrowLeft", "right": "ArrowRight", "none": "ArrowDown"}
DIGITS = {"left": "1", "right": "2", "none": "0"}
PAIRS, ITEMS = 20, 22


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with study.html and key.json: twenty pairs and two checks."""
    from made_up_study import RUN, Project

    from crisisweave.study.make import make_study

    root = tmp_path_factory.mktemp("study-project")
    Project(root)
    with contextlib.chdir(root):
        make_study(RUN, "method", "rise", PAIRS, 0, root / "study", "the <i>Toy</i> set & more")
    return root / "study"


@pytest.fixture
def rater(browser: Browser, study: Path) -> Iterator[Reader]:
    """Someone with the page; the test fails at its end if the page had an error or asked for anything."""
    rater = Reader(browser, study)
    yield rater
    assert rater.troubles == []


@pytest.fixture
def key(study: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((study / "key.json").read_text())
    return value


def planned(key: dict[str, Any]) -> dict[str, str]:
    """A careful rater who likes A, and sees no difference in the third pair."""
    sides = {str(p["number"]): "left" if p["left"] == key["a"] else "right" for p in key["pairs"]}
    sides[str(key["pairs"][2]["number"])] = "none"
    return {**sides, **{str(c["number"]): c["answer"] for c in key["checks"]}}


def begin(page: Page, name: str = "r1") -> None:
    page.get_by_label("Your id").fill(name)
    page.get_by_role("button", name="Start").click()


def title(page: Page) -> str:
    return page.locator("legend:visible").inner_text()


def saved(page: Page) -> dict[str, Any]:
    with page.expect_download() as download:
        page.get_by_role("button", name="Save answers").click()
    assert download.value.suggested_filename.startswith("answers-")
    value: dict[str, Any] = json.loads(Path(download.value.path()).read_text())
    return value


def violations(page: Page) -> list[Any]:
    page.evaluate(AXE)
    result = page.evaluate("axe.run({preload: false, resultTypes: ['violations']})")
    return [
        (found["id"], [(node["html"][:200], node["failureSummary"]) for node in found["nodes"][:3]])
        for found in result["violations"]
    ]


def test_keyboard_alone_leads_through_and_the_study_recovers_a_known_preference(
    rater: Reader, study: Path, key: dict[str, Any], tmp_path: Path
) -> None:
    """One rater in the browser, four in files like the browser's, and a careless one: they like A to 70 %."""
    from made_up_study import answer, save

    from crisisweave.study.score import score_study

    page = rater.open("study.html")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your id")).to_be_focused()
    page.keyboard.type("anna-1")
    page.keyboard.press("Enter")
    wanted = answer(key, "anna-1", likes_a=0.7, ties=0.15, seed=0)
    assert set(wanted["answers"].values()) == {"left", "right", "none"}
    for number in range(1, ITEMS + 1):
        assert title(page) == f"Item {number} of {ITEMS}"
        assert page.evaluate("document.activeElement.tagName") == "LEGEND"
        page.keyboard.press((KEYS if number % 2 else DIGITS)[wanted["answers"][str(number)]])
        page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All items are answered")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Save answers")).to_be_focused()
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Saved as answers-anna-1.json")
    file = tmp_path / "answers-anna-1.json"
    download.value.save_as(file)
    assert json.loads(file.read_text()) == wanted
    others = [save(tmp_path, answer(key, f"r{i}", likes_a=0.7, ties=0.15, seed=i)) for i in range(1, 5)]
    careless = save(tmp_path, answer(key, "careless", likes_a=0.0, ties=0.0, seed=9, careless=True))
    result = score_study(study / "key.json", [file, *others, careless])
    assert result["raters"]["counted"] == 5
    assert list(result["raters"]["failed_checks"]) == ["careless"]
    low, high = result["preference"]["ci"]
    assert low <= 0.7 <= high
    assert abs(result["preference"]["share_a"] - 0.7) < 0.1


def test_mouse_back_and_a_change_of_mind(rater: Reader, key: dict[str, Any]) -> None:
    page = rater.open("study.html", width=360)
    begin(page)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("status")).to_contain_text("choose left, right or no difference first")
    assert title(page) == f"Item 1 of {ITEMS}"
    wanted = planned(key)
    for number in range(1, ITEMS + 1):
        page.locator("fieldset:visible").locator(f"label:has(input[value={wanted[str(number)]}])").click()
        page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Back").click()
    assert title(page) == f"Item {ITEMS} of {ITEMS}"
    page.get_by_label("No difference").locator("visible=true").check()
    page.get_by_role("button", name="Next").click()
    assert saved(page)["answers"] == {**wanted, f"{ITEMS}": "none"}


def test_a_reloaded_page_goes_on_and_raters_are_kept_apart(rater: Reader) -> None:
    page = rater.open("study.html")
    begin(page, "first")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    page.reload()
    expect(page.get_by_role("status")).to_contain_text("as first")
    assert title(page) == f"Item 3 of {ITEMS}"
    page.keyboard.press("Backspace")
    expect(page.locator("fieldset:visible input[value=right]")).to_be_checked()
    for _ in range(ITEMS - 1):
        page.keyboard.press("0")
        page.keyboard.press("Enter")
    page.get_by_role("button", name="Someone else starts").click()
    begin(page, "second")
    assert title(page) == f"Item 1 of {ITEMS}"
    assert page.locator("input[type=radio]:checked").count() == 0
    page.reload()
    assert title(page) == f"Item 1 of {ITEMS}"


def test_a_browser_that_keeps_nothing_says_so_and_works(rater: Reader) -> None:
    page = rater.open("study.html")
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new Error('not allowed'); }})"
    )
    page.reload()
    expect(page.get_by_text("This browser keeps nothing")).to_be_visible()
    begin(page)
    for _ in range(ITEMS):
        page.keyboard.press("1")
        page.keyboard.press("Enter")
    assert set(saved(page)["answers"].values()) == {"left"}


def test_damaged_memory_starts_anew(rater: Reader, key: dict[str, Any]) -> None:
    page = rater.open("study.html")
    for state in (
        '{"at": 1e9, "answers": 7}',
        "{",
        '{"at": -3, "answers": {"1": "<b>", "99": "left"}}',
        "null",
    ):
        page.evaluate(
            "([study, state]) => {localStorage.setItem(`crisisweave-study/${study}/`, 'r');"
            " localStorage.setItem(`crisisweave-study/${study}/r`, state)}",
            [key["study"], state],
        )
        page.reload()
        assert title(page) == f"Item 1 of {ITEMS}"


def test_number_keys_can_be_turned_off(rater: Reader) -> None:
    page = rater.open("study.html")
    begin(page)
    page.get_by_label("Keys choose").uncheck()
    page.keyboard.press("1")
    assert page.locator("input[type=radio]:checked").count() == 0


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 360)])
def test_axe_finds_no_violation_on_any_screen(
    rater: Reader, scheme: Literal["light", "dark"], width: int
) -> None:
    page = rater.open("study.html", scheme=scheme, width=width)
    found = violations(page)
    begin(page)
    page.keyboard.press("1")
    found += violations(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for _ in range(ITEMS):
        page.keyboard.press("1")
        page.keyboard.press("Enter")
    found += violations(page)
    assert found == []


def test_hostile_tweets_are_text_and_the_policy_is_in_force(rater: Reader) -> None:
    from made_up_study import HOSTILE

    page = rater.open("study.html")
    begin(page)
    quotes = page.locator("blockquote").all_text_contents()
    assert any(quote.startswith(HOSTILE) for quote in quotes)
    assert page.locator("blockquote *").count() == 0
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
    refused = [t for t in rater.troubles if "violates the following Content Security Policy" in t]
    assert len(refused) == 2
    rater.troubles.clear()


def test_the_document_tells_no_side(rater: Reader, key: dict[str, Any]) -> None:
    """Attributes and texts of the whole document, once the pictures themselves are taken out, are alike."""
    page = rater.open("study.html")
    begin(page)
    html = re.sub(r'src="data:[^"]+"', "", page.locator("main").inner_html())
    assert not re.search(r"\b(method|rise|whole|check)\b", html)
    items = re.findall(r"<fieldset.*?</fieldset>", html, flags=re.DOTALL)
    alike = {
        re.sub(r"Item \d+ of|item-\d+| hidden=\"\"|<blockquote.*?</blockquote>|<b>.*?</b>", "", item)
        for item in items
    }
    assert len(items) == ITEMS
    assert len(alike) == 1
