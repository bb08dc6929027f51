"""What `load` gives: a model that takes raw tweets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crisisweave.config.run import RunConfig
from crisisweave.errors import DataError
from crisisweave.prediction.given import Given, read_given
from crisisweave.prediction.network import Answers, Network
from crisisweave.prediction.rationale import Rationale

NEEDED = ("text", "image")


@dataclass(frozen=True)
class Prediction:
    """The answer for one tweet.

    Attributes:
        predicted: the class with the largest probability.
        probabilities: class → probability, in the task's order of classes.
        inputs: what the method read: `text` (after the repair of broken encoding), `image` (its file) and
            `caption` (as made from the image).
        rationale: the words and patches from which alone the answer was given, where the method says so.
    """

    predicted: str
    probabilities: Mapping[str, float]
    inputs: Mapping[str, str]
    rationale: Rationale | None = None

    def as_json(self) -> dict[str, Any]:
        """The same as plain values."""
        values: dict[str, Any] = {
            "predicted": self.predicted,
            "probabilities": dict(self.probabilities),
            "inputs": dict(self.inputs),
        }
        if self.rationale is not None:
            values["rationale"] = self.rationale.as_json()
        return values

    def __str__(self) -> str:
        width = max(len(name) for name in self.probabilities)
        lines = [self.predicted, ""]
        for name, p in sorted(self.probabilities.items(), key=lambda pair: -pair[1]):
            lines.append(f"  {name.ljust(width)}  {p:.3f}  {'█' * round(20 * p)}".rstrip())
        lines.append(f"\nread: {', '.join(self.inputs)}")
        if "caption" in self.inputs:
            lines.append(f"caption: {self.inputs['caption']}")
        if self.rationale is not None:
            lines.append(str(self.rationale))
        return "\n".join(lines)


class Predictor:
    """A trained method, ready for new tweets.

    Args:
        network: the method.
        identity: digest of its config and all its weights.

    Attributes:
        config: the run that the method comes from.
        classes: the class names in their fixed order.
        needs: what `predict` must be given.
        makes_captions: whether captions are made on the way.
    """

    def __init__(self, network: Network, identity: str):
        self.network, self.identity = network, identity
        self.config: RunConfig = network.config
        self.classes = tuple(network.config.classes)
        self.makes_captions = network.makes_captions
        self.needs = tuple(name for name in NEEDED if name in network.needs)

    def predict(self, text: str | None = None, image: str | Path | None = None) -> Prediction:
        """The class of one tweet.

        Args:
            text: its text as it was written.
            image: its image file.

        Raises:
            DataError: an input that the method reads is missing, empty or unreadable.
        """
        for name, value in (("text", text), ("image", image)):
            if name in self.needs and value is None:
                raise DataError(
                    f"method '{self.config.method.name}' of {self.config.dataset}/{self.config.task} reads "
                    f"{' and '.join(self.needs)}, but no {name} is given; add --{name} "
                    f"(in Python {name}=…), or take a method that reads something else"
                )
        path = None if image is None else Path(image)
        given = self.read(text, path)
        answers = self.network.answers([given], explain=True)
        values = answers.probabilities[0]
        inputs = {}
        if given.text is not None:
            inputs["text"] = given.text
        if given.image is not None:
            inputs["image"] = str(path)
        if answers.captions is not None:
            inputs["caption"] = answers.captions[0]
        return Prediction(
            self.classes[int(values.argmax())],
            {name: float(p) for name, p in zip(self.classes, values, strict=True)},
            inputs,
            None if answers.rationales is None else answers.rationales[0],
        )

    def read(self, text: str | None, image: Path | None, name: str | None = None) -> Given:
        """A tweet as the method reads it; see `given.read_given`."""
        return read_given(text, image, self.needs, self.network.shorter_side, name)

    def answers(self, given: Sequence[Given]) -> Answers:
        """Probabilities (N, C) and captions of tweets; at least one."""
        return self.network.answers(given)
