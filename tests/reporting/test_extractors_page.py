"""The page that compares extractors: its numbers, its examples, and what generated data must reach."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_up_project import EXPLAINED, EXTRACTORS, Project, about

from crisisweave.files import read_json
from crisisweave.reporting.extractor_figure import score_figure
from crisisweave.reporting.extractors import EXAMPLES, _main, _transfers
from crisisweave.reporting.full_input import against_full, configs_of
from crisisweave.reporting.known_answers import known_answers
from crisisweave.reporting.rationale_scores import Scores

Make = Callable[..., Path]
PAGE = "pages/extractors-demo-harm.html"
SHOWN = ["The method’s own", "Attention", "Gradient × input", "Random words"]


def words(path: Path) -> str:
    """The text of a page, tags and white space taken out."""
    return " ".join(re.sub(r"<[^>]*>", " ", path.read_text(encoding="utf-8")).split())


def score(metric: str, value: float, extractor: str = "method", method: str = "transfer") -> dict[str, Any]:
    return {
        "dataset": "demo", "task": "harm", "target": "", "split": "test", "method": method,
        "extractor": extractor, "metric": metric, "value": value, "sd": 0.0, "low": value - 0.01,
        "high": value + 0.01, "seeds": 5, "n": 100,
    }  # fmt: skip


def lead(metric: str, difference: float, extractor: str, significant: bool) -> dict[str, Any]:
    row = score(metric, 0, extractor)
    del row["value"]
    return {**row, "difference": difference, "p": 0.01, "p_holm": 0.02, "significant": significant}


def scores(*rows: dict[str, Any]) -> Scores:
    tables = {
        "protocol": {},
        "scores": [row for row in rows if "value" in row],
        "comparisons": [row for row in rows if "difference" in row],
    }
    return Scores(tables, "demo", "harm")


# ── The page ──────────────────────────────────────────────────────────


def test_the_page_shows_the_numbers_of_the_tables(make_report: Make, built: Project) -> None:
    text = words(make_report() / PAGE)
    for row in read_json(built.tables / "rationales.json")["scores"]:
        if row["split"] == "test" and row["metric"] in ("word_f1", "patch_iou", "selected_patches"):
            written = f"{100 * row['value']:.1f} ± {100 * row['sd']:.1f}"
            assert f"{written} {100 * row['low']:.1f} to {100 * row['high']:.1f}" in text, row
    for title in (*SHOWN, "RISE", "Grad-CAM", "Attention roll-out", "Integrated gradients", "Centre"):
        assert title in text
    assert "held&lt;out&gt;" in text, "what transfers reach, too"


def test_findings_claim_what_the_tests_bear_out(make_report: Make) -> None:
    text = words(make_report() / PAGE)
    (finding,) = re.findall(r"Patch IoU of concat: .*? chance explains.*?\.(?= )", text)
    assert "ahead of Grad-CAM, Attention roll-out, Integrated gradients, Random patches, Centre" in finding
    assert "not shown to differ from RISE" in finding


def test_the_sheet_shows_every_extractor_beside_the_method(make_report: Make) -> None:
    html = (make_report() / PAGE).read_text(encoding="utf-8")
    sheet = html[html.index('id="sheet"') : html.index('id="scores"')]
    pictures = 1 + len(EXTRACTORS["patches"])
    assert sheet.count('<svg class="overlay"') == EXAMPLES * pictures
    assert sheet.count('<p class="tweet"') == EXAMPLES * (1 + len(EXTRACTORS["words"]))
    assert len(set(re.findall(r'src="(images/demo/extractors/[^"]+)"', sheet))) == EXAMPLES
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in re.sub(r"</?(mark|span)[^>]*>", "", sheet)


def test_a_redacted_page_has_scores_and_no_examples(make_report: Make) -> None:
    folder = make_report(about=about())
    html = (folder / PAGE).read_text(encoding="utf-8")
    assert "no examples are shown" in html
    assert 'id="sheet"' not in html
    assert not {'<img src="images', "<mark>", "overlay"} & set(
        re.findall(r"<img src=\"images|<mark>|overlay", html)
    )
    assert "Patch IoU" in html


def test_methods_stand_beside_each_other_and_lead_to_their_pages(make_report: Make) -> None:
    folder = make_report()
    html = (folder / PAGE).read_text(encoding="utf-8")
    beside = html[html.index('id="methods"') : html.index('id="transfers"')]
    for method in EXPLAINED:
        assert f'href="../pages/method-demo-harm-{method}.html"' in beside
        assert 'href="../pages/extractors-demo-harm.html"' in (
            folder / f"pages/method-demo-harm-{method}.html"
        ).read_text(encoding="utf-8")
    assert 'href="pages/extractors-demo-harm.html"' in (folder / "index.html").read_text(encoding="utf-8")


def test_pages_stay_small(make_report: Make) -> None:
    folder = make_report()
    assert max(path.stat().st_size for path in folder.rglob("*.html")) < 2_000_000


def test_without_rationales_there_is_no_such_page(built: Project, tmp_path: Path) -> None:
    from made_up_project import render

    from crisisweave.evaluation.aggregate import aggregate

    runs = [path.parent for path in (built.root / "results").rglob("metrics.json")]
    aggregate(runs, tmp_path / "tables", list((built.root / "results").rglob("history.csv")))
    project = Project(**{**vars(built), "tables": tmp_path / "tables"})
    folder = render(project, tmp_path / "reports", explained={}, truths={})
    assert not list(folder.glob("pages/extractors-*"))
    assert "extractors" not in (folder / "index.html").read_text(encoding="utf-8")


# ── Scores and targets ────────────────────────────────────────────────


def test_the_methods_own_faithfulness_is_told_apart_by_modality() -> None:
    from crisisweave.reporting.rationale_scores import METRICS

    metric = next(m for m in METRICS["text"] if m.name == "comprehensiveness")
    both = scores(
        score("comprehensiveness", 0.5), score("comprehensiveness_text", 0.3),
        score("comprehensiveness_image", 0.2), score("selected_patches", 0.2),
        score("comprehensiveness", 0.1, "attention"),
    )  # fmt: skip
    assert [both.of_part("transfer", "method", metric, part)["value"] for part in ("text", "image")] == [
        0.3,
        0.2,
    ]
    assert both.of_part("transfer", "attention", metric, "text")["value"] == 0.1
    alone = scores(score("comprehensiveness", 0.4))
    assert alone.of_part("transfer", "method", metric, "text")["value"] == 0.4, "words are all there is"


def details(**methods: dict[str, Any]) -> dict[str, Any]:
    common = {"joint": None, "rationales": None, "masking": 0.0, "inputs": ["text"], "text": None}
    return {
        "methods": [
            {"dataset": "demo", "task": "harm", "method": name, "config": {**common, **config}}
            for name, config in methods.items()
        ]
    }


SETTINGS = {"share": 1.0, "alpha": 0.09}
CONFIGS = details(
    transfer={"joint": "small", "rationales": SETTINGS},
    transfer_20={"joint": "small", "rationales": {**SETTINGS, "share": 0.2}},
    other_20={"joint": "small", "rationales": {"share": 0.2, "alpha": 0}},
    masked={"joint": "small", "masking": 0.5},
    whole={"joint": "small"},
)


def compared(a: str, b: str, difference: float) -> dict[str, Any]:
    row = {"dataset": "demo", "task": "harm", "method_a": a, "method_b": b, "f1_macro_difference": difference}
    return {**row, "f1_macro_low": difference - 0.01, "f1_macro_high": difference + 0.02}


def answers(found: Scores, *comparisons: dict[str, Any]) -> dict[str, Any]:
    results = {"comparisons": list(comparisons)}
    return {answer.target: answer for answer in known_answers(found, "transfer", results, CONFIGS)}


@pytest.mark.parametrize(("value", "met"), [(0.9, True), (0.8999, False)])
def test_word_f1_must_reach_its_targets(value: float, met: bool) -> None:
    found = answers(scores(score("word_f1", value), score("word_f1", value - 0.1, method="transfer_20")))
    all_labels, fifth = list(found.values())[:2]
    assert (all_labels.met, fifth.met) == (met, met)
    assert all_labels.target == "Word F1 with all labels at least 90.0"
    assert "transfer_20" in fifth.target


def test_patches_must_be_ahead_of_all_four_by_more_than_chance() -> None:
    names = ["rise", "grad_cam", "attention_rollout", "random_patches"]
    for significant, differences, met in (
        ([True] * 4, [0.2] * 4, True),
        ([True, True, True, False], [0.2] * 4, False),
        ([True] * 4, [0.2, 0.2, -0.2, 0.2], False),
    ):
        leads = [
            lead("patch_iou", difference, name, is_real)
            for name, difference, is_real in zip(names, differences, significant, strict=True)
        ]
        found = answers(scores(score("selected_patches", 0.2), *leads))
        (iou,) = (answer for target, answer in found.items() if target.startswith("Patch IoU"))
        assert iou.met is met
        (pointing,) = (answer for target, answer in found.items() if target.startswith("Pointing"))
        assert (pointing.met, pointing.ours) == (None, "not run")


@pytest.mark.parametrize(
    ("comparison", "met", "said"),
    [
        (compared("transfer", "whole", -0.02), True, "−2.0 (−3.0 to 0.0) against whole"),
        (compared("whole", "transfer", 0.04), False, "−4.0 (−6.0 to −3.0) against whole"),
        (compared("transfer", "masked", -0.5), None, "not run"),
    ],
)
def test_the_rationale_alone_is_held_against_the_model_that_reads_all(
    comparison: dict[str, Any], met: bool | None, said: str
) -> None:
    found = answers(scores(), comparison)
    (answer,) = (answer for target, answer in found.items() if target.startswith("Macro-F1"))
    assert (answer.met, answer.ours) == (met, said)


def test_comprehensiveness_must_be_clear_of_chance() -> None:
    for chance, met in ((0.1, True), (0.29, False)):
        found = answers(
            scores(score("comprehensiveness_text", 0.3), score("comprehensiveness", chance, "random_words"))
        )
        (answer,) = (answer for target, answer in found.items() if target.startswith("Comprehensiveness"))
        assert answer.met is met
    (near,) = (a for t, a in answers(scores(score("sufficiency", -0.06))).items() if t.startswith("Suff"))
    assert near.met is False


def test_the_page_is_about_the_method_that_the_others_vary() -> None:
    names = ("alpha_0", "main", "share_20", "z_alone")
    configs = {
        "main": SETTINGS, "share_20": {**SETTINGS, "share": 0.2}, "alpha_0": {**SETTINGS, "alpha": 0},
        "z_alone": {**SETTINGS, "share": 0.5},
    }  # fmt: skip
    found = scores(*(score("word_f1", 0.5, method=name) for name in names))
    given = {name: {"rationales": configs[name]} for name in names}
    assert _main(found, names, given) == "main"
    more = scores(
        *(score("word_f1", 0.5, method=name) for name in names), score("word_f1", 0.5, "rise", "z_alone")
    )
    assert _main(more, names, given) == "z_alone", "it has more to be compared with"


def test_of_two_the_page_is_about_the_one_that_learns_from_more_annotations() -> None:
    given = {
        "a_share_20": {"rationales": {**SETTINGS, "share": 0.2}},
        "transfer": {"rationales": {**SETTINGS, "share": 1.0}},
    }
    found = scores(*(score("word_f1", 0.5, method=name) for name in given))
    assert _main(found, tuple(given), given) == "transfer"


def test_the_figure_says_who_is_behind_and_who_is_ahead() -> None:
    found = scores(
        score("patch_iou", 0.5), score("patch_iou", 0.2, "rise"), score("patch_iou", 0.45, "grad_cam"),
        score("patch_iou", 0.7, "centre"), lead("patch_iou", 0.3, "rise", True),
        lead("patch_iou", 0.05, "grad_cam", False), lead("patch_iou", -0.2, "centre", True),
    )  # fmt: skip
    figure = score_figure(found, "transfer")
    assert figure is not None
    assert [(row["extractor"], row["mean"], row["verdict"]) for row in figure.rows] == [
        ("The method’s own", 50.0, "the method’s own"),
        ("RISE", 20.0, "behind it by more than chance"),
        ("Grad-CAM", 45.0, "not shown to differ"),
        ("Centre", 70.0, "ahead of it by more than chance"),
    ]
    assert score_figure(scores(score("sufficiency", 0.1)), "transfer") is None, "no truth, no figure"


def test_a_method_that_reads_text_alone_is_held_against_the_same_text_encoder() -> None:
    bert, other = {"text": {"name": "a"}}, {"text": {"name": "b"}}
    configs = configs_of(
        details(words={**bert, "rationales": SETTINGS}, plain=bert, masked={**bert, "masking": 0.5}, b=other),
        "demo",
        "harm",
    )
    pairs = [compared("b", "words", 0.3), compared("masked", "words", 0.2), compared("plain", "words", 0.1)]
    found = against_full("demo", "harm", "words", configs, {"comparisons": pairs})
    assert found == ("plain", -0.1, pytest.approx(-0.12), pytest.approx(-0.09))
    assert against_full("demo", "harm", "words", configs, {"comparisons": pairs[:2]}) is None


def test_on_a_transfer_too_words_are_held_against_words(built: Project) -> None:
    found = Scores(read_json(built.tables / "rationales.json"), "demo", "harm")
    (transfer,) = _transfers(found, [{"method": "concat"}, {"method": "text"}])
    assert (transfer["target"], transfer["split"]) == ("held<out>", "heldout")
    both, text = (method["tables"] for method in transfer["methods"])
    assert (list(both), list(text)) == (["text", "image"], ["text"])
    for part, table in both.items():
        own = {cell["metric"].name: cell["score"] for cell in table["rows"][0]["cells"]}
        assert own["comprehensiveness"]["metric"] == f"comprehensiveness_{part}"
    assert [row["extractor"] for row in both["text"]["rows"]] == SHOWN
    assert len(both["image"]["rows"]) == 1 + len(EXTRACTORS["patches"])
