"""Training and captioning on made-up scenes whose features say exactly what the captions say."""

import json

import numpy as np
import pandas as pd
import pytest
import torch

from crisisweave.captioning.caption import caption
from crisisweave.captioning.inputs import read_images, read_references, read_splits
from crisisweave.captioning.similarity import DualEncoderScorer, similarities
from crisisweave.captioning.tokenizer import learn_tokenizer
from crisisweave.captioning.train import train_captioner
from crisisweave.errors import ConfigError, DataError, WeightsError
from crisisweave.files import read_json

COLOURS, OBJECTS, PLACES = (
    ("red", "blue", "green"),
    ("house", "car", "boat", "tent"),
    ("road", "field", "river"),
)
SPLITS = ["train"] * 300 + ["dev"] * 40 + ["test"] * 60


class World:
    """Files of a made-up data set: 400 images, each with a colour, an object and a place."""

    def __init__(self, folder, cells: int):
        rng = np.random.default_rng(0)
        rows = [[rng.integers(3), rng.integers(4), rng.integers(3)] for _ in SPLITS]
        features = np.zeros((len(rows), 3, 12), dtype=np.float32)
        truth = []
        self.facts = {}
        for i, (c, o, p) in enumerate(rows):
            features[i, 0, c] = features[i, 1, 3 + o] = features[i, 2, 7 + p] = 1
            self.facts[f"image{i:03d}"] = (COLOURS[c], OBJECTS[o], PLACES[p])
            colour, thing, place = self.facts[f"image{i:03d}"]
            captions = [f"a {colour} {thing} near a {place}", f"beside a {place} is a {colour} {thing}"]
            truth.append({"image_id": f"image{i:03d}", "captions": captions})
        features += rng.normal(scale=0.05, size=features.shape).astype(np.float32)
        self.folder = folder
        np.save(folder / "features.npy", features if cells > 1 else features.sum(1))
        pd.DataFrame({"instance_id": list(self.facts)}).to_parquet(folder / "index.parquet")
        (folder / "images.jsonl").write_text("".join(json.dumps(line) + "\n" for line in truth))
        self.splits = dict(zip(self.facts, SPLITS, strict=True))
        self.inputs = {"features": folder / "features.npy", "index": folder / "index.parquet"}
        self.truth = folder / "images.jsonl"

    def train(self, config, out="captioner"):
        train_captioner(
            config, **self.inputs, truth=self.truth, splits=self.splits, seed=1, out=self.folder / out
        )
        return self.folder / out

    def caption(self, config, captioner, out="captions"):
        summary = caption(
            config,
            captioner=captioner,
            **self.inputs,
            out=self.folder / out,
            truth=self.truth,
            splits=self.splits,
        )
        return pd.read_parquet(self.folder / out / "captions.parquet"), summary


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("pooled"), cells=1)


@pytest.fixture(scope="module")
def trained(world, small_config):
    """The world's captioner, trained once for all tests."""
    return world.train(small_config())


def share_right(table, facts, split, splits):
    """Share of the chosen captions of a split that say colour, object and place, and no other of them."""
    chosen = table[table["chosen"] & (table["instance_id"].map(splits) == split)]
    vocabulary = {*COLOURS, *OBJECTS, *PLACES}
    right = [
        vocabulary & set(text.split()) == set(facts[instance_id])
        for instance_id, text in zip(chosen["instance_id"], chosen["caption"], strict=True)
    ]
    return sum(right) / len(right)


def test_captions_of_unseen_images_say_what_is_there(world, trained, small_config):
    table, summary = world.caption(small_config(), trained)
    assert share_right(table, world.facts, "test", world.splits) > 0.95
    scores = summary["metrics"]["test"]
    assert scores["chosen"]["n"] == 60
    assert scores["chosen"]["bleu"] > 90 > 70 > scores["shuffled"]["bleu"]
    assert set(summary["metrics"]) == {"dev", "test"}
    assert summary == read_json(world.folder / "captions" / "captions.json")


def test_the_table_keeps_its_contract(world, trained, small_config):
    table, _ = world.caption(small_config(), trained)
    assert list(table) == ["instance_id", "captioner", "rank", "caption", "score", "chosen"]
    assert table["instance_id"].drop_duplicates().tolist() == list(world.facts)
    for _, own in table.groupby("instance_id"):
        assert own["rank"].tolist() == [0, 1, 2, 3, 4]
        assert own["caption"].nunique() == 5
        assert own["chosen"].sum() == 1
        assert own.loc[own["chosen"], "score"].item() == own["score"].max()


def test_the_grid_and_the_transformer_mapper_learn_it_too(tmp_path, small_config):
    world = World(tmp_path, cells=3)
    # Three cells are no square grid; the step's own check is met by repeating them to nine.
    features = np.load(tmp_path / "features.npy")
    np.save(tmp_path / "features.npy", np.tile(features, (1, 3, 1)))
    longer = {"epochs": 25, "patience": 25}
    config = small_config(image={"grid": 3}, mapper={"kind": "transformer"}, training=longer)
    table, _ = world.caption(config, world.train(config))
    assert share_right(table, world.facts, "test", world.splits) > 0.95


def test_the_same_seed_gives_the_same_bytes(world, trained, small_config):
    again = world.train(small_config(), out="again")
    for name in ("model.safetensors", "tokenizer.json", "config.yaml", "history.csv"):
        assert (again / name).read_bytes() == (trained / name).read_bytes()
    world.caption(small_config(), trained, out="first")
    world.caption(small_config(), again, out="second")
    for name in ("captions.parquet", "captions.json"):
        assert (world.folder / "first" / name).read_bytes() == (world.folder / "second" / name).read_bytes()


def test_the_record_says_what_it_was_made_from(trained):
    record = read_json(trained / "run.json")
    assert record["seed"] == 1
    assert record["rows"] == {"train": 300, "dev": 40}
    history = pd.read_csv(trained / "history.csv")
    own = history[history["part"] == "captioner"].set_index("epoch")["dev_loss"]
    assert record["best_epoch"]["captioner"] == own.idxmin()
    assert record["dev_metric"]["captioner_loss"] == own.min()


def test_test_images_are_never_trained_on(tmp_path, small_config):
    """Captions of test images may change at will: the weights stay."""
    world = World(tmp_path, cells=1)
    config = small_config(training={"epochs": 1}, scorer={"epochs": 1})
    before = (world.train(config) / "model.safetensors").read_bytes()
    lines = [json.loads(line) for line in world.truth.read_text().splitlines()]
    for line in lines[340:]:
        line["captions"] = ["something else entirely"]
    world.truth.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert (world.train(config) / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("method", ["nucleus", "greedy"])
def test_other_decoding_needs_no_new_training(world, trained, small_config, method):
    candidates = 1 if method == "greedy" else 5
    config = small_config(decoding={"method": method, "candidates": candidates})
    table, summary = world.caption(config, trained, out=method)
    assert len(table) == 400 * candidates
    assert summary["metrics"]["test"]["chosen"]["bleu"] > 60


def test_the_scorer_ranks_the_true_caption_above_false_ones(world, trained, small_config):
    from crisisweave.captioning.folder import load_captioner_folder

    captioner = load_captioner_folder(trained, small_config(), torch.device("cpu"))
    images = read_images(**world.inputs)
    rows = range(340, 400)
    facts = [world.facts[images.instance_ids[row]] for row in rows]
    candidates = [
        [f"a {c} {o} near a {p}", f"a {c} {OBJECTS[OBJECTS.index(o) - 1]} near a {p}", f"a {c} {o} near a "]
        for c, o, p in facts
    ]
    scores = similarities(captioner.scorer, images.features[340:], candidates)
    assert sum(own[0] > own[1] for own in scores) >= 57


def test_info_nce_by_hand(small_config):
    """Two images with one caption each and a fixed scale: −log of the diagonal's softmax, both ways."""
    torch.manual_seed(0)
    tokenizer = learn_tokenizer(["a house", "a car"], 300)
    scorer = DualEncoderScorer(small_config(), 1, 4, tokenizer).eval()
    features = torch.randn(3, 1, 4)
    with torch.no_grad():
        scorer.log_scale.fill_(0.0)
        images, texts = scorer.embed_images(features), scorer.embed_texts(["a house", "a car", "a house"])
        cosines = (images @ texts.T).tolist()
        found = scorer.loss(features, ["a house", "a car", "a house"]).item()
    others = {0: [1], 1: [0, 2], 2: [1]}  # images 0 and 2 share a caption: no negatives of each other

    def direction(score):
        return sum(
            -score(i, i) + np.log(np.exp(score(i, i)) + sum(np.exp(score(i, j)) for j in others[i]))
            for i in range(3)
        )

    expected = (direction(lambda i, j: cosines[i][j]) + direction(lambda i, j: cosines[j][i])) / 6
    assert found == pytest.approx(expected, abs=1e-5)


def test_splits_of_several_tasks_take_the_one_furthest_from_training(tmp_path):
    for name, splits in (("a", ["train", "train", "dev"]), ("b", ["test", "train", "train"])):
        table = pd.DataFrame({"instance_id": ["x", "y", "z"], "split": pd.Categorical(splits)})
        table.to_parquet(tmp_path / f"{name}.parquet")
    found = read_splits([tmp_path / "a.parquet", tmp_path / "b.parquet"])
    assert found == {"x": "test", "y": "train", "z": "dev"}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("not json", "line 2: expected JSON with image_id and captions"),
        ('{"image_id": "b"}', "line 2: expected JSON"),
        ('{"image_id": "b", "captions": []}', "line 2: captions must be a list of texts"),
        ('{"image_id": "b", "captions": ["' + "x" * 2000 + '"]}', "line 2: captions must be a list of texts"),
        ('{"image_id": "a", "captions": ["x"]}', "line 2: image a is listed twice"),
    ],
)
def test_bad_reference_captions_stop(tmp_path, line, sentence):
    path = tmp_path / "images.jsonl"
    path.write_text('{"image_id": "a", "captions": ["x"]}\n' + line + "\n")
    with pytest.raises(DataError, match=sentence):
        read_references(path)


def test_features_of_other_images_stop(world, tmp_path):
    np.save(tmp_path / "features.npy", np.zeros((3, 12), dtype=np.float32))
    with pytest.raises(DataError, match=r"holds 3 images, .* lists 400"):
        read_images(tmp_path / "features.npy", world.inputs["index"])
    bad = np.zeros((400, 12), dtype=np.float32)
    bad[7, 3] = np.nan
    np.save(tmp_path / "features.npy", bad)
    with pytest.raises(DataError, match="image image007 are not finite"):
        read_images(tmp_path / "features.npy", world.inputs["index"])


def test_features_of_another_encoder_stop(world, trained, small_config, tmp_path):
    np.save(tmp_path / "features.npy", np.zeros((400, 20), dtype=np.float32))
    with pytest.raises(WeightsError, match=r"reads 1 × 12 features per image, .* holds 1 × 20"):
        caption(
            small_config(),
            captioner=trained,
            features=tmp_path / "features.npy",
            index=world.inputs["index"],
            out=tmp_path / "captions",
        )
    assert not (tmp_path / "captions").exists()


def test_training_without_dev_images_stops(tmp_path, small_config):
    world = World(tmp_path, cells=1)
    world.splits = dict.fromkeys(world.splits, "train")
    with pytest.raises(DataError, match="no image of split 'dev' has captions"):
        world.train(small_config())
    assert not (tmp_path / "captioner").exists()


def test_training_a_published_captioner_is_refused(world, published_config):
    with pytest.raises(ConfigError, match="is published, not trained"):
        world.train(published_config())
