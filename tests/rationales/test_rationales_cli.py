"""`crisisweave rationales …` as a person types it: from a human table to silver labels and scores."""

from __future__ import annotations

import csv
import json
import shutil
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from crisisweave.cli import app
from crisisweave.datasets.tables import Instance, as_frame
from crisisweave.errors import CrisisWeaveError
from crisisweave.files import write_json, write_parquet
from crisisweave.rationales.labels import read_labels

ROOT = Path(__file__).parents[2]
DEMO = ["--dataset", "demo", "--task", "humanitarian"]
LABELS = Path("data") / "rationales" / "demo" / "humanitarian"
CLASSES = ["affected", "other"]
TEXTS = {
    "1": ("twelve people died in the flood http://t.co/x", "affected", [[0, 4]]),
    "2": ("my new shoes are great", "other", [[1, 5]]),
    "3": ("never seen it like this", "other", []),
    "4": ("🌊", "affected", [[0, 1]]),
}
HEADER = ["tweet_id", "tweet_text", "corrected_label", "informative_content"]
HUMAN = [
    [f"{n}'", f"RT @a: today {n} {what} in town", label, what]
    for n, (what, label) in enumerate([("people were killed", "harm"), ("nice shoes", "none")] * 10)
]
PRIVATE = "words of a tweet that must not be shown"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a prepared task, its truth, a human table and a small tagger."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "config", root / "config")
    rows = [
        Instance(f"{i}_0", i, "e", "train", text, None, label, label, label, i)
        for i, (text, label, _) in TEXTS.items()
    ]
    prepared = root / "data" / "prepared" / "demo" / "humanitarian"
    write_parquet(prepared / "instances.parquet", as_frame(rows, [row.text for row in rows], CLASSES))
    write_json(prepared / "dataset.json", {"classes": CLASSES, "rows": {"train": len(rows)}})
    truth = root / "data" / "demo" / "truth" / "tweets.jsonl"
    truth.parent.mkdir(parents=True)
    lines = [json.dumps({"tweet_id": i, "text": t, "rationale": r}) for i, (t, _, r) in TEXTS.items()]
    truth.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (root / "human.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([HEADER, *HUMAN, ["99'", PRIVATE, "none", "not there"]])
    tagger = {
        "table": {"file": "human.csv", "classes": {"harm": "affected", "none": "other"}},
        "encoder": "package:minilm", "layers": [6], "hidden": 8, "members": 1, "epochs": 6,
        "batch_size": 8, "lr": 0.02, "folds": 2,
    }  # fmt: skip
    source = {"name": "nepal_tagger", "title": "small", "kind": "silver", "tagger": tagger}
    (root / "config" / "rationales" / "nepal_tagger.yaml").write_text(yaml.safe_dump(source))
    given = {"name": "given", "title": "a file", "kind": "file", "file": "given.jsonl"}
    (root / "config" / "rationales" / "given.yaml").write_text(yaml.safe_dump(given))
    must(root, "train-tagger", "--source", "nepal_tagger", "--data-root", ".")
    return root


def call(project: Path, *arguments: str) -> Any:
    """A command in the project, in this process: typer's result, with the exception if there was one."""
    with chdir(project):
        return CliRunner().invoke(app, ["rationales", *arguments])


def must(project: Path, *arguments: str) -> str:
    """A command that has to succeed; gives what it printed, which never is a tweet of a table."""
    done = call(project, *arguments)
    if done.exception is not None:
        raise done.exception
    assert PRIVATE not in done.output
    return str(done.stdout)


def test_truth_becomes_labels_and_is_described(project: Path) -> None:
    printed = must(project, "labels", *DEMO, "--source", "demo_truth")
    path = project / LABELS / "demo_truth.jsonl"
    labels = read_labels(path)
    assert {x.instance_id: [list(s) for s in x.spans] for x in labels} == {
        f"{i}_0": spans for i, (_, _, spans) in TEXTS.items()
    }
    assert {x.kind for x in labels} == {"truth"}
    described = json.loads(path.with_suffix(".json").read_text())
    assert described["classes"]["other"]["without_rationale"] == 1
    assert described["classes"]["affected"]["share"] == pytest.approx((4 / 7 + 1) / 2)
    assert "affected" in printed
    assert json.loads(must(project, "describe", str(path), "--json"))["tweets"] == 4


def test_truth_of_other_words_stops(project: Path, tmp_path: Path) -> None:
    shutil.copytree(project, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / LABELS, ignore_errors=True)
    truth = tmp_path / "copy" / "data" / "demo" / "truth" / "tweets.jsonl"
    truth.write_text(truth.read_text().replace("shoes", "new shoes"))
    done = call(tmp_path / "copy", "labels", *DEMO, "--source", "demo_truth")
    assert isinstance(done.exception, CrisisWeaveError)
    assert "tweet 2 of instance 2_0 has other words there" in str(done.exception)
    assert not (tmp_path / "copy" / LABELS).exists()


def test_the_tagger_gives_silver_labels(project: Path) -> None:
    must(project, "labels", *DEMO, "--source", "nepal_tagger")
    labels = read_labels(project / LABELS / "nepal_tagger.jsonl")
    assert {(x.kind, x.annotator, len(x.spans)) for x in labels} == {("silver", "nepal_tagger", 1)}
    shown = json.loads(
        must(project, "tag", "--text", "two people were killed", "--class", "affected", "--json")
    )
    assert len(shown["scores"]) == 4 and 0 <= shown["span"][0] < shown["span"][1] <= 4
    assert "[[" in must(project, "tag", "--text", "two people were killed")


def test_score_prints_word_f1_and_what_was_skipped(project: Path) -> None:
    result = json.loads(must(project, "score", "--gold", "human.csv", "--json"))
    assert (result["n"], result["rows"], result["skipped"]) == (20, 21, {"empty": 0, "unmatched": 1})
    assert result["word_f1"] > result["answers"]["content_words"]["word_f1"]
    printed = must(project, "score", "--gold", "human.csv")
    assert f"word_f1 {result['word_f1']:.4f}" in printed and "20 of 21 rows scored" in printed


def test_a_file_of_labels_is_taken_over_for_the_instances_of_the_task(project: Path) -> None:
    line = {
        "instance_id": "2_0",
        "label": "other",
        "words": TEXTS["2"][0].split(),
        "annotator": "p",
        "kind": "human",
    }
    lines = [line | {"spans": [[0, 2], [1, 4]]}, line | {"instance_id": "elsewhere", "spans": [[0, 1]]}]
    (project / "given.jsonl").write_text("\n".join(map(json.dumps, lines)))
    must(project, "labels", *DEMO, "--source", "given", "--data-root", ".")
    path = project / LABELS / "given.jsonl"
    assert [(x.instance_id, x.spans) for x in read_labels(path)] == [("2_0", ((0, 4),))]
    described = json.loads(path.with_suffix(".json").read_text())
    assert (described["merged_spans"], described["of_other_instances"], described["instances"]) == (1, 1, 4)


def test_a_human_table_is_imported_and_compared(project: Path) -> None:
    printed = must(project, "import", "human.csv", "--out", "out/human.jsonl")
    assert "20 of 21 tweets with a rationale" in printed and "1 of 21 snippets" in printed
    assert json.loads((project / "out" / "human.json").read_text())["tweets_with_unmatched_snippets"] == [
        "99"
    ]
    assert read_labels(project / "out" / "human.jsonl")[0].label in CLASSES
    result = json.loads(must(project, "agreement", "out/human.jsonl", "human.csv", "--json"))
    assert (result["krippendorff_alpha"], result["pairs"][0]["word_f1"]) == (1.0, 1.0)
    assert result["left_out"] == {"out/human.jsonl": 0, "human.csv": 1}
    assert "krippendorff_alpha 1.000" in must(project, "agreement", "out/human.jsonl", "human.csv")


def test_prompts_and_answers_go_round(project: Path) -> None:
    assert "4 prompts" in must(project, "prompts", *DEMO, "--out", "out/prompts.jsonl")
    prompts = [json.loads(line) for line in (project / "out" / "prompts.jsonl").read_text().splitlines()]
    replies = ['{"snippets": ["people died"]}', "no", None, '{"snippets": ["not there"]}']
    (project / "answers.jsonl").write_text(
        "\n".join(
            json.dumps({k: p[k] for k in ("instance_id", "prompt_version")} | {"model": "m", "answer": reply})
            for p, reply in zip(prompts, replies, strict=True)
        )
    )
    printed = must(project, "answers", "answers.jsonl", *DEMO, "--out", "out/model.jsonl")
    assert "1 of 4 answers became labels" in printed and "1 refused, 1 not the JSON" in printed
    assert [(x.kind, x.spans) for x in read_labels(project / "out" / "model.jsonl")] == [("model", ((1, 3),))]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["labels", *DEMO, "--source", "demo_turth"], "did you mean 'demo_truth'"),
        (["train-tagger", "--source", "demo_truth"], "is of kind 'truth', which has no tagger"),
        (["score", "--gold", "none.csv"], "none.csv: no such table"),
        (
            ["score", "--gold", "human.csv", "--tagger", "nowhere"],
            "run `crisisweave rationales train-tagger`",
        ),
        (["describe", "none.jsonl"], "no such rationale labels"),
        (["agreement", "human.csv"], "two annotators or more"),
    ],
)
def test_what_is_asked_wrongly_is_answered_in_one_sentence(
    project: Path, arguments: list[str], message: str
) -> None:
    done = call(project, *arguments)
    assert isinstance(done.exception, CrisisWeaveError)
    assert message in str(done.exception)
