"""Words, mojibake repair and matching keys."""

import pytest

from crisisweave.datasets.text import model_words, normalise_for_matching, repair_mojibake, words


def test_model_words_replace_links_and_mentions_without_changing_the_number_of_words() -> None:
    text = "RT @fema_1: see(https://t.co/Ab1) www.x.org .@who mail me@x.org pic.twitter.com/zz\u00a0ok"
    assert model_words(text) == [
        *["RT", "@user:", "see(http", "http", ".@user", "mail", "me@x.org", "http", "ok"],
    ]
    assert len(model_words(text)) == len(words(text))


def test_copies_of_a_tweet_share_one_key() -> None:
    original = "Bridge & road are GONE!  Send help http://t.co/1"
    copies = [
        "RT @someone: Bridge &amp; road are gone. send help https://t.co/2",
        "bridge road are gone — send help @fema 🙏",
        "Bridge & road are gone send help https…",
    ]
    assert {normalise_for_matching(text) for text in copies} == {normalise_for_matching(original)}
    assert normalise_for_matching("Bridge is gone") != normalise_for_matching(original)


def test_a_text_of_links_and_mentions_has_an_empty_key() -> None:
    assert normalise_for_matching("@a https://t.co/1 😀") == ""


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("itâ€™s gone", "it’s gone"),  # read as cp1252
        ("wait‚Ä¶", "wait…"),  # read as MacRoman
        ("MÃ©xico", "México"),
    ],
)
def test_mojibake_is_repaired(broken: str, whole: str) -> None:
    assert repair_mojibake(broken) == whole


@pytest.mark.parametrize(
    "text",
    [
        "fish &amp; chips &lt;3",
        "“curly” quotes ﬁ ＬＯＵＤ",
        "e\u0301 stays decomposed",
        "México 😀 مرحبا",
        "two\u2028lines\u0007",
    ],
)
def test_what_is_not_mojibake_stays_verbatim(text: str) -> None:
    assert repair_mojibake(text) == text
