"""Figures: a Vega-Lite specification with its data, as a static image, as CSV and as a block in the page.

Colours are named, never written out: a specification says `INK` or `ACCENT`, which is `var(--ink)`. The
colours themselves stand once, in `style.css`. The browser resolves the names itself, so the interactive
figure follows the reader's light or dark scheme; the static image gets the light colours and a rule for the
dark ones. Shades are made by opacity, not by a colour ramp, which neither could follow.
"""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from crisisweave.errors import DataError

PAPER = "var(--paper)"
INK = "var(--ink)"
SOFT = "var(--soft)"
LINE = "var(--line)"
BAND = "var(--band)"
ACCENT = "var(--accent)"
WARM = "var(--warm)"
SERIES = [f"var(--series-{n})" for n in range(1, 9)]
"""Colours for things told apart, in this order; each stands out from the paper by 3:1 or more."""

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
WIDTH = 620
"""Width of a single plot in a static image, in pixels; in a page a plot is as wide as its column."""
_COMPOSED = ("facet", "hconcat", "vconcat", "concat", "repeat", "spec")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_COLOUR = re.compile(r"var\(--([a-z0-9-]+)\)")


@dataclass(frozen=True)
class Figure:
    """One figure of a page.

    Raises:
        DataError: the name cannot stand in a file name.
    """

    name: str
    """File stem in `pages/figures/`, unique in the report: letters, digits, '_' and '-'."""
    title: str
    alt: str
    """What it shows, in one sentence made from the numbers."""
    spec: Mapping[str, Any]
    """Vega-Lite, without data, theme and (unless it is composed of several plots) width."""
    rows: Sequence[Mapping[str, Any]]
    """Its data; all rows have the same keys."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise DataError(f"'{self.name}' cannot name a figure; use letters, digits, '_' and '-'")


def complete_spec(figure: Figure, width: int | str) -> dict[str, Any]:
    """The figure's specification with schema, data, theme and width; colours are still names.

    Args:
        figure: what to draw.
        width: of the plot, in pixels or `container`, unless the specification says it.
    """
    spec: dict[str, Any] = {
        "$schema": SCHEMA,
        "data": {"values": [dict(row) for row in figure.rows]},
        "background": "transparent",
        **figure.spec,
        "config": _THEME | dict(figure.spec.get("config", {})),
    }
    if not any(key in spec for key in ("width", *_COMPOSED)):
        spec["width"] = width
    return spec


def data_block(figure: Figure) -> Markup:
    """The complete specification as JSON that can stand in a script element."""
    text = json.dumps(
        complete_spec(figure, "container"), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704  (cannot end the element: '<' and '&' are escaped just above)


def to_csv(figure: Figure) -> str:
    """The figure's data with a header line."""
    buffer = io.StringIO()
    if figure.rows:
        writer = csv.DictWriter(buffer, list(figure.rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(figure.rows)
    return buffer.getvalue()


def to_svg(figure: Figure, light: Mapping[str, str], dark: Mapping[str, str]) -> str:
    """A static image in the light colours that turns to the dark ones where the reader's system is dark.

    Args:
        figure: what to draw.
        light: name of a colour → colour, as `#rrggbb`.
        dark: the same for the dark scheme.

    Raises:
        DataError: the specification names a colour that there is not, or Vega-Lite refuses it.
    """
    import vl_convert

    try:
        named = _COLOUR.sub(lambda match: light[match[1]], json.dumps(complete_spec(figure, WIDTH)))
        svg: str = vl_convert.vegalite_to_svg(named, allowed_base_urls=[])
    except KeyError as error:
        raise DataError(f"figure {figure.name} names a colour that style.css lacks: {error}") from error
    except ValueError as error:
        raise DataError(f"figure {figure.name} cannot be drawn: {error}") from error
    rules = dict.fromkeys(
        f'[{part}="{light[name]}"]{{{part}:{dark[name]}}}'
        for name in light
        for part in ("fill", "stroke")
        if f'{part}="{light[name]}"' in svg
    )
    style = f"<style>@media (prefers-color-scheme:dark){{{''.join(rules)}}}</style>"
    return svg.replace(">", f">{style}", 1)


def palette(style: str) -> tuple[dict[str, str], dict[str, str]]:
    """The light and the dark colours of a style sheet: its first and second `:root` block."""
    light, dark = (
        dict(re.findall(r"--([a-z0-9-]+): (#[0-9a-f]{6});", block))
        for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    )
    return light, dark


@functools.cache
def script() -> str:
    """Vega, Vega-Lite and vega-embed as one script, as the installed vl-convert bundles them.

    Wrapped in a function, so that its inner names do not become globals of the page.
    """
    import vl_convert

    bundle: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    return f"(() => {{\n{bundle}\n}})();\n"


_FONT = '"Liberation Sans", Arial, Helvetica, sans-serif'
_THEME: dict[str, Any] = {
    "font": _FONT,
    "background": "transparent",
    "aria": False,  # the figure as a whole says what it shows
    "view": {"stroke": None},
    "title": {"color": INK, "fontSize": 13, "anchor": "start"},
    "axis": {
        "domainColor": LINE,
        "gridColor": LINE,
        "tickColor": LINE,
        "labelColor": SOFT,
        "titleColor": SOFT,
        "titleFontWeight": "normal",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelLimit": 220,
    },
    "header": {"labelColor": INK, "titleColor": SOFT, "labelFontSize": 12, "labelFontWeight": "bold"},
    "legend": {
        "labelColor": INK,
        "titleColor": SOFT,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelLimit": 220,
    },
    "range": {"category": SERIES},
    "text": {"color": INK, "fontSize": 12},
    "rule": {"color": SOFT},
    **{mark: {"color": ACCENT} for mark in ("area", "bar", "circle", "line", "point", "rect", "tick")},
}
