"""A published LXMERT and a published detector, read from a model cache without a network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

REVISION = "0123456789abcdef0123456789abcdef01234567"

_MAKE_AND_LOAD = """
import json, sys
from crisisweave.encoders.torchvision_compat import prepare_torchvision
prepare_torchvision()
import numpy as np
from pathlib import Path
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertTokenizerFast, DetrConfig, DetrForObjectDetection, DetrImageProcessorPil
from transformers import LxmertConfig, LxmertModel, ResNetConfig
from crisisweave.config.regions import Lxmert, Regions
from crisisweave.encoders.lxmert_encoder import load_lxmert
from crisisweave.encoders.regions import detect, load_detector
from crisisweave.errors import CrisisWeaveError

cache, revision = Path(sys.argv[1]), sys.argv[2]
def folder(name):
    path = cache / f"models--some--{name}" / "snapshots" / revision
    path.mkdir(parents=True, exist_ok=True)
    return path

torch.manual_seed(0)
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "bridge", "is", "down", "*"]
tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
tokenizer.post_processor = processors.TemplateProcessing(
    single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
)
lxmert = LxmertModel(LxmertConfig(
    vocab_size=len(words), hidden_size=16, num_attention_heads=2, intermediate_size=16,
    max_position_embeddings=12, l_layers=1, x_layers=2, r_layers=1, visual_feat_dim=16,
)).eval()
lxmert.save_pretrained(folder("lxmert"))
BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder("lxmert"))
backbone = ResNetConfig.from_dict({"embedding_size": 8, "hidden_sizes": [8, 8, 8, 16], "depths": [1] * 4,
                                   "layer_type": "basic", "out_features": ["stage4"]})
detr = DetrForObjectDetection(DetrConfig(
    backbone_config=backbone, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
    decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_queries=7,
)).eval()
detr.save_pretrained(folder("detr"))
DetrImageProcessorPil().save_pretrained(folder("detr"))

regions = Regions.model_validate(
    {"detector": {"repository": "some/detr", "revision": revision}, "boxes": 5, "size": 32, "width": 16})
published = Lxmert.model_validate({"hub": {"repository": "some/lxmert", "revision": revision}})
reader = load_lxmert(published, regions)
tokens = reader.eval().tokenise([["the", "bridge", "is", "down"]], 128).pad(np.arange(1))
seen = torch.rand(1, 5, 20)
with torch.no_grad():
    ours = reader(tokens, seen)
    theirs = lxmert(input_ids=tokens.ids, visual_feats=seen[..., :16], visual_pos=seen[..., 16:])
detector = load_detector(regions)
image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
vectors, boxes = detect(detector, [image], regions, torch.device("cpu"))
said = []
for changes in ({"boxes": 8}, {"detector": {"repository": "some/other", "revision": revision}}):
    try:
        load_detector(Regions.model_validate({**regions.model_dump(), **changes}))
    except CrisisWeaveError as error:
        said.append(f"{type(error).__name__}: {error}")
try:
    load_lxmert(published, regions.model_copy(update={"width": 2048}))
except CrisisWeaveError as error:
    said.append(f"{type(error).__name__}: {error}")
print(json.dumps({
    "ids": tokens.ids[0].tolist(),
    "error": (ours - theirs.pooled_output).abs().max().item(),
    "mean": detector.mean.flatten().tolist(),
    "shapes": [list(vectors.shape), list(boxes.shape)],
    "said": said,
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What a process without a network finds in a model cache."""
    cache = tmp_path_factory.mktemp("hub")
    done = subprocess.run(
        [sys.executable, "-c", _MAKE_AND_LOAD, str(cache), REVISION],
        env={
            "PATH": "",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "HF_HUB_CACHE": str(cache),
            "HF_HUB_OFFLINE": "1",
            "HOME": str(cache),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_published_lxmert_gives_what_its_library_gives(found: Any) -> None:
    assert found["ids"] == [2, 5, 6, 7, 8, 3]
    assert found["error"] < 1e-5


def test_a_published_detector_sees_with_its_own_normalisation(found: Any) -> None:
    assert found["mean"] == pytest.approx([255 * v for v in (0.485, 0.456, 0.406)], abs=1e-3)
    assert found["shapes"] == [[1, 5, 16], [1, 5, 4]]


def test_what_does_not_fit_together_is_said(found: Any) -> None:
    few, missing, width = found["said"]
    assert few == "ConfigError: regions.boxes is 8, but this detector finds 7; take no more"
    assert missing.startswith(f"WeightsError: encoder 'hub:some/other@{REVISION}' is not in this machine's")
    assert width.startswith(
        "ConfigError: some/lxmert reads 16 numbers of each region, but regions.width is 2048"
    )
