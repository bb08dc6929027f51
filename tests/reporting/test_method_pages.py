import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_up_project import Project

from crisisweave.errors import DataError
from crisisweave.files import read_json
from crisisweave.reporting.methods import Description, method_pages
from crisisweave.reporting.site import Page, Site

Make = Callable[..., Path]
TEXT = ("demo", "harm", "text")
NO_RATIONALES: dict[str, Any] = {"protocol": {}, "scores": [], "comparisons": []}


@pytest.fixture
def tables(built: Project) -> dict[str, Any]:
    return read_json(built.tables / "tables.json")


@pytest.fixture
def details(built: Project) -> dict[str, Any]:
    return read_json(built.tables / "details.json")


@pytest.fixture
def made(built: Project, tables: dict[str, Any], details: dict[str, Any]) -> dict[str, Page]:
    pages = method_pages(tables, details, built.descriptions, NO_RATIONALES)
    return {page.values["page"]["method"]: page for page in pages}


def words(folder: Path, name: str) -> str:
    """The text of a page, tags and white space taken out."""
    html = (folder / "pages" / f"{name}.html").read_text(encoding="utf-8")
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def test_confusion_is_shaded_by_the_share_of_the_label(tables: dict, details: dict, built: Project) -> None:
    record = next(m for m in details["methods"] if m["method"] == "text")
    record["confusion"] = [[9, 1, 0], [2, 1, 3], [0, 0, 0]]
    (page,) = (
        p for p in method_pages(tables, details, built.descriptions, NO_RATIONALES) if "text" in p.file
    )
    calm, flood, absent = page.values["page"]["confusion"]
    assert [cell["share"] for cell in calm["cells"]] == [0.9, 0.1, 0]
    assert [cell["shade"] for cell in calm["cells"]] == [6, 1, 0]
    assert [cell["shade"] for cell in flood["cells"]] == [3, 2, 4]
    assert (flood["total"], flood["cells"][2]["count"]) == (6, 3)
    assert [cell["share"] for cell in absent["cells"]] == [None, None, None]


def test_errors_shared_are_told_from_the_side_of_the_page(
    tables: dict, details: dict, built: Project
) -> None:
    details["shared_errors"] = [
        {
            "dataset": "demo", "task": "harm", "method_a": "concat", "method_b": "text", "n": 20,
            "both_wrong": 3, "same_answer": 2, "only_a_wrong": 1, "only_b_wrong": 9,
        }
    ]  # fmt: skip
    pages = {
        p.values["page"]["method"]: p
        for p in method_pages(tables, details, built.descriptions, NO_RATIONALES)
    }
    (concat,), (text,) = (pages[name].values["page"]["shared"] for name in ("concat", "text"))
    assert (concat["other"], concat["errors"], concat["share"]) == ("text", 4, 0.75)
    assert (concat["only_this"], concat["only_other"]) == (1, 9)
    assert (text["other"], text["errors"], text["share"]) == ("concat", 12, 0.25)
    assert (text["only_this"], text["only_other"]) == (9, 1)
    assert pages['im"age'].values["page"]["shared"] == []


def test_learning_curves_hold_every_epoch_of_every_seed_and_mark_the_best(
    tables: dict, details: dict, built: Project
) -> None:
    record = next(m for m in details["methods"] if m["method"] == "text")
    record["learning"][0]["best_epoch"] = 1
    (page,) = (
        p for p in method_pages(tables, details, built.descriptions, NO_RATIONALES) if "text" in p.file
    )
    figures = {figure.name: figure for figure in page.figures}
    assert set(figures) == {f"{kind}-demo-harm-text" for kind in ("calibration", "loss", "dev")}
    dev = figures["dev-demo-harm-text"]
    assert [(row["seed"], row["epoch"], row["best"]) for row in dev.rows] == [
        (0, 0, False),
        (0, 1, True),
        (1, 0, False),
        (1, 1, False),
    ]
    assert dev.alt == "Macro-F1 on dev by epoch; best: 70.0 % at epoch 1 (seed 0)."
    loss = figures["loss-demo-harm-text"]
    assert loss.alt == (
        "Loss by epoch, 2 seeds: on train 1.00 after the first epoch and 0.50 after the last, on dev 0.55 "
        "and 0.55 (means over seeds)."
    )
    assert len(loss.rows) == 8


def test_lines_break_where_the_next_phase_of_training_begins(
    tables: dict, details: dict, built: Project
) -> None:
    record = next(m for m in details["methods"] if m["method"] == "text")
    for curve in record["learning"]:
        for epoch, phase in zip(curve["epochs"], ("extract", "predict"), strict=True):
            epoch["phase"] = phase
    (page,) = (
        p for p in method_pages(tables, details, built.descriptions, NO_RATIONALES) if "text" in p.file
    )
    figures = {figure.name: figure for figure in page.figures}
    for name in ("loss-demo-harm-text", "dev-demo-harm-text"):
        assert figures[name].title.endswith("lines break between phases (extract, then predict)")
        assert figures[name].spec["encoding"]["detail"] == {"field": "phase"}
        assert {row["phase"] for row in figures[name].rows if row["epoch"] == 1} == {"predict"}


def test_a_decision_fusion_says_that_nothing_was_trained(make_report: Make, made: dict[str, Page]) -> None:
    assert [figure.name for figure in made['im"age'].figures] == ["calibration-demo-harm-im_22_age"]
    shown = words(make_report(), "method-demo-harm-im_22_age")
    assert "This method is not trained, so it has no learning curves." in shown
    assert "It combines the decisions of concat (image) and text (text) by the rule “mean”" in shown
    assert "training:" not in shown


def test_rationales_stand_on_the_pages_of_the_methods_that_give_some(make_report: Make) -> None:
    folder = make_report()
    both, text, none = (words(folder, f"method-demo-harm-{name}") for name in ("concat", "text", "im_22_age"))
    assert "on which words and patches it decided" in both
    assert "Patch IoU" in both
    assert "held&lt;out&gt;, heldout" in both
    assert "on which words it decided" in text
    assert "Patch IoU" not in text
    assert "Rationales" not in none


def test_the_page_shows_the_numbers_of_the_tables(make_report: Make, tables: dict) -> None:
    shown = words(make_report(), "method-demo-harm-text")
    (row,) = (m for m in tables["methods"] if (m["method"], m["split"], m["target"]) == ("text", "test", ""))
    assert f"Macro-F1 on test: {100 * row['f1_macro']:.1f} % ± {100 * row['f1_macro_sd']:.1f}" in shown
    assert f"{100 * row['f1_macro_low']:.1f} to {100 * row['f1_macro_high']:.1f}; 2 seeds" in shown
    (other,) = (m for m in tables["methods"] if m["method"] == "text" and m["target"])
    assert re.search(rf"held&lt;out&gt;, heldout {other['n']} {100 * other['f1_macro']:.1f}", shown)
    assert "lr: 0.001" in shown
    assert "weight_decay: 0.01" in shown, "defaults are in force too"


def test_hostile_text_stays_text(make_report: Make) -> None:
    folder = make_report()
    html = (folder / "pages/method-demo-harm-text.html").read_text(encoding="utf-8")
    for tag in ("<s>", "<u>", "<q>", "<i>", "<b>sons", "<bert>", "<dfn>"):
        assert tag not in html
    shown = words(folder, "method-demo-harm-text")
    for said in (
        "The &lt;u&gt;text&lt;/u&gt; method",
        "An &lt;s&gt;idea&lt;/s&gt;.",
        "Source: Thesis &lt;q&gt;, section 1.",
        "It &amp; the source differ &lt;dl&gt;",
        "tiny:&lt;bert&gt;",
        "text.name hub:&lt;dfn&gt; tiny:&lt;bert&gt;",
        "storm &#34;Ann&#34; &amp; &lt;b&gt;sons&lt;/b&gt;",
    ):
        assert said in shown


def test_a_method_of_which_nothing_is_said_stops_the_report(make_report: Make) -> None:
    with pytest.raises(DataError, match="nothing is said about method demo/harm/concat"):
        make_report(descriptions={})


def test_a_hundred_other_methods_fit_on_a_page(tables: dict, details: dict, tmp_path: Path) -> None:
    record = next(m for m in details["methods"] if m["method"] == "text")
    classes = [f"a_rather_long_class_name_{i}" for i in range(20)]
    many = {
        **record,
        "classes": classes,
        "confusion": [[7] * 20] * 20,
        "per_class": [{**record["per_class"][0], "class": name} for name in classes],
        "per_event": [{**record["per_event"][0], "event": f"event_{i}"} for i in range(60)],
    }
    pair = {**details["shared_errors"][0], "method_a": "text"}
    shared = [{**pair, "method_b": f"a_method_of_some_name_{i}"} for i in range(100)]
    said = Description("T", "I.", "S", ["A deviation that takes a whole line of the page."] * 20)
    (page,) = method_pages(tables, {"methods": [many], "shared_errors": shared}, {TEXT: said}, NO_RATIONALES)
    Site([replace(page, file="index.html")]).write(tmp_path / "reports")
    assert (tmp_path / "reports/index.html").stat().st_size < 300_000


def test_same_bytes_whatever_the_order_of_the_runs(make_report: Make, built: Project, tmp_path: Path) -> None:
    from crisisweave.evaluation.aggregate import aggregate

    runs = [path.parent for path in (built.root / "results").rglob("metrics.json")]
    histories = list((built.root / "results").rglob("history.csv"))
    for place, order in (("a", 1), ("b", -1)):
        aggregate(runs[::order], tmp_path / place, histories[::order])
    assert (tmp_path / "a/details.json").read_bytes() == (tmp_path / "b/details.json").read_bytes()
    assert (tmp_path / "a/answers.parquet").read_bytes() == (tmp_path / "b/answers.parquet").read_bytes()
    assert (tmp_path / "a/details.json").read_bytes() == (built.tables / "details.json").read_bytes()
