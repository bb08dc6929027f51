"""What learning text rationales adds to a training step: GRU head and rebalanced loss, at ViLT-B/32's size.

One step is forward, loss and backward of stage 1 on 8 tweets of 40 tokens with images of 384 pixels,
with random weights of the published model's shape, once with the class loss alone and once with both losses.
Prints JSON with both sides and their ratio.

    python benchmarks/rationale_stage.py
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import nn

from crisisweave.encoders.vilt import Vilt, ViltShape
from crisisweave.rationales.words import WordHead, rationale_loss

BATCH, TOKENS, CLASSES, REPEATS = 8, 40, 5, 5
SHAPE = ViltShape(
    vocabulary=30522,
    word_dim=768,
    patch_dim=3 * 32 * 32,
    grid=(12, 12),
    dim=768,
    layers=12,
    heads=12,
    intermediate=3072,
    positions=40,
)


def main() -> None:
    """Measure both and print them."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network, head, classes = Vilt(SHAPE), WordHead(SHAPE.dim, 128), nn.Linear(SHAPE.dim, CLASSES)
    ids = torch.randint(1, SHAPE.vocabulary, (BATCH, TOKENS))
    mask = torch.ones(BATCH, TOKENS, dtype=torch.bool)
    patches = torch.randn(BATCH, 144, SHAPE.patch_dim)
    labels = torch.randint(0, CLASSES, (BATCH,))
    gold = torch.randint(0, 2, (BATCH, TOKENS))

    def step(with_rationale: bool) -> None:
        states = network.encode(*network.embed(ids, torch.zeros_like(ids), patches), mask)
        loss = F.cross_entropy(classes(states.pooled), labels)
        if with_rationale:
            loss = loss + 0.09 * rationale_loss(head(states.tokens, mask), gold)
        loss.backward()

    seconds = _interleaved({"class_loss": lambda: step(False), "both_losses": lambda: step(True)})
    print(
        json.dumps(
            {
                "batch": BATCH,
                "tokens": TOKENS,
                "patches": 144,
                "threads": 1,
                "seconds_per_step": {name: round(value, 3) for name, value in seconds.items()},
                "ratio": round(seconds["both_losses"] / seconds["class_loss"], 3),
            },
            indent=2,
        )
    )


def _interleaved(steps: dict[str, Callable[[], None]]) -> dict[str, float]:
    """Median processor seconds of each, taken in turns, so that whatever else runs slows both alike."""
    for run in steps.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(REPEATS):
        for name, run in steps.items():
            start = time.process_time()
            run()
            seconds[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


if __name__ == "__main__":
    main()
