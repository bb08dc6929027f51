from __future__ import annotations

import numpy as np
import torch
from joint_toy import RATIONALE, SIDE, JointToy

from crisisweave.config.run import read_run_config
from crisisweave.encoders.joint import JointEncoder
from crisisweave.explaining.flips import flip_consistency, mirrored, mirrored_patches
from crisisweave.methods.rationale import RationaleClassifier
from crisisweave.training.examples import Examples
from crisisweave.training.runs import load_model


def test_mirrored_patches_are_those_of_the_mirrored_image(joint_toy: JointToy) -> None:
    run = joint_toy.folder_of(RATIONALE)
    model = load_model(read_run_config(run), run)
    assert isinstance(model.joint, JointEncoder)
    batch = Examples(joint_toy.frame(), model, RATIONALE, joint_toy.sources).batch(np.arange(4))
    assert isinstance(batch.image, torch.Tensor)
    x = model.joint.read(batch.text, batch.image)
    turned = model.joint.read(batch.text, batch.image.flip(2))
    assert not torch.equal(x.patches, turned.patches)
    assert torch.equal(mirrored(x, model.joint).patches, turned.patches)


def test_what_is_said_of_patches_turns_by_rows(joint_toy: JointToy) -> None:
    run = joint_toy.folder_of(RATIONALE)
    model = load_model(read_run_config(run), run)
    assert isinstance(model.joint, JointEncoder)
    flags = torch.zeros(1, SIDE**2, dtype=torch.bool)
    flags[0, 1] = True
    turned = mirrored_patches(flags, model.joint)
    assert turned.nonzero().tolist() == [[0, SIDE - 2]]


def test_flip_consistency_is_one_number_for_each_instance(joint_toy: JointToy) -> None:
    run = joint_toy.folder_of(RATIONALE)
    model = load_model(read_run_config(run), run)
    assert isinstance(model, RationaleClassifier)
    examples = Examples(joint_toy.frame().iloc[:10], model, RATIONALE, joint_toy.sources)
    found = flip_consistency(model, examples, torch.device("cpu"))
    assert found.shape == (10,)
    known = found[~np.isnan(found)]
    assert ((known >= 0) & (known <= 1)).all()
