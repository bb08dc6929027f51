"""The report: an overview of all methods, and one page for each data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisisweave.errors import DataError
from crisisweave.files import atomic_path, read_json, write_text
from crisisweave.progress import track
from crisisweave.reporting import numbers
from crisisweave.reporting.datasets import About, by_dataset, data_page
from crisisweave.reporting.results import Ceilings, provenance, sections

if TYPE_CHECKING:
    from jinja2 import Environment

SAMPLE_SEED = 0
"""Seed of the random sample on the data pages."""
TABLES = ("runs", "methods", "classes", "comparisons")
"""Tables that lie beside the pages as CSV."""


def report(
    tables: Path,
    out: Path,
    *,
    datasets: Sequence[Path],
    audits: Sequence[Path] = (),
    stores: Sequence[Path] = (),
    captions: Sequence[Path] = (),
    about: Mapping[str, About],
    ceilings: Mapping[str, Path] | None = None,
) -> None:
    """Write `index.html` and the folder `pages/`: `data-<dataset>.html`, `style.css`, `images/`, `tables/`.

    Everything is put together before the first file is written, and `pages/` is put in place whole, so that
    nothing of an earlier report which is now withheld stays behind.

    Args:
        tables: folder that `aggregate` wrote.
        out: folder of the pages.
        datasets: prepared folders, `<dataset>/<task>`.
        audits: audit folders, `<dataset>`.
        stores: image stores, `<dataset>`.
        captions: caption folders, `<dataset>/<captioner>`.
        about: data set → its title and licence, and whether its texts and images are left out.
        ceilings: data set → `ceilings.json`, for generated data whose best possible scores are known.

    Raises:
        DataError: an input is missing, a folder belongs to no data set, or `about` lacks one.
    """
    results = _tables(tables)
    pages: dict[str, str] = {}
    images: dict[str, bytes] = {}
    environment = _environment()
    sources = by_dataset(datasets, audits, stores, captions)
    for source in sources:
        if source.name not in about:
            raise DataError(f"nothing is said about data set '{source.name}'; give its title and licence")
    links = [{"name": source.name, "file": f"pages/data-{source.name}.html"} for source in sources]
    for source, link in track(list(zip(sources, links, strict=True)), "data pages"):
        page, thumbnails = data_page(source, about[source.name], SAMPLE_SEED)
        images.update({f"{source.name}/{name}": content for name, content in thumbnails.items()})
        pages[link["file"]] = environment.get_template("data.html").render(
            page=page, links=links, here=link["file"], root="../", sample_seed=SAMPLE_SEED
        )
    pages["index.html"] = environment.get_template("index.html").render(
        sections=sections(results, _ceilings(ceilings or {})),
        protocol=results["protocol"],
        provenance=provenance(results["provenance"]),
        links=links,
        here="index.html",
        root="",
        tables=TABLES,
    )
    style = environment.get_template("style.css").render()
    _write(out, pages, style, images, {name: tables / f"{name}.csv" for name in TABLES})


def _tables(folder: Path) -> dict[str, Any]:
    for name in ("tables.json", *(f"{table}.csv" for table in TABLES)):
        if not (folder / name).is_file():
            raise DataError(f"{folder}: holds no {name}; run `crisisweave aggregate` first")
    value: dict[str, Any] = read_json(folder / "tables.json")
    return value


def _ceilings(files: Mapping[str, Path]) -> dict[tuple[str, str], Ceilings]:
    """(data set, task) → text, image, both → what the Bayes classifier scores on the test split."""
    result = {}
    for dataset, path in sorted(files.items()):
        if not path.is_file():
            raise DataError(f"{path}: no such file; run `crisisweave demo` again or leave the ceilings out")
        for task, inputs in read_json(path).items():
            known = {name: inputs[name]["splits"].get("test") for name in ("text", "image", "both")}
            result[dataset, task] = {name: scores for name, scores in known.items() if scores}
    return result


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("crisisweave.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for filter_ in (
        numbers.percent,
        numbers.points,
        numbers.p_value,
        numbers.count,
        numbers.duration,
        numbers.several,
        numbers.breakable,
    ):
        environment.filters[filter_.__name__] = filter_
    return environment


def _write(
    out: Path, pages: Mapping[str, str], style: str, images: Mapping[str, bytes], tables: Mapping[str, Path]
) -> None:
    with atomic_path(out / "pages") as folder:
        for name, content in sorted(images.items()):
            (folder / "images" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "images" / name).write_bytes(content)
        (folder / "tables").mkdir(parents=True)
        for name, source in tables.items():
            (folder / "tables" / f"{name}.csv").write_bytes(source.read_bytes())
        write_text(folder / "style.css", style)
        for name, page in pages.items():
            if name != "index.html":
                write_text(folder / Path(name).name, page)
    # The overview comes last: where it stands, all that it links to stands.
    write_text(out / "index.html", pages["index.html"])
