"""Mix training, and trained models read with the tweet or the caption alone."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from crisisweave.config.method import MethodConfig
from crisisweave.config.profile import Profile
from crisisweave.config.run import read_run_config
from crisisweave.config.strict import validate
from crisisweave.errors import ConfigError, DataError
from crisisweave.files import read_json, sha256_file
from crisisweave.methods.registry import build_model
from crisisweave.training.captioned import captioned_rows
from crisisweave.training.examples import Examples
from crisisweave.training.partial import read_partly
from crisisweave.training.predict import predict
from crisisweave.training.train import train
from toy import Toy, tiny_method

ROWS = pd.DataFrame({"instance_id": [f"row{i}" for i in range(40)]})


def test_a_smaller_share_is_contained_in_a_larger_one() -> None:
    drawn = [captioned_rows(ROWS, share, seed=1) for share in (0.0, 0.25, 0.5, 0.75)]
    assert [int(keeps.sum()) for keeps in drawn if keeps is not None] == [0, 10, 20, 30]
    for smaller, larger in itertools.pairwise(drawn):
        assert not (smaller & ~larger).any()
    assert captioned_rows(ROWS, 1.0, seed=1) is None


def test_rows_are_drawn_by_seed_and_id_wherever_they_stand() -> None:
    here, other_seed = captioned_rows(ROWS, 0.5, 1), captioned_rows(ROWS, 0.5, 2)
    assert here is not None
    assert not np.array_equal(here, other_seed)
    turned = captioned_rows(ROWS.iloc[::-1], 0.5, 1)
    assert turned is not None
    assert np.array_equal(turned[::-1], here)


def _tokens(toy: Toy, **shown: object) -> list[list[str]]:
    method = tiny_method("cmb")
    model = build_model(method, 2)
    examples = Examples(toy.frame().iloc[:4], model, method, toy.sources, **shown)
    batch = examples.batch(np.arange(4)).text
    tokenizer = model.text_branch.encoder.tokenizer
    return [
        [f"{tokenizer.id_to_token(int(i))}/{int(t)}" for i, t, m in zip(*row, strict=True) if m]
        for row in zip(batch.ids, batch.types, batch.mask, strict=True)
    ]


def test_what_is_shown_of_a_tweet_and_its_caption(toy: Toy) -> None:
    captioned = np.array([True, False, True, False])
    both, mixed = _tokens(toy), _tokens(toy, captioned=captioned)
    assert both[0][-3:] == ["red/1", "ground/1", "[SEP]/1"]
    assert [mixed[i] == both[i] for i in range(4)] == [True, False, True, False]
    assert mixed[1] == both[1][:-3]
    assert _tokens(toy, texts=False)[1] == ["[CLS]/0", "[SEP]/0", "blue/1", "water/1", "[SEP]/1"]


def test_text_alone_asks_for_no_captions(toy: Toy) -> None:
    (toy.sources.captions("toy") / "captions.parquet").unlink()
    assert len(_tokens(toy, captioned=np.zeros(4, dtype=bool))) == 4
    with pytest.raises(DataError, match="holds no captions"):
        _tokens(toy, captioned=np.array([True, False, False, False]))


def _caption_tells_nothing(toy: Toy) -> None:
    path = toy.sources.captions("toy") / "captions.parquet"
    pd.read_parquet(path).assign(caption="a thing").to_parquet(path)


def _accuracy(folder: Path) -> float:
    table = pd.read_parquet(folder / "predictions.parquet")
    return float((table["label"].astype(str) == table["predicted"].astype(str)).mean())


def _partial(shown: str) -> MethodConfig:
    values = {"name": f"cmb_{shown}", "family": "cmb", "title": "", "idea": "", "inputs": [shown]}
    values |= {"source": {"document": "none", "section": "none"}, "model_of": "cmb"}
    return MethodConfig.model_validate(values)


def test_a_trained_model_is_read_with_one_half_alone(toy: Toy) -> None:
    _caption_tells_nothing(toy)
    whole = toy.root / "cmb"
    train(toy.run(tiny_method("cmb")), toy.sources, whole, checkpoint_folder=toy.root / "checkpoints")
    predict(whole, toy.sources)
    weights = sha256_file(whole / "model.safetensors")
    scores = {}
    for shown in ("text", "caption"):
        out = toy.root / shown
        read_partly(toy.run(_partial(shown)), whole, toy.sources, out)
        scores[shown] = _accuracy(out)
        assert sorted(p.name for p in out.iterdir()) == ["config.yaml", "predictions.parquet", "run.json"]
        assert read_run_config(out).method.model_of == "cmb"
        record = read_json(out / "run.json")
        assert record["model_sha256"] == weights
        assert record["parameters"] == {"total": 0, "trained": 0}
    assert _accuracy(whole) == 1.0
    assert scores == {"text": 1.0, "caption": 0.5}


def test_without_captions_in_training_captions_change_nothing_that_is_learned(toy: Toy) -> None:
    folders = []
    for name, captions in (("one", False), ("two", True)):
        if captions:
            _caption_tells_nothing(toy)
        folders.append(toy.root / name)
        run = toy.run(tiny_method("cmb", caption_share=0.0))
        train(run, toy.sources, folders[-1], checkpoint_folder=toy.root / "checkpoints")
    assert len({sha256_file(folder / "model.safetensors") for folder in folders}) == 1


def test_a_share_of_captions_needs_tweets_and_captions() -> None:
    with pytest.raises(ConfigError, match="'caption_share' needs the inputs text and caption"):
        values = tiny_method("cmb").model_dump() | {"inputs": ["caption"], "caption_share": 0.5}
        validate(MethodConfig, values, "here")


def test_a_partial_reading_has_no_encoder_of_its_own() -> None:
    with pytest.raises(ConfigError, match="has the model of another"):
        values = tiny_method("cmb").model_dump() | {"inputs": ["text"], "model_of": "cmb"}
        validate(MethodConfig, values, "here")


def _profile(tmp_path: Path, methods: str, change: str = "") -> Profile:
    path = tmp_path / "profile.yaml"
    experiment = f"[{{dataset: demo, task: humanitarian, methods: [{methods}], seeds: [1]}}]"
    path.write_text(f"name: here\noverride: {{{change}}}\nexperiments: {experiment}\n")
    return Profile(path)


def test_the_model_comes_first_and_the_profile_changes_it_alone(tmp_path: Path) -> None:
    profile = _profile(tmp_path, "cmb_mix_50_text", '"*": {max_tokens: 32}, cmb: {head: {hidden: 8}}')
    assert profile.methods("demo", "humanitarian") == ["cmb_mix_50", "cmb_mix_50_text"]
    whole, part = (profile.method("demo", "humanitarian", name) for name in ("cmb_mix_50", "cmb_mix_50_text"))
    assert (whole.caption_share, whole.head.hidden, whole.max_tokens) == (0.5, 8, 32)
    assert (part.model_of, part.max_tokens, part.training) == ("cmb_mix_50", 128, None)


def test_only_a_model_of_tweets_and_captions_can_be_read_partly(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="shows text to the model of 'caption', which reads caption;"):
        _profile(tmp_path, "cmb_text", "cmb_text: {model_of: caption}")
