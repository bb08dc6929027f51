"""Does a mirrored image take its rationale with it?"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crisisweave.encoders.joint import JointEncoder, JointInput
from crisisweave.explaining.scorer import BATCH
from crisisweave.methods.rationale import RationaleClassifier
from crisisweave.rationales.boxes import patch_iou
from crisisweave.training.examples import Examples


def mirrored(x: JointInput, encoder: JointEncoder) -> JointInput:
    """The input with its image mirrored.

    Patches of pixels are mirrored themselves. Features of a patch say nothing of the mirrored patch: they
    change places as they are.
    """
    rows, columns = encoder.grid
    patches = x.patches.unflatten(1, (rows, columns)).flip(2)
    if encoder.patches.encoder is None:
        side = encoder.patches.patch
        patches = patches.unflatten(3, (3, side, side)).flip(5).flatten(3)
    return x._replace(patches=patches.flatten(1, 2))


def mirrored_patches(flags: Tensor, encoder: JointEncoder) -> Tensor:
    """What is said of patches (B, P) of the mirrored image."""
    return flags.unflatten(1, encoder.grid).flip(2).flatten(1)


def flip_consistency(
    model: RationaleClassifier, examples: Examples, device: torch.device
) -> NDArray[np.float64]:
    """Patch IoU of the mirrored rationale of an image and the rationale of the mirrored image (N,).

    1 where the rationale moves with the image. Encoders with learned positions promise nothing, so this is
    measured. Null where neither rationale has a patch.
    """
    encoder = model.joint
    assert isinstance(encoder, JointEncoder)
    found = np.full(len(examples), np.nan)
    with torch.inference_mode():
        for start in range(0, len(examples), BATCH):
            rows = np.arange(start, min(start + BATCH, len(examples)))
            x = model.joint_input(examples.batch(rows).to(device))
            straight = model.rationale(x).patches_selected
            moved = model.rationale(mirrored(x, encoder)).patches_selected
            assert straight is not None and moved is not None
            pairs = zip(mirrored_patches(straight, encoder).cpu().numpy(), moved.cpu().numpy(), strict=True)
            for row, (one, other) in zip(rows, pairs, strict=True):
                if one.any() or other.any():
                    found[row] = patch_iou(one, other)
    return found
