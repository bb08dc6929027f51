import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_up_project import Project, about

from crisisweave.errors import DataError
from crisisweave.files import read_json, write_json, write_parquet
from crisisweave.reporting.datasets import About, Sources
from crisisweave.reporting.explained import Explained, Rationales
from crisisweave.reporting.gallery import PAGE_CARDS, examples_of_each_group, gallery_pages
from crisisweave.reporting.marks import Part, Phrase
from crisisweave.reporting.methods import Description
from crisisweave.reporting.site import Page, Site
from crisisweave.reporting.thumbnails import ranked_ids

Make = Callable[..., Path]
CLASSES = ["calm", "fire", "flood", "quake"]
KEY = ("demo", "harm", "cmb")
GROUPS = ["right-sure", "right-unsure", "wrong-sure", "wrong-unsure"]
SAID = Description("The method", "An idea. Another.", "Thesis, section 1")


def answers(right: np.ndarray, confidence: np.ndarray, method: str = "cmb") -> pd.DataFrame:
    """Answers to rows with label fire; the rest of the probability is given to the other classes evenly."""
    rows = []
    for i, (is_right, sure) in enumerate(zip(right, confidence, strict=True)):
        given = 1 if is_right else 2
        probabilities = np.full(4, (1 - sure) / 3, dtype=np.float32)
        probabilities[given] = sure
        rows.append(
            {
                "dataset": "demo", "task": "harm", "method": method, "instance_id": f"i{i:03d}",
                "label": "fire", "predicted": CLASSES[given], "probabilities": probabilities,
                "seeds": 3, "seeds_right": 3 if is_right else 1,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def prepared(root: Path, n: int, text: str = "water rises") -> Sources:
    """The prepared task of the answers: no images, no captions."""
    table = pd.DataFrame(
        {
            "instance_id": [f"i{i:03d}" for i in range(n)], "tweet_id": "t", "event": "storm",
            "split": "test", "text": text, "image_path": None, "label": "fire", "label_text": "fire",
            "label_image": ["flood" if i == 0 else None for i in range(n)], "concordant": True,
        }
    )  # fmt: skip
    write_parquet(root / "demo/harm/instances.parquet", table)
    write_json(root / "demo/harm/dataset.json", {"dataset": "demo", "task": "harm", "classes": CLASSES})
    return Sources("demo", [root / "demo/harm"])


def details(*methods: str) -> dict[str, Any]:
    record = {"dataset": "demo", "task": "harm", "seeds": [1, 2, 3], "n": 4, "classes": CLASSES}
    return {"methods": [{**record, "method": name, "config": {"captioner": None}} for name in methods]}


def gallery(given: pd.DataFrame, source: Sources, redact: bool = False) -> list[Page]:
    methods = sorted(given["method"].unique())
    said = {("demo", "harm", name): SAID for name in methods}
    shown = {"demo": About("A set", "none", redact=redact)}
    return gallery_pages(details(*methods), given, [source], shown, said)


def groups(pages: list[Page]) -> dict[str, Any]:
    return {group["name"]: group for page in pages for group in page.values["page"]["groups"]}


def ids(group: dict[str, Any]) -> list[str]:
    return [card["instance_id"] for card in group["cards"]]


def test_four_groups_and_where_sure_begins(tmp_path: Path) -> None:
    given = answers(np.array([True, True, False, False, True]), np.array([0.8, 0.79, 0.9, 0.5, 0.3]))
    found = groups(gallery(given, prepared(tmp_path, 5)))
    assert list(found) == GROUPS
    assert [ids(group) for group in found.values()] == [["i000"], ["i001", "i004"], ["i002"], ["i003"]]
    assert [group["n"] for group in found.values()] == [1, 2, 1, 1]


def test_a_card_holds_the_answer_and_what_others_made_of_the_row(tmp_path: Path) -> None:
    given = [answers(np.array([False]), np.array([0.7]))]
    given += [
        answers(np.array([right]), np.array([0.9]), name) for name, right in (("a", True), ("b", False))
    ]
    pages = gallery(pd.concat(given, ignore_index=True), prepared(tmp_path, 1))
    (card,) = groups([page for page in pages if "cmb" in page.file])["wrong-unsure"]["cards"]
    assert (card["label"], card["predicted"], card["right"]) == ("fire", "flood", False)
    assert (card["seeds_right"], card["seeds"]) == (1, 3)
    assert (card["others_right"], card["others"]) == (1, 2)
    assert [(p["name"], p["is_label"]) for p in card["probabilities"]] == [
        ("flood", False),
        ("calm", False),
        ("fire", True),
    ]
    assert card["probabilities"][0]["value"] == pytest.approx(0.7)
    assert card["words"] == ["water", "rises"]
    assert (card["event"], card["split"]) == ("storm", "test")
    assert card["labels_of_parts"] == {"image": "flood"}, "only the labels that differ"


def test_the_label_has_its_probability_wherever_it_stands(tmp_path: Path) -> None:
    given = answers(np.array([False]), np.array([0.4]))
    given.at[0, "probabilities"] = np.array([0.3, 0.1, 0.4, 0.2], dtype=np.float32)
    (card,) = groups(gallery(given, prepared(tmp_path, 1)))["wrong-unsure"]["cards"]
    assert [p["name"] for p in card["probabilities"]] == ["flood", "calm", "quake", "fire"]
    given.at[0, "probabilities"] = np.array([0.1, 0.3, 0.4, 0.2], dtype=np.float32)
    (card,) = groups(gallery(given, prepared(tmp_path, 1)))["wrong-unsure"]["cards"]
    assert [p["name"] for p in card["probabilities"]] == ["flood", "fire", "quake"]


def test_examples_are_a_random_sample_and_not_the_extremes(tmp_path: Path) -> None:
    confidence = np.linspace(0.8, 0.999, 200)
    given = answers(np.full(200, True), confidence)
    found = groups(gallery(given, prepared(tmp_path, 200)))["right-sure"]
    assert sorted(ids(found)) == sorted(ranked_ids(given["instance_id"], 0)[:12])
    shown = [card["probabilities"][0]["value"] for card in found["cards"]]
    assert shown == sorted(shown, reverse=True)
    assert min(shown) < 0.86 < 0.95 < max(shown) < 0.999


def test_the_order_of_the_inputs_changes_nothing(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    given = [answers(generator.random(90) < 0.6, generator.uniform(0.4, 1, 90), name) for name in ("a", "b")]
    one = pd.concat(given, ignore_index=True)
    two = one.sample(frac=1, random_state=1)
    source = prepared(tmp_path, 90)
    first = [page.values for page in gallery(one, source)]
    write_parquet(
        source.prepared[0] / "instances.parquet",
        pd.read_parquet(source.prepared[0] / "instances.parquet").sample(frac=1, random_state=2),
    )
    second = [page.values for page in gallery(two, source)]
    assert len(first) == 4
    for before, after in zip(first, second, strict=True):
        before, after = ({**v["page"], "groups": None} for v in (before, after))
        assert before == after
    for before, after in zip(first, second, strict=True):
        for one_group, other in zip(before["page"]["groups"], after["page"]["groups"], strict=True):
            assert one_group["cards"] == other["cards"]


@pytest.mark.parametrize(("methods", "examples"), [(1, 12), (25, 12), (50, 6), (100, 3), (500, 3)])
def test_many_methods_show_fewer_examples_each(methods: int, examples: int) -> None:
    assert examples_of_each_group(methods) == examples


def test_pages_hold_whole_groups(tmp_path: Path) -> None:
    right = np.arange(200) % 2 == 0
    sure = np.where(np.arange(200) % 4 < 2, 0.9, 0.5)
    pages = gallery(answers(right, sure), prepared(tmp_path, 200))
    assert [page.file for page in pages] == [f"pages/gallery-demo-harm-cmb-{k}.html" for k in (1, 2)]
    assert [[g["name"] for g in page.values["page"]["groups"]] for page in pages] == [GROUPS[:2], GROUPS[2:]]
    assert all(sum(len(g["cards"]) for g in p.values["page"]["groups"]) <= PAGE_CARDS for p in pages)
    few = gallery(answers(right[:8], sure[:8]), prepared(tmp_path, 8))
    assert len(few) == 1


def test_rows_that_left_the_data_are_named(tmp_path: Path) -> None:
    given = answers(np.array([True, True]), np.array([0.9, 0.9]))
    with pytest.raises(DataError, match=r"instance 'i001' of the answers is no test row of demo any more"):
        gallery(given, prepared(tmp_path, 1))
    with pytest.raises(DataError, match="no prepared folder of demo/harm is given"):
        gallery(given, Sources("demo", [tmp_path / "demo/other"]))
    with pytest.raises(DataError, match="no prepared task of data set 'demo' is given"):
        gallery(given, Sources("real", [tmp_path / "demo/harm"]))


def test_a_page_of_long_tweets_stays_small(tmp_path: Path) -> None:
    right = np.arange(400) % 2 == 0
    sure = np.where(np.arange(400) % 4 < 2, 0.9, 0.5)
    source = prepared(tmp_path, 400, text="<&>\"' " * 200)
    pages = gallery(answers(right, sure), source)
    Site([replace(pages[0], file="index.html"), *pages[1:]]).write(tmp_path / "reports")
    sizes = [path.stat().st_size for path in (tmp_path / "reports").rglob("*.html")]
    assert len(sizes) == 2
    assert max(sizes) < 1_000_000


# ── In the whole report ───────────────────────────────────────────────


class Parsed(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.attributes: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def texts_of(folder: Path) -> dict[str, str]:
    """Every file of a report but the vendored script, as text."""
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8", errors="replace")
        for path in folder.rglob("*")
        if path.is_file() and path.name != "vega.js"
    }


SECRETS = ("all is quiet", "alert(", "they said", "fugi", "in the water")
"""Pieces of all tweets and captions that no escaping changes."""


def leaks(folder: Path) -> set[tuple[str, str]]:
    """Files that hold a piece of a tweet or caption, whatever is marked in it."""
    return {
        (name, secret)
        for name, text in texts_of(folder).items()
        for secret in SECRETS
        if secret in text or secret in re.sub(r"</?(mark|span)[^>]*>", "", text)
    }


def test_a_redacted_report_holds_no_tweet_caption_or_image(make_report: Make) -> None:
    shown = leaks(make_report("shown"))
    for page in (
        *(f"pages/gallery-demo-harm-{name}-1.html" for name in ("text", "concat")),
        "pages/data-demo.html",
    ):
        assert {secret for name, secret in shown if name == page} == set(SECRETS), "it finds what is there"
    folder = make_report("redacted", about=about())
    assert leaks(folder) == set()
    kinds = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert kinds == {".html", ".css", ".js", ".svg", ".csv"}
    for name in ("text", "concat"):
        page = Parsed(folder / f"pages/gallery-demo-harm-{name}-1.html")
        assert not {"img", "mark", "path"} & set(page.tags)
    assert "withheld" in page.text
    assert "<i>quake" in page.text, "labels stay"


def test_pages_that_show_what_may_not_be_passed_on_say_so(make_report: Make) -> None:
    pages = ("pages/data-demo.html", "pages/gallery-demo-harm-text-1.html")
    private = make_report("private")
    free = {name: replace(said, redistributable=True) for name, said in about(demo=False).items()}
    public = make_report("public", about=free)
    for name in pages:
        assert "whose licence does not let them be passed on" in Parsed(private / name).text
        assert "whose licence" not in Parsed(public / name).text


def test_hostile_text_stays_text(make_report: Make) -> None:
    folder = make_report()
    pages = [Parsed(path) for path in sorted(folder.glob("pages/gallery-*.html"))]
    assert len(pages) >= 3
    for page in pages:
        assert not {"i", "u", "sons", "house", "script"} & set(page.tags[page.tags.index("main") :])
        assert not [name for name in page.attributes if name.startswith("on") or name == "style"]
    shown = " ".join(" ".join(page.text.split()) for page in pages)
    for words in ("<script>alert('tweet')</script> Réfugiés 🌊", "a <house> in the water", "<i>quake"):
        assert words in shown
    assert 'storm "Ann" & <b>sons</b>, test' in shown
    assert 'The <u>im"age</u> method' in shown


def test_galleries_share_one_small_image_of_each_row(make_report: Make, built: Project) -> None:
    folder = make_report()
    shown = {}
    for path in sorted(folder.glob("pages/gallery-*.html")):
        for part in path.read_text().split('<img src="')[1:]:
            name, _, rest = part.partition('"')
            instance = rest.split("Image of instance ")[1].split('"')[0]
            assert shown.setdefault(instance, name) == name
            assert (folder / "pages" / name).stat().st_size < 8000
    files = {f"images/demo/gallery/{p.name}" for p in folder.glob("pages/images/demo/gallery/*.jpg")}
    assert set(shown.values()) == files
    assert len(files) == len(shown)
    rows = read_json(built.tables / "details.json")["methods"][0]["n"]
    assert 10 < len(shown) <= rows


# ── Rationales ────────────────────────────────────────────────────────


def given_rationale(path: Path, **changes: object) -> Explained:
    """One test row's rationale: the second of two words, the lower right of 2 × 2 patches."""
    row = {
        "instance_id": "i000", "split": "test", "extractor": "method", "target": "fire",
        "words": ["water", "rises"], "word_scores": [0.1, 0.7], "word_selected": [False, True],
        "grid_h": 2, "grid_w": 2, "patch_scores": [0.0, 0.1, 0.2, 0.9],
        "patch_selected": [False, False, False, True], **changes,
    }  # fmt: skip
    other = {**row, "extractor": "attention", "word_selected": [True, False]}
    write_parquet(path, pd.DataFrame([{**row, "split": "dev", "target": "dev"}, other, row]))
    return Explained(3, path)


def explained_card(tmp_path: Path, **changes: object) -> dict[str, Any]:
    given = answers(np.array([True]), np.array([0.9]))
    explained = {KEY: given_rationale(tmp_path / "rationales.parquet", **changes)}
    (page,) = gallery_pages(
        details("cmb"),
        given,
        [prepared(tmp_path, 1)],
        {"demo": About("A", "B", redact=False)},
        {KEY: SAID},
        explained,
    )
    assert page.values["page"]["explained_by"] == 3
    return groups([page])["right-sure"]["cards"][0]


def test_a_card_shows_what_the_method_itself_chose_on_test(tmp_path: Path) -> None:
    view = explained_card(tmp_path)["rationale"]
    assert view.target == "fire"
    assert view.phrases == [
        Phrase(False, [Part("water", 0, False)]),
        Phrase(True, [Part("rises", 3, False)]),
    ]
    assert view.shares == [("word", 1, 2), ("patch", 1, 4)]
    assert view.overlay is None, "this row has no picture"


def test_a_rationale_of_words_alone(tmp_path: Path) -> None:
    view = explained_card(tmp_path, grid_h=None, grid_w=None, patch_scores=None, patch_selected=None)[
        "rationale"
    ]
    assert view.shares == [("word", 1, 2)]
    assert view.overlay is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"instance_id": "i001"}, "holds no rationale .method. for instance 'i000'"),
        ({"words": ["other", "words"]}, "holds the rationale of another text for instance 'i000'"),
    ],
)
def test_rationales_of_other_rows_or_texts_stop_the_report(
    tmp_path: Path, changes: dict[str, object], problem: str
) -> None:
    with pytest.raises(DataError, match=rf"{problem}; run `crisisweave explain` again"):
        explained_card(tmp_path, **changes)


def test_rationales_that_are_missing_stop_the_report(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such rationales; run `crisisweave explain`"):
        Rationales(Explained(1, tmp_path / "rationales.parquet"))


def test_marks_and_outlines_stand_on_the_pages_of_explained_methods_only(make_report: Make) -> None:
    folder = make_report()
    for path in sorted(folder.glob("pages/gallery-*.html")):
        page, text = Parsed(path), path.read_text()
        explained, pictures = "im_22_age" not in path.name, "concat" in path.name
        cards = text.count('<li class="card">')
        assert ("mark" in page.tags) == explained
        assert text.count('<svg class="overlay"') == (cards if pictures else 0)
        assert ("gives no rationale" in page.text) != explained
        if explained:
            assert "the run with seed 0, the lowest" in page.text
            assert "decided on" in page.text
            assert "for <i>quake" in page.text, "the rationale's class where it is not the answer"
        if pictures:
            assert text.count('<rect class="box" x="0.0" y="0.0" width="24.0" height="24.0"/>') == cards
