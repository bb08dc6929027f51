"""Text alone by convolutions over word vectors (Kim, 2014), the word2vec rows of the thesis' table 3.3."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crisisweave.config.method import MethodConfig
from crisisweave.encoders.provider import Encoders
from crisisweave.methods.branches import TextBranch, classification_head
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch


class TextCnn(Classifier):
    """Filters over runs of words; each gives its strongest answer anywhere in the text."""

    def __init__(self, config: MethodConfig, n_classes: int, encoders: Encoders):
        super().__init__()
        assert config.text is not None
        assert config.convolution is not None
        self.text_branch = TextBranch(config.text, encoders, words_only=True)
        windows, filters = config.convolution.windows, config.convolution.filters
        self.filters = nn.ModuleList(nn.Conv1d(self.text_branch.dim, filters, window) for window in windows)
        self.head = classification_head(filters * len(windows), n_classes, config.head)

    def forward(self, batch: Batch) -> Tensor:
        """Class scores (B, C)."""
        assert self.text_branch is not None
        vectors, mask = self.text_branch.states(batch)
        vectors = (vectors * mask[:, :, None]).transpose(1, 2)
        answers = [strongest(layer, vectors, mask) for layer in self.filters]
        scores: Tensor = self.head(torch.cat(answers, dim=1))
        return scores


def strongest(layer: nn.Module, vectors: Tensor, mask: Tensor) -> Tensor:
    """Largest answer of each filter in each text (B, filters), over all windows that hold a real token.

    Args:
        layer: a convolution over `window` tokens.
        vectors: of tokens (B, d, L), zero at padding.
        mask: True at real tokens (B, L), which stand first.
    """
    assert isinstance(layer, nn.Conv1d)
    around = layer.kernel_size[0] - 1
    # A window may begin before the text or end after it: so a text shorter than the window is read as well.
    answers = F.relu(layer(F.pad(vectors, (around, around))))
    # Window i ends at token i. What lies beyond the text must not depend on its neighbours' length.
    holds_text = torch.cat([mask.new_ones(len(mask), around), mask], dim=1)
    # Answers are never negative, so 0 is no answer.
    return (answers * holds_text[:, None, :]).amax(dim=2)


build = TextCnn
