"""A tiny model as a hub would give it, and a process that loads it offline."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REVISION = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "somebody/tiny"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "bridge", "is", "down", "*"]
"""Vocabulary of the models that read BERT's tokens."""

_MAKE = """
import json, sys
from pathlib import Path
from crisisweave.encoders.torchvision_compat import prepare_torchvision
prepare_torchvision()
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertModel, BertTokenizerFast, RobertaConfig, RobertaModel
from transformers import RobertaTokenizerFast, ViltConfig, ViltModel
kind, folder, words = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
torch.manual_seed(0)
shape = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
if kind in ("bert", "vilt"):
    (folder / "vocab.txt").write_text("\\n".join(words))
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    BertTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    shape["vocab_size"] = len(words)
    if kind == "bert":
        BertModel(BertConfig(**shape)).save_pretrained(folder)
    else:
        config = ViltConfig(image_size=32, patch_size=8, max_position_embeddings=12, **shape)
        ViltModel(config).save_pretrained(folder)
else:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(
        ["see the bridge is down"] * 50,
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    RobertaTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    config = RobertaConfig(vocab_size=400, type_vocab_size=1, **shape)
    RobertaModel(config).save_pretrained(folder)
"""

_LOAD = """
import json, sys
import numpy as np
import torch
from crisisweave.encoders.text import load_text_encoder
encoder = load_text_encoder("hub:somebody/tiny@" + sys.argv[1]).eval()
lists = encoder.tokenise([["the", "bridge", "is", "down"], ["the"]])
tokens = lists.pad(np.arange(2))
with torch.no_grad():
    alone = encoder(lists.pad(np.array([1])))[0]
    padded = encoder(tokens)[1, : len(alone)]
print(json.dumps({
    "tokens": [encoder.tokenizer.id_to_token(int(i)) for i in lists.ids[0]],
    "types": encoder.types,
    "padding_error": (alone - padded).abs().max().item(),
}))
"""


def make(kind: str, folder: Path) -> None:
    """Write the files of a `bert`, `roberta` or `vilt`: config, tokenizer, weights."""
    _python(_MAKE, kind, str(folder), json.dumps(WORDS), cache=folder)


def load(cache: Path) -> dict[str, Any]:
    """Load it from a model cache with the project's code, offline: its tokens, types and padding error."""
    found: dict[str, Any] = json.loads(_python(_LOAD, REVISION, cache=cache).splitlines()[-1])
    return found


def _python(code: str, *arguments: str, cache: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={"PATH": "", "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1", "HOME": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
