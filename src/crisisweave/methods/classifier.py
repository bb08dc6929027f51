"""What every trained method is: a network from a batch to class scores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from crisisweave.encoders.joint import JointEncoder
from crisisweave.encoders.lxmert_encoder import LxmertEncoder
from crisisweave.encoders.text_only import TextOnly
from crisisweave.methods.branches import ImageBranch, TextBranch
from crisisweave.methods.inputs import Batch


class Classifier(nn.Module):
    """Base of all methods.

    A method names its modality branches `text_branch` and `image_branch`, so that parameters can be told
    apart by modality and by whether they came pretrained.
    """

    text_branch: TextBranch | None
    image_branch: ImageBranch | None

    def __init__(self) -> None:
        super().__init__()
        # Set here, not on the class, where None would hide the module that a method assigns.
        self.text_branch = None
        self.image_branch = None

    def forward(self, batch: Batch) -> Tensor:
        """Class scores before softmax (B, C)."""
        raise NotImplementedError

    @property
    def phases(self) -> tuple[str, ...]:
        """What is trained one after the other, each by a loop of its own; most methods have one phase."""
        return ("",)

    def begin(self, phase: str) -> None:
        """Get ready to be trained and scored for a phase."""

    def learns(self, parameter_name: str) -> bool:
        """Whether a parameter is trained in the current phase."""
        return True

    def loss(self, batch: Batch, labels: Tensor, weights: Tensor | None) -> Tensor:
        """The mean loss of a batch in the current phase.

        Args:
            batch: B rows.
            labels: class ids (B,).
            weights: of the classes (C,), or None.
        """
        return F.cross_entropy(self(batch).float(), labels, weight=weights)

    def settle_on_dev(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Settle what is left to dev after each epoch, and say how good it is.

        Args:
            batches: all dev rows; the model is in evaluation mode.
        """
        return {}

    def dev_score(self, metric: float, settled: dict[str, float]) -> float:
        """By what the epoch is chosen in the current phase.

        Args:
            metric: the dev metric of the classes that the training names.
            settled: what `settle_on_dev` gave.
        """
        return metric

    def text_vector(self, batch: Batch) -> Tensor:
        """The text branch's vectors (B, d)."""
        assert self.text_branch is not None
        vector: Tensor = self.text_branch(batch)
        return vector

    def image_vector(self, batch: Batch) -> Tensor:
        """The image branch's vectors (B, d)."""
        assert self.image_branch is not None
        vector: Tensor = self.image_branch(batch)
        return vector

    @property
    def branches(self) -> tuple[nn.Module, ...]:
        """The branches of modality 0, 1, …, each giving vectors (B, dim); empty where there is one alone."""
        found = [branch for branch in (self.text_branch, self.image_branch) if branch is not None]
        return tuple(found) if len(found) > 1 else ()

    def split_scores(self, vectors: Sequence[Tensor]) -> list[Tensor] | None:
        """Each modality's part of the scores, where the fusion is a sum of such parts; else None.

        Args:
            vectors: of the branches (B, d_m).
        """
        return None

    def stored_state(self) -> dict[str, Tensor]:
        """What a checkpoint holds: trained parameters and buffers.

        Pretrained parameters that were left as they came stay with their pinned source.
        """
        left = {name for name, parameter in self.named_parameters() if not parameter.requires_grad}
        return {name: value for name, value in self.state_dict().items() if name not in left}

    def is_pretrained(self, parameter_name: str) -> bool:
        """Whether a parameter came with an encoder's published weights."""
        for prefix, branch in (("text_branch", self.text_branch), ("image_branch", self.image_branch)):
            if parameter_name.startswith(f"{prefix}.encoder."):
                assert branch is not None
                return not branch.use.name.startswith("tiny:")
        return False

    @property
    def joint(self) -> JointEncoder | TextOnly | None:
        """The encoder that reads the text's tokens and the patches (if any), where one explains both."""
        return None

    @property
    def lxmert(self) -> LxmertEncoder | None:
        """The encoder that reads the text's tokens and the image's regions, where there is one."""
        return None
