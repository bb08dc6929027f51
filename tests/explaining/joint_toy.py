"""A run with rationales and its scorer on the toy data set; their weights are random."""

from __future__ import annotations

from pathlib import Path

import torch

from crisisweave.config.method import MethodConfig
from crisisweave.config.run import RunConfig, write_run_config
from crisisweave.encoders.joint_folder import new_encoder, save_joint
from crisisweave.methods.registry import build_model
from crisisweave.training.runs import save_model
from toy import CLASSES, TRAINING, Toy, joint_config

SIDE = 4
"""Patches along a side."""


def method(family: str, **changes: object) -> MethodConfig:
    """A method of a family with the toy's joint encoder."""
    return MethodConfig.model_validate(
        {
            "name": family,
            "family": family,
            "title": family,
            "idea": "for tests",
            "source": {"document": "none", "section": "none"},
            "inputs": ["text", "image"],
            "joint": "toy",
            "max_tokens": 16,
            "training": TRAINING,
            **changes,
        }
    )


SCORER = method("joint", name="scorer", masking=0.5)
RATIONALE = method("rationale", rationales={"labels": "truth", "hidden": 4, "scorer": "scorer"})


class JointToy(Toy):
    """The toy with a joint encoder, gold words, and runs whose weights are random."""

    def __init__(self, root: Path):
        super().__init__(root)
        folder = root / "data" / "joint" / "toy"
        folder.mkdir(parents=True)
        torch.manual_seed(0)
        save_joint(new_encoder(joint_config(), 3 * (32 // SIDE) ** 2), joint_config(), folder)
        self.write_truth()

    def folder_of(self, config: MethodConfig) -> Path:
        """The folder of a run of seed 1."""
        return self.root / "results" / "toy" / "state" / config.name / "seed-1"

    def joint_run(self, config: MethodConfig) -> Path:
        """The folder of a run of the method that was built and never trained."""
        run = RunConfig(
            dataset="toy",
            task="state",
            classes=CLASSES,
            seed=1,
            threads=1,
            method=config,
            shorter_side=32,
            captioner=None,
            joint=joint_config(),
        )
        folder = self.folder_of(config)
        folder.mkdir(parents=True)
        torch.manual_seed(1)
        save_model(build_model(config, len(CLASSES)).stored_state(), run, folder)
        write_run_config(run, folder)
        return folder
