"""RISE of a batch of images: ours against the usual recipe. Prints JSON.

    python benchmarks/rise.py

Both sides explain the same joint classifier, of the demo's size with random weights (speed does not depend on
their values), with as many masks. `usual` draws the masks anew for each image, hides the patches and asks the
classifier about one mask after the other; `usual_batched` asks about all masks of an image at once, as the
public code does. Ours draws the masks once, embeds image and text once, and asks about several images'
mixtures at once. Given the same masks, all sides must say the same. One thread; its processor time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor, nn

from crisisweave.config.joint import Patches
from crisisweave.encoders.joint import MASK, STAR, JointEncoder, JointInput
from crisisweave.encoders.text import Tokens
from crisisweave.encoders.vilt import JointStates, Vilt, ViltShape
from crisisweave.rationales.extractors.rise import MASKS, rise, rise_masks
from crisisweave.rationales.masking import masked

IMAGES, WORDS = 16, 24
SHAPE = ViltShape(1000, 384, 1280, (7, 7), dim=128, layers=3, heads=4, intermediate=512, positions=64)


class Classifier(nn.Module):
    """A joint encoder and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        tokenizer = Tokenizer(WordLevel({STAR: 1, MASK: 2}))
        self.encoder = JointEncoder(Vilt(SHAPE), tokenizer, Patches(size=224, patch=32))
        self.head = nn.Linear(SHAPE.dim, 5)

    def classify(self, states: JointStates) -> Tensor:
        """Class scores (B, C)."""
        scores: Tensor = self.head(states.pooled)
        return scores

    def scores(self, x: JointInput) -> Tensor:
        """Class scores (B, C) of an input."""
        return self.classify(self.encoder(x))


def one(x: JointInput, row: int) -> JointInput:
    """One instance as a batch."""
    return JointInput(Tokens(*(part[row : row + 1] for part in x.tokens)), x.patches[row : row + 1])


def usual(classifier: Classifier, x: JointInput, target: Tensor, masks: Callable[[], Tensor]) -> Tensor:
    """Image by image and mask by mask."""
    found = []
    for row in range(len(target)):
        own, drawn = one(x, row), masks()
        mass = torch.zeros(drawn.shape[1])
        for mask in drawn:
            scores = classifier.scores(masked(own, classifier.encoder, None, mask[None]))
            mass += scores.softmax(dim=1)[0, target[row]] * mask
        found.append(mass / drawn.sum(dim=0))
    return torch.stack(found)


def usual_batched(
    classifier: Classifier, x: JointInput, target: Tensor, masks: Callable[[], Tensor]
) -> Tensor:
    """Image by image, all masks of an image at once."""
    found = []
    for row in range(len(target)):
        own, drawn = one(x, row), masks()
        copies = JointInput(
            Tokens(*(part.expand(len(drawn), -1) for part in own.tokens)),
            own.patches.expand(len(drawn), -1, -1),
        )
        scores = classifier.scores(masked(copies, classifier.encoder, None, drawn))
        found.append(scores.softmax(dim=1)[:, target[row]] @ drawn / drawn.sum(dim=0))
    return torch.stack(found)


def measured(run: Callable[[], Tensor]) -> tuple[float, Tensor]:
    """Milliseconds of processor time for each image, best of two runs, and the scores."""
    best = float("inf")
    for _ in range(2):
        start = time.thread_time()
        scores = run()
        best = min(best, time.thread_time() - start)
    return round(1e3 * best / IMAGES, 1), scores


def main() -> None:
    """Run all sides and print the result."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    classifier = Classifier().eval()
    ids = torch.randint(5, 1000, (IMAGES, WORDS))
    words = torch.arange(WORDS).expand(IMAGES, -1)
    x = JointInput(
        Tokens(ids, torch.ones_like(ids, dtype=torch.bool), torch.zeros_like(ids), words),
        torch.randn(IMAGES, 49, SHAPE.patch_dim),
    )
    target = torch.randint(5, (IMAGES,))

    def anew() -> Tensor:
        rise_masks.cache_clear()
        return rise_masks(SHAPE.grid)

    with torch.no_grad():
        ours, scores = measured(lambda: rise(classifier, x, target))
        loop, of_loop = measured(lambda: usual(classifier, x, target, anew))
        batched, of_batched = measured(lambda: usual_batched(classifier, x, target, anew))
    error = max(float((other - scores).abs().max()) for other in (of_loop, of_batched))
    if error > 1e-5:
        raise SystemExit(f"the sides do not give the same scores: {error}")
    result = {
        "benchmark": "rise",
        "images": IMAGES,
        "masks": MASKS,
        "grid": SHAPE.grid,
        "threads": 1,
        "largest_error": error,
        "ours_ms_per_image": ours,
        "usual_ms_per_image": loop,
        "ratio": round(loop / ours, 1),
        "usual_batched_ms_per_image": batched,
        "ratio_to_usual_batched": round(batched / ours, 1),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
