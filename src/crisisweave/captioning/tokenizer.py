"""The language model's tokenizer: byte-level BPE, as GPT-2's, so that no text is ever out of vocabulary."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from crisisweave.errors import WeightsError

END = "<|endoftext|>"


def learn_tokenizer(captions: Sequence[str], vocabulary: int) -> Tokenizer:
    """Learn merges from captions; at most `vocabulary` tokens, the 256 bytes and the end token included."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=2,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(captions, trainer)
    return tokenizer


def word_tokenizer(path: Path) -> Tokenizer:
    """The words of a vocabulary file, JSON with `ix_to_word`; number 0 begins and ends a caption.

    Raises:
        WeightsError: the file is not as described.
    """
    try:
        words = json.loads(path.read_text(encoding="utf-8"))["ix_to_word"]
        ids = {END: 0, **{word: int(number) for number, word in words.items()}}
        if sorted(ids.values()) != list(range(len(words) + 1)):
            raise ValueError("words are not numbered from 1 on, each once")
        tokenizer = Tokenizer(models.WordLevel(ids))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path}: is no vocabulary with ix_to_word ({reason})") from error
    tokenizer.add_special_tokens([END])
    return tokenizer


def end_token(tokenizer: Tokenizer) -> int:
    """Id of the end token.

    Raises:
        WeightsError: the tokenizer has none, so it is not GPT-2's nor one of ours.
    """
    token = tokenizer.token_to_id(END)
    if token is None:
        raise WeightsError(f"the captioner's tokenizer has no {END} token; use the tokenizer.json of GPT-2")
    return int(token)


def stop_token(tokenizer: Tokenizer, stop: Literal["end", "."]) -> int:
    """Id of the token that ends a caption."""
    return end_token(tokenizer) if stop == "end" else int(tokenizer.encode(".").ids[0])


def decode(tokenizer: Tokenizer, tokens: Sequence[int]) -> str:
    """Text of generated tokens on one line, without the end token."""
    return " ".join(tokenizer.decode(list(tokens), skip_special_tokens=True).split())
