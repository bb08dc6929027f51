"""Known answers of the caption scores."""

import math

import pytest

from crisisweave.captioning.metrics import score_captions, words


def test_captions_equal_to_a_reference_reach_the_ceiling():
    captions = ["a red house stands in water", "two dogs run over the grass"]
    scores = score_captions(captions, [[captions[0]], [captions[1]]])
    assert scores["bleu"] == pytest.approx(100)
    assert scores["rouge_l"] == pytest.approx(1)
    assert scores["cider_d"] == pytest.approx(10)
    assert scores["n"] == 2


def test_captions_without_a_common_word_score_nothing():
    scores = score_captions(["a b c d e", "f g h i j"], [["k l m n o"], ["p q r s t"]])
    assert scores["rouge_l"] == 0
    assert scores["cider_d"] == 0
    assert scores["bleu"] < 10  # sacrebleu's exponential smoothing leaves a little


def test_bleu_by_hand():
    # 7 of 8 words match; 5 of 7 bigrams, 3 of 6 trigrams, 1 of 5 4-grams; equal lengths, no penalty.
    scores = score_captions(["a b c d x f g h"], [["a b c d e f g h"]])
    assert scores["bleu"] == pytest.approx(100 * (7 / 8 * 5 / 7 * 3 / 6 * 1 / 5) ** 0.25)


def test_rouge_l_by_hand_takes_the_best_reference():
    # Longest common subsequence "a c" of 3 and 4 words: P 2/3, R 2/4.
    expected = 2 * (2 / 3) * (2 / 4) / (2 / 3 + 2 / 4)
    scores = score_captions(["a b c"], [["x y z", "a c d e"]])
    assert scores["rouge_l"] == pytest.approx(expected)


def test_cider_d_by_hand():
    # Two images; every word of one reference occurs in that image only, so idf = log 2 for each n-gram. The
    # caption "a b" meets its reference "a b" fully in 1- and 2-grams and has no 3- and 4-grams: 10 · 2/4.
    # The other caption repeats a word: clipped product (1·1)/(2·1) in 1-grams, nothing in bigrams, and a
    # length difference of one bigram: penalty exp(−1/72).
    scores = score_captions(["a b", "c c"], [["a b"], ["c"]])
    assert scores["cider_d"] == pytest.approx((5 + 10 / 4 * 0.5 * math.exp(-1 / 72)) / 2)


def test_references_may_differ_in_number():
    scores = score_captions(["a b c d", "e f g h"], [["x", "a b c d"], ["e f g h"]])
    assert scores["bleu"] == pytest.approx(100)
    assert "nrefs:var" in scores["bleu_signature"]


def test_words_drop_punctuation_and_case():
    assert words("A half-built wall, isn't it?") == "a half-built wall isn't it"
