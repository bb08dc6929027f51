"""The one scorer of faithfulness: a run that was trained on full and on randomly masked inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from crisisweave.config.method import MethodConfig
from crisisweave.config.run import RunConfig, read_run_config
from crisisweave.errors import ConfigError
from crisisweave.explaining.words import token_flags
from crisisweave.layout import Sources
from crisisweave.methods.joint import JointMethod, joint_input
from crisisweave.rationales.faithfulness import Mask
from crisisweave.rationales.masking import masked
from crisisweave.training.examples import Examples

BATCH = 32


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

    Everything is embedded once as it is and once hidden; masks then choose between the two. That is the same
    as masking the input, because an embedding depends on its own token or patch alone.

    Args:
        model: the scorer.
        config: its method's config.
        frame: the instances, in order; all their embeddings are held.
        sources: inputs of their data set and task.
        device: where it computes.
    """

    def __init__(
        self,
        model: JointMethod,
        config: MethodConfig,
        frame: pd.DataFrame,
        sources: Sources,
        device: torch.device,
    ):
        self._model = model.extractor
        self._device = device
        examples = Examples(frame, model, config, sources)
        with torch.inference_mode():
            x = joint_input(model.joint, examples.batch(np.arange(len(frame))).to(device))
            self._tokens = x.tokens
            self._shown = model.joint.embed(x)
            nothing = x.tokens.mask.new_zeros(1)
            of_tokens, of_patches = nothing.expand(x.tokens.mask.shape), nothing.expand(x.patches.shape[:2])
            self._hidden = model.joint.embed(masked(x, model.joint, of_tokens, of_patches))

    def __call__(self, rows: NDArray[np.int64], words: Mask, patches: Mask) -> NDArray[np.float64]:
        """Instances (m,) and their words (m, W) and patches (m, P) that are shown → probabilities (m, C)."""
        lengths = self._tokens.mask.sum(dim=1).cpu().numpy()
        # Tweets of one length together: little padding.
        order = np.argsort(lengths[rows], kind="stable")
        blocks = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        with torch.inference_mode():
            scored = torch.cat(
                [
                    self._block(rows[block], int(lengths[rows[block]].max()), words[block], patches[block])
                    for block in blocks
                ]
            )
        result = np.empty((len(order), scored.shape[1]))
        result[order] = scored.numpy()
        return result

    def _block(self, rows: NDArray[np.int64], length: int, words: Mask, patches: Mask) -> torch.Tensor:
        at = torch.from_numpy(rows).to(self._device)
        keep_words = token_flags(torch.from_numpy(words).to(self._device), self._tokens.words[at, :length])
        keep_patches = torch.from_numpy(patches).to(self._device)
        text, image = (
            torch.where(keep[:, :, None], shown[at, : keep.shape[1]], hidden[at, : keep.shape[1]])
            for keep, shown, hidden in zip((keep_words, keep_patches), self._shown, self._hidden, strict=True)
        )
        states = self._model.encoder.encode(text, image, self._tokens.mask[at, :length])
        return torch.softmax(self._model.classify(states).double(), dim=1).cpu()
