"""A captioner of the transformers library: a tiny BLIP-2 in a model cache, loaded by its pinned commit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from crisisweave.captioning.generator import load_generator
from crisisweave.config.captioner import CaptionerConfig
from crisisweave.errors import ConfigError

REVISION = "0123456789abcdef0123456789abcdef01234567"
VALUES: dict[str, Any] = {
    "name": "pixels",
    "title": "pixels",
    "source": {"document": "test", "section": "1"},
    "generator": {"repository": "somebody/tiny", "revision": REVISION, "size": 32},
    "decoding": {"method": "beam", "candidates": 3, "max_tokens": 6},
    "scorer": {
        "kind": "clip",
        "model": "ViT-B-32",
        "weights": {"file": "clip.safetensors", "sha256": None, "origin": "test"},
        "image": {"encoder": "tiny:conv"},
    },
}
_MAKE_AND_WRITE = """
import json, sys
from pathlib import Path
from crisisweave.encoders.torchvision_compat import prepare_torchvision
prepare_torchvision()
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import Blip2Config, Blip2ForConditionalGeneration, BlipImageProcessor
from transformers import PreTrainedTokenizerFast
from crisisweave.captioning.generator import load_generator
from crisisweave.config.captioner import CaptionerConfig
config, folder = CaptionerConfig.model_validate_json(sys.argv[1]), Path(sys.argv[2])
small = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
torch.manual_seed(0)
model = Blip2ForConditionalGeneration(Blip2Config(
    vision_config=dict(**small, intermediate_size=16, image_size=32, patch_size=16),
    qformer_config=dict(**small, intermediate_size=16, encoder_hidden_size=16, vocab_size=40),
    text_config=dict(**small, model_type="opt", vocab_size=40, ffn_dim=16, word_embed_proj_dim=16,
                     max_position_embeddings=64, bos_token_id=0, eos_token_id=0, pad_token_id=1),
    num_query_tokens=3, image_token_index=39,
)).eval()
for parameter in model.parameters():
    torch.nn.init.normal_(parameter, std=0.5)
model.save_pretrained(folder)
BlipImageProcessor(image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.3, 0.4]).save_pretrained(folder)
words = {"</s>": 0, "<pad>": 1, **{f"w{i}": i for i in range(2, 39)}, "<image>": 39}
tokenizer = Tokenizer(models.WordLevel(words, unk_token="</s>"))
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
PreTrainedTokenizerFast(
    tokenizer_object=tokenizer, bos_token="</s>", eos_token="</s>", pad_token="<pad>"
).save_pretrained(folder)
captioner, loaded = load_generator(config)
pixels = torch.randint(0, 256, (3, 32, 32, 3), dtype=torch.uint8)
together = captioner.write(pixels, loaded, config.decoding, [0, 0, 0])
alone = [captioner.write(pixels[i : i + 1], loaded, config.decoding, [0])[0] for i in range(3)]
normal = (pixels / 255 - torch.tensor([0.5, 0.4, 0.3])) / torch.tensor([0.2, 0.3, 0.4])
with torch.no_grad():
    shown = normal.permute(0, 3, 1, 2)
    best = model.generate(pixel_values=shown, num_beams=3, max_new_tokens=6, do_sample=False)
expected = [" ".join(f"w{i}" for i in row if 1 < i < 39) for row in best.tolist()]
print(json.dumps({"together": together, "alone": alone, "expected": expected}))
"""


def test_a_model_of_the_cache_writes_captions_of_pixels(tmp_path: Path) -> None:
    folder = tmp_path / "models--somebody--tiny" / "snapshots" / REVISION
    folder.mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-c", _MAKE_AND_WRITE, json.dumps(VALUES), str(folder)],
        env={**os.environ, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["together"] == found["alone"]
    assert [own[0] for own in found["together"]] == found["expected"]
    assert [len(own) for own in found["together"]] == [3, 3, 3]
    assert len({text for own in found["together"] for text in own}) > 3


def test_without_a_revision_nothing_is_loaded() -> None:
    values = {**VALUES, "generator": {**VALUES["generator"], "revision": None}}
    with pytest.raises(ConfigError, match=r"pixels\.yaml: generator\.revision is null; fill in the commit"):
        load_generator(CaptionerConfig.model_validate(values))
