import numpy as np
import pytest

from crisisweave.evaluation.bootstrap import bootstrap_scores, interval, mean_over_seeds, two_sided_p
from crisisweave.evaluation.metrics import confusion_counts, summarise


def test_percentile_interval_of_known_samples() -> None:
    assert interval(np.arange(1001) / 1000) == pytest.approx((0.025, 0.975))


def test_interval_of_an_accuracy_is_the_binomial_one() -> None:
    truth = np.zeros(400, dtype=int)
    predicted = (np.arange(400) >= 320).astype(int)  # 80 % right
    scores = bootstrap_scores(np.arange(400), truth, predicted[None], 2)
    low, high = interval(scores["accuracy"][0])
    half = 1.96 * np.sqrt(0.8 * 0.2 / 400)
    assert (low, high) == pytest.approx((0.8 - half, 0.8 + half), abs=0.006)


def test_all_right_leaves_no_doubt_in_the_resamples() -> None:
    scores = bootstrap_scores(np.arange(9), np.zeros(9, dtype=int), np.zeros((1, 9), dtype=int), 2)
    assert interval(scores["accuracy"][0]) == (1, 1)
    assert interval(scores["f1_macro"][0]) == (0.5, 0.5)  # the second class never occurs and counts as 0


def test_a_rare_class_that_is_not_drawn_does_not_count_as_wrong() -> None:
    # One row of the second class among ten: it is missing from a third of all resamples.
    truth = np.array([0] * 9 + [1])
    right = bootstrap_scores(np.arange(10), truth, truth[None], 3)
    assert np.allclose(right["f1_macro"], 2 / 3)  # the third class never occurs and counts as 0
    never_found = bootstrap_scores(np.arange(10), truth, np.zeros((1, 10), dtype=int), 3)
    assert never_found["f1_macro"].max() == pytest.approx(2 / 3)


def test_images_of_one_tweet_are_drawn_together() -> None:
    # Four copies of each row say no more than one: the interval must not shrink.
    generator = np.random.default_rng(1)
    truth = np.zeros(100, dtype=int)
    predicted = (generator.random(100) < 0.3).astype(int)
    single = bootstrap_scores(np.arange(100), truth, predicted[None], 2)
    copied = bootstrap_scores(np.repeat(np.arange(100), 4), np.repeat(truth, 4), predicted.repeat(4)[None], 2)
    assert interval(copied["accuracy"][0]) == interval(single["accuracy"][0])


def test_resampled_scores_are_those_of_the_drawn_rows() -> None:
    # The slow way: draw, collect the rows of the drawn tweets, count.
    generator = np.random.default_rng(3)
    clusters = generator.integers(12, size=40)
    truth, predicted = generator.integers(4, size=(2, 40))
    names, inverse = np.unique(clusters, return_inverse=True)
    draws = np.random.default_rng(7).integers(len(names), size=(5, len(names)), dtype=np.int32)
    fast = bootstrap_scores(clusters, truth, predicted[None], 4, resamples=5, seed=7)
    for b in range(5):
        rows = np.concatenate([np.flatnonzero(inverse == c) for c in draws[b]])
        slow = summarise(confusion_counts(truth[rows], predicted[rows], 4))
        for name, values in fast.items():
            assert values[0, b] == pytest.approx(slow[name])


def test_intervals_cover_the_true_accuracy_about_as_often_as_they_say() -> None:
    generator = np.random.default_rng(5)
    truth = np.zeros(200, dtype=int)
    covered = 0
    for trial in range(300):
        predicted = (generator.random(200) > 0.7).astype(int)
        scores = bootstrap_scores(np.arange(200), truth, predicted[None], 2, resamples=400, seed=trial)
        low, high = interval(scores["accuracy"][0])
        covered += low <= 0.7 <= high
    assert 0.91 <= covered / 300 <= 0.98


def test_same_input_same_interval_and_runs_share_their_draws() -> None:
    generator = np.random.default_rng(2)
    truth, predicted = generator.integers(3, size=(2, 50))
    once = bootstrap_scores(np.arange(50), truth, np.stack([predicted, predicted]), 3, resamples=100)
    again = bootstrap_scores(np.arange(50), truth, predicted[None], 3, resamples=100)
    for name in once:
        assert np.array_equal(once[name][0], once[name][1])
        assert np.array_equal(once[name][0], again[name][0])


def test_one_seed_and_equal_seeds_stay_as_they_are() -> None:
    one = np.linspace(0, 1, 50)[None]
    assert np.array_equal(mean_over_seeds(one, (4,)), one[0])
    assert np.array_equal(mean_over_seeds(np.concatenate([one, one]), (0, 1)), one[0])


def test_seeds_that_differ_widen_the_mean_by_their_standard_error() -> None:
    apart = np.stack([np.full(20_000, 0.4), np.full(20_000, 0.6)])
    mean = mean_over_seeds(apart, (0, 1))
    assert mean.mean() == pytest.approx(0.5, abs=0.005)
    assert mean.std() == pytest.approx(np.std([0.4, 0.6], ddof=1) / np.sqrt(2), rel=0.02)
    assert np.array_equal(mean, mean_over_seeds(apart, (0, 1)))


@pytest.mark.parametrize("between", [0.0, 0.05])
def test_the_width_is_that_of_the_mean_over_many_repetitions(between: float) -> None:
    # Accuracy of each of four seeds from N(0.7, between²), rows independent: the variance of their mean is
    # (between² + 0.7 · 0.3 / n) / 4. A variance cannot be estimated below 0, which leaves the estimate a
    # third too large where seeds do not differ at all; drawing whole runs would make it 2.5 times too large.
    generator = np.random.default_rng(8)
    n, s = 300, 4
    truth = np.zeros(n, dtype=int)
    widths = []
    for trial in range(150):
        right = generator.normal(0.7, between, size=(s, 1)) if between else np.full((s, 1), 0.7)
        wrong = (generator.random((s, n)) > right).astype(int)
        scores = bootstrap_scores(np.arange(n), truth, wrong, 2, resamples=300, seed=trial)
        widths.append(mean_over_seeds(scores["accuracy"], tuple(range(s)), trial).var())
    assert 0.9 < np.mean(widths) / ((between**2 + 0.21 / n) / s) < 1.45


def test_p_value_by_hand() -> None:
    # As far from the observed 1 as 1 is from 0, or farther: the four −1, the four 0 and the three 2.
    samples = np.array([-1.0] * 4 + [0.0] * 4 + [2.0] * 3 + [1.0] * 88)
    assert two_sided_p(1, samples) == pytest.approx((1 + 11) / 100)
    assert two_sided_p(1, np.ones(99)) == pytest.approx(1 / 100)
    assert two_sided_p(0, np.zeros(99)) == 1
