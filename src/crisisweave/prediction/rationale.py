"""What a method decided on, for tweets that belong to no data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch

from crisisweave.explaining.words import word_flags, word_scores
from crisisweave.methods.rationale import RationaleClassifier
from crisisweave.training.loop import SCORING_BATCH, Scorable


@dataclass(frozen=True)
class Rationale:
    """The words and patches from which alone one answer was given; names as in `rationales.parquet`.

    Attributes:
        words: of the text, as `datasets.text.words` cuts it.
        word_scores: of each word, in [0, 1].
        word_selected: whether each word was read.
        grid: rows and columns over the centre square of the image; None for a method that reads text alone.
        patch_scores: of each patch, row by row.
        patch_selected: whether each patch was read.
    """

    words: Sequence[str]
    word_scores: Sequence[float]
    word_selected: Sequence[bool]
    grid: tuple[int, int] | None = None
    patch_scores: Sequence[float] = ()
    patch_selected: Sequence[bool] = ()

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        values: dict[str, Any] = {
            "words": list(self.words),
            "word_scores": [round(score, 6) for score in self.word_scores],
            "word_selected": list(self.word_selected),
        }
        if self.grid is not None:
            values |= {
                "grid": list(self.grid),
                "patch_scores": [round(score, 6) for score in self.patch_scores],
                "patch_selected": list(self.patch_selected),
            }
        return values

    def __str__(self) -> str:
        pairs = zip(map(_printable, self.words), self.word_selected, strict=True)
        runs = [
            (chosen, " ".join(word for word, _ in run))
            for chosen, run in groupby(pairs, lambda pair: pair[1])
        ]
        lines = [
            f"decided on {sum(self.word_selected)} of {len(self.words)} words:",
            "  " + " ".join(f"[{text}]" if chosen else text for chosen, text in runs),
        ]
        if self.grid is not None:
            rows, columns = self.grid
            lines.append(
                f"and on {sum(self.patch_selected)} of {rows * columns} patches of the image's centre:"
            )
            for row in range(rows):
                cells = self.patch_selected[row * columns : (row + 1) * columns]
                lines.append("  " + " ".join("■" if chosen else "·" for chosen in cells))
        return "\n".join(lines)


def _printable(word: str) -> str:
    """A word that cannot move a terminal's cursor or change its colours."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in word)


def rationales_of(
    model: RationaleClassifier, rows: Scorable, words: Sequence[Sequence[str]], device: torch.device
) -> list[Rationale]:
    """The method's own rationales of rows whose words are `words`, in their order."""
    found: list[Rationale] = []
    for start in range(0, len(rows), SCORING_BATCH):
        own_words = words[start : start + SCORING_BATCH]
        x = model.joint_input(rows.batch(np.arange(start, start + len(own_words))).to(device))
        own = model.rationale(x)
        for i, text in enumerate(own_words):
            of_tokens, n = x.tokens.words[i], len(text)
            of_image: dict[str, Any] = {}
            if own.patch_scores is not None and own.patches_selected is not None:
                of_image = {
                    "grid": model.joint.grid,
                    "patch_scores": own.patch_scores[i].tolist(),
                    "patch_selected": own.patches_selected[i].tolist(),
                }
            found.append(
                Rationale(
                    list(text),
                    word_scores(own.token_scores[i], of_tokens, n).tolist(),
                    word_flags(own.tokens_selected[i], of_tokens, n).tolist(),
                    **of_image,
                )
            )
    return found
