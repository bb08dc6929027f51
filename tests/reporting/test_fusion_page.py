"""The page on how modalities work together: table 4.4, figures 4.3 and 4.4 of the thesis."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from crisisweave.config.published import load_published
from crisisweave.reporting.fusion import fusion_file, fusion_pages
from crisisweave.reporting.site import Page, Site

PUBLISHED = load_published(Path(__file__).parents[2] / "config")
WHERE = {"dataset": "crisismmd", "task": "humanitarian"}
METHODS = ("text", "image", "caption", "concat", "cmb", "cmb_text", "mix")


def tables() -> dict[str, Any]:
    scores = {"f1_weighted": 0.8, "f1_weighted_sd": 0.01, "f1_weighted_low": 0.75, "f1_weighted_high": 0.85}
    rows = [{**WHERE, "target": "", "split": "test", "method": m, "seeds": 10, **scores} for m in METHODS]
    return {"methods": rows, "protocol": {"alpha": 0.05, "level": 0.95}}


def case(wrong: str, share: float | None) -> dict[str, Any]:
    ends = dict.fromkeys(("share_low", "share_high"), share)
    return {"wrong": wrong, "rows": 100.0, "right": 70.0, "share": share, "share_sd": None, **ends}


def half(method: str = "cmb", share: float | None = 0.7) -> dict[str, Any]:
    return {
        **WHERE, "method": method, "halves": {"text": "text", "caption": "caption"}, "seeds": [1, 2],
        "n": 955, "neither_right": 20.0, "right_against_both": 3.0,
        "cases": [case("text", share), case("caption", share)],
        "mean_share": share, "mean_share_low": share, "mean_share_high": share,
    }  # fmt: skip


def reading(setting: str, method: str, against: str | None, p: float | None) -> dict[str, Any]:
    known = against is not None
    return {
        "captioner": "clip_<cc>", "setting": setting, "method": method, "against": against,
        "difference": 0.02 if known else None, "p_holm": p,
        "significant": p < 0.05 if p is not None else None,
    }  # fmt: skip


def study() -> dict[str, Any]:
    return {
        **WHERE,
        "references": {"T_T": "text", "C_C": "caption", "I_I": "image", "TI_TI": "concat"},
        "settings": [reading("TC_T", "cmb_text", "text", 0.4), reading("TC_TC", "cmb", "concat", 0.0001)],
        "mixes": [
            {"share": 0.5, **reading("TC_TC", "mix", "cmb", 0.03)},
            {"share": 1.0, **reading("TC_TC", "cmb", None, None)},
            {"share": 1.0, **reading("TC_T", "cmb_text", None, None)},
        ],
    }


def pages(halves: list[dict[str, Any]], studies: list[dict[str, Any]]) -> list[Page]:
    details = {"one_half_right": halves, "caption_studies": studies}
    return fusion_pages(tables(), details, PUBLISHED, {})


def text(page: Page, out: Path) -> str:
    index = Page("index.html", page.template, "Results", page.values)
    Site([index, page]).write(out) if not page.figures else Site([page, _empty()]).write(out)
    return " ".join(re.sub(r"<[^>]*>", " ", (out / page.file).read_text(encoding="utf-8")).split())


def _empty() -> Page:
    (page,) = pages([half(share=None)], [])
    return Page("index.html", page.template, "Results", {"page": {**page.values["page"], "halves": None}})


def test_published_shares_stand_beside_those_of_the_same_method(tmp_path: Path) -> None:
    (page,) = pages([half()], [])
    assert page.file == fusion_file("crisismmd", "humanitarian")
    shown = text(page, tmp_path)
    assert "70.0 70.0 to 70.0 published: 68.8% (77)" in shown
    assert "published: 88.1% (104)" in shown and "published: 78.4%" in shown
    assert "3.0 of 20.0" in shown


def test_the_figures_say_what_is_significant(tmp_path: Path) -> None:
    (page,) = pages([half()], [study()])
    halves, settings, mixes = page.figures
    assert [row["where"] for row in halves.rows] == [
        "text alone is wrong",
        "image or caption alone is wrong",
    ]
    verdicts = {row["method"]: row["verdict"] for row in settings.rows}
    assert verdicts["cmb"] == "differs by more than chance"
    assert verdicts["cmb_text"] == "not shown to differ"
    assert [row["label"] for row in settings.rows][:2] == ["T_T: text", "C_C: caption"]
    drawn = [(row["share"], row["method"]) for row in mixes.rows if row["reference"] is None]
    assert drawn == [(50, "mix"), (100, "cmb"), (100, "cmb_text")]
    assert {row["reference"] for row in mixes.rows} == {None, "T_T", "TI_TI"}
    shown = text(page, tmp_path)
    assert "clip_ &lt;cc&gt;" in shown
    assert "+2.0 &lt; 0.001 differs" in shown and "0.400 not shown" in shown


def test_halves_that_never_differ_draw_no_figure(tmp_path: Path) -> None:
    (page,) = pages([half(share=None)], [])
    assert page.figures == []
    assert "– – to –" in text(page, tmp_path)


def test_a_report_without_fusions_has_no_such_page() -> None:
    assert pages([], []) == []
