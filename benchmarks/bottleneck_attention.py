"""Bottleneck attention against vanilla attention: the fusion layers alone, growing sequences. Prints JSON.

    python benchmarks/bottleneck_attention.py [--repeats 3]

The thesis' fusion: four layers of BERT-base's shape, with or without four shared tokens, on states of text
and image as the encoders leave them. A layer of bottleneck attention is one transformer layer for each
modality; `half` is bottleneck attention of two layers, so of four transformer layers in all, the other way to
read the thesis. One training step (forward and backward) of one tweet. The first size is
that of the thesis: at most 128 tokens of text, and ViT-B/16 at 224 pixels, a class token and 196 patches. The
others are images at 384 and 512 pixels, and 512 tokens of text. `giga_operations` are multiplications and
additions by torch's own counter; `attention_ratio` is of pairs of tokens that see each other, which is what
the bottleneck saves; `seconds` is processor time on one thread, the best of several runs, the two sides in
turn, so that other work on the machine counts as little as it can.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from crisisweave.encoders.bert import BertShape
from crisisweave.methods.transformer_fusion import BottleneckFusion, VanillaFusion

SHAPE = BertShape(vocabulary=0, dim=768, layers=4, heads=12, intermediate=3072)
SHARED = 4
BOTTLENECKS = ("bottleneck", "half")
SIZES = {"thesis": (128, 197), "384_pixels": (128, 577), "512_pixels": (512, 1025)}


def step(fusion: nn.Module, words: int, parts: int) -> None:
    """Forward and backward of one tweet."""
    text, image = torch.randn(1, words, SHAPE.dim), torch.randn(1, parts, SHAPE.dim)
    seen_text, seen_image = fusion(text, image, torch.ones(1, words, dtype=torch.bool))
    (seen_text[:, 0] + seen_image[:, 0]).sum().backward()


def operations(fusion: nn.Module, words: int, parts: int) -> int:
    """Multiplications and additions of a step."""
    with FlopCounterMode(display=False) as counter:
        step(fusion, words, parts)
    return int(counter.get_total_flops())


def seconds(fusion: nn.Module, words: int, parts: int) -> float:
    """Processor time of a step."""
    start = time.process_time()
    step(fusion, words, parts)
    return time.process_time() - start


def measure(sides: dict[str, nn.Module], words: int, parts: int, repeats: int) -> dict[str, Any]:
    """Both sides at one size."""
    spent = {name: float("inf") for name in sides}
    for _ in range(repeats):
        for name, fusion in sides.items():
            spent[name] = min(spent[name], seconds(fusion, words, parts))
    counted = {name: operations(fusion, words, parts) for name, fusion in sides.items()}
    return {
        "words": words,
        "parts": parts,
        "seconds": {name: round(value, 3) for name, value in spent.items()},
        "giga_operations": {name: round(value / 1e9, 2) for name, value in counted.items()},
        "ratio": {name: round(spent["vanilla"] / spent[name], 2) for name in BOTTLENECKS},
        "ratio_of_operations": {name: round(counted["vanilla"] / counted[name], 3) for name in BOTTLENECKS},
        "attention_ratio": round((words + parts) ** 2 / ((words + SHARED) ** 2 + (parts + SHARED) ** 2), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    torch.manual_seed(0)
    sides = {
        "vanilla": VanillaFusion(SHAPE),
        "bottleneck": BottleneckFusion(SHAPE, SHARED),
        "half": BottleneckFusion(SHAPE._replace(layers=SHAPE.layers // 2), SHARED),
    }
    sizes = {name: measure(sides, *size, repeats) for name, size in SIZES.items()}
    result = {
        "benchmark": "bottleneck",
        "claim": "cheaper than vanilla attention, the more so the longer the sequences",
        "ratio": {name: size["ratio"] for name, size in sizes.items()},
        "shared_tokens": SHARED,
        "parameters": {name: sum(p.numel() for p in side.parameters()) for name, side in sides.items()},
        "torch": torch.__version__,
        "sizes": sizes,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
