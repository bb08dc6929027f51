"""The tagger: learns a known rule, marks a tweet the same in any company, and is saved whole."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from crisisweave.config.rationales import TaggerConfig
from crisisweave.errors import ConfigError, CrisisWeaveError, WeightsError
from crisisweave.rationales.score import score
from crisisweave.rationales.tagger import UNKNOWN_CLASS, Head, WordBatch, rebalanced
from crisisweave.rationales.tagger_folder import Tagger, load_tagger, make_tagger
from crisisweave.rationales.tagger_scores import interval, trivial_answers
from crisisweave.rationales.tagger_training import copies
from crisisweave.rationales.tagger_validation import folds_of
from crisisweave.rationales.word_states import WordEncoder

HEADER = ["tweet_id", "tweet_text", "corrected_label", "informative_content"]
SIGNALS = {
    "harm": ["twelve people were killed", "many injured men", "two dead children"],
    "help": ["volunteers bring water", "please donate blankets", "army sends food"],
}
BEFORE = ["RT @someone: morning update from the valley", "just heard on the radio that", "so sad today"]
AFTER = ["http://t.co/abc", "says my cousin on the phone", "in the old town #quake", ""]


def _rows(n: int, seed: int) -> list[list[str]]:
    draw = random.Random(seed)
    rows = []
    for number in range(n):
        label = draw.choice(sorted(SIGNALS))
        signal = draw.choice(SIGNALS[label])
        text = f"{draw.choice(BEFORE)} {number} {signal} {draw.choice(AFTER)}"
        rows.append([f"{number}'", text, label, signal])
    return rows


def _table(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([HEADER, *rows])
    return path


def _config(**change: object) -> TaggerConfig:
    values = {
        "table": {"file": "event.csv", "classes": {"harm": "affected", "help": "rescue"}},
        "encoder": "package:minilm", "layers": [2, 6], "hidden": 16, "members": 2, "epochs": 6,
        "batch_size": 16, "lr": 0.02, "folds": 2,
    }  # fmt: skip
    return TaggerConfig.model_validate(values | change)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    """A tagger's folder, and its cross-validation."""
    root = tmp_path_factory.mktemp("tagger")
    _table(root / "event.csv", [*_rows(60, 0), ["900'", "all quiet here", "harm", "not in the text"]])
    validation = make_tagger(_config(), root, root / "made")
    return root / "made", validation


@pytest.fixture(scope="module")
def tagger(trained: tuple[Path, dict]) -> Tagger:
    """The same, loaded."""
    return load_tagger(trained[0])


def test_cross_validation_finds_the_rule_and_says_what_it_is_worth(trained: tuple[Path, dict]) -> None:
    _, validation = trained
    answers = validation["answers"]
    assert answers["tagger"]["word_f1"] > 0.9
    assert answers["tagger_without_class"]["word_f1"] > 0.85
    assert answers["all_words"]["word_f1"] < answers["content_words"]["word_f1"] < 0.6
    low, high = answers["tagger"]["word_f1_interval"]
    assert low <= answers["tagger"]["word_f1"] <= high
    classes = answers["tagger"]["classes"]
    assert sum(c["n"] for c in classes.values()) == answers["tagger"]["n"] == 60
    assert validation["table"]["tweets_with_unmatched_snippets"] == ["900"]


def test_a_tweet_is_marked_the_same_alone_in_a_batch_and_in_a_shuffled_batch(tagger: Tagger) -> None:
    texts = [row[1].split() for row in _rows(40, 1)] + [["one"], ["http://t.co/x"], ["🌊", "🌊"], []]
    classes = [["affected", "rescue", None][i % 3] for i in range(len(texts))]
    together = tagger.mark(texts, classes)
    order = np.random.default_rng(0).permutation(len(texts))
    shuffled = tagger.mark([texts[i] for i in order], [classes[i] for i in order])
    for place, row in enumerate(order):
        alone = tagger.mark([texts[row]], [classes[row]])[0]
        assert alone.span == together[row].span == shuffled[place].span
        for other in (together[row], shuffled[place]):
            np.testing.assert_allclose(other.scores, alone.scores, atol=1e-5)


def test_the_recurrence_stays_inside_a_tweet() -> None:
    torch.manual_seed(0)
    head = Head(dim=4, classes=2, hidden=3, dropout=0.0).eval()
    first, second = torch.randn(5, 4), torch.randn(2, 4)
    alone = head(WordBatch.of([second], [1]))
    batch = head(WordBatch.of([first, second], [0, 1]))
    torch.testing.assert_close(batch[1, :2], alone[0])
    changed = head(WordBatch.of([first + 1, second], [0, 1]))
    torch.testing.assert_close(changed[1, :2], alone[0])
    assert not torch.allclose(changed[0], batch[0])


def test_the_class_is_told_apart_from_the_unknown_one() -> None:
    torch.manual_seed(0)
    head = Head(dim=4, classes=2, hidden=3, dropout=0.0).eval()
    states = torch.randn(3, 4)
    outputs = [head(WordBatch.of([states], [c])) for c in (0, 1, UNKNOWN_CLASS)]
    assert not any(torch.allclose(outputs[i], outputs[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_rebalanced_loss_counts_real_words_only() -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5, 7.0]])
    gold = torch.tensor([[True, False, False, True]])
    mask = torch.tensor([[True, True, True, False]])
    plain = F.binary_cross_entropy_with_logits(logits[0, :3], gold[0, :3].float(), reduction="none")
    expected = (3 * plain[0] + 1.5 * plain[1] + 1.5 * plain[2]) / 3
    torch.testing.assert_close(rebalanced(logits, gold, mask), expected)
    everything = torch.ones(1, 3, dtype=torch.bool)
    loss = rebalanced(logits[:, :3], everything, everything)
    torch.testing.assert_close(loss, F.softplus(-logits[0, :3]).mean())


def test_words_are_what_their_tokens_are_and_cut_off_words_are_not_marked(tagger: Tagger) -> None:
    encoder = WordEncoder("package:minilm", [0, 6], max_tokens=10)
    long = [f"word{i}" for i in range(200)]
    short, cut, empty, signs = encoder.states([["two", "words"], long, [], ["\ufe0f", "help"]])
    assert short.shape == (2, 768) and empty.shape == (0, 768)
    assert 0 < len(cut) < 10
    assert not signs[0].any() and signs[1].any()
    marked = tagger.mark([[*long, "two", "dead", "children"]], [None])[0]
    assert len(marked.scores) == len(marked.selected()) == 203
    assert not marked.scores[150:].any() and not marked.selected()[150:].any()


def test_what_cannot_be_read_as_words_stops() -> None:
    with pytest.raises(ConfigError, match="taggers read package encoders"):
        WordEncoder("tiny:bert", [0], 10)
    with pytest.raises(ConfigError, match="has the layers 0 to 6, not 7"):
        WordEncoder("package:minilm", [7], 10)


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    _table(tmp_path / "event.csv", _rows(12, 0))
    for name in ("once", "again"):
        make_tagger(_config(epochs=1, layers=[6]), tmp_path, tmp_path / name)
    for file in sorted((tmp_path / "once").iterdir()):
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes(), file.name


def test_a_folder_of_another_config_or_a_damaged_one_stops(
    trained: tuple[Path, dict], tmp_path: Path
) -> None:
    folder, _ = trained
    load_tagger(folder, _config(class_given=False))
    with pytest.raises(WeightsError, match="made with another 'hidden'"):
        load_tagger(folder, _config(hidden=8))
    with pytest.raises(WeightsError, match=r"model\.safetensors is missing; run `crisisweave rationales tr"):
        load_tagger(tmp_path)
    (tmp_path / "config.yaml").write_bytes((folder / "config.yaml").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(WeightsError, match="not the weights of a tagger"):
        load_tagger(tmp_path)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["1'", "a b", "harm", "c"]], "nothing to learn"),
        ([["1'", "a b", "harm", ""]], "nothing to learn"),
        ([["1'", "a b", "hram", "a"]], "unknown label 'hram'.* did you mean 'harm'"),
        ([["1'", "a b", "harm", "a"]], "holds 1 different tweets .* in 2 folds"),
    ],
)
def test_a_table_that_teaches_nothing_stops_and_leaves_nothing(
    tmp_path: Path, rows: list[list[str]], message: str
) -> None:
    _table(tmp_path / "event.csv", rows)
    with pytest.raises(CrisisWeaveError, match=message):
        make_tagger(_config(), tmp_path, tmp_path / "made")
    assert not (tmp_path / "made").exists()


def test_another_event_is_scored_and_skipped_rows_are_counted(tagger: Tagger, tmp_path: Path) -> None:
    rows = _rows(30, 2)
    rows[0][2] = "a new label"
    extra = [["91'", "no rationale", "harm", ""], ["92'", "not verbatim", "harm", "verbatim, not"]]
    result = score(tagger, _table(tmp_path / "gold.csv", rows + extra))
    assert (result["n"], result["rows"], result["unknown_class"]) == (30, 32, 1)
    assert result["skipped"] == {"empty": 1, "unmatched": 1}
    assert result["word_f1"] == result["answers"]["tagger"]["word_f1"] > 0.9
    assert set(result["classes"]) == {"affected", "rescue", "unknown: a new label"}
    with pytest.raises(CrisisWeaveError, match="nothing to score"):
        score(tagger, _table(tmp_path / "none.csv", extra))


def test_copies_of_a_tweet_share_a_group_and_a_fold() -> None:
    text = "The old bridge over the river fell down this morning"
    texts = [text, f"RT @a: {text} http://t.co/1", f"RT @b: {text[:40]}…", "help", "help us", "another tweet"]
    groups = copies(texts)
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups[[0, 3, 4, 5]].tolist())) == 4
    fold = folds_of(np.repeat(np.arange(20), 3), 5)
    assert (fold.reshape(20, 3) == fold.reshape(20, 3)[:, :1]).all()
    assert np.bincount(fold).tolist() == [12] * 5


def test_trivial_answers_and_intervals_are_what_they_say() -> None:
    answers = trivial_answers(["RT", "@user:", "Help", "(http://t.co/x)", "via", "#nepal", "@b", "now"])
    assert answers["all_words"].all()
    assert answers["content_words"].tolist() == [False, False, True, False, False, True, False, True]
    assert interval(np.full(9, 0.5), np.arange(9)) == [0.5, 0.5]
    assert interval(np.array([0.0, 1.0]), np.array([7, 7])) == [0.5, 0.5]
