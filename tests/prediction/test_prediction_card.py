"""The page of one prediction: it holds hostile text as text, and no policy of its own lets anything run."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from pathlib import Path

import html5lib
import yaml
from PIL import Image
from small_project import must, run_folder

HOSTILE = (
    "</blockquote><script>alert(1)</script> \"quoted\" 'too' & <img src=x onerror=alert(1)> {{ 7*7 }} ]]>"
)
NAMESPACE = "{http://www.w3.org/1999/xhtml}"


def _card(project: Path, out: Path, *given: str) -> str:
    must(project, "predict", "--run", run_folder("cmb"), *given, "--html", str(out))
    return out.read_text(encoding="utf-8")


def test_a_hostile_tweet_stays_text(project: Path, tmp_path: Path) -> None:
    image = "data/toy/data_image/test0_0.jpg"
    page = _card(project, tmp_path / "card.html", "--text", HOSTILE, "--image", image)
    parser = html5lib.HTMLParser(strict=True)
    tree = parser.parse(page)
    names = {element.tag.removeprefix(NAMESPACE) for element in tree.iter() if isinstance(element.tag, str)}
    assert "script" not in names
    assert next(tree.iter(f"{NAMESPACE}blockquote")).text == HOSTILE
    (picture,) = tree.iter(f"{NAMESPACE}img")
    assert set(picture.attrib) == {"src", "alt"}
    for element in tree.iter():
        assert not {name for name in element.attrib if name.startswith("on") or name == "style"}
        assert element.attrib.get("href") is None, "nothing leads away"


def test_the_policy_allows_this_style_and_inlined_images_and_nothing_else(
    project: Path, tmp_path: Path
) -> None:
    image = "data/toy/data_image/test1_0.jpg"
    page = _card(project, tmp_path / "card.html", "--text", "help", "--image", image)
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'", f"style-src 'sha256-{digest}'", "img-src data:", "base-uri 'none'",
        "form-action 'none'",
    ]  # fmt: skip
    assert "://" not in re.sub(r"<style>.*</style>", "", page, flags=re.DOTALL).replace("http://t.co", "")
    assert "url(" not in style
    assert "@import" not in style


def test_the_image_is_drawn_anew_and_upright(project: Path, tmp_path: Path) -> None:
    raw = project / "data/toy/data_image/test4_0.jpg"  # lies on its side by EXIF
    with Image.open(raw) as source:
        assert source.getexif()[0x0112] == 6
        size = source.size
    path = tmp_path / "hidden.jpg"
    path.write_bytes(raw.read_bytes() + b"<script>alert(1)</script>")
    page = _card(project, tmp_path / "card.html", "--text", "help", "--image", str(path))
    (inlined,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    data = base64.b64decode(inlined)
    assert b"script" not in data
    with Image.open(io.BytesIO(data)) as shown:
        assert shown.size == size[::-1]
        assert not shown.getexif()


def test_the_card_says_what_was_read_and_the_same_input_gives_the_same_bytes(
    project: Path, tmp_path: Path
) -> None:
    given = ["--text", "help", "--image", "data/toy/data_image/test0_0.jpg"]
    first, again = (_card(project, tmp_path / f"{name}.html", *given) for name in ("a", "b"))
    assert first == again
    assert "from text, image and caption by the method" in first
    text_only = must(
        project, "predict", "--run", run_folder("text"), "--text", "help", "--html", f"{tmp_path}/t.html"
    )
    assert "read: text" in text_only
    text_page = (tmp_path / "t.html").read_text()
    assert "from text by the method" in text_page
    assert "<img" not in text_page


def test_hostile_words_of_a_config_stay_text(project: Path, tmp_path: Path) -> None:
    """A method's title is as much a stranger's as a tweet, once folders are passed on."""
    folder = tmp_path / "results/toy/state/text/seed-1"
    folder.mkdir(parents=True)
    run = project / run_folder("text")
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["method"] |= {"title": "<b>bold</b>", "idea": "<script>alert(1)</script>"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    (folder / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes())
    must(project, "predict", "--run", str(folder), "--text", "help", "--html", f"{tmp_path}/card.html")
    page = (tmp_path / "card.html").read_text()
    assert "<script" not in page
    assert "<b>" not in page
    assert "&lt;b&gt;bold" in page
