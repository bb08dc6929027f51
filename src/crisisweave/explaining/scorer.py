"""The one scorer of faithfulness: a run that was trained on full and on randomly masked inputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from crisisweave.config.run import RunConfig, read_run_config
from crisisweave.errors import ConfigError
from crisisweave.explaining.words import token_flags
from crisisweave.layout import Sources
from crisisweave.methods.joint import joint_input
from crisisweave.rationales.faithfulness import Mask
from crisisweave.rationales.masking import masked
from crisisweave.training.examples import Examples
from crisisweave.training.runs import load_model

BATCH = 64


def scorer_of(config: RunConfig, run: Path) -> Path | None:
    """The folder of the run that scores the faithfulness of a run's rationales: same data, task and seed.

    Returns:
        None where the method's config says that there is none (`rationales.scorer: null`).

    Raises:
        ConfigError: the scorer was not trained, or has not learned from both full and masked inputs.
    """
    names = config.method.scorers
    if not names:
        return None
    folder = run.parent.parent / names[0] / run.name
    if not (folder / "model.safetensors").is_file():
        raise ConfigError(
            f"{folder}: method '{names[0]}', which scores the rationales of '{config.method.name}', has not "
            "been trained with this seed; run `crisisweave train` for it first"
        )
    if not 0 < read_run_config(folder).method.masking < 1:
        raise ConfigError(
            f"{folder}: this run cannot score rationales, because it was not trained on both full and masked "
            "inputs; set 'masking' of its method between 0 and 1 and train it again"
        )
    return folder


class MaskedScorer:
    """Class probabilities of instances of which only some words and patches are shown.

    Args:
        run: folder of the scorer's run.
        frame: the instances, in order.
        sources: inputs of their data set and task.
        device: where it computes.
    """

    def __init__(self, run: Path, frame: pd.DataFrame, sources: Sources, device: torch.device):
        config = read_run_config(run)
        self._model: Any = load_model(config, run).to(device)
        self._examples = Examples(frame, self._model, config.method, sources)
        self._device = device

    def __call__(self, rows: NDArray[np.int64], words: Mask, patches: Mask) -> NDArray[np.float64]:
        """Instances (m,) and their words (m, W) and patches (m, P) that are shown → probabilities (m, C)."""
        lengths = self._examples.lengths
        assert lengths is not None
        order = np.argsort(lengths[rows], kind="stable")
        blocks = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        with torch.inference_mode():
            scored = torch.cat([self._block(rows[block], words[block], patches[block]) for block in blocks])
        result = np.empty((len(order), scored.shape[1]))
        result[order] = scored.numpy()
        return result

    def _block(self, rows: NDArray[np.int64], words: Mask, patches: Mask) -> torch.Tensor:
        x = joint_input(self._model.joint, self._examples.batch(rows).to(self._device))
        shown = token_flags(torch.from_numpy(words).to(self._device), x.tokens.words)
        x = masked(x, self._model.joint, shown, torch.from_numpy(patches).to(self._device))
        return torch.softmax(self._model.extractor.scores(x).double(), dim=1).cpu()
