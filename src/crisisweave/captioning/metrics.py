"""BLEU, ROUGE-L and CIDEr-D of captions against several references each, by the field's own packages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

_WORD = re.compile(r"\w+(?:[-']\w+)*")


def words(caption: str) -> str:
    """Lower-case words joined by single spaces, without punctuation.

    CIDEr is defined on tokenised text. This takes the place of the Java tokenizer of the COCO tools, which
    drops punctuation as well.
    """
    return " ".join(_WORD.findall(caption.lower()))


def score_captions(captions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Score one caption per image.

    Returns:
        n: images.
        bleu: corpus BLEU (sacrebleu, 0–100), and `bleu_signature`.
        rouge_l: mean over images of the best reference's ROUGE-L F1 (rouge-score, 0–1).
        cider_d: CIDEr-D as in the COCO tools (0–10), document frequencies from these references. It is 0 for
            a single image, whose every word is in all documents.
    """
    from pycocoevalcap.cider.cider import Cider
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics import BLEU

    if len(captions) != len(references) or not captions:
        raise ValueError("one caption and its references for each image, at least one image")
    most = max(len(own) for own in references)
    streams = [[own[i] if i < len(own) else None for own in references] for i in range(most)]
    bleu = BLEU(lowercase=True)
    bleu_score = bleu.corpus_score(list(captions), streams).score  # type: ignore[arg-type]

    rouge = RougeScorer(["rougeL"])
    rouge_scores = [
        rouge.score_multi(list(own), caption)["rougeL"].fmeasure
        for caption, own in zip(captions, references, strict=True)
    ]
    cider, _ = Cider().compute_score(
        {i: [words(reference) for reference in own] for i, own in enumerate(references)},
        {i: [words(caption)] for i, caption in enumerate(captions)},
    )
    return {
        "n": len(captions),
        "bleu": float(bleu_score),
        "bleu_signature": str(bleu.get_signature()),
        "rouge_l": float(sum(rouge_scores) / len(rouge_scores)),
        "cider_d": float(cider),
    }
