"""A new tweet is given the numbers that its row of the data set was given."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from small_project import ALL, CLASSES, NEEDS, call, must, raw_rows, run_folder, write_table

from crisisweave.errors import ConfigError, DataError, WeightsError
from crisisweave.prediction import load


def _of_the_run(project: Path, method: str) -> pd.DataFrame:
    table = pd.read_parquet(project / run_folder(method) / "predictions.parquet").set_index("instance_id")
    return table.loc[table["split"] == "test", [f"p_{name}" for name in CLASSES]]


def _captions(project: Path) -> pd.Series:
    table = pd.read_parquet(project / "data/captions/toy/demo_prefix/captions.parquet")
    return table[table["chosen"]].set_index("instance_id")["caption"]


@pytest.mark.parametrize("method", ALL)
def test_raw_text_and_image_give_the_probabilities_of_the_run(project: Path, method: str) -> None:
    expected = _of_the_run(project, method)
    assert len(expected) == 12
    assert expected.std().max() > 1e-4, "rows that differ, or the comparison would say nothing"
    for row in raw_rows(project)[:4]:
        given = ["--text", row["text"]] if "text" in NEEDS[method] else []
        given += ["--image", f"data/toy/{row['image']}"] if "image" in NEEDS[method] else []
        answer = json.loads(must(project, "predict", "--run", run_folder(method), *given, "--json"))
        found = [answer["probabilities"][name] for name in CLASSES]
        assert np.allclose(found, expected.loc[row["id"]], atol=1e-5, rtol=0)
        assert answer["predicted"] == CLASSES[int(np.argmax(found))]
        used = NEEDS[method] | ({"caption"} if method == "cmb" else set())
        assert set(answer["inputs"]) == used
        if method == "cmb":
            assert answer["inputs"]["caption"] == _captions(project)[row["id"]]


@pytest.mark.parametrize("method", ALL)
def test_a_table_gives_the_probabilities_of_the_run(project: Path, tmp_path: Path, method: str) -> None:
    table = write_table(tmp_path / "in.csv", raw_rows(project))
    out = tmp_path / "out.parquet"
    said = must(
        project, "predict", "--run", run_folder(method), "--table", str(table), "--out", str(out),
        "--image-root", "data/toy",
    )  # fmt: skip
    assert said == f"12 of 12 rows predicted: {out}\n"
    found = pd.read_parquet(out).set_index("id")
    expected = _of_the_run(project, method).loc[found.index]
    assert list(found["row"]) == list(range(1, 13))
    assert np.allclose(found[expected.columns], expected, atol=1e-5, rtol=0)
    assert list(found["predicted"]) == [CLASSES[i] for i in expected.to_numpy().argmax(axis=1)]
    if method == "cmb":
        assert list(found["caption"]) == list(_captions(project).loc[found.index])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.parquet"]


def test_the_captions_are_chosen_among_candidates(project: Path) -> None:
    table = pd.read_parquet(project / "data/captions/toy/demo_prefix/captions.parquet")
    assert set(table["rank"]) == {0, 1, 2}
    assert set(table.loc[table["chosen"], "rank"]) != {0}, "or the choice is not tested"


def test_the_answer_in_words(project: Path) -> None:
    row = raw_rows(project)[1]
    said = must(project, "predict", "--run", run_folder("cmb"), "--text", row["text"], "--image",
                f"data/toy/{row['image']}")  # fmt: skip
    first, blank, best, *_ = said.splitlines()
    assert first in CLASSES
    assert blank == ""
    assert best.split()[0] == first
    assert "read: text, image, caption" in said
    assert f"caption: {_captions(project)[row['id']]}" in said


def test_the_text_is_repaired_as_prepare_repairs_it(project: Path) -> None:
    answer = load(project / run_folder("text")).predict(text="donâ€™t worry, cafÃ© at\nthe bridge")
    assert answer.inputs == {"text": "don’t worry, café at\nthe bridge"}


@pytest.mark.parametrize(
    ("method", "given", "message"),
    [
        ("cmb", ["--text", "help"], "reads text and image, but no image is given; add --image"),
        ("image", ["--text", "help"], "reads image, but no image is given"),
        ("decision_mean", ["--image", "data/toy/data_image/test0_0.jpg"], "but no text is given; add --text"),
        ("text", ["--text", " \n"], "the text is empty"),
        ("image", ["--image", "nowhere.jpg"], "nowhere.jpg: no such image file"),
        ("text", ["--text", "a\udcffb"], "not valid Unicode"),
    ],
)
def test_an_input_that_is_missing_or_unusable_is_said(
    project: Path, method: str, given: list[str], message: str
) -> None:
    done = call(project, "predict", "--run", run_folder(method), *given)
    assert isinstance(done.exception, DataError)
    assert message in str(done.exception)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--table", "x.csv"], "--table needs --out"),
        (["--out", "x.parquet"], "belong to --table"),
        (["--strict"], "belong to --table"),
        (["--table", "x.csv", "--out", "y.parquet", "--json"], "are for one tweet"),
        (["--table", "x.csv", "--out", "y.parquet", "--text", "help"], "are for one tweet"),
        (["--table", "config/toy.yaml", "--out", "y.parquet"], "a table is a .csv or a .parquet file"),
        (["--table", "x.csv", "--out", "y.csv"], "a name that ends in .parquet"),
    ],
)
def test_options_that_do_not_go_together_are_refused(project: Path, options: list[str], message: str) -> None:
    done = call(project, "predict", "--run", run_folder("text"), *options)
    assert isinstance(done.exception, ConfigError)
    assert message in str(done.exception)


def test_a_folder_that_is_no_run_is_refused(project: Path) -> None:
    with pytest.raises(DataError, match="neither a run's folder nor an exported one"):
        load(project / "data")


def test_a_run_of_an_older_version_must_be_trained_again(project: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((project / run_folder("image") / "config.yaml").read_text())
    for key in ("shorter_side", "captioner"):
        (tmp_path / "config.yaml").write_text(yaml.safe_dump({k: v for k, v in config.items() if k != key}))
        with pytest.raises(ConfigError, match=f"key '{key}' is missing"):
            load(tmp_path)


def test_a_fusion_without_its_members_is_refused(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results/toy/state/decision_mean/seed-1"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_bytes((project / run_folder("decision_mean") / "config.yaml").read_bytes())
    with pytest.raises(DataError, match="text/seed-1: no such run, and the fusion combines its decisions"):
        load(folder)


def test_weights_of_another_run_are_refused(project: Path, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_bytes((project / run_folder("text") / "config.yaml").read_bytes())
    weights = (project / run_folder("text_frozen") / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights)
    with pytest.raises(WeightsError, match="these weights belong to another run"):
        load(tmp_path)
