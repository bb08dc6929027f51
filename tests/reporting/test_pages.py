import io
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from made_up_project import TWEETS, Project, about, render
from PIL import Image

from crisisweave.errors import DataError
from crisisweave.files import read_json
from crisisweave.reporting.datasets import About
from crisisweave.reporting.thumbnails import sample_ids

Make = Callable[..., Path]
SCRIPTS = {"report.js", "vega.js"}
VOID = {"wbr", "meta", "link", "br", "img", "input", "line", "rect", "circle"}


class Page(HTMLParser):
    """Elements with their attributes, and a check that every element is closed where it should be."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert not self._open, f"left open: {self._open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "script" not in self._open:
            self.text += data


def pages(folder: Path) -> dict[str, Page]:
    return {path.relative_to(folder).as_posix(): Page(path) for path in sorted(folder.rglob("*.html"))}


def files(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_same_inputs_same_bytes(make_report: Make) -> None:
    one, two = files(make_report("one")), files(make_report("two"))
    assert one == two
    assert {
        "index.html",
        "pages/data-demo.html",
        "pages/data-real.html",
        "pages/style.css",
        "pages/tables/methods.csv",
    } <= set(one)
    again = files(make_report("one"))
    assert again == one


def test_text_from_data_stays_text(make_report: Make) -> None:
    for page in pages(make_report()).values():
        tags = {tag for tag, _ in page.elements}
        assert not tags & {"em", "i", "u", "s", "q", "sons", "house", "out", "train"}
        for attributes in [attributes for tag, attributes in page.elements if tag == "script"]:
            own = attributes.get("src", "").removeprefix("../").removeprefix("pages/") in SCRIPTS
            assert own or attributes == {"type": "application/json"}
        for _, attributes in page.elements:
            assert not any(name.startswith("on") or name == "style" for name in attributes)
    shown = pages(make_report())
    for words in (*TWEETS, 'storm "Ann" & <b>sons</b>', "river'rise", "<i>quake", "a <house> in the water"):
        assert words in shown["pages/data-demo.html"].text
    for words in ('im"age', "held<out>", "Always “<i>quake”"):
        assert words in shown["index.html"].text
    assert "--note '<script>'" in shown["pages/provenance.html"].text


def test_every_page_has_a_strict_policy_and_nothing_leaves_it(make_report: Make) -> None:
    folder = make_report()
    for file, page in pages(folder).items():
        policies = [
            a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"
        ]
        assert policies == [
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            "form-action 'none'"
        ]
        ids = {a["id"] for _, a in page.elements if "id" in a}
        for tag, attributes in page.elements:
            for name in ("href", "src"):
                target = attributes.get(name)
                if target is None:
                    continue
                assert not re.match(r"[a-z]+:|//", target), f"<{tag}> leads away to {target}"
                path, _, fragment = target.partition("#")
                assert not path or (folder / file).parent.joinpath(path).is_file()
                assert path or fragment in ids
    style = (folder / "pages/style.css").read_text()
    assert "url(" not in style
    assert "@import" not in style


def test_the_overview_shows_the_numbers_of_the_tables(make_report: Make, built: Project) -> None:
    methods = read_json(built.tables / "tables.json")["methods"]
    page = pages(make_report())["index.html"].text
    text = next(m for m in methods if m["method"] == "text" and m["split"] == "test" and not m["target"])
    for name in ("f1_macro", "f1_weighted", "accuracy"):
        assert f"{100 * text[name]:.1f} ± {100 * text[f'{name}_sd']:.1f}" in page
        assert f"{100 * text[f'{name}_low']:.1f} to {100 * text[f'{name}_high']:.1f}" in page
    assert "1 min 1 s" in page
    assert "concat has the highest macro-F1 of 3 methods" in page
    assert re.search(r"Ceiling, both\s+94.3\s+–\s+96.2\s+the generator’s .* expected accuracy is 95.1", page)


def test_without_ceilings_there_is_no_row_for_them(make_report: Make) -> None:
    assert "Ceiling" not in pages(make_report(ceilings=None))["index.html"].text


def test_data_pages_show_counts(make_report: Make) -> None:
    page = pages(make_report())["pages/data-demo.html"].text
    for words in (
        "1\u202f234",
        "image missing",
        "perceptual hashes differ in at most 8 of 64 bits",
        "ROUGE-L",
        "21.5",
    ):
        assert words in page


def test_withheld_data_leaves_no_text_and_no_image(make_report: Make) -> None:
    folder = make_report()
    assert len(list((folder / "pages/images/demo").glob("*.jpg"))) == 24
    make_report(about=about())
    assert not list(folder.rglob("*.jpg"))
    for name in ("pages/data-demo.html", "pages/data-real.html"):
        page = pages(folder)[name]
        assert "withheld" in page.text
        sources = [a["src"] or "" for tag, a in page.elements if tag == "img"]
        assert all(source.startswith("../pages/figures/") for source in sources)
        for words in (*TWEETS, "a <house> in the water"):
            assert words not in page.text


def test_a_data_set_is_redacted_unless_something_else_is_said() -> None:
    assert About(title="A set", licence="none stated").redact


def test_a_data_set_of_which_nothing_is_said_stops_the_report(make_report: Make) -> None:
    with pytest.raises(DataError, match="nothing is said about data set 'demo'"):
        make_report(about={})


def test_pages_of_data_sets_that_left_are_removed(make_report: Make, built: Project) -> None:
    folder = make_report()
    (folder / "README.md").write_text("kept")
    make_report(datasets=built.datasets[:1])
    assert [name for name in pages(folder) if "data-" in name] == ["pages/data-demo.html"]
    assert (folder / "README.md").read_text() == "kept"


def test_thumbnails_are_the_images_of_the_sample(make_report: Make, built: Project) -> None:
    folder = make_report()
    ids = sample_ids(pd.read_parquet(built.datasets[0] / "instances.parquet")["instance_id"], 24, 0)
    index = pd.read_parquet(built.stores[0] / "index.parquet").set_index("instance_id").loc[ids[0]]
    pixels = (built.stores[0] / "pixels.u8").read_bytes()
    with Image.open(io.BytesIO((folder / "pages/images/demo/00.jpg").read_bytes())) as image:
        assert image.size == (index["width"], index["height"])
        shown = image.convert("RGB").getpixel((5, 5))
    assert shown == pytest.approx(tuple(pixels[index["offset"] : index["offset"] + 3]), abs=3)


def test_the_sample_is_random_fixed_by_its_seed_and_blind_to_order() -> None:
    ids = [f"{i:03d}" for i in range(200)]
    assert sample_ids(ids, 24, 0) == sample_ids(ids[::-1], 24, 0)
    assert sample_ids(ids, 24, 0) != sample_ids(ids, 24, 1)
    assert len(set(sample_ids(ids, 24, 0))) == 24
    assert sorted(sample_ids(ids[:5], 24, 0)) == ids[:5]


def test_missing_inputs_stop_before_anything_is_written(
    make_report: Make, built: Project, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=r"holds no tables\.json; run `crisisweave aggregate` first"):
        render(replace(built, tables=tmp_path), tmp_path / "reports")
    with pytest.raises(DataError, match="no prepared task of data set 'demo' is given"):
        make_report(datasets=built.datasets[1:])
    with pytest.raises(DataError, match=r"ceilings\.json: no such file"):
        make_report(ceilings={"demo": tmp_path / "ceilings.json"})
    with pytest.raises(DataError, match="cannot name a page"):
        make_report(datasets=[tmp_path / 'de"mo' / "harm"])
    with pytest.raises(DataError, match=r"dataset\.json: no such file"):
        make_report(datasets=[tmp_path / "demo" / "harm"], audits=[], stores=[], captions=[])
    assert not (tmp_path / "reports").exists()
