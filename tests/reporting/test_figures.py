import json
from pathlib import Path

import pytest

from crisisweave.errors import DataError
from crisisweave.reporting.figures import (
    ACCENT,
    INK,
    PAPER,
    SERIES,
    SOFT,
    Figure,
    complete_spec,
    data_block,
    palette,
    script,
    to_csv,
    to_svg,
)
from crisisweave.reporting.site import TEMPLATES, Page, Site, stem

HOSTILE = "</script><b>&\u2028"


def figure(name: str = "bars", colour: str = ACCENT) -> Figure:
    return Figure(
        name=name,
        title="Two bars",
        alt="a is larger than b.",
        spec={
            "mark": {"type": "bar", "color": colour},
            "encoding": {
                "x": {"field": "what", "type": "nominal"},
                "y": {"field": "much", "type": "quantitative"},
            },
        },
        rows=[{"what": HOSTILE, "much": 2.5}, {"what": 'say "b"', "much": 1}],
    )


def colours() -> tuple[dict[str, str], dict[str, str]]:
    return palette((TEMPLATES / "style.css").read_text(encoding="utf-8"))


def test_the_data_block_cannot_end_its_element_and_says_the_same() -> None:
    block = str(data_block(figure()))
    assert not set("<>&\u2028") & set(block)
    spec = json.loads(block)
    assert spec["data"]["values"] == [dict(row) for row in figure().rows]
    assert spec["width"] == "container"


def test_a_width_that_is_stated_stays() -> None:
    stated = Figure("a", "A", "A.", {"mark": "bar", "width": {"step": 20}}, [])
    assert complete_spec(stated, "container")["width"] == {"step": 20}
    composed = Figure("a", "A", "A.", {"hconcat": []}, [])
    assert "width" not in complete_spec(composed, "container")


def test_the_static_image_has_the_light_colours_and_a_rule_for_the_dark_ones() -> None:
    light, dark = colours()
    image = to_svg(figure(), light, dark)
    assert image == to_svg(figure(), light, dark)
    assert image.count(f' fill="{light["accent"]}"') == 2
    assert "var(" not in image
    assert f'[fill="{light["accent"]}"]{{fill:{dark["accent"]}}}' in image
    assert "&lt;/script&gt;&lt;b&gt;&amp;" in image


def test_both_schemes_have_the_same_colours_and_each_can_be_read_on_paper() -> None:
    light, dark = colours()
    assert set(light) == set(dark)
    for colour in (INK, SOFT, PAPER, ACCENT, *SERIES):
        assert colour.removeprefix("var(--").removesuffix(")") in light


def test_data_as_csv() -> None:
    assert to_csv(figure()) == f'what,much\n{HOSTILE},2.5\n"say ""b""",1\n'


def test_a_colour_that_there_is_not_stops_with_its_name() -> None:
    with pytest.raises(DataError, match=r"figure bars names a colour that style\.css lacks: 'teal'"):
        to_svg(figure(colour="var(--teal)"), *colours())


def test_a_figure_that_cannot_be_drawn_stops_with_its_name() -> None:
    broken = Figure("broken", "B", "B.", {"mark": 3}, [])
    with pytest.raises(DataError, match="figure broken cannot be drawn"):
        to_svg(broken, *colours())


@pytest.mark.parametrize("name", ["a b", "../a", "a/b", ""])
def test_a_name_that_no_file_should_have_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="cannot name a figure"):
        figure(name=name)


def test_the_bundle_is_the_same_every_time_and_one_expression() -> None:
    bundle = script()
    assert "vegaEmbed" in bundle
    script.cache_clear()
    assert script() == bundle
    assert bundle.startswith("(() => {")


def test_stems_are_safe_and_tell_apart() -> None:
    assert stem("method", "demo", 'im"age') == "method-demo-im_22_age"
    assert stem("a/../b") == "a_2f__2e__2e__2f_b"


def page(file: str, *figures: Figure) -> Page:
    return Page(file, "data.html", "A page", {}, figures=figures)


@pytest.mark.parametrize(
    ("pages", "what"),
    [
        ([page("index.html"), page("index.html")], "two pages of the report would be called 'index.html'"),
        ([page("index.html", figure()), page("pages/a.html", figure())], "two figures .* 'bars'"),
    ],
)
def test_nothing_is_overwritten_in_silence(pages: list[Page], what: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=what):
        Site(pages).write(tmp_path / "reports")
    assert list(tmp_path.iterdir()) == []
