"""A static site that opens from disk: pages are gathered, rendered, and put in place together."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisisweave.errors import DataError
from crisisweave.files import atomic_path, write_text
from crisisweave.progress import track
from crisisweave.reporting import numbers
from crisisweave.reporting.figures import Figure, data_block, palette, script, to_csv, to_svg

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = files("crisisweave.reporting") / "templates"


@dataclass(frozen=True)
class Page:
    """One page of the report.

    Its template sees `values` and, from the site, `title`, `links` (the navigation), `here` (this page's
    file), `root` (what leads from this page to the report's folder) and `pages` (the files of all pages, so
    that a link can be left out where its page was not made).
    """

    file: str
    """`index.html` or `pages/<name>.html`."""
    template: str
    """File name in `reporting/templates/`."""
    title: str
    values: Mapping[str, Any]
    """The template's own variables."""
    images: Mapping[str, bytes] = field(default_factory=dict)
    """`<folder>/<name>.jpg` under `pages/images/` → JPEG bytes."""
    figures: Sequence[Figure] = ()
    """What the template draws with the macro `figure`."""
    nav: str | None = None
    """How the navigation calls it; None leaves it out there."""


@dataclass
class Site:
    """All pages of a report, and the tables that lie beside them."""

    pages: Sequence[Page]
    tables: Mapping[str, Path] = field(default_factory=dict)
    """File name in `pages/tables/` → file to copy there."""

    def write(self, out: Path) -> None:
        """Render all pages and put them in place: `pages/` whole, then `index.html`, which links to it.

        Everything is put together before the first file is written, and `pages/` is replaced as a whole, so
        that nothing of an earlier report which is now withheld stays behind.

        Raises:
            DataError: two pages, figures or images have the same name, or a figure cannot be drawn.
            StorageError: the disk refuses.
        """
        figures = [figure for page in self.pages for figure in page.figures]
        _check_unique("pages", [page.file for page in self.pages])
        _check_unique("figures", [figure.name for figure in figures])
        _check_unique("images", [name for page in self.pages for name in page.images])
        style = (TEMPLATES / "style.css").read_text(encoding="utf-8")
        light, dark = palette(style)
        texts = {"pages/style.css": style}
        texts["pages/report.js"] = (TEMPLATES / "report.js").read_text(encoding="utf-8")
        if figures:
            texts["pages/vega.js"] = script()
        for figure in track(figures, "figures"):
            texts[f"pages/figures/{figure.name}.svg"] = to_svg(figure, light, dark)
            texts[f"pages/figures/{figure.name}.csv"] = to_csv(figure)
        texts.update(self._rendered())
        index = texts.pop("index.html")
        with atomic_path(out / "pages") as folder:
            contents = {name.removeprefix("pages/"): text.encode() for name, text in texts.items()}
            for page in self.pages:
                contents.update({f"images/{name}": content for name, content in page.images.items()})
            for name, source in self.tables.items():
                contents[f"tables/{name}"] = source.read_bytes()
            for name, content in contents.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(content)
        write_text(out / "index.html", index)

    def _rendered(self) -> dict[str, str]:
        """File → HTML of every page."""
        environment = templates()
        links = [{"name": page.nav, "file": page.file} for page in self.pages if page.nav]
        made = {page.file for page in self.pages}
        return {
            page.file: environment.get_template(page.template).render(
                page.values,
                title=page.title,
                links=links,
                here=page.file,
                root="../" * page.file.count("/"),
                pages=made,
                has_figures=bool(page.figures),
            )
            for page in self.pages
        }


def stem(*parts: str) -> str:
    """Parts joined by '-' as the stem of a file; characters that are unsafe there become their code.

    >>> stem("method", "demo", 'im"age')
    'method-demo-im_22_age'
    """
    return "-".join(re.sub(r"[^A-Za-z0-9_-]", lambda match: f"_{ord(match[0]):x}_", part) for part in parts)


def _check_unique(kind: str, names: Sequence[str]) -> None:
    repeated = (
        sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    )
    if repeated:
        raise DataError(
            f"two {kind} of the report would be called '{repeated[0]}'; rename a data set or method"
        )


def templates(package: str = "crisisweave.reporting") -> Environment:
    """The templates of a package and the report, escaping; every function of `numbers` is a filter."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("crisisweave.reporting")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name, function in inspect.getmembers(numbers, inspect.isfunction):
        if function.__module__ == numbers.__name__:
            environment.filters[name] = function
    environment.filters["data_block"] = data_block
    environment.globals["stem"] = stem
    return environment
