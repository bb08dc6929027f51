"""Training of methods that learn rationales: labels, phases, and what a killed run goes on with."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

from crisisweave.datasets.text import words
from crisisweave.errors import DataError
from crisisweave.files import read_json
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.rationale import RationaleClassifier
from crisisweave.methods.registry import build_model
from crisisweave.rationales.labels import RationaleLabel, write_labels
from crisisweave.training import loop
from crisisweave.training import train as training_step
from crisisweave.training.examples import Examples
from crisisweave.training.gold import training_gold
from crisisweave.training.loop import Outcome
from crisisweave.training.runs import data_digest, load_model
from crisisweave.training.train import train
from toy import METHODS, RATIONALES, TRAINING, Toy, tiny_method

SHORT = {**TRAINING, "lr": 5e-3, "epochs": 3}


class Made:
    """A toy data set with a finished run, and what each phase of it was given and gave back."""

    def __init__(self, root: Path, joint: Path):
        self.toy = Toy(root)
        self.toy.write_truth()
        shutil.copytree(joint, root / "data" / "joint" / "toy")
        self.models: list[Classifier] = []
        self.outcomes: list[Outcome] = []

    def train(self, name: str, **changes: object) -> Path:
        """Train a run into the folder `name`, with a checkpoint after every step."""
        folder = self.toy.root / name
        run = self.toy.run(tiny_method("rationale", **changes))
        train(run, self.toy.sources, folder, checkpoint_every=0, checkpoint_folder=self.toy.root / "states")
        return folder

    def recorded(self, model: Classifier, *rest: Any) -> Outcome:
        """`fit` itself, overheard."""
        self.models.append(model)
        self.outcomes.append(loop.fit(model, *rest))
        return self.outcomes[-1]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, untrained_joint: Path) -> Made:
    """A run of two phases of three epochs of four steps, in the folder `run`."""
    with pytest.MonkeyPatch.context() as patch:
        made = Made(tmp_path_factory.mktemp("finished"), untrained_joint)
        patch.chdir(made.toy.root)
        patch.setattr(training_step, "fit", made.recorded)
        made.train("run", training=SHORT)
        return made


@pytest.fixture
def made(finished: Made, monkeypatch: pytest.MonkeyPatch) -> Made:
    """The same; its folder is the working directory."""
    monkeypatch.chdir(finished.toy.root)
    return finished


def _train_rows(toy: Toy) -> pd.DataFrame:
    frame = toy.frame()
    return frame[frame["split"] == "train"]


def test_the_second_phase_leaves_the_first_stage_as_it_was(made: Made) -> None:
    stored = load_file(made.toy.root / "run" / "model.safetensors")
    found = made.outcomes[0].state
    first = [name for name in stored if not name.startswith("_second.")]
    assert {name.split(".")[0] for name in first} == {"extractor", "word_head", "threshold"}
    assert all(torch.equal(stored[name], found[name]) for name in first)
    moved = [n for n in stored if n.startswith("_second.") and not torch.equal(stored[n], found[n])]
    assert any(name.startswith("_second.encoder.network.layers") for name in moved)


def test_stage_one_gives_the_same_rationale_in_training_of_stage_two_as_afterwards(
    rationale_toy: Toy,
) -> None:
    model = build_model(tiny_method("rationale"), 2)
    assert isinstance(model, RationaleClassifier)
    model.begin("extract")
    model.train()
    assert model.extractor.training
    model.begin("predict")
    model.train()
    assert not any(part.training for part in (*model.extractor.modules(), *model.word_head.modules()))
    assert all(part.training for part in model.predictor.modules())


def test_a_loaded_run_gives_the_rationales_and_scores_that_it_had_when_it_was_saved(made: Made) -> None:
    toy = made.toy
    run = toy.run(tiny_method("rationale", training=SHORT))
    before, after = made.models[1].eval().cpu(), load_model(run, toy.root / "run")
    assert isinstance(before, RationaleClassifier)
    assert isinstance(after, RationaleClassifier)
    batch = Examples(toy.frame(), after, run.method, toy.sources).batch(np.arange(64))
    with torch.no_grad():
        assert torch.equal(before(batch), after(batch))
        assert torch.equal(before.full(batch), after.full(batch))
    rationales = [model.rationale(model.joint_input(batch)) for model in (before, after)]
    assert all(torch.equal(*parts) for parts in zip(*rationales, strict=True))


def test_the_word_head_learns_which_words_tell_the_classes_apart(rationale_toy: Toy) -> None:
    folder = rationale_toy.root / "run"
    method = tiny_method("rationale")
    train(rationale_toy.run(method), rationale_toy.sources, folder, checkpoint_folder=Path("states"))
    model = load_model(rationale_toy.run(method), folder)
    assert isinstance(model, RationaleClassifier)
    frame = rationale_toy.frame()
    test = frame[frame["split"] == "test"]
    batch = Examples(test, model, method, rationale_toy.sources).batch(np.arange(16))
    found = model.rationale(model.joint_input(batch))
    for text, label, of_word, selected in zip(
        test["text"], test["label"], batch.text.words, found.tokens_selected, strict=True
    ):
        truth = {"water", "everywhere"} if label == "flood" else {"a", "quiet", "day"}
        assert {words(text)[i] for i in of_word[selected].tolist()} == truth


def test_the_history_holds_both_phases_and_the_record_the_epoch_that_was_kept(made: Made) -> None:
    folder = made.toy.root / "run"
    history = pd.read_csv(folder / "history.csv")
    assert list(history["phase"]) == ["extract"] * 3 + ["predict"] * 3
    assert list(history["epoch"]) == list(range(6))
    second = history[history["phase"] == "predict"]
    record = read_json(folder / "run.json")
    assert record["best_epoch"] == second["dev_f1_macro"].idxmax()
    assert record["dev_metric"]["f1_macro"] == pytest.approx(second["dev_f1_macro"].max())


class Stopped(BaseException):
    """As a signal would end the run: nothing catches it."""


@pytest.mark.parametrize(
    ("at", "left"),
    # Twelve steps in each phase; a checkpoint follows every step.
    [(6, 18), (12, 12), (18, 6)],
    ids=["in phase 1", "between the phases", "in phase 2"],
)
def test_a_run_that_was_stopped_goes_on_and_ends_with_the_same_bytes(
    made: Made, monkeypatch: pytest.MonkeyPatch, at: int, left: int
) -> None:
    taken = 0
    learn = loop._Run.learn

    def counted(self: loop._Run, step: int, rows: np.ndarray) -> None:
        nonlocal taken
        if taken == at:
            raise Stopped
        taken += 1
        learn(self, step, rows)

    monkeypatch.setattr(loop._Run, "learn", counted)
    name = f"stopped-at-{at}"
    with pytest.raises(Stopped):
        made.train(name, training=SHORT)
    assert not (made.toy.root / name).exists(), "nothing half-written"
    at, taken = -1, 0
    again = made.train(name, training=SHORT)
    assert taken == left, "what was done is not done again"
    for file in ("model.safetensors", "history.csv"):
        assert (again / file).read_bytes() == (made.toy.root / "run" / file).read_bytes()
    assert not any((made.toy.root / "states").iterdir())


def test_gold_marks_lie_at_the_tokens_of_the_chosen_words(rationale_toy: Toy) -> None:
    method = tiny_method("rationale")
    model = build_model(method, 2)
    rows = _train_rows(rationale_toy).iloc[:2]
    text = "xqzvw water"
    frame = rows.assign(text=[text, rows["text"].iloc[1]])
    gold = {frame["instance_id"].iloc[0]: np.array([True, False])}
    batch = Examples(frame, model, method, rationale_toy.sources, gold).batch(np.arange(2))
    assert batch.gold is not None
    of_word = batch.text.words[0]
    assert (of_word == 0).sum() > 1, "the first word has several tokens"
    expected = torch.where(of_word == 0, 1, torch.where(of_word == 1, 0, -1))
    assert torch.equal(batch.gold[0], expected)
    assert (batch.gold[1] == -1).all(), "nobody annotated the second tweet"


def _gold(toy: Toy, share: float, seed: int = 1, frame: pd.DataFrame | None = None) -> set[str]:
    method = tiny_method("rationale", rationales={**RATIONALES, "share": share})
    found = training_gold(toy.run(method, seed), toy.sources, _train_rows(toy) if frame is None else frame)
    assert found is not None
    return set(found)


def test_dev_without_labels_chooses_by_the_class_alone(rationale_toy: Toy) -> None:
    method = tiny_method("rationale", rationales=RATIONALES)
    run, others = rationale_toy.run(method), _train_rows(rationale_toy).assign(instance_id="unknown")
    assert training_gold(run, rationale_toy.sources, others, needed=False) == {}
    with pytest.raises(DataError, match="none of the"):
        training_gold(run, rationale_toy.sources, others)


def test_a_smaller_share_of_rationales_lies_within_a_larger_one(rationale_toy: Toy) -> None:
    shares = [_gold(rationale_toy, share) for share in (0.01, 0.1, 0.25, 0.5, 1.0)]
    assert [len(names) for names in shares] == [1, 3, 8, 16, 32]
    assert all(small < large for small, large in itertools.pairwise(shares))
    assert shares[3] == _gold(rationale_toy, 0.5)
    assert shares[3] != _gold(rationale_toy, 0.5, seed=2)


def test_images_of_one_tweet_are_drawn_together(rationale_toy: Toy) -> None:
    rows = _train_rows(rationale_toy)
    pairs = rows.assign(tweet_id=[f"tweet{i // 2}" for i in range(len(rows))])
    drawn = pairs[pairs["instance_id"].isin(_gold(rationale_toy, 0.5, frame=pairs))]
    assert len(drawn) == 16
    assert (drawn.groupby("tweet_id").size() == 2).all()


@pytest.mark.parametrize("name", [name for name in METHODS if name.startswith("rationale")])
def test_without_labels_nothing_is_trained(rationale_toy: Toy, name: str) -> None:
    rationale_toy.sources.rationales("truth").unlink()
    folder = rationale_toy.root / "run"
    with pytest.raises(DataError, match=r"truth.jsonl: there are no such rationale labels; make them with"):
        train(rationale_toy.run(tiny_method(name)), rationale_toy.sources, folder)
    assert not folder.exists()


def test_labels_of_other_tweets_and_labels_without_a_rationale_stop_too(rationale_toy: Toy) -> None:
    def written(instance_id: str, spans: tuple[tuple[int, int], ...]) -> RationaleLabel:
        row = next(row for row in rationale_toy.rows if row.instance_id == instance_id)
        return RationaleLabel(instance_id, str(row.label), tuple(words(row.text)), spans, "x", "truth")

    path = rationale_toy.sources.rationales("truth")
    write_labels(path, [written("test0_0", ((0, 1),)), written("train0_0", ())])
    with pytest.raises(DataError, match="none of the 32 instances that are asked for has a rationale there"):
        _gold(rationale_toy, 1.0)


def test_a_method_without_the_rationale_loss_needs_no_labels(rationale_toy: Toy) -> None:
    rationale_toy.sources.rationales("truth").unlink()
    method = tiny_method("rationale", rationales={**RATIONALES, "alpha": 0.0})
    assert training_gold(rationale_toy.run(method), rationale_toy.sources, _train_rows(rationale_toy)) is None


@pytest.mark.parametrize(
    ("file", "alpha", "depends"),
    [
        ("rationales/toy/state/truth.jsonl", 1.0, True),
        ("rationales/toy/state/truth.jsonl", 0.0, False),
        ("joint/toy/model.safetensors", 1.0, True),
        ("images/toy/index.parquet", 1.0, True),
    ],
)
def test_a_run_s_digest_covers_labels_joint_encoder_and_images(
    rationale_toy: Toy, file: str, alpha: float, depends: bool
) -> None:
    run = rationale_toy.run(tiny_method("rationale", rationales={**RATIONALES, "alpha": alpha}))
    before = data_digest(run, rationale_toy.sources)
    with (rationale_toy.root / "data" / file).open("ab") as changed:
        changed.write(b"\n")
    assert (data_digest(run, rationale_toy.sources) != before) == depends


def test_stage_one_keeps_the_epoch_with_the_best_words(made: Made) -> None:
    first = made.outcomes[0]
    merit = [row["dev_word_f1"] for row in first.history]
    assert first.dev_score == max(merit)
    assert first.best_epoch == merit.index(max(merit))
    second = made.outcomes[1]
    assert second.dev_score == max(row["dev_f1_macro"] for row in second.history)
    assert all("dev_word_f1" not in row for row in second.history)


@pytest.mark.parametrize(("second", "phase", "score"), [("separate", "extract", 0.9), ("joint", "both", 0.7)])
def test_what_chooses_the_epoch(
    rationale_toy: Toy, second: Literal["separate", "joint"], phase: str, score: float
) -> None:
    """Where one model does both, words alone do not choose; without labels on dev the classes do."""
    method = tiny_method("rationale")
    assert method.rationales is not None
    rationales = method.rationales.model_copy(update={"second": second})
    model = build_model(method.model_copy(update={"rationales": rationales}), 2)
    model.begin(phase)
    assert model.dev_score(0.5, {"word_f1": 0.9}) == pytest.approx(score)
    assert model.dev_score(0.5, {}) == 0.5


def test_dev_settles_the_threshold(rationale_toy: Toy) -> None:
    """Words of the rationale get 0.7, others 0.6: every threshold between the two is right."""
    method = tiny_method("rationale")
    model = build_model(method, 2)
    assert isinstance(model, RationaleClassifier)
    frame = rationale_toy.frame().iloc[:4]
    gold = {
        row.instance_id: np.array([i == 1 for i, _ in enumerate(words(row.text))])
        for row in frame.itertuples()
    }
    batch = Examples(frame, model, method, rationale_toy.sources, gold).batch(np.arange(4))
    assert batch.gold is not None
    logits = torch.logit(torch.where(batch.gold == 1, 0.7, 0.6))
    model.word_head.forward = lambda _states, _mask: logits  # type: ignore[method-assign]
    model.begin("extract")
    assert float(model.threshold) == 0.5
    with torch.no_grad():
        assert model.settle_on_dev([batch]) == {"word_f1": 1.0}
    assert 0.6 < float(model.threshold) < 0.7
    unknown = batch._replace(gold=torch.full_like(batch.gold, -1))
    with torch.no_grad():
        assert model.settle_on_dev([unknown]) == {}
