import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from crisisweave.config.profile import Profile
from crisisweave.config.published import (
    Published,
    PublishedCell,
    PublishedFigure,
    PublishedTable,
    load_published,
)
from crisisweave.config.run import DESCRIPTIVE
from crisisweave.errors import DataError
from crisisweave.files import write_json
from crisisweave.reporting.datasets import About
from crisisweave.reporting.published import (
    BACKBONE,
    DATA,
    INCOMPARABLE,
    NO_VALUE,
    NOT_RUN,
    ROWS,
    SAME,
    Line,
    inside_scores,
    our_runs,
    published_page,
    verdict,
)
from crisisweave.reporting.site import Page, Site

CONFIG = Path(__file__).parents[2] / "config"
PUBLISHED = load_published(CONFIG)
ABOUT = {
    "crisismmd_text": About("CrisisMMD, texts", "none", source="crisismmd"),
    "crisismmd": About("CrisisMMD", "none", source="crisismmd"),
    "demo": About("Demo", "CC0"),
}


def cell(**changes: Any) -> PublishedCell:
    """A published value that the method `text` reproduces: 80 % on 955 rows."""
    values = {
        "source": "S", "table": "9.1", "dataset": "crisismmd", "task": "humanitarian", "row": "Text / BERT",
        "column": "Acc", "metric": "accuracy", "printed": "80.00", "value": 80.0, "sd": None, "n": 955,
        "runs": None, "train": "concordant", "test": "concordant", "protocol": "as we do it",
        "backbone": "BERT", "method": "text", "note": "",
    }  # fmt: skip
    return PublishedCell.model_validate({**values, **changes})


def row(**changes: Any) -> dict[str, Any]:
    """Our scores: 82 ± 0.5 % with an interval from 79.5 to 84.5."""
    scores = {
        f"{name}{end}": value
        for name in ("accuracy", "f1_macro", "f1_weighted")
        for end, value in (("", 0.82), ("_sd", 0.005), ("_low", 0.795), ("_high", 0.845))
    }
    where = {"dataset": "crisismmd_text", "task": "humanitarian", "target": "", "split": "test"}
    return {**where, "method": "text", "seeds": 3, "n": 955, "n_balanced": None, **scores, **changes}


def detail(row: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """The record of a row's method: its file as it stands, with changes of (dotted) keys."""
    config = PUBLISHED.methods[row["method"]].model_dump(mode="json", exclude=DESCRIPTIVE)
    for key, value in changes.items():
        holder, _, name = key.replace("__", ".").rpartition(".")
        (config[holder] if holder else config)[name] = value
    return {
        **{key: row[key] for key in ("dataset", "task", "method")},
        "config": {**config, "classes": ["a", "b"], "threads": 4, "shorter_side": None, "captioning": None},
    }


def judged(cell: PublishedCell, *rows: dict[str, Any], **changes: Any) -> Line:
    """The line of a published value beside runs; the changes are those of the first one's config."""
    methods = [detail(r, **(changes if r is rows[0] else {})) for r in rows]
    runs = our_runs({"methods": rows}, {"methods": methods, "one_half_right": []}, ABOUT)
    return Line("Table", "a", cell, verdict(cell, runs, PUBLISHED.methods))


# ── Marks and reasons ──────────────────────────────────────────


def test_same_protocol_gives_difference_and_interval() -> None:
    line = judged(cell(), row())
    assert (line.verdict.mark, line.verdict.reason) == (SAME, "Data set crisismmd_text.")
    assert line.score() == 0.82
    # 82 − 80, 79.5 − 80, 84.5 − 80
    ends = [line.difference(end) for end in ("", "_low", "_high")]
    assert ends == pytest.approx([0.02, -0.005, 0.045])
    assert line.inside
    assert not judged(cell(printed="79.40", value=79.4), row()).inside
    assert not judged(cell(printed="84.60", value=84.6), row()).inside


def test_each_score_stands_beside_its_own() -> None:
    ours = row(f1_macro=0.7, f1_macro_low=0.6, f1_macro_high=0.75)
    macro = judged(cell(metric="f1_macro", printed="0.6964±0.0271", value=69.64, sd=2.71), ours)
    assert macro.score() == 0.7
    assert macro.difference() == pytest.approx(0.0036)
    assert macro.as_percent == "69.64 ± 2.71\u00a0%"
    assert judged(cell(), ours).as_percent is None


def test_another_encoder_is_another_backbone_and_named() -> None:
    line = judged(cell(), row(), text__name="package:minilm", text__pooling="mean", training__epochs=3)
    assert line.verdict.mark == BACKBONE
    assert line.verdict.reason == (
        "Data set crisismmd_text. Source: BERT. Backbone: text.name package:minilm instead of "
        "hub:google-bert/bert-base-uncased, text.pooling mean instead of cls. Other settings: "
        "training.epochs 3 instead of 20."
    )
    assert line.score() == 0.82


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        ("text", {"text__tuned": False}),
        ("text", {"text__pooling": "mean"}),
        ("image", {"image__size": 160}),
        ("image", {"image__name": "timm:densenet121"}),
        ("cmb", {"captioner": "demo_prefix"}),
        ("text", {"text__name": "hub:google-bert/bert-base-uncased@0000000"}),
    ],
)
def test_what_makes_another_backbone(method: str, changes: dict[str, Any]) -> None:
    ours = row(method=method, dataset="crisismmd")
    assert judged(cell(method=method), ours).verdict.mark == SAME
    assert judged(cell(method=method), ours, **changes).verdict.mark == BACKBONE


def test_another_setting_keeps_the_mark_and_is_named() -> None:
    line = judged(cell(), row(dataset="crisismmd"), training__lr=1e-5, max_tokens=96)
    assert line.verdict.mark == SAME
    said = "Other settings: max_tokens 96 instead of 128, training.lr 1e-05 instead of 2e-05."
    assert line.verdict.reason == said


def test_the_backbone_of_a_decision_fusion_is_that_of_its_members() -> None:
    rows = [row(method=f"{name}_all", dataset="crisismmd") for name in ("text", "image", "decision_mean")]
    fused = cell(method="decision_mean_all", train="all")
    assert judged(fused, *rows).verdict.mark == SAME
    other = judged(fused, *rows, text__name="package:minilm")
    assert other.verdict.mark == BACKBONE
    assert "text_all: text.name package:minilm instead of hub:" in other.verdict.reason
    assert judged(cell(method="decision_mean_all"), *rows).verdict.mark == INCOMPARABLE


@pytest.mark.parametrize(
    ("published", "ours", "mark", "reason"),
    [
        ({}, {"dataset": "demo"}, DATA, "Method text was run on demo (generated), not on crisismmd."),
        ({}, {"n": 65}, DATA, "Scored on 65 test rows, the published value on 955."),
        (
            {},
            {"task": "informative"},
            NOT_RUN,
            "Method text was run on crisismmd for task informative only.",
        ),
        ({"method": "image"}, {}, NOT_RUN, "Method image is no part of this report."),
        ({"method": ""}, {}, NOT_RUN, "No method of this project reproduces this row yet."),
        (
            {"train": "all"},
            {},
            INCOMPARABLE,
            "Trained on rows on which both modalities agree, the source on all rows.",
        ),
        (
            {"train": "balanced"},
            {},
            INCOMPARABLE,
            "Trained on rows on which both modalities agree, the source",
        ),
        ({"train": ""}, {}, INCOMPARABLE, "The source does not state its training rows."),
        ({"n": None}, {}, INCOMPARABLE, "The source does not state its test rows."),
        ({"test": ""}, {}, INCOMPARABLE, "The source does not state its test rows."),
        ({"test": "balanced", "n": None}, {}, INCOMPARABLE, "A class has no test row, so that no balanced"),
        (
            {"metric": "right_share"},
            {},
            INCOMPARABLE,
            "The methods that read its modalities alone are no part",
        ),
        ({"test": "other", "method": ""}, {}, INCOMPARABLE, "Scored on other rows than the official split."),
        (
            {"metric": "recall"},
            {},
            INCOMPARABLE,
            "The source does not say how its recall averages over the classes.",
        ),
        ({"metric": "parameters_millions"}, {}, INCOMPARABLE, "No score of our tables."),
        ({"printed": "-", "value": None}, {}, NO_VALUE, ""),
    ],
)
def test_what_is_not_comparable_has_no_number_of_ours(
    published: dict[str, Any], ours: dict[str, Any], mark: str, reason: str
) -> None:
    line = judged(cell(**published), row(**ours))
    assert line.verdict.mark == mark
    assert line.verdict.reason.startswith(reason)
    assert line.score() is None
    assert line.difference() is None
    assert not line.inside


def test_other_training_rows_of_ours_are_not_comparable() -> None:
    line = judged(cell(), row(), rows="all")
    assert line.verdict.reason == "Trained on all rows, the source on rows on which both modalities agree."
    assert judged(cell(train="all"), row(), rows="all").verdict.mark == SAME
    assert judged(cell(train="balanced"), row(), equal_classes=True).verdict.mark == SAME
    line = judged(cell(), row(), equal_classes=True)
    assert (
        line.verdict.reason == "Trained on balanced rows, the source on rows on which both modalities agree."
    )


def test_a_task_with_all_rows_is_scored_as_that_of_its_concordant_ones() -> None:
    line = judged(cell(train="all"), row(task="humanitarian_all"), rows="all")
    assert (line.verdict.mark, line.score()) == (SAME, 0.82)
    assert judged(cell(train="all"), row(task="humanitarian_all", n=900), rows="all").verdict.mark == DATA


def test_balanced_test_rows_of_ours_are_another_draw() -> None:
    balanced = {f"accuracy_balanced{end}": v for end, v in (("", 0.7), ("_low", 0.6), ("_high", 0.8))}
    line = judged(cell(test="balanced", n=None), row(n_balanced=45, accuracy_balanced_sd=None, **balanced))
    assert (line.verdict.mark, line.score(), line.n) == (ROWS, 0.7, 45)
    assert line.difference() == pytest.approx(-0.1)
    assert line.inside


def test_shares_of_the_error_analysis_stand_beside_those_of_the_same_wrong_modality() -> None:
    share = {"metric": "right_share", "n": 112, "printed": "68.8% (77)", "value": 68.8}
    case = {"rows": 100.0, "share_sd": None}
    record = {
        "dataset": "crisismmd", "task": "humanitarian", "method": "text", "mean_share": 0.75,
        "mean_share_low": 0.7, "mean_share_high": 0.8,
        "cases": [
            {**case, "wrong": "text", "share": 0.7, "share_low": 0.65, "share_high": 0.78},
            {**case, "wrong": "caption", "share": 0.8, "share_low": 0.7, "share_high": 0.9},
        ],
    }  # fmt: skip
    ours = row(dataset="crisismmd")
    details = {"methods": [detail(ours)], "one_half_right": [record]}
    runs = our_runs({"methods": [ours]}, details, ABOUT)

    def line(**changes: Any) -> Line:
        published = cell(**{**share, **changes})
        return Line("Table", "a", published, verdict(published, runs, PUBLISHED.methods))

    text, caption, mean = (line(row=f"CMB{end}") for end in (" / Text", " / Caption", ""))
    assert [each.verdict.mark for each in (text, caption, mean)] == [SAME] * 3
    assert [each.score() for each in (text, caption, mean)] == [0.7, 0.8, 0.75]
    assert [each.n for each in (text, caption, mean)] == [100, 100, None]
    assert text.inside
    wrong = line(row="CMB / Text", metric="wrong_share", printed="31.2% (35)", value=31.2)
    assert [wrong.score(end) for end in ("", "_low", "_high")] == pytest.approx([0.3, 0.22, 0.35])
    assert line(row="CMB / Image").verdict.mark == INCOMPARABLE


def test_one_modality_inside_the_model_stands_beside_its_own_measure(tmp_path: Path) -> None:
    for seed, inside in ((1, [0.9, 0.3]), (2, [0.8, 0.3])):
        run = tmp_path / "crisismmd" / "humanitarian" / "text" / f"seed-{seed}"
        write_json(run / "balance.json", {"n": 955, "inside": inside})
    ours = row(dataset="crisismmd")
    scores = inside_scores(sorted(tmp_path.glob("*/*/*/seed-*")), 0.95)
    details = {"methods": [detail(ours)], "one_half_right": []}
    runs = our_runs({"methods": [ours]}, details, ABOUT, scores)
    published = cell(metric="inside_0", printed="84.0", value=84.0)
    line = Line("Table", "a", published, verdict(published, runs, PUBLISHED.methods))
    assert (line.verdict.mark, line.n) == (SAME, 955)
    assert line.score() == pytest.approx(0.85)
    assert line.score("_sd") == pytest.approx(0.0707, abs=1e-4)
    # Wilson's interval of 811.75 of 955, by hand.
    assert [line.score(end) for end in ("_low", "_high")] == pytest.approx([0.8260, 0.8713], abs=1e-4)
    assert line.inside
    unmeasured = judged(published, ours)
    assert (unmeasured.verdict.mark, unmeasured.score()) == (INCOMPARABLE, None)


def test_a_bound_is_left_to_the_page_on_balance() -> None:
    line = judged(cell(metric="accuracy_above", printed="> 88%", value=88.0), row())
    assert (line.verdict.mark, line.score()) == (INCOMPARABLE, None)
    assert line.verdict.reason.startswith("A bound, not a score")


def test_the_closest_of_several_runs_counts() -> None:
    text, both = row(accuracy=0.81), row(dataset="crisismmd", accuracy=0.82)
    line = judged(cell(), text, both, text__name="package:minilm")
    assert (line.verdict.mark, line.score()) == (SAME, 0.82)
    line = judged(cell(), both, text, text__name="package:minilm")
    assert (line.verdict.mark, line.score()) == (SAME, 0.81)


@pytest.mark.parametrize("changes", [{"split": "dev"}, {"target": "dmd"}])
def test_only_a_run_s_own_test_split_counts(changes: dict[str, str]) -> None:
    assert judged(cell(), row(**changes)).verdict.mark == NOT_RUN


def test_tables_of_another_profile_are_refused() -> None:
    with pytest.raises(DataError, match="hold data set 'elsewhere', which the profile does not"):
        our_runs({"methods": [row(dataset="elsewhere")]}, {"methods": [], "one_half_right": []}, ABOUT)


# ── The page ───────────────────────────────────────────────────


def made_up(*cells: PublishedCell) -> Published:
    figures = (PublishedFigure(title="Figure 9", about="Shows a curve.", needs="a pencil"),)
    table = PublishedTable("thesis_9.1", "Table 9.1: a <b>title", "What it is.", "a pencil", cells)
    return Published((table,), figures, PUBLISHED.methods)


def page(published: Published, *rows: dict[str, Any], **changes: Any) -> Page:
    tables = {"methods": rows, "protocol": {"level": 0.95}}
    details = [detail(r, **(changes if r is rows[0] else {})) for r in rows]
    return published_page(published, tables, {"methods": details, "one_half_right": []}, ABOUT)


def written(page: Page, out: Path) -> str:
    other = Page("index.html", "published.html", "Results", {**page.values, "beside": []})
    Site([other, page], {}).write(out)
    return (out / page.file).read_text(encoding="utf-8")


def shown(html: str) -> str:
    """The page's text, with single spaces."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


FOUR = [
    cell(),
    cell(row="Image / ViT", method="image", printed="0.8691±0.0031", value=86.91, sd=0.31),
    cell(row="Fusion / Mean", method="decision_mean_all", printed="90.00", value=90),
    cell(row="ViLT", method="", printed="87.23", value=87.23, note="Quoted"),
]


def test_the_sentence_counts(tmp_path: Path) -> None:
    rows = [
        row(dataset="crisismmd"),
        row(dataset="crisismmd", method="image"),
        *(row(dataset="demo", method=f"{name}_all") for name in ("decision_mean", "text", "image")),
    ]
    made = page(made_up(*FOUR), *rows, text__name="package:minilm")
    assert made.values["sentence"] == (
        "2 of 4 published values stand beside a number of ours (1 with the same protocol, 1 with another "
        "backbone); 1 of 2 lies inside our interval. The others: 1 of methods that were run on other data, "
        "1 not run."
    )
    none = page(made_up(*FOUR), row(dataset="demo"))
    assert none.values["sentence"] == (
        "None of 4 published values stands beside a number of ours: 1 of methods that were run on other "
        "data, 3 not run."
    )
    assert none.figures == []


def test_the_page_shows_value_number_interval_mark_and_reason(tmp_path: Path) -> None:
    made = page(made_up(*FOUR), row(dataset="crisismmd"), text__name="package:minilm")
    text = shown(written(made, tmp_path))
    for words in (
        "80.00 955 82.0 ± 0.5 79.5 to 84.5 955 3 seeds +2.0 −0.5 to +4.5 other backbone Source: BERT.",
        "0.8691±0.0031 86.91 ± 0.31 % 955",
        "not run No method of this project reproduces this row yet. Quoted.",
        "Figure 9 not run Shows a curve. What it takes: a pencil.",
        "What it takes to run the rest: a pencil.",
    ):
        assert words in text
    assert [dict(r) for r in made.figures[0].rows] == [
        {
            "table": "9.1", "row": "Text / BERT", "task": "humanitarian", "score": "accuracy",
            "label": "9.1 Text / BERT|humanitarian, acc", "mark": BACKBONE, "n": 955, "published": 80.0,
            "published_sd": None, "ours": 82.0, "ours_low": 79.5, "ours_high": 84.5, "difference": 2.0,
        }
    ]  # fmt: skip
    assert "+2.0 points (Text / BERT, Acc: ours 82.0, published 80.0)" in made.figures[0].alt


def test_same_inputs_same_bytes_and_text_stays_text(tmp_path: Path) -> None:
    hostile = "<script>alert('row')</script> & \"quotes\""
    published = made_up(cell(row=hostile, note=hostile), cell(row=hostile, method="", column=hostile))
    one = written(page(published, row()), tmp_path / "one")
    assert one == written(page(published, row()), tmp_path / "two")
    assert "<script>alert" not in one
    assert "&lt;script&gt;alert(&#39;row&#39;)&lt;/script&gt; &amp; &#34;quotes&#34;" in one
    assert "Table 9.1: a <b>" not in one


def test_lines_with_the_same_reason_share_a_cell() -> None:
    columns = [("Acc", "accuracy"), ("F1", "f1_weighted"), ("Recall", "recall")]
    cells = [cell(column=column, metric=metric) for column, metric in columns]
    (table,) = page(made_up(*cells, cell(row="Other")), row()).values["tables"]
    assert [group["spans"] for group in table["groups"]] == [[2, 0, 1], [1]]
    assert [group["id"] for group in table["groups"]] == ["thesis_9.1-1", "thesis_9.1-2"]


# ── All published values, with the profiles of the project ─────


def all_lines(profile: str, ns: Mapping[tuple[str, str], int]) -> Iterator[Line]:
    """The lines of the real page, as if every run of a profile had been made."""
    resolved = Profile(CONFIG / profile, CONFIG)
    runs = dict.fromkeys((run.dataset, run.task, run.method) for run in resolved.runs())
    rows = [row(dataset=d, task=t, method=m, n=ns.get((d, t), 100)) for d, t, m in runs]
    details = [
        {"dataset": d, "task": t, "method": m, "config": resolved.method(d, t, m).model_dump(mode="json")}
        for d, t, m in runs
    ]
    about = {name: About("", "", source=resolved.dataset(name).registry) for name in {run[0] for run in runs}}
    tables = {"methods": rows, "protocol": {"level": 0.95}}
    made = published_page(PUBLISHED, tables, {"methods": details, "one_half_right": []}, about)
    for table in made.values["tables"]:
        for group in table["groups"]:
            yield from group["lines"]


def test_text_runs_on_the_official_split_stand_beside_bert_as_another_backbone() -> None:
    ns = {("crisismmd_text", "humanitarian"): 955, ("crisismmd_text", "informative"): 1534}
    lines = list(all_lines("crisismmd_local.yaml", ns))
    beside = {
        (line.cell.table, line.cell.row, line.cell.task, line.cell.metric) for line in lines if line.score()
    }
    three, four = ("accuracy", "f1_weighted"), ("accuracy", "f1_macro", "f1_weighted")
    tasks = ("humanitarian", "informative")
    assert beside == {
        *(("3.3", "Text / BERT", task, metric) for task in tasks for metric in three),
        *(("4.2", "Unimodal / BERT", task, metric) for task in tasks for metric in four),
    }
    assert {line.verdict.mark for line in lines if line.score()} == {BACKBONE}
    assert {line.verdict.mark for line in lines if line.cell.method == "text_all"} == {NOT_RUN}
    assert {line.verdict.mark for line in lines if line.cell.method in ("image", "cmb")} <= {
        NOT_RUN,
        NO_VALUE,
    }


def test_nothing_of_the_demo_stands_beside_a_published_value() -> None:
    ns = {("demo", "humanitarian"): 955, ("demo", "informative"): 1534}
    lines = list(all_lines("default.yaml", ns))
    assert not [line for line in lines if line.verdict.ours]
    run = {run.method for run in Profile(CONFIG / "default.yaml", CONFIG).runs()}
    assert {line.verdict.mark for line in lines if line.cell.method in run} - {NO_VALUE} == {DATA}
