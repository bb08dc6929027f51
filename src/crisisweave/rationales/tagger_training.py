"""Training of a tagger's heads on the tweets of a human table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from crisisweave.config.rationales import TaggerConfig
from crisisweave.datasets.text import normalise_for_matching
from crisisweave.errors import DataError
from crisisweave.rationales.importer import (
    Columns,
    ImportedTweet,
    class_of,
    import_report,
    read_rationale_table,
)
from crisisweave.rationales.labels import marked
from crisisweave.rationales.tagger import UNKNOWN_CLASS, Head, WordBatch
from crisisweave.rationales.word_states import WordEncoder

_SHORTEST_KEY = 20


@dataclass(frozen=True)
class Lessons:
    """The tweets from which a tagger learns; all lists run in parallel."""

    tweets: list[ImportedTweet]
    states: list[Tensor]
    """(n, d) word states."""
    gold: list[NDArray[np.bool_]]
    """(n words,) of the whole tweet."""
    classes: NDArray[np.int64]
    groups: NDArray[np.int64]
    """Copies of one tweet share a group."""
    report: dict[str, Any]
    """What the import of the table left out."""

    def part(self, rows: NDArray[np.integer]) -> tuple[list[Tensor], list[NDArray[np.bool_]], list[int]]:
        """States, gold words (cut to the words that were read) and classes of some rows."""
        states = [self.states[row] for row in rows]
        gold = [self.gold[row][: len(self.states[row])] for row in rows]
        return states, gold, [int(self.classes[row]) for row in rows]


def columns_of(config: TaggerConfig) -> Columns | None:
    """The columns that the config names; None: to be found."""
    named = config.table.columns
    return None if named is None else Columns(named.tweet_id, named.text, named.label, named.rationale)


def read_lessons(path: Path, config: TaggerConfig, encoder: WordEncoder) -> Lessons:
    """The annotated tweets of a table, encoded.

    Raises:
        DataError: the table is broken, has a label that the config does not name, or no rationale.
    """
    imported = read_rationale_table(path, columns_of(config))
    names = config.class_names()
    tweets = [tweet for tweet in imported if tweet.status == "gold"]
    if not tweets:
        raise DataError(f"{path}: no tweet has a rationale whose snippets are in its text; nothing to learn")
    classes = np.array([names.index(class_of(tweet, config.table.classes)) for tweet in tweets])
    return Lessons(
        tweets,
        encoder.states([tweet.words for tweet in tweets]),
        [marked(tweet.match.spans, len(tweet.words)) for tweet in tweets],
        classes,
        copies([" ".join(tweet.words) for tweet in tweets]),
        import_report(imported),
    )


def copies(texts: Sequence[str]) -> NDArray[np.int64]:
    """A group number per text (N,): copies and retweets of one tweet share it, also if they were cut short.

    Two texts are copies when the key of one (`normalise_for_matching`) begins with that of the other, which
    must have 20 letters and digits or more.
    """
    keys = [normalise_for_matching(text) for text in texts]
    groups = np.arange(len(texts))
    leader = -1
    # Sorted, all keys that begin with another follow it at once.
    for row in sorted(range(len(texts)), key=lambda row: keys[row]):
        is_copy = leader >= 0 and len(keys[leader]) >= _SHORTEST_KEY and keys[row].startswith(keys[leader])
        if is_copy:
            groups[row] = leader
        else:
            leader = row
    return groups


def train_heads(lessons: Lessons, rows: NDArray[np.integer], config: TaggerConfig) -> list[Head]:
    """The heads, trained on some rows one after the other, each with its own seed; in evaluation mode."""
    usable = np.array([row for row in rows if lessons.gold[row][: len(lessons.states[row])].any()])
    return [_train_head(lessons, usable, config, seed) for seed in range(config.members)]


def _train_head(lessons: Lessons, rows: NDArray[np.integer], config: TaggerConfig, seed: int) -> Head:
    torch.manual_seed(seed)
    draw = np.random.default_rng(seed)
    head = Head(lessons.states[0].shape[1], len(config.class_names()), config.hidden, config.dropout)
    optimiser = torch.optim.AdamW(head.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    steps = config.epochs * -(-len(rows) // config.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / steps)
    for _ in range(config.epochs):
        head.train()
        order = draw.permutation(rows)
        for start in range(0, len(order), config.batch_size):
            states, gold, classes = lessons.part(order[start : start + config.batch_size])
            hidden = draw.random(len(classes)) < config.class_dropout
            told = [UNKNOWN_CLASS if h else c for h, c in zip(hidden, classes, strict=True)]
            target = pad_sequence([torch.from_numpy(words) for words in gold], batch_first=True)
            loss = head.loss(WordBatch.of(states, told), target, config.word_loss)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(head.parameters(), config.clip)
            optimiser.step()
            schedule.step()
    return head.eval()
