"""Tweets and images at the edge of what is possible, through the whole rationale method."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from joint_toy import SCORER, SIDE, JointToy, method
from PIL import Image

from crisisweave.config.method import MethodConfig
from crisisweave.encoders.joint import JointEncoder
from crisisweave.encoders.joint_folder import load_joint_encoder
from crisisweave.encoders.provider import PRETRAINED
from crisisweave.explaining.evaluate import evaluate_rationales
from crisisweave.explaining.explain import explain
from crisisweave.explaining.known import Known
from crisisweave.files import read_json
from crisisweave.methods.rationale import Rationale, RationaleClassifier
from crisisweave.methods.registry import build_model
from crisisweave.study.make import make_study
from crisisweave.training.examples import Examples
from toy import CLASSES, TINY_TEXT, joint_config, write_prepared

MAX_TOKENS = joint_config().max_tokens
TEXTS = {
    "one word": "help",
    "a URL": "https://t.co/abcdef",
    "200 words": " ".join(f"water{i} rises" for i in range(100)),
    "emoji": "🔥🌊😭",
    "nothing visible": "\u200b\ufe0f \u200d",
    "punctuation": "!!! ... ---",
    "other scripts": "زلزال كبير 地震が発生 Überschwemmung",
    "one endless word": "a" * 5000,
    "a mention": "@someone",
    "stars": "* * *",
    "special tokens": "[SEP] [CLS] help [MASK] [PAD]",
    "markup": "</script><img src=x onerror=alert(1)>",
    "control characters": "a\x01b c\x7fd \u202eright to left",
    "no words": " ",
    "repeated": "help help help help",
    "ordinary": "water everywhere in town",
}
SHAPES = [(1, 1), (2, 500), (500, 2), (5, 5), (3000, 10), (7, 9), (33, 31)]
"""(width, height) of the first images, all the others being 40 × 32."""


class Hostile(JointToy):
    """The toy data set with hostile test rows."""

    def __init__(self, root: Path):
        super().__init__(root)
        texts = iter(TEXTS.values())
        self.rows = [replace(row, text=next(texts)) if row.split == "test" else row for row in self.rows]
        write_prepared(self.rows, self.sources.prepared)

    @staticmethod
    def _image(path: Path, label: str) -> None:
        number = path.stem.removeprefix("test").removesuffix("_0")
        if number.isdigit() and int(number) < len(SHAPES):
            Image.new("RGB", SHAPES[int(number)], (10, 120, 200)).save(path)
        else:
            JointToy._image(path, label)

    def tested(self) -> pd.DataFrame:
        """The hostile rows."""
        frame = self.frame()
        return frame[frame["split"] == "test"].reset_index(drop=True)


def rationale_method(**changes: Any) -> MethodConfig:
    rationales = {"labels": "truth", "hidden": 8, "scorer": "scorer", **changes}
    if changes.get("patches") == "none":
        return method("rationale", inputs=["text"], joint=None, text=TINY_TEXT, rationales=rationales)
    return method("rationale", rationales=rationales)


ONE_MODEL = rationale_method(second="joint")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Hostile:
    """The data, with a run and its scorer; the run is explained."""
    with pytest.MonkeyPatch.context() as patch:
        root = tmp_path_factory.mktemp("hostile")
        patch.chdir(root)
        hostile = Hostile(root)
        hostile.joint_run(SCORER)
        folder = hostile.joint_run(ONE_MODEL)
        explain(folder, hostile.tested(), hostile.sources, folder)
        return hostile


@pytest.fixture
def hostile(made: Hostile, monkeypatch: pytest.MonkeyPatch) -> Hostile:
    """The same, in whose folder a step runs."""
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture(scope="module")
def encoder(made: Hostile) -> JointEncoder:
    """The joint encoder, read once for all networks."""
    return load_joint_encoder("toy", made.root / "data/joint/toy")


def network(config: MethodConfig, encoder: JointEncoder) -> RationaleClassifier:
    """A network whose word head tells words apart although nobody trained it."""
    torch.manual_seed(2)
    model = build_model(config, len(CLASSES), PRETRAINED._replace(joint=lambda _: copy.deepcopy(encoder)))
    assert isinstance(model, RationaleClassifier)
    for parameter in model.word_head.parameters():
        torch.nn.init.normal_(parameter, std=0.7)
    return model.eval()


VARIANTS = [
    {},
    {"second": "joint", "select": "top"},
    {"patches": "rationale_transport"},
    {"patches": "saliency", "select": "top", "alpha": 0.0},
    {"patches": "none"},
    {"patches": "none", "second": "joint", "alpha": 0.0},
    {"threshold": 0.999},
    {"threshold": 0.001},
]


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda v: ",".join(f"{k}={x}" for k, x in v.items()) or "-")
def test_every_input_gets_finite_scores_and_a_sound_rationale(
    hostile: Hostile, encoder: JointEncoder, variant: dict[str, Any]
) -> None:
    config = rationale_method(**variant)
    model = network(config, encoder)
    frame = hostile.tested()
    examples = Examples(frame, model, config, hostile.sources)
    batch = examples.batch(np.arange(len(frame)))
    with torch.no_grad():
        scores, full = model(batch), model.full(batch)
    x = model.joint_input(batch)
    found = model.rationale(x)
    words = x.tokens.words
    assert scores.shape == full.shape == (len(frame), len(CLASSES))
    for values in (scores, full, found.token_scores):
        assert torch.isfinite(values).all()
    if config.joint is None:
        assert found.patch_scores is None
        assert found.patches_selected is None
    else:
        assert torch.isfinite(found.patch_scores).all()
    assert ((found.token_scores >= 0) & (found.token_scores <= 1)).all()
    assert not found.token_scores[words < 0].any()
    assert not found.tokens_selected[words < 0].any()
    for i, name in enumerate(TEXTS):
        read = set(words[i][words[i] >= 0].tolist())
        chosen = set(words[i][found.tokens_selected[i]].tolist())
        assert bool(chosen) == bool(read), name
        unchosen = words[i][(words[i] >= 0) & ~found.tokens_selected[i]].tolist()
        assert not chosen & set(unchosen), f"{name}: a word is chosen as a whole or not at all"
        if not read and variant.get("patches") not in ("saliency", "none"):
            assert not found.patches_selected[i].any(), f"{name}: nothing to carry over"
        if variant.get("threshold") == 0.001:
            assert chosen == read, name
    assert int(words.max()) <= MAX_TOKENS


@pytest.mark.parametrize("variant", VARIANTS[:5], ids=lambda v: str(v.get("patches", v.get("second", "-"))))
def test_a_tweet_alone_in_a_batch_and_in_another_order_is_read_alike(
    hostile: Hostile, encoder: JointEncoder, variant: dict[str, Any]
) -> None:
    config = rationale_method(**variant)
    model = network(config, encoder)
    frame = hostile.tested()
    examples = Examples(frame, model, config, hostile.sources)

    def of(rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor, Rationale]:
        batch = examples.batch(rows)
        x = model.joint_input(batch)
        with torch.no_grad():
            return x.tokens.mask, model(batch), model.rationale(x)

    order = np.random.default_rng(0).permutation(len(frame))
    mask, scores, together = of(np.arange(len(frame)))
    _, shuffled_scores, shuffled = of(order)
    assert torch.allclose(scores[order], shuffled_scores, atol=1e-5)
    assert torch.equal(together.tokens_selected[order], shuffled.tokens_selected)
    if config.joint is not None:
        assert torch.equal(together.patches_selected[order], shuffled.patches_selected)
    for i, name in enumerate(TEXTS):
        _, alone_scores, alone = of(np.array([i]))
        length = int(mask[i].sum())
        assert torch.allclose(alone_scores[0], scores[i], atol=1e-5), name
        assert torch.equal(alone.tokens_selected[0], together.tokens_selected[i, :length]), name
        if config.joint is not None:
            assert torch.allclose(alone.patch_scores[0], together.patch_scores[i], atol=1e-5), name
            assert torch.equal(alone.patches_selected[0], together.patches_selected[i]), name


def test_explain_writes_a_row_for_every_extractor_and_a_study_can_be_made_of_them(hostile: Hostile) -> None:
    folder, frame = hostile.folder_of(ONE_MODEL), hostile.tested()
    table = pd.read_parquet(folder / "rationales.parquet")
    own = table[table["extractor"] == "method"].set_index("instance_id")
    assert set(own.index) == set(frame["instance_id"])
    for text, name in zip(TEXTS.values(), frame["instance_id"], strict=True):
        words = text.split()
        assert list(own.loc[name, "words"]) == words
        assert len(own.loc[name, "word_scores"]) == len(own.loc[name, "word_selected"]) == len(words)
        cut_off = slice(MAX_TOKENS, None)
        assert not own.loc[name, "word_scores"][cut_off].any()
        assert not own.loc[name, "word_selected"][cut_off].any()
    seen: dict[str, set[str]] = {"word": set(), "patch": set()}
    for row in table[table["extractor"] != "method"].itertuples():
        for part, other in (("word", "patch"), ("patch", "word")):
            selected = getattr(row, f"{part}_selected")
            if selected is None:
                continue
            seen[part].add(row.extractor)
            scores = getattr(row, f"{part}_scores")
            assert np.isfinite(scores).all(), (row.extractor, row.instance_id)
            assert getattr(row, f"{other}_selected") is None
            assert selected.sum() == own.loc[row.instance_id, f"{part}_selected"].sum(), row.extractor
            if part == "patch":
                assert len(selected) == len(scores) == SIDE**2
    assert seen["word"] == {"attention", "gradient_input", "random_words"}
    assert seen["patch"] == {
        "rise", "grad_cam", "attention_rollout", "integrated_gradients", "random_patches", "centre",
    }  # fmt: skip
    key = make_study(folder, "method", "random_patches", 3, 0, Path("study"))
    assert {pair.instance_id for pair in key.pairs} <= set(frame["instance_id"])


@pytest.mark.parametrize("everything", [True, False])
def test_scores_of_every_input_are_finite_or_null(hostile: Hostile, everything: bool) -> None:
    """With a gold rationale that covers everything, and with one that covers nothing."""
    folder, frame = hostile.folder_of(ONE_MODEL), hostile.tested()
    gold = {
        name: np.full(len(text.split()), everything)
        for name, text in zip(frame["instance_id"], frame["text"], strict=True)
    }
    evaluate_rationales(folder, folder, frame, hostile.sources, Known(gold, {}, "human"), None)
    scores = read_json(folder / "rationales.json")["splits"]["test"]
    assert {"method", "rise", "attention", "random_patches"} <= set(scores)
    for extractor, values in scores.items():
        for name, value in values.items():
            assert value is None or np.isfinite(value), (extractor, name)
    assert {"comprehensiveness", "sufficiency", "deletion_auc"} <= set(scores["method"])
    assert ("word_f1" in scores["method"]) == everything


@pytest.mark.parametrize("phase", ["extract", "predict"])
@pytest.mark.parametrize("gold", ["everything", "nothing", "unknown"])
def test_rationales_that_cover_everything_or_nothing_can_be_learned_from(
    hostile: Hostile, encoder: JointEncoder, gold: str, phase: str
) -> None:
    config = rationale_method()
    model = network(config, encoder)
    frame = hostile.tested()
    covered = {
        name: len(text.split()) for name, text in zip(frame["instance_id"], frame["text"], strict=True)
    }
    labels = {name: np.full(n, gold == "everything") for name, n in covered.items()}
    examples = Examples(frame, model, config, hostile.sources, gold={} if gold == "unknown" else labels)
    model.begin(phase)
    model.train()
    loss = model.loss(examples.batch(np.arange(len(frame))), torch.from_numpy(examples.labels), None)
    loss.backward()
    gradients = [p.grad for n, p in model.named_parameters() if model.learns(n) and p.grad is not None]
    assert torch.isfinite(loss)
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
