"""An exported folder gives the run's answers anywhere, and nothing in it can run code."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_project import ALL, CLASSES, NEEDS, call, must, raw_rows, run_folder

from crisisweave.errors import DataError, WeightsError
from crisisweave.prediction import load

ALLOWED = {".safetensors", ".json", ".yaml", ".md"}


@pytest.fixture(scope="module")
def exported(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the exports of all methods; only read it."""
    folder = tmp_path_factory.mktemp("exported")
    for method in ALL:
        said = must(project, "export", run_folder(method), "--out", str(folder / method))
        assert said == f"{folder / method}\n"
    return folder


@pytest.mark.parametrize("method", ALL)
def test_an_export_gives_the_answers_of_the_run(project: Path, exported: Path, method: str) -> None:
    run, moved = load(project / run_folder(method)), load(exported / method)
    assert moved.needs == run.needs == tuple(n for n in ("text", "image") if n in NEEDS[method])
    for row in raw_rows(project)[:3]:
        image = project / "data/toy" / row["image"]
        answers = [model.predict(text=row["text"], image=image).as_json() for model in (run, moved)]
        assert answers[0] == answers[1]
    files = [path for path in (exported / method).rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= ALLOWED


@pytest.mark.parametrize("method", ["concat", "cmb", "decision_mean"])
def test_the_three_lines_of_the_card_run_elsewhere(
    project: Path, exported: Path, tmp_path: Path, method: str
) -> None:
    """In a fresh process, in a folder that holds nothing but the export and a picture, without caches."""
    shutil.copytree(exported / method, tmp_path / method)
    shutil.copy(project / "data/toy/data_image/test0_0.jpg", tmp_path / "photo.jpg")
    card = (tmp_path / method / "README.md").read_text(encoding="utf-8")
    (lines,) = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    assert len(lines.splitlines()) == 3
    done = subprocess.run(
        [sys.executable, "-c", lines],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "LANG": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    tweet = "The bridge is down, families need help"
    model = load(project / run_folder(method))
    assert done.stdout == f"{model.predict(text=tweet, image=tmp_path / 'photo.jpg')}\n"


def test_the_command_takes_an_export_like_a_run(project: Path, exported: Path, tmp_path: Path) -> None:
    answers = [
        json.loads(must(where, "predict", "--run", run, "--text", "help", "--json"))
        for where, run in ((project, run_folder("text")), (tmp_path, str(exported / "text")))
    ]
    assert answers[0] == answers[1]


def test_the_card_says_data_scores_limits_and_licence(project: Path, exported: Path) -> None:
    card = (exported / "text" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlibrary_name: crisisweave\n")
    assert yaml.safe_load(card.split("---")[1])["license_name"] == "CC0-1.0"
    assert "<b>" not in card
    assert r"Toy &lt;b&gt;data&lt;/b&gt; \| of \*nobody\*" in card, "a title is text, whatever is in it"
    for section in ("Use", "Data", "Scores", "Limits", "Licence", "Provenance"):
        assert f"\n## {section}\n" in card
    test = json.loads((project / run_folder("text") / "metrics.json").read_text())["splits"]["test"]
    low, high = test["ci"]["accuracy"]
    assert f"| test | 12 | {100 * test['accuracy']:.1f} ({100 * low:.1f} to {100 * high:.1f}) |" in card
    assert test["deduplicated"]["n"] == 0, "all tweets of this data set say nearly the same"
    assert "| test, without twins of training rows | 0 | – | – | – |" in card
    assert "| class | dev | test | train |\n| --- | --- | --- | --- |\n| calm | 6 | 6 | 12 |" in card
    assert "The data set is artificial" in card
    assert "Fewer than 30 test rows stand behind the scores of calm, flood" in card


def test_the_same_run_gives_the_same_bytes_and_replaces_an_older_export(
    project: Path, exported: Path, tmp_path: Path
) -> None:
    out = tmp_path / "cmb"
    must(project, "export", run_folder("text"), "--out", str(out))
    must(project, "export", run_folder("cmb"), "--out", str(out))
    before = {
        path.relative_to(exported / "cmb"): path for path in (exported / "cmb").rglob("*") if path.is_file()
    }
    after = {path.relative_to(out): path for path in out.rglob("*") if path.is_file()}
    assert set(after) == set(before)
    assert all(after[name].read_bytes() == before[name].read_bytes() for name in before)


def test_without_a_folder_it_goes_to_exports(project: Path) -> None:
    try:
        assert must(project, "export", run_folder("text")) == "exports/toy-state-text-1\n"
        assert (project / "exports/toy-state-text-1/model.safetensors").is_file()
    finally:
        shutil.rmtree(project / "exports")


def test_something_else_is_not_overwritten(project: Path, tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    done = call(project, "export", run_folder("text"), "--out", str(tmp_path))
    assert isinstance(done.exception, DataError)
    assert "is no exported folder" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_a_run_without_scores_is_not_exported(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / run_folder("text")
    shutil.copytree(project / run_folder("text"), folder)
    (folder / "metrics.json").unlink()
    done = call(tmp_path, "export", run_folder("text"), "--out", "out")
    assert "the model card needs it; run `crisisweave evaluate` first" in str(done.exception)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def copy(exported: Path, tmp_path: Path) -> Path:
    """A copy of the export of cmb, to be damaged."""
    shutil.copytree(exported / "cmb", tmp_path / "cmb")
    return tmp_path / "cmb"


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("model.safetensors", "no weights; export the run again"),
        ("captioner/model.safetensors", "model.safetensors is missing"),
        ("captioner/encoder.safetensors", "no weights"),
        ("captioner/image/encoder.json", "no such file"),
        ("text/tokenizer.json", "describes no encoder"),
    ],
)
def test_a_folder_that_lacks_a_file_is_refused(copy: Path, file: str, message: str) -> None:
    (copy / file).unlink()
    with pytest.raises(WeightsError, match=message):
        load(copy)


@pytest.mark.parametrize("file", ["model.safetensors", "captioner/encoder.safetensors", "text/encoder.json"])
def test_a_damaged_file_is_refused(copy: Path, file: str) -> None:
    data = (copy / file).read_bytes()
    (copy / file).write_bytes(data[: len(data) // 2])
    with pytest.raises(WeightsError, match="export the run again"):
        load(copy)


def test_a_pickle_in_place_of_the_weights_is_never_run(copy: Path, tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    (copy / "model.safetensors").write_bytes(b"cposix\nsystem\n(S'touch %s'\ntR." % str(trace).encode())
    with pytest.raises(WeightsError, match="not the weights of this export"):
        load(copy)
    assert not trace.exists()


def test_a_config_that_was_changed_is_refused(copy: Path) -> None:
    config = yaml.safe_load((copy / "config.yaml").read_text())
    config["classes"] = CLASSES[::-1]
    (copy / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(WeightsError, match=r"its config\.yaml was changed after the export"):
        load(copy)


def test_an_export_of_another_format_is_refused(copy: Path) -> None:
    made = json.loads((copy / "export.json").read_text())
    (copy / "export.json").write_text(json.dumps({**made, "format": 99}))
    with pytest.raises(WeightsError, match="reads exports of format 1"):
        load(copy)


def test_probabilities_are_in_the_order_of_the_class_list(exported: Path) -> None:
    made = json.loads((exported / "text" / "export.json").read_text())
    prediction = load(exported / "text").predict(text="flood")
    assert made["classes"] == CLASSES == list(prediction.probabilities)
    assert np.isclose(sum(prediction.probabilities.values()), 1)
