"""Cross-modal rationale transfer: find the words, carry them over to the image, predict from both alone.

Stage 1 reads the whole tweet with a joint encoder. A word head, taught by text rationales, says which words
carry the class; optimal transport between the states of words and patches says which patches those words
speak of. All else is hidden, and stage 2 predicts the class from what is left (seeds 000–002; what the
sources leave open is listed in docs/methods.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from crisisweave.config.method import MethodConfig
from crisisweave.encoders.joint import JointEncoder, JointInput
from crisisweave.encoders.provider import Encoders
from crisisweave.encoders.text_only import TextOnly
from crisisweave.encoders.vilt import JointStates
from crisisweave.methods.classifier import Classifier
from crisisweave.methods.inputs import Batch
from crisisweave.methods.joint import JointClassifier, joint_input
from crisisweave.rationales.extractors.grad_cam import grad_cam
from crisisweave.rationales.extractors.gradient_input import gradient_input
from crisisweave.rationales.masking import masked
from crisisweave.rationales.selection import (
    expected_mass,
    nearness,
    select_patches,
    soft_choice,
    spread,
    transported_mass,
)
from crisisweave.rationales.transport import cosine_cost, ipot
from crisisweave.rationales.words import WordHead, chosen_words, over_words, rationale_loss, word_f1

THRESHOLDS = torch.arange(0.3, 0.96, 0.05)
"""Tried on dev."""
UNSETTLED = 0.5
"""The threshold where dev says nothing."""


class Rationale(NamedTuple):
    """What decided.

    Attributes:
        token_scores: of the token's word, in [0, 1] (B, L); 0 at special tokens and padding.
        tokens_selected: tokens of the chosen words (B, L).
        patch_scores: (B, P), or None for text alone.
        patches_selected: (B, P), or None for text alone.
    """

    token_scores: Tensor
    tokens_selected: Tensor
    patch_scores: Tensor | None
    patches_selected: Tensor | None


class RationaleClassifier(Classifier):
    """Classification on the rationale alone.

    Attributes:
        threshold: least probability of a chosen word.
        extractor: stage 1, which reads the whole input.
        predictor: stage 2, which reads the rationale; stage 1 itself where both share one model.
    """

    threshold: Tensor

    def __init__(self, config: MethodConfig, n_classes: int, encoders: Encoders):
        super().__init__()
        assert config.rationales is not None
        self.settings = config.rationales
        self.extractor = JointClassifier(config, n_classes, encoders)
        self.word_head = WordHead(self.extractor.encoder.dim, self.settings.hidden)
        self._second = JointClassifier(config, n_classes, encoders) if self._separate else None
        self._phase = self.phases[-1]
        fixed = self.settings.threshold
        self.register_buffer("threshold", torch.tensor(UNSETTLED if fixed is None else fixed))

    @property
    def _separate(self) -> bool:
        return self.settings.second == "separate"

    @property
    def predictor(self) -> JointClassifier:
        """Stage 2."""
        return self.extractor if self._second is None else self._second

    @property
    def joint(self) -> JointEncoder | TextOnly:
        """The joint encoder of stage 1."""
        return self.extractor.encoder

    @property
    def phases(self) -> tuple[str, ...]:
        """Two models learn one after the other, one model learns both at once."""
        return ("extract", "predict") if self._separate else ("both",)

    def begin(self, phase: str) -> None:
        """Train and score stage 1 (`extract`), stage 2 (`predict`), or both in one model (`both`).

        Stage 2 starts from what stage 1 has learned (reconstruction): it knows the classes from whole inputs
        and has to learn to do with less.
        """
        self._phase = phase
        if phase == "predict":
            assert self._second is not None
            self._second.load_state_dict(self.extractor.state_dict())

    def learns(self, parameter_name: str) -> bool:
        """Stage 1 stays as it is once stage 2 learns from its rationales."""
        return self._phase == "both" or parameter_name.startswith("_second.") == (self._phase == "predict")

    def is_pretrained(self, parameter_name: str) -> bool:
        """Whether a parameter came with the joint encoder."""
        return parameter_name.startswith(("extractor.encoder.", "_second.encoder."))

    def train(self, mode: bool = True) -> RationaleClassifier:
        """As usual, save that stage 1 gives the same rationale in training of stage 2 as afterwards."""
        super().train(mode)
        if self._phase == "predict":
            self.extractor.eval()
            self.word_head.eval()
        return self

    def loss(self, batch: Batch, labels: Tensor, weights: Tensor | None) -> Tensor:
        """Stage 1: `CE + α·L_r`, and guidance; stage 2: CE on the rationale; one model for both: the sum."""
        x = joint_input(self.joint, batch)
        if self._phase == "predict":
            return F.cross_entropy(self._on_rationale(x).float(), labels, weight=weights)
        states = self.extractor.encoder(x)
        loss = F.cross_entropy(self.extractor.classify(states).float(), labels, weight=weights)
        logits: Tensor | None = None
        if self.settings.alpha:
            assert batch.gold is not None
            logits = self.word_head(states.tokens, x.tokens.mask)
            loss = loss + self.settings.alpha * rationale_loss(logits, batch.gold)
        if self.settings.guidance:
            near = self._guided(x, states, logits, batch.gold)
            guided = F.cross_entropy(self.extractor.scores(near).float(), labels, weight=weights)
            loss = loss + self.settings.guidance * guided
        if self._phase == "both":
            loss = loss + F.cross_entropy(self._on_rationale(x).float(), labels, weight=weights)
        return loss

    def _guided(
        self, x: JointInput, states: JointStates, logits: Tensor | None, gold: Tensor | None
    ) -> JointInput:
        """The rationale's words, and of each patch the more the nearer it is to them; gradients flow."""
        words = x.tokens.words >= 0
        with torch.no_grad():
            chosen = chosen_words(self._word_scores(x, states, logits), x.tokens, float(self.threshold))
        if gold is not None:
            # A tweet whose rationale is known to be empty keeps the head's best word.
            chosen = torch.where((gold == 1).any(dim=1, keepdim=True), gold == 1, chosen)
        near = nearness(cosine_cost(states.tokens, states.patches), chosen, words)
        return masked(x, self.extractor.encoder, chosen, soft_choice(near))

    def settle_on_dev(self, batches: Iterable[Batch]) -> dict[str, float]:
        """The threshold of stage 1, and its word F1 over dev tweets whose rationale is known."""
        if self._phase == "predict" or not self.settings.alpha:
            return {}
        fixed = self.settings.threshold
        tried = THRESHOLDS if fixed is None else torch.tensor([fixed])
        found = []
        for batch in batches:
            assert batch.gold is not None
            x = self.joint_input(batch)
            words = self._word_scores(x, self.extractor.encoder(x))
            chosen = [chosen_words(words, x.tokens, float(threshold)) for threshold in tried]
            found.append(torch.stack([word_f1(each, batch.gold, x.tokens) for each in chosen]))
        # (thresholds,): not a number where no rationale of dev is known.
        scores = torch.cat(found, dim=1).nanmean(dim=1)
        if scores.isnan().any():
            return {}
        best = int(scores.argmax())
        self.threshold.fill_(float(tried[best]))
        return {"word_f1": float(scores[best])}

    def dev_score(self, metric: float, settled: dict[str, float]) -> float:
        """Stage 1's epoch is the one that finds the words best, since that is its task (reconstruction).

        One model for both stages has to be good at both. Without labels on dev the classes choose.
        """
        if "word_f1" not in settled:
            return metric
        return settled["word_f1"] if self._phase == "extract" else (metric + settled["word_f1"]) / 2

    def joint_input(self, batch: Batch) -> JointInput:
        """A batch as the encoders read it."""
        return joint_input(self.joint, batch)

    def forward(self, batch: Batch) -> Tensor:
        """Class scores (B, C) on the rationale alone; in training of stage 1, its own on the whole input."""
        return self.full(batch) if self._phase == "extract" else self._on_rationale(self.joint_input(batch))

    def full(self, batch: Batch) -> Tensor:
        """Class scores (B, C) of stage 1 on the whole input."""
        return self.extractor.scores(self.joint_input(batch))

    def _on_rationale(self, x: JointInput) -> Tensor:
        found = self.rationale(x)
        kept = masked(x, self.predictor.encoder, found.tokens_selected, found.patches_selected)
        return self.predictor.scores(kept)

    def rationale(self, x: JointInput) -> Rationale:
        """The words and patches that decide; no gradient flows through the choice."""
        with torch.no_grad():
            states = self.extractor.encoder(x)
            words = self._word_scores(x, states)
            selected = chosen_words(words, x.tokens, float(self.threshold))
            text_alone = self.settings.patches == "none"
            patches = None if text_alone else self._patch_scores(x, states, words, selected)
            return Rationale(words, selected, patches, select_patches(patches, self.settings))

    def _word_scores(self, x: JointInput, states: JointStates, logits: Tensor | None = None) -> Tensor:
        """Of the word head, whose logits may be at hand; without one, by what stage 1 itself decides on."""
        if self.settings.alpha:
            if logits is None:
                logits = self.word_head(states.tokens, x.tokens.mask)
            return over_words(logits.sigmoid(), x.tokens)
        target = self.extractor.classify(states).argmax(dim=1)
        salient = over_words(gradient_input(self.extractor, x, target).clamp(min=0), x.tokens)
        return salient / salient.max(dim=1, keepdim=True).values.clamp(min=1e-12)

    def _patch_scores(
        self, x: JointInput, states: JointStates, probabilities: Tensor, selected: Tensor
    ) -> Tensor:
        if self.settings.patches == "saliency":
            return grad_cam(self.extractor, x, self.extractor.classify(states).argmax(dim=1))
        alone = self.settings.patches == "rationale_transport"
        rows = selected if alone else x.tokens.words >= 0
        cost = cosine_cost(states.tokens, states.patches)
        all_patches = rows.new_ones(len(rows), cost.shape[2])
        plan = ipot(cost, rows, all_patches, self.settings.beta, self.settings.steps)
        expected = self.settings.mass == "expected"
        scores = expected_mass(plan, probabilities) if expected else transported_mass(plan, selected)
        if self.settings.spread is None:
            return scores
        return spread(scores, self.extractor.encoder.embed(x)[1], self.settings.spread)


build = RationaleClassifier
