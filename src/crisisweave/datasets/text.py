"""Tweet text: repair, the project's one definition of a word, and keys for finding duplicates."""

from __future__ import annotations

import html
import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftfy import TextFixerConfig

_URL = re.compile(r"(?:https?://|www\.|pic\.twitter\.com/)\S*", re.IGNORECASE)
# Not inside a word, so that an e-mail address is left alone.
_MENTION = re.compile(r"(?<![\w@])@\w+")
_RETWEET = re.compile(r"^\s*rt\s+@\w+\s*:?", re.IGNORECASE)
_CUT_URL = re.compile(r"\bhttps?\S*", re.IGNORECASE)
_NOT_ALPHANUMERIC = re.compile(r"[\W_]+")


def words(text: str) -> list[str]:
    """The words of a tweet, split at white space: rationale spans count in these."""
    return text.split()


def model_words(text: str) -> list[str]:
    """`words(text)` as encoders read them: every URL becomes `http`, every @mention `@user`.

    The number of words is kept, so that word i here is word i of `words(text)`. Random shortened addresses
    and user names carry no class information and cost many sub-word tokens.
    """
    return [_MENTION.sub("@user", _URL.sub("http", word)) for word in words(text)]


def normalise_for_matching(text: str) -> str:
    """A key under which copies of one tweet meet: letters and digits only, in lower case.

    Retweet prefix, URLs (also those cut off by a retweet's "…"), mentions, HTML escapes, punctuation, emoji
    and spacing are removed. Empty where nothing is left: such texts must not be called copies of one another.
    """
    text = _RETWEET.sub(" ", html.unescape(text))
    text = _MENTION.sub(" ", _CUT_URL.sub(" ", _URL.sub(" ", text)))
    return _NOT_ALPHANUMERIC.sub("", text.casefold())


@cache
def _encoding_repair_only() -> TextFixerConfig:
    from ftfy import TextFixerConfig

    # Everything that is not mojibake stays as the data set has it: HTML escapes, curly quotes, full-width
    # letters, ligatures and unnormalised accents are what the author or the platform wrote.
    return TextFixerConfig(
        unescape_html=False,
        remove_terminal_escapes=False,
        fix_latin_ligatures=False,
        fix_character_width=False,
        uncurl_quotes=False,
        fix_line_breaks=False,
        fix_surrogates=False,
        remove_control_chars=False,
        normalization=None,
    )


def repair_mojibake(text: str) -> str:
    """Undo UTF-8 that was read as cp1252 (or a relative); any other text comes back unchanged."""
    import ftfy

    return ftfy.fix_encoding(text, _encoding_repair_only())
