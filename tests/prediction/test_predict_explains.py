"""`predict` says on which words and patches it decided, and it is what the workflow's own step says."""

from __future__ import annotations

import json
from pathlib import Path

import html5lib
import pandas as pd
import pytest
from PIL import Image
from small_project import CLASSES, must, raw_rows, run_folder

from crisisweave.config.run import read_run_config
from crisisweave.datasets.tables import read_instances
from crisisweave.explaining.explain import explained
from crisisweave.explaining.table import METHOD
from crisisweave.layout import Sources
from crisisweave.prediction import load
from crisisweave.prediction.rationale import Rationale
from crisisweave.seeding import best_device
from crisisweave.training.examples import Examples

SVG = "{http://www.w3.org/2000/svg}"
NAMESPACE = "{http://www.w3.org/1999/xhtml}"
HOSTILE = '</blockquote><script>alert(1)</script> "q" & <img src=x onerror=alert(1)> {{ 7*7 }} ]] \x1b[31m'


def given(row: dict[str, str]) -> tuple[str, ...]:
    return ("--text", row["text"], "--image", f"data/toy/{row['image']}")


def predict(project: Path, method: str, *arguments: str) -> str:
    return must(project, "predict", "--run", run_folder(method), *arguments)


@pytest.mark.parametrize("method", ["rationale", "rationale_text"])
def test_a_new_tweet_is_explained_as_its_row_of_the_data_set_was(
    project: Path, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    sources = Sources("toy", "state", project / "data")
    frame, _ = read_instances(sources.prepared, ["test"])
    model = load(run_folder(method)).network.model
    config = read_run_config(Path(run_folder(method))).method
    words = [text.split() for text in frame["text"]]
    examples = Examples(frame, model, config, sources)
    own = explained(model, examples, words, CLASSES, best_device(), comparators=False)[METHOD]
    place = {name: i for i, name in enumerate(frame["instance_id"])}
    chosen = []
    for row in raw_rows(project)[:4]:
        answer = json.loads(predict(project, method, *given(row), "--json"))
        found, i = answer["rationale"], place[row["id"]]
        assert answer["predicted"] == own.target[i]
        assert found["words"] == words[i]
        assert found["word_selected"] == own.word_selected[i].tolist()
        assert found["word_scores"] == pytest.approx(own.word_scores[i], abs=1e-5)
        assert ("grid" in found) == (method == "rationale")
        if method == "rationale":
            assert found["grid"] == [4, 4]
            assert found["patch_selected"] == own.patch_selected[i].tolist()
            assert found["patch_scores"] == pytest.approx(own.patch_scores[i], abs=1e-5)
            chosen.append(tuple(found["patch_selected"]))
    assert method == "rationale_text" or len(set(chosen)) > 1, "rows that differ, or nothing is tested"


def test_a_method_without_rationales_gives_none(project: Path) -> None:
    row = raw_rows(project)[0]
    assert "rationale" not in json.loads(predict(project, "vilt", *given(row), "--json"))
    assert "decided on" not in predict(project, "vilt", *given(row))


def test_the_answer_in_words_marks_what_decided(project: Path) -> None:
    row = raw_rows(project)[0]
    said = predict(project, "rationale", *given(row))
    assert "decided on" in said
    assert "of 16 patches of the image's centre:" in said
    assert [set(line.split()) <= {"■", "·"} for line in said.splitlines()[-4:]] == [True] * 4


def test_brackets_stand_around_runs_of_words_and_patches_where_they_lie() -> None:
    rationale = Rationale(
        ["a", "b]", "[c", "d"], [0.9, 0.8, 0.1, 0.7], [True, True, False, True],
        (2, 3), [0.1] * 6, [True, False, False, False, False, True],
    )  # fmt: skip
    assert str(rationale).splitlines() == [
        "decided on 3 of 4 words:",
        "  [a b]] [c [d]",
        "and on 2 of 6 patches of the image's centre:",
        "  ■ · ·",
        "  · · ■",
    ]


def test_a_word_cannot_steer_the_terminal(project: Path) -> None:
    said = predict(project, "rationale_text", "--text", HOSTILE)
    assert "\x1b" not in said.split("decided on")[1]


# ── The card ──────────────────────────────────────────────────────────


def card(project: Path, out: Path, method: str, *arguments: str) -> str:
    predict(project, method, *arguments, "--html", str(out))
    return out.read_text(encoding="utf-8")


def test_the_card_marks_words_and_outlines_patches(project: Path, tmp_path: Path) -> None:
    row = raw_rows(project)[0]
    answer = json.loads(predict(project, "rationale", *given(row), "--json"))["rationale"]
    page = card(project, tmp_path / "card.html", "rationale", *given(row))
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    quote = next(tree.iter("blockquote"))
    assert "".join(quote.itertext()).split() == answer["words"]
    marked = [word for mark in quote.iter("mark") for word in "".join(mark.itertext()).split()]
    assert marked == [w for w, chosen in zip(answer["words"], answer["word_selected"], strict=True) if chosen]
    assert f"{sum(answer['patch_selected'])} of 16 patches chosen" in page
    assert page.count('class="overlay"') == 1
    assert "What decided" in page


def test_the_overlay_covers_the_centre_square_of_the_picture(project: Path, tmp_path: Path) -> None:
    """A picture of 250 × 180 pixels: its square begins 35 pixels from the left."""
    Image.new("RGB", (250, 180), "grey").save(tmp_path / "photo.png")
    given = ("--text", "help", "--image", str(tmp_path / "photo.png"))
    page = card(project, tmp_path / "card.html", "rationale", *given)
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    (view,) = (element for element in tree.iter(f"{SVG}svg") if element.get("class") == "overlay")
    assert view.get("viewBox") == "0 0 250 180"
    (dimmed,) = (path.get("d") for path in view.iter(f"{SVG}path") if path.get("class") == "dimmed")
    assert dimmed.startswith("M35 0H215V180H35Z")


@pytest.mark.parametrize("method", ["rationale", "rationale_text"])
def test_a_hostile_tweet_stays_text(project: Path, tmp_path: Path, method: str) -> None:
    image = raw_rows(project)[0]["image"]
    page = card(project, tmp_path / "card.html", method, "--text", HOSTILE, "--image", f"data/toy/{image}")
    tree = html5lib.HTMLParser(strict=False).parse(page)
    assert f"{NAMESPACE}script" not in {element.tag for element in tree.iter()}
    for element in tree.iter():
        assert not {name for name in element.attrib if name.startswith("on") or name == "style"}
        assert element.attrib.get("href") is None, "nothing leads away"
    quote = next(tree.iter(f"{NAMESPACE}blockquote"))
    assert "<script>alert(1)</script>" in "".join(quote.itertext())


def test_tables_are_predicted_without_rationales(project: Path, tmp_path: Path) -> None:
    """What a table of many tweets gives stays one row of numbers each."""
    from small_project import write_table

    table = write_table(tmp_path / "in.csv", raw_rows(project))
    arguments = ("--table", str(table), "--out", str(tmp_path / "out.parquet"), "--image-root", "data/toy")
    predict(project, "rationale", *arguments)
    columns = list(pd.read_parquet(tmp_path / "out.parquet").columns)
    assert columns == ["row", "id", "predicted", *(f"p_{name}" for name in CLASSES)]


def test_the_model_card_says_that_answers_are_explained(project: Path, tmp_path: Path) -> None:
    for method, parts in (("rationale", "words and the patches of the image"), ("rationale_text", "words")):
        must(project, "export", run_folder(method), "--out", str(tmp_path / method))
        text = (tmp_path / method / "README.md").read_text(encoding="utf-8")
        assert f"The answer also names the {parts} on which alone it was decided." in text
        assert ("joint encoder features | trained by the workflow" in text) == (method == "rationale")
