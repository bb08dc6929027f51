"""The report: which pages it has, and from which files each is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisisweave.config.published import Published
from crisisweave.errors import DataError
from crisisweave.files import read_json
from crisisweave.progress import track
from crisisweave.reporting.against import against_file, against_pages, compared
from crisisweave.reporting.balance import balance_page
from crisisweave.reporting.datasets import About, by_dataset, data_page
from crisisweave.reporting.explained import Explained
from crisisweave.reporting.extractors import extractor_pages
from crisisweave.reporting.fusion import fusion_pages
from crisisweave.reporting.gallery import gallery_pages
from crisisweave.reporting.methods import Description, Key, method_pages
from crisisweave.reporting.overview import overview
from crisisweave.reporting.provenance import provenance_page
from crisisweave.reporting.published import published_page
from crisisweave.reporting.results import Ceilings
from crisisweave.reporting.site import Site

if TYPE_CHECKING:
    import pandas as pd

SAMPLE_SEED = 0
"""Seed of the random sample on the data pages."""
TABLES = ("runs", "methods", "classes", "comparisons", "rationales")
"""Tables that lie beside the pages as CSV."""


def report(
    tables: Path,
    out: Path,
    *,
    datasets: Sequence[Path],
    audits: Sequence[Path] = (),
    stores: Sequence[Path] = (),
    captions: Sequence[Path] = (),
    similarities: Sequence[Path] = (),
    about: Mapping[str, About],
    descriptions: Mapping[Key, Description],
    published: Published,
    ceilings: Mapping[str, Path] | None = None,
    explained: Mapping[Key, Explained] | None = None,
    truths: Mapping[str, Path] | None = None,
    baselines: Mapping[str, Sequence[str]] | None = None,
    balances: Sequence[Path] = (),
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
        similarities: folders of the similarity of texts and images, `<dataset>/<task>/<scorer>`.
        about: data set → its title and licence, and whether its texts and images are left out.
        descriptions: (data set, task, method) → what the method's file says to the reader.
        published: values of other works, which stand beside ours.
        ceilings: data set → `ceilings.json`, for generated data whose best possible scores are known.
        explained: rationales of the methods that give some.
        truths: data set → folder `truth/` of generated data, where it is known which words and boxes carry
            the label.
        baselines: method → those beside which its successes and failures are shown.
        balances: folders of runs with several branches, measured by `balance`.

    Raises:
        DataError: an input is missing, a folder belongs to no data set, or `about` or
            `descriptions` lacks one.
    """
    results, details, rationales = _tables(tables), _details(tables), _rationales(tables)
    sources = by_dataset(datasets, audits, stores, captions, similarities)
    for source in sources:
        if source.name not in about:
            raise DataError(f"nothing is said about data set '{source.name}'; give its title and licence")
    pages = [
        overview(results, details, _ceilings(ceilings or {}), TABLES),
        published_page(published, results, details, about, balances),
        *(data_page(source, about[source.name], SAMPLE_SEED) for source in track(sources, "data pages")),
        *method_pages(results, details, descriptions, rationales),
        *extractor_pages(
            rationales, results, details, sources, about, descriptions, explained or {}, truths or {}
        ),
        *balance_page(balances, descriptions, results, details, about, published),
    ]
    answers = _answers(tables)
    galleries = gallery_pages(details, answers, sources, about, descriptions, explained, truths)
    pairs = compared(details, baselines or {})
    thumbnails = [name for page in galleries for name in page.images]
    pages += fusion_pages(results, details, published, {key: against_file(key) for key in pairs})
    pages += against_pages(pairs, details, answers, sources, about, descriptions, truths or {}, thumbnails)
    pages += [*galleries, provenance_page(results, details["methods"])]
    Site(pages, {f"{name}.csv": tables / f"{name}.csv" for name in TABLES}).write(out)


def _tables(folder: Path) -> dict[str, Any]:
    tables = _there(folder / "tables.json")
    for name in TABLES:
        _there(folder / f"{name}.csv")
    value: dict[str, Any] = read_json(tables)
    return value


def _details(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = read_json(_there(folder / "details.json"))
    return value


def _rationales(folder: Path) -> dict[str, Any]:
    value: dict[str, Any] = read_json(_there(folder / "rationales.json"))
    return value


def _answers(folder: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(_there(folder / "answers.parquet"))


def _there(path: Path) -> Path:
    if not path.is_file():
        raise DataError(f"{path.parent}: holds no {path.name}; run `crisisweave aggregate` first")
    return path


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
