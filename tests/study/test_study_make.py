"""The raters' page and the key: blinded, balanced, reproducible, safe."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import html5lib
import numpy as np
import pandas as pd
import pytest
import yaml
from made_up_study import HOSTILE, RUN, Project
from PIL import Image

from crisisweave.errors import ConfigError, DataError
from crisisweave.study.key import StudyKey
from crisisweave.study.make import make_study
from crisisweave.study.pictures import SIDE, data_address, rationale_picture

COMMAND = str(Path(sys.executable).parent / "crisisweave")
OUT = Path("study")


def make(items: int = 20, seed: int = 0, a: str = "method", b: str = "rise", out: Path = OUT) -> StudyKey:
    return make_study(RUN, a, b, items, seed, out)


def page(out: Path = OUT) -> str:
    return (out / "study.html").read_text(encoding="utf-8")


def pictures(text: str) -> list[tuple[str, str]]:
    """(left, right) of each item."""
    addresses = re.findall(r'<img src="(data:image/jpeg;base64,[^"]+)"', text)
    return list(zip(addresses[::2], addresses[1::2], strict=True))


def decoded(address: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
        return np.asarray(image, dtype=int)


def test_the_same_seed_gives_the_same_bytes_and_another_another_draw(project: Project) -> None:
    make()
    make(out=Path("again"))
    for name in ("study.html", "key.json"):
        assert (OUT / name).read_bytes() == (Path("again") / name).read_bytes()
    other = make(seed=1, out=Path("other"))
    drawn = [{pair.instance_id for pair in key.pairs} for key in (make(), other)]
    assert drawn[0] != drawn[1]


def test_the_page_does_not_change_with_the_extractors_names(project: Project) -> None:
    make()
    project.write_rationales("zebra", "yak")
    make(a="zebra", b="yak", out=Path("renamed"))
    assert page() == page(Path("renamed"))
    visible = re.sub(r"data:image/jpeg;base64,[^\"]+", "", page())
    assert not re.search(r"\b(method|rise|zebra|yak)\b", visible)
    assert not any(row.instance_id in visible for row in project.rows)


def test_the_key_says_what_stands_where(project: Project) -> None:
    key = make()
    table = pd.read_parquet(RUN / "rationales.parquet").set_index(["instance_id", "extractor"])
    index = pd.read_parquet("data/images/toy/index.parquet").set_index("instance_id")
    pixels = np.fromfile("data/images/toy/pixels.u8", dtype=np.uint8)
    shown = pictures(page())
    for pair in key.pairs:
        at, h, w = (int(index.loc[pair.instance_id, name]) for name in ("offset", "height", "width"))
        image = pixels[at : at + h * w * 3].reshape(h, w, 3)
        side = min(h, w)
        top, left = (h - side) // 2, (w - side) // 2
        square = image[top : top + side, left : left + side]
        for extractor, address in zip((pair.left, pair.right), shown[pair.number - 1], strict=True):
            patches = np.array(table.loc[(pair.instance_id, extractor), "patch_selected"]).reshape(7, 7)
            assert address == data_address(rationale_picture(square, patches))
        assert {pair.left, pair.right} == {"method", "rise"}


def test_each_extractor_is_left_in_half_of_the_pairs(project: Project) -> None:
    patterns = set()
    for seed in range(6):
        key = make(seed=seed, out=Path(str(seed)))
        left = tuple(pair.left == "method" for pair in key.pairs)
        assert sum(left) == 10
        patterns.add(left)
    assert len(patterns) == 6


def test_a_check_has_one_right_answer_and_looks_like_any_other_item(project: Project) -> None:
    places = set()
    for seed in range(8):
        out = Path(str(seed))
        key = make(seed=seed, out=out)
        assert sorted(check.kind for check in key.checks) == ["instruction", "whole"]
        assert sorted(check.answer for check in key.checks) == ["left", "right"]
        first, second = (check.number for check in key.checks)
        assert 2 <= first <= 11 < second <= 22
        places.add((first, second))
        assert sorted(key.numbers) == list(range(1, 23))
        texts = re.findall(r'<blockquote dir="auto">(.*?)</blockquote>', page(out), flags=re.DOTALL)
        for check in key.checks:
            if check.kind == "instruction":
                assert f"please choose {check.answer} here" in texts[check.number - 1]
                continue
            pair = [decoded(address) for address in pictures(page(out))[check.number - 1]]
            colourful = [float(np.ptp(image, axis=2).mean()) for image in pair]
            right, wrong = colourful if check.answer == "left" else colourful[::-1]
            assert right > 40
            assert wrong < 3
    assert len(places) > 4


def test_tweets_are_drawn_once_and_checks_show_others(project: Project) -> None:
    key = make(items=38)
    tweets = [pair.instance_id.rpartition("_")[0] for pair in key.pairs]
    assert key.eligible == 40
    assert len(set(tweets)) == 38


def test_rows_that_cannot_be_compared_are_left_out_and_counted(project: Project) -> None:
    project.write_rationales("method", "rise", target="calm" if project.rows[0].label != "calm" else "flood")
    key = make(items=30)
    assert key.left_out == {"other_class": 1, "same_patches": 0}
    table = pd.read_parquet(RUN / "rationales.parquet")
    of_method = table["patch_selected"][table["extractor"] == "method"].iloc[0]
    project.write_rationales("method", "rise", patch_selected=of_method.tolist())
    key = make(items=30, out=Path("same"))
    assert key.left_out == {"other_class": 0, "same_patches": 1}
    assert project.rows[0].instance_id not in {pair.instance_id for pair in key.pairs}
    project.write_rationales("method", "rise", split="dev")
    assert make(items=30, out=Path("dev")).left_out == {"other_class": 0, "same_patches": 0}


def test_the_page_is_valid_and_allows_its_own_script_and_style_only(project: Project) -> None:
    make()
    text = page()
    html5lib.HTMLParser(strict=True).parse(text)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', text)
    digests = {}
    for name in ("script", "style"):
        (content,) = re.findall(rf"<{name}>(.*?)</{name}>", text, flags=re.DOTALL)
        digests[name] = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert "url(" not in content
        assert "@import" not in content
    assert policy.split("; ") == [
        "default-src 'none'", f"script-src 'sha256-{digests['script']}'",
        f"style-src 'sha256-{digests['style']}'", "img-src data:", "base-uri 'none'", "form-action 'none'",
    ]  # fmt: skip
    assert "://" not in text
    assert "ann_smith" not in text


def test_hostile_tweets_and_classes_stay_text(project: Project) -> None:
    hostile = "<script>alert(2)</script>"
    table = pd.read_parquet(RUN / "rationales.parquet")
    table["target"] = hostile
    table.to_parquet(RUN / "rationales.parquet")
    make(items=30)
    tree = html5lib.parse(page(), namespaceHTMLElements=False)
    quotes = [quote.text for quote in tree.iter("blockquote")]
    assert any(quote.startswith(HOSTILE) for quote in quotes)
    assert {b.text for b in tree.iter("b") if b.text and "alert" in b.text} == {hostile}
    assert len(list(tree.iter("script"))) == 1
    assert {frozenset(image.attrib) for image in tree.iter("img")} == {
        frozenset({"src", "alt", "width", "height"})
    }
    for element in tree.iter():
        assert not {name for name in element.attrib if name.startswith("on") or name == "style"}


@pytest.mark.parametrize("shape", [(1, 1), (5, 400), (337, 224)])
def test_a_picture_shows_selected_patches_and_greys_the_rest(shape: tuple[int, int]) -> None:
    side = min(shape)
    square = np.zeros((side, side, 3), dtype=np.uint8)
    square[..., 0] = 200
    selected = np.zeros((2, 3), dtype=bool)
    selected[1, 2] = True
    with Image.open(io.BytesIO(rationale_picture(square, selected))) as image:
        assert image.size == (SIDE, SIDE)
        assert not image.getexif()
        drawn = np.asarray(image, dtype=int)
    inside = drawn[SIDE // 2 + 8 : -8, 2 * SIDE // 3 + 8 : -8]
    assert np.abs(inside - [200, 0, 0]).max() <= 6
    hidden = drawn[: SIDE // 2 - 16]
    assert np.ptp(hidden, axis=2).max() <= 6
    line = drawn[SIDE // 2 - 2 : SIDE // 2, -50:]
    assert np.abs(line.mean(axis=(0, 1)) - [255, 214, 0]).max() < 60  # JPEG halves the resolution of colour


def test_all_and_nothing_have_no_line(project: Project) -> None:
    square = np.full((40, 40, 3), 90, dtype=np.uint8)
    for selected in (np.ones((7, 7), dtype=bool), np.zeros((7, 7), dtype=bool)):
        with Image.open(io.BytesIO(rationale_picture(square, selected))) as image:
            assert np.ptp(np.asarray(image, dtype=int)) <= 2


def test_mistakes_are_one_sentence(project: Project) -> None:
    cases = [
        ({"items": 39}, ConfigError, "40 tweets can be compared .* ask for --items 38 or fewer"),
        ({"b": "rize"}, ConfigError, "--b: extractor 'rize' explains no image .* did you mean 'rise'"),
        ({"b": "attention"}, ConfigError, "--b: extractor 'attention' explains no image"),
        ({"b": "method"}, ConfigError, "both 'method'; a study compares two extractors"),
    ]
    for changes, kind, message in cases:
        with pytest.raises(kind, match=message):
            make(**changes)  # type: ignore[arg-type]
        assert not OUT.exists()
    table = pd.read_parquet(RUN / "rationales.parquet")
    table.loc[table["extractor"] == "rise", "target"] = "another"
    table.to_parquet(RUN / "rationales.parquet")
    with pytest.raises(
        ConfigError, match=r"0 tweets can .* \(60 rows .* classes, .* choose other extractors"
    ):
        make()
    table["patch_selected"] = None
    table.to_parquet(RUN / "rationales.parquet")
    with pytest.raises(
        ConfigError, match=r"'method' explains no image of the test split .* no extractor does"
    ):
        make()
    (RUN / "rationales.parquet").unlink()
    with pytest.raises(DataError, match="no such file; run `crisisweave explain`"):
        make()
    project.write_rationales("method", "rise")
    table = pd.read_parquet(RUN / "rationales.parquet")
    table.loc[:1, "instance_id"] = "elsewhere"
    table.to_parquet(RUN / "rationales.parquet")
    with pytest.raises(DataError, match="instance 'elsewhere' is no test row"):
        make()


def test_the_key_of_another_study_is_not_overwritten(project: Project) -> None:
    make()
    before = {path.name: path.read_bytes() for path in OUT.iterdir()}
    make()
    with pytest.raises(ConfigError, match="is the key of another study"):
        make(seed=1)
    assert {path.name: path.read_bytes() for path in OUT.iterdir()} == before


def test_the_command_warns_of_data_that_may_not_be_passed_on(project: Project) -> None:
    arguments = ["study", "make", "--run", str(RUN), "--a", "method", "--b", "rise", "--items", "12"]

    def call(*more: str) -> str:
        done = subprocess.run([COMMAND, *arguments, *more], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "12 pairs and 2 attention checks" in call()
    assert "Toy <i>set (none & all): it may go to raters only; do not publish it." in call()
    assert "Toy &lt;i&gt;set (none &amp; all). They may not be passed on" in page()
    path = Path("config/datasets/toy.yaml")
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "redistributable": True}))
    assert "publish" not in call("--out", "free")
    assert "passed on" not in page(Path("free"))
    key = json.loads(Path("free/key.json").read_text())
    assert key["page_sha256"] == hashlib.sha256(Path("free/study.html").read_bytes()).hexdigest()
    assert str(project.root) not in json.dumps(key)
