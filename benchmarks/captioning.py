"""Greedy captioning: batches with a key-value cache against one image at a time without. Prints JSON.

    python benchmarks/captioning.py [--threads 1]

All sides use the same weights and prefixes and must give the same tokens, or the script stops. Two sizes:
the demo's language model and GPT-2 small, both with random weights (speed does not depend on their values),
every caption 16 tokens long. Sides: `ours`; `loop`, one image at a time, every step from the first position
(the way of the published captioning demo); `transformers`, that library's `generate`, one image at a time
with its cache. Rates are images per second from the prefix on; the best of three runs counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from crisisweave.captioning.decode import beam
from crisisweave.captioning.language_model import CausalLanguageModel
from crisisweave.config.captioner import LanguageModel
from crisisweave.encoders.torchvision_compat import prepare_torchvision

TOKENS = 16
NEVER = -1  # no token stops a caption: all sides do the same number of steps
SIZES: dict[str, dict[str, Any]] = {
    "demo": {
        "shape": LanguageModel(layers=2, heads=4, width=128, positions=64),
        "vocabulary": 1000,
        "prefix": 4,
        "images": 512,
        "batch": 128,
        "one_by_one": 32,
    },
    "gpt2_small": {
        "shape": LanguageModel(layers=12, heads=12, width=768, positions=1024),
        "vocabulary": 50257,
        "prefix": 10,
        "images": 64,
        "batch": 64,
        "one_by_one": 3,
    },
}


def to_transformers(model: CausalLanguageModel) -> Any:
    """transformers' GPT-2 with our weights."""
    from transformers import GPT2Config, GPT2LMHeadModel

    shape = model.shape
    config = GPT2Config(
        vocab_size=model.wte.num_embeddings,
        n_positions=shape.positions,
        n_embd=shape.width,
        n_layer=shape.layers,
        n_head=shape.heads,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    reference = GPT2LMHeadModel(config).eval()
    reference.transformer.load_state_dict(
        {
            # The library keeps these layers' weights as (in, out).
            key: tensor.T if ".c_" in key and key.endswith("weight") else tensor
            for key, tensor in model.state_dict().items()
        }
    )
    return reference


def batched(model: CausalLanguageModel, prefixes: Tensor, batch: int) -> list[list[int]]:
    """Ours."""
    found = []
    for start in range(0, len(prefixes), batch):
        block = prefixes[start : start + batch]
        found += [list(own[0].tokens) for own in beam(model, block, width=1, stop=NEVER, max_tokens=TOKENS)]
    return found


def loop(model: CausalLanguageModel, prefixes: Tensor) -> list[list[int]]:
    """One image at a time, the whole sequence again for each token."""
    found = []
    for prefix in prefixes:
        embeddings, tokens = prefix[None], []
        for _ in range(TOKENS):
            token = model.logits(model.states(embeddings)[:, -1]).argmax(-1)
            tokens.append(int(token))
            embeddings = torch.cat([embeddings, model.wte(token)[None]], dim=1)
        found.append(tokens)
    return found


def with_transformers(reference: Any, prefixes: Tensor) -> list[list[int]]:
    """The library's own generation, one image at a time with its cache."""
    mask = torch.ones((1, prefixes.shape[1]), dtype=torch.long)
    found = []
    for prefix in prefixes:
        tokens = reference.generate(
            inputs_embeds=prefix[None], attention_mask=mask, do_sample=False, max_new_tokens=TOKENS
        )
        found.append(tokens[0].tolist())
    return found


def rate(run: Callable[[], list[list[int]]]) -> tuple[float, list[list[int]]]:
    """Images per second, best of three, and the captions."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        tokens = run()
        best = min(best, time.perf_counter() - start)
    return len(tokens) / best, tokens


def measure(
    shape: LanguageModel, vocabulary: int, prefix: int, images: int, batch: int, one_by_one: int
) -> Any:
    """All sides at one size."""
    torch.manual_seed(0)
    model = CausalLanguageModel(shape, vocabulary).eval()
    prefixes = torch.randn((images, prefix, shape.width))
    reference = to_transformers(model)
    few = prefixes[:one_by_one]
    ours, tokens = rate(lambda: batched(model, prefixes, batch))
    naive, naive_tokens = rate(lambda: loop(model, few))
    library, library_tokens = rate(lambda: with_transformers(reference, few))
    if not tokens[:one_by_one] == naive_tokens == library_tokens:
        sys.exit("the sides do not give the same captions")
    return {
        "ours_images_per_s": round(ours, 2),
        "loop_images_per_s": round(naive, 2),
        "transformers_images_per_s": round(library, 2),
        "ratio": round(ours / naive, 1),
        "ratio_to_transformers": round(ours / library, 1),
        "batch": batch,
        "compared_captions": one_by_one,
        "distinct_captions": len({tuple(own) for own in naive_tokens}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    prepare_torchvision()
    with torch.inference_mode():
        sizes = {name: measure(**size) for name, size in SIZES.items()}
    result = {
        "benchmark": "captioning",
        "claim": "at least 10 times an image-by-image loop without key-value cache, same greedy captions",
        "ratio": min(size["ratio"] for size in sizes.values()),
        "threads": threads,
        "tokens_per_caption": TOKENS,
        "torch": torch.__version__,
        "sizes": sizes,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
