"""The embedded demo: known answers about its files, its truth and its ceilings."""

from __future__ import annotations

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import ftfy
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from crisisweave.datasets import demo
from crisisweave.datasets.demo import ceilings, events, grammar, labels, plan, scenes
from crisisweave.datasets.demo.contact_sheet import contact_sheet
from crisisweave.datasets.demo.dice import Dice
from crisisweave.datasets.text import repair_mojibake, words
from crisisweave.errors import ConfigError

AGREED = "crisismmd_datasplit_agreed_label/task_{}_text_img_agreed_lab_{}.tsv"
ALL = "crisismmd_datasplit_all/task_{}_text_img_{}.tsv"
SPLITS = ("train", "dev", "test")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "small"
    demo.generate(folder, tweets=60)
    return folder


@pytest.fixture(scope="module")
def medium(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "medium"
    demo.generate(folder, seed=3, tweets=360)
    return folder


def _table(folder: Path, pattern: str, task: str, split: str) -> pd.DataFrame:
    path = folder / pattern.format(task, split)
    return pd.read_csv(path, sep="\t", quoting=csv.QUOTE_NONE, dtype=str, keep_default_na=False)


def _every(folder: Path, pattern: str, task: str) -> pd.DataFrame:
    return pd.concat([_table(folder, pattern, task, split) for split in SPLITS], ignore_index=True)


def _truth(folder: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "truth" / name).read_text(encoding="utf-8").splitlines()]


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


# -- files ---------------------------------------------------------------------------------------------------


def test_same_seed_same_bytes(small: Path, tmp_path: Path) -> None:
    demo.generate(tmp_path / "again", tweets=60)
    demo.generate(tmp_path / "other", seed=1, tweets=60)
    assert _hashes(tmp_path / "again") == _hashes(small)
    assert _hashes(tmp_path / "other") != _hashes(small)


def test_manifest_names_every_other_file(small: Path) -> None:
    manifest = json.loads((small / "manifest.json").read_text(encoding="utf-8"))
    actual = _hashes(small)
    del actual["manifest.json"]
    assert manifest["sha256"] == actual


def test_columns_and_labels_of_both_layouts(medium: Path) -> None:
    full = ["event_name", "tweet_id", "image_id", "tweet_text", "image", "label"]
    modalities = ["label_text", "label_image", "label_text_image"]
    for split in SPLITS:
        for task in ("informative", "humanitarian"):
            agreed, every = _table(medium, AGREED, task, split), _table(medium, ALL, task, split)
            assert list(agreed.columns) == list(every.columns) == full + modalities
            assert (agreed.label_text == agreed.label_image).all()
            assert set(agreed.label_text_image) == {"Positive"}
        assert list(_table(medium, ALL, "damage", split).columns) == full
    humanitarian = _every(medium, AGREED, "humanitarian")
    assert set(humanitarian.label) == set(labels.RAW_CLASSES)
    assert set(humanitarian.label_text) == set(labels.CLASSES)
    assert (humanitarian.label.map(labels.merged) == humanitarian.label_text).all()
    assert set(_every(medium, ALL, "humanitarian").label_image) == set(labels.RAW_CLASSES)
    assert set(_every(medium, ALL, "damage").label) == set(labels.SEVERITIES)


def test_agreed_rows_are_exactly_the_concordant_rows(medium: Path) -> None:
    every = _every(medium, ALL, "humanitarian")
    same = every.label_text.map(labels.merged) == every.label_image.map(labels.merged)
    assert set(every.image_id[same]) == set(_every(medium, AGREED, "humanitarian").image_id)
    for split in SPLITS:
        informative = _table(medium, ALL, "informative", split)
        same = informative.label_text == informative.label_image
        assert set(informative.image_id[same]) == set(_table(medium, AGREED, "informative", split).image_id)


def test_each_small_train_split_holds_every_class_outside_the_held_out_events(small: Path) -> None:
    train = _table(small, AGREED, "humanitarian", "train")
    seen = train[~train.event_name.isin(events.HELD_OUT)]
    assert set(seen.label) == set(labels.RAW_CLASSES)


def test_images_lie_where_the_tables_say_and_ids_are_unique(small: Path) -> None:
    every = _every(small, ALL, "humanitarian")
    assert every.image_id.is_unique
    for row in every.itertuples():
        assert row.image.startswith(f"data_image/{row.event_name}/")
        assert row.image.endswith(f"/{row.image_id}.jpg")
        assert row.image_id.rsplit("_", 1)[0] == row.tweet_id
        with Image.open(small / row.image) as image:
            assert min(image.size) == 256
            assert image.mode == "RGB"


def test_held_out_events_are_two_and_appear(medium: Path) -> None:
    assert len(events.HELD_OUT) == 2
    assert set(events.HELD_OUT) < set(_every(medium, ALL, "informative").event_name)


def test_too_few_tweets_are_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="48 tweets or more"):
        demo.generate(tmp_path / "demo", tweets=10)
    assert not (tmp_path / "demo").exists()


# -- proportions ---------------------------------------------------------------------------------------------


def test_discordance_is_near_that_of_crisismmd() -> None:
    pairs = [(p.label, image.label) for p in plan.make(0, 2000) for image in p.images]
    informative = np.mean([labels.informative(t) != labels.informative(i) for t, i in pairs])
    humanitarian = np.mean([labels.merged(t) != labels.merged(i) for t, i in pairs])
    assert 0.26 < informative < 0.33
    assert 0.52 < humanitarian < 0.59
    assert 2400 <= len(pairs) <= 2700


def test_class_shares_of_concordant_rows() -> None:
    joint = dict.fromkeys(labels.CLASSES, 0.0)
    for t, text in enumerate(labels.RAW_CLASSES):
        for i, image in enumerate(labels.RAW_CLASSES):
            if labels.merged(text) == labels.merged(image):
                joint[labels.merged(text)] += float(labels.JOINT[t, i])
    total = sum(joint.values())
    shares = {name: round(value / total, 2) for name, value in joint.items()}
    assert shares == {
        labels.AFFECTED: 0.03,
        labels.INFRASTRUCTURE: 0.10,
        labels.NOT_HUMANITARIAN: 0.51,
        labels.OTHER: 0.21,
        labels.RESCUE: 0.15,
    }


def test_planned_shares_of_ambiguity_follow_the_probabilities() -> None:
    plans = plan.make(0, 2000)
    for modality in ("text", "image"):
        if modality == "text":
            drawn = [(p.label, p.kind) for p in plans]
        else:
            drawn = [(image.label, image.kind) for p in plans for image in p.images]
        for name in (labels.NOT_HUMANITARIAN, labels.OTHER, labels.RESCUE):
            of = [kind for label, kind in drawn if label == name]
            for kind, share in labels.kinds_of(modality, name).items():
                assert of.count(kind) / len(of) == pytest.approx(share, abs=0.01)


def test_retweets_and_copies_cross_splits() -> None:
    plans = plan.make(0, 2000)
    retweets = [p for p in plans if p.retweet_of is not None]
    assert 0.04 <= len(retweets) / len(plans) <= 0.06
    assert any(p.splits["all"] != plans[p.retweet_of or 0].splits["all"] for p in retweets)
    owner = {image.image_id: p for p in plans for image in p.images}
    copies = [(p, image) for p in plans for image in p.images if image.copy_of]
    assert 0.05 <= len(copies) / len(owner) <= 0.08
    assert any(p.splits["all"] != owner[image.copy_of or ""].splits["all"] for p, image in copies)
    assert any(p.event != owner[image.copy_of or ""].event for p, image in copies)
    multiple = [p for p in plans if len(p.images) > 1]
    assert multiple and all(set(p.splits.values()) == {"train"} for p in multiple)


def test_copies_look_alike_and_some_are_exact(medium: Path) -> None:
    truth = {line["image_id"]: line for line in _truth(medium, "images.jsonl")}
    copies = [line for line in truth.values() if line["copy_of"]]
    exact = 0
    for line in copies:
        original = truth[line["copy_of"]]
        assert line["scene"] == original["scene"]
        pixels = []
        for path in (line["image_path"], original["image_path"]):
            with Image.open(medium / path) as image:
                pixels.append(np.asarray(image.resize((16, 16)), dtype=float))
        assert np.abs(pixels[0] - pixels[1]).mean() < 25
        exact += (medium / line["image_path"]).read_bytes() == (medium / original["image_path"]).read_bytes()
    assert 0 < exact < len(copies)


# -- texts ---------------------------------------------------------------------------------------------------


def test_mojibake_is_frequent_and_undone_exactly(medium: Path) -> None:
    rows = _every(medium, ALL, "humanitarian").drop_duplicates("tweet_id").set_index("tweet_id")
    truth = {line["tweet_id"]: line["text"] for line in _truth(medium, "tweets.jsonl")}
    spoilt = [tweet for tweet, text in rows.tweet_text.items() if text != truth[tweet]]
    assert 0.06 <= len(spoilt) / len(rows) <= 0.09
    for tweet, text in rows.tweet_text.items():
        assert repair_mojibake(text) == truth[tweet]
        # ftfy's full repair also straightens curly apostrophes; everything else is the same.
        assert ftfy.fix_text(text) == truth[tweet].replace("’", "'")


def test_every_special_character_survives_mojibake() -> None:
    for character in (*grammar.EMOJI, "’", "…", "–", "Ø", "å"):
        assert repair_mojibake(grammar.mojibake(f"so much {character} today{character}")) == (
            f"so much {character} today{character}"
        )


def test_rationale_spans_point_at_the_words_that_say_it() -> None:
    event = events.EVENTS[0]
    expected = {
        labels.MISSING: ("missing", "found", "seen", "unaccounted", "looking"),
        labels.VEHICLE: ("car", "van", "bus", "truck", "pickup", "taxi"),
    }
    for label, any_of in expected.items():
        for n in range(40):
            tweet = grammar.tweet(label, labels.CLEAR, event, Dice(5, n))
            parts = words(tweet.text)
            marked = " ".join(" ".join(parts[a:b]) for a, b in tweet.rationale).lower()
            close = any(word in marked for word in any_of)
            assert close or any(len(w) > 4 for w in marked.split()), tweet  # a typo may hide the word
            assert "http" not in marked and "#" not in marked and "@" not in marked


def test_spans_are_within_the_text_and_absent_only_in_ambiguous_tweets(medium: Path) -> None:
    for line in _truth(medium, "tweets.jsonl"):
        n = len(words(line["text"]))
        assert bool(line["rationale"]) == (line["ambiguous"] is None)
        assert all(0 <= start < end <= n for start, end in line["rationale"])
        assert sum(line["posterior"].values()) == pytest.approx(1, abs=1e-3)


def test_nested_and_repeated_marks() -> None:
    assert grammar._spans("a [b c] d [e]") == (["a", "b", "c", "d", "e"], [(1, 3), (4, 5)])


def test_hundreds_of_wordings_per_frequent_class() -> None:
    event = events.EVENTS[2]
    for label in (labels.INFRASTRUCTURE, labels.RESCUE, labels.OTHER, labels.NOT_HUMANITARIAN):
        texts = [grammar.tweet(label, labels.CLEAR, event, Dice(1, n)).text for n in range(600)]
        bare = {
            " ".join(w for w in words(text) if w[0] not in "#@" and "http" not in w).lower() for text in texts
        }
        assert len(bare) > 400


def test_crisis_words_occur_in_figurative_use() -> None:
    event = events.EVENTS[0]
    texts = " ".join(
        grammar.tweet(labels.NOT_HUMANITARIAN, labels.CLEAR, event, Dice(2, n)).text.lower()
        for n in range(400)
    )
    for word in ("flood", "help", "damage", "fire", "water", "rescued", "collapsed"):
        assert word in texts


def test_some_fields_begin_with_an_unescaped_quote(medium: Path) -> None:
    assert _every(medium, ALL, "informative").tweet_text.str.startswith('"').any()


# -- pictures ------------------------------------------------------------------------------------------------


def test_boxes_are_in_bounds_and_the_label_is_shown(medium: Path) -> None:
    lines = _truth(medium, "images.jsonl")
    assert [line["image_path"] for line in lines] == sorted(line["image_path"] for line in lines)
    for line in lines:
        with Image.open(medium / line["image_path"]) as image:
            width, height = image.size
        for thing in line["objects"]:
            x0, y0, x1, y1 = thing["box"]
            assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
        carrying = [thing for thing in line["objects"] if thing["carries_label"]]
        if line["ambiguous"]:
            assert not carrying
        elif line["label_image"] != labels.NOT_HUMANITARIAN:
            assert carrying
            share = sum((t["box"][2] - t["box"][0]) * (t["box"][3] - t["box"][1]) for t in carrying)
            assert share / (width * height) > (0.01 if line["severity"] == labels.SEVERITIES[0] else 0.025)


@pytest.mark.parametrize("name", [s.name for of in scenes.SCENES.values() for s in of])
def test_every_scene_in_every_fitting_event_and_severity(name: str) -> None:
    scene = next(s for of in scenes.SCENES.values() for s in of if s.name == name)
    for event in events.EVENTS:
        for severity in scene.severities or (None,):
            picture = scenes.draw_scene(scene, severity, event, Dice(9, 1))
            assert 3 <= len(set(picture.captions)) <= 5
            assert picture.objects


def test_every_event_and_severity_has_a_scene_for_every_label() -> None:
    for event in events.EVENTS:
        for label, of in scenes.SCENES.items():
            damage = label in (labels.INFRASTRUCTURE, labels.VEHICLE)
            for severity in labels.SEVERITIES if damage else (None,):
                fitting = [s for s in of if not s.hazards or event.hazard in s.hazards]
                assert any(severity is None or severity in s.severities for s in fitting), (event.name, label)


def test_same_object_with_and_without_the_label(medium: Path) -> None:
    carries: dict[str, set[bool]] = {}
    for line in _truth(medium, "images.jsonl"):
        for thing in line["objects"]:
            carries.setdefault(thing["name"], set()).add(thing["carries_label"])
    for name in ("house", "car", "people"):
        assert carries[name] == {True, False}


def test_caption_vocabulary_is_compact(medium: Path) -> None:
    vocabulary = {w for line in _truth(medium, "images.jsonl") for c in line["captions"] for w in c.split()}
    assert 150 < len(vocabulary) < 400
    assert all(w.isalpha() and w.islower() for w in vocabulary)


def test_contact_sheet_is_small_and_repeatable(medium: Path, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        contact_sheet(medium, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.png").stat().st_size < 200_000


# -- ceilings ------------------------------------------------------------------------------------------------


def test_both_modalities_know_more_than_either() -> None:
    for task in ceilings.TASKS:
        scores = {given: ceilings.population(task, given) for given in ceilings.INPUTS}
        for measure in ("accuracy", "f1_macro"):
            assert scores["text"][measure] < scores["both"][measure]
            assert scores["image"][measure] < scores["both"][measure]
    humanitarian = {
        given: ceilings.population("humanitarian", given)["accuracy"] for given in ceilings.INPUTS
    }
    assert 0.84 <= humanitarian["text"] <= 0.88
    assert 0.84 <= humanitarian["image"] <= 0.88
    assert humanitarian["both"] >= 0.95


def test_ceiling_agrees_with_a_simulation() -> None:
    """Draw agreed rows from the probabilities and score the Bayes classifier on them."""
    rng = np.random.default_rng(4)
    cells = rng.choice(64, size=60_000, p=labels.JOINT.ravel())
    rows = []
    for cell in cells:
        text, image = labels.RAW_CLASSES[cell // 8], labels.RAW_CLASSES[cell % 8]
        if labels.merged(text) == labels.merged(image):
            kinds = []
            for modality, label in (("text", text), ("image", image)):
                shares = labels.kinds_of(modality, label)  # type: ignore[arg-type]
                kinds.append(
                    list(shares)[int(np.searchsorted(np.cumsum(list(shares.values())), rng.random()))]
                )
            rows.append(ceilings.Row(text, kinds[0], image, kinds[1]))
    for given in ceilings.INPUTS:
        long_run = ceilings.population("humanitarian", given)
        simulated = ceilings.on_rows("humanitarian", given, rows)
        assert simulated["accuracy"] == pytest.approx(long_run["accuracy"], abs=0.008)
        assert simulated["expected_accuracy"] == pytest.approx(long_run["accuracy"], abs=0.008)
        assert simulated["f1_macro"] == pytest.approx(long_run["f1_macro"], abs=0.02)


def test_clear_content_settles_the_class() -> None:
    chances = ceilings.posterior("humanitarian", "text")
    assert chances[(labels.VEHICLE,)][labels.INFRASTRUCTURE] == 1.0
    # By hand: weights prior x P(people | class) over the agreed rows.
    prior = dict.fromkeys(labels.CLASSES, 0.0)
    for t, text in enumerate(labels.RAW_CLASSES):
        for i, image in enumerate(labels.RAW_CLASSES):
            if labels.merged(text) == labels.merged(image):
                prior[labels.merged(text)] += float(labels.JOINT[t, i])
    given = labels.AMBIGUOUS["text"]["people"]
    weights = {name: prior[name] * given.get(name, 0.0) for name in labels.CLASSES}
    expected = weights[labels.RESCUE] / sum(weights.values())
    assert chances[("? people",)][labels.RESCUE] == pytest.approx(expected)


def test_ceilings_file_reports_every_split(medium: Path) -> None:
    report = json.loads((medium / "truth/ceilings.json").read_text(encoding="utf-8"))
    for task in ("humanitarian", "informative"):
        rows = {split: _table(medium, AGREED, task, split) for split in SPLITS}
        for given in ceilings.INPUTS:
            splits = report[task][given]["splits"]
            for split, table in rows.items():
                assert splits[split]["n"] == (~table.event_name.isin(events.HELD_OUT)).sum()
            assert splits["heldout"]["n"] == sum(
                t.event_name.isin(events.HELD_OUT).sum() for t in rows.values()
            )
