"""Cross-validation of a tagger: how well it marks tweets that it has not seen, beside trivial answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisisweave.config.rationales import TaggerConfig
from crisisweave.errors import DataError
from crisisweave.rationales.labels import marked
from crisisweave.rationales.tagger import UNKNOWN_CLASS, Tagged, tag
from crisisweave.rationales.tagger_scores import scored, trivial_answers
from crisisweave.rationales.tagger_training import Lessons, train_heads


def cross_validate(lessons: Lessons, config: TaggerConfig) -> dict[str, Any]:
    """Word scores over all tweets, each marked by heads that saw neither it nor a copy of it.

    Returns:
        `answers`: `all_words`, `content_words`, `tagger` (told the class) and `tagger_without_class`;
        `folds`, `groups`, and in `table` what its import left out.

    Raises:
        DataError: there are fewer different tweets than folds.
    """
    groups = len(np.unique(lessons.groups))
    if groups < config.folds:
        raise DataError(
            f"the table holds {groups} different tweets with a rationale, which cannot be cross-validated in "
            f"{config.folds} folds; annotate more tweets or lower 'folds'"
        )
    fold = folds_of(lessons.groups, config.folds)
    told: list[Tagged | None] = [None] * len(fold)
    untold = list(told)
    for number in range(config.folds):
        heads = train_heads(lessons, np.flatnonzero(fold != number), config)
        held_out = np.flatnonzero(fold == number)
        states, _, classes = lessons.part(held_out)
        unknown = [UNKNOWN_CLASS] * len(classes)
        for row, with_class, without in zip(
            held_out, tag(heads, states, classes), tag(heads, states, unknown), strict=True
        ):
            told[row], untold[row] = with_class, without
    names = config.class_names()
    classes_of = [names[c] for c in lessons.classes]
    trivial = [trivial_answers(tweet.words) for tweet in lessons.tweets]
    answers = {
        **{name: [answer[name] for answer in trivial] for name in trivial[0]},
        "tagger_without_class": selections(untold, lessons.gold),
        "tagger": selections(told, lessons.gold),
    }
    return {
        "answers": {
            name: scored(lessons.gold, selected, classes_of, lessons.groups)
            for name, selected in answers.items()
        },
        "folds": config.folds,
        "groups": groups,
        "table": lessons.report,
    }


def folds_of(groups: NDArray[np.integer], folds: int) -> NDArray[np.int64]:
    """A fold per row (N,); rows of one group share it; the folds have equally many groups (or one less)."""
    names, member = np.unique(groups, return_inverse=True)
    order = np.random.default_rng(0).permutation(len(names))
    fold: NDArray[np.int64] = (np.argsort(order) % folds)[member]
    return fold


def selections(tagged: Sequence[Tagged | None], gold: Sequence[NDArray[np.bool_]]) -> list[NDArray[np.bool_]]:
    """Marked words over all words of each tweet; those that were cut off are not."""
    return [
        marked([t.span] if t is not None and t.span else [], len(words))
        for t, words in zip(tagged, gold, strict=True)
    ]
