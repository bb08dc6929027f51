"""RISE (Petsiuk, Das and Saenko 2018, "RISE: Randomized input sampling for explanation of black-box models").

The masks are drawn once for a grid and shared by all images: drawing them again for each image costs more
than it brings, and two images are then compared by the same questions.
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from crisisweave.encoders.joint import JointInput
from crisisweave.rationales.extractors.explained import AT_ONCE, Explained, embedded, of_class, reading

MASKS = 128
"""Masks for each image. The paper takes 4,000 or 8,000 independent ones (section 4.1); see `_cells`."""
CELLS = 7
"""Cells along a side of a mask before it is enlarged, as in the paper."""
_SEED = 0


@lru_cache(maxsize=4)
def rise_masks(grid: tuple[int, int], number: int = MASKS) -> Tensor:
    """Shares of each patch that are shown (number, P), in [0, 1].

    Section 3.2: binary cells, enlarged bilinearly to one cell more than the image and cut out at a random
    place. Where a grid has no more patches than cells along a side, a patch is shown or not.
    """
    generator = torch.Generator().manual_seed(_SEED)
    rows, columns = (min(CELLS, side) for side in grid)
    tall, wide = math.ceil(grid[0] / rows), math.ceil(grid[1] / columns)
    cells = _cells(number, rows + 1, columns + 1, generator)
    large = F.interpolate(cells, ((rows + 1) * tall, (columns + 1) * wide), mode="bilinear")[:, 0]
    top = torch.randint(tall, (number, 1), generator=generator) + torch.arange(grid[0])
    left = torch.randint(wide, (number, 1), generator=generator) + torch.arange(grid[1])
    each = torch.arange(number)[:, None, None]
    return large[each, top[:, :, None], left[:, None, :]].flatten(1)


def _cells(number: int, rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Cells that are shown (number, 1, rows, columns), 1 or 0, with probability one half as in the paper.

    Not drawn independently: in a set of masks each cell is shown in half of them, and with any other cell in
    a quarter (a Hadamard matrix, its columns and signs drawn at random). What a patch brings is then not
    blurred by what happened to be shown beside it, which would take many times as many independent masks.
    """
    matrix = torch.ones(1, 1)
    while len(matrix) <= rows * columns:
        matrix = torch.cat([torch.cat([matrix, matrix], 1), torch.cat([matrix, -matrix], 1)])
    sets = []
    for _ in range(math.ceil(number / len(matrix))):
        # The first column is the same in all masks.
        drawn = 1 + torch.randperm(len(matrix) - 1, generator=generator)[: rows * columns]
        signs = torch.randint(2, (rows * columns,), generator=generator) * 2 - 1
        sets.append(matrix[:, drawn] * signs > 0)
    return torch.cat(sets)[:number].float().view(number, 1, rows, columns)


def rise(classifier: Explained, x: JointInput, target: Tensor) -> Tensor:
    """Mean probability of the class over the masks that show a patch (B, P), between 0 and 1.

    Equation 4, the expectation given that the patch is shown, with the masks' own shares in place of their
    expected ones: with a finite number of masks, a patch must not gain from being shown more often.
    """
    batch = len(x.patches)
    with reading(classifier, gradients=False):
        masks = rise_masks(classifier.encoder.grid).to(x.patches.device)
        text, image, grey = embedded(classifier.encoder, x)
        mass = torch.zeros((batch, masks.shape[1]), dtype=torch.float64, device=masks.device)
        for block in masks.split(max(1, AT_ONCE[masks.device.type] // batch)):
            n = len(block)
            # Some images with several masks each; a copy of the text for each mask.
            mixed = torch.lerp(grey[:, None], image[:, None], block[None, :, :, None]).flatten(0, 1)
            copies, seen = (part.repeat_interleave(n, dim=0) for part in (text, x.tokens.mask))
            scores = classifier.classify(classifier.encoder.encode(copies, mixed, seen))
            probabilities = of_class(scores.float().softmax(dim=1), target.repeat_interleave(n))
            mass += probabilities.view(batch, n).double() @ block.double()
        return (mass / masks.double().sum(dim=0)).to(x.patches.dtype)
