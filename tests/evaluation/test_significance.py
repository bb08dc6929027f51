import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from crisisweave.errors import DataError
from crisisweave.evaluation import bootstrap
from crisisweave.evaluation.significance import compare, holm, mcnemar_p


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [(1, 5, 2 * (1 + 6) / 64), (0, 6, 2 / 64), (3, 3, 1.0), (0, 0, 1.0), (6, 0, 2 / 64)],
)
def test_mcnemar_by_hand(only_first: int, only_second: int, p: float) -> None:
    assert mcnemar_p(np.array([only_first]), np.array([only_second]))[0] == pytest.approx(p)


def test_mcnemar_agrees_with_statsmodels() -> None:
    generator = np.random.default_rng(0)
    for b, c in generator.integers(0, 40, size=(30, 2)):
        expected = mcnemar([[10, b], [c, 10]], exact=True).pvalue
        assert mcnemar_p(np.array([b]), np.array([c]))[0] == pytest.approx(min(1, expected))


def test_holm_by_hand() -> None:
    # Sorted 0.01·3, 0.03·2, 0.04·1, then never smaller than the one before.
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.7]) == pytest.approx([1, 1])
    assert len(holm([])) == 0


def test_holm_agrees_with_statsmodels() -> None:
    generator = np.random.default_rng(0)
    for size in range(1, 12):
        p_values = generator.random(size) ** 3
        assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


def _flip(truth: np.ndarray, rows: slice) -> np.ndarray:
    labels = truth.copy()
    labels[rows] = 1 - labels[rows]
    return labels


def test_a_pair_by_hand() -> None:
    truth = np.tile([0, 1], 100)
    predicted = {"good": {0: _flip(truth, slice(0, 10))}, "poor": {0: _flip(truth, slice(8, 60))}}
    (pair,) = compare(np.arange(200), truth, predicted, 2)
    assert (pair.first, pair.second, pair.n) == ("good", "poor", 200)
    # Wrong: rows 0–9 and rows 8–59, so `good` alone is right on 50 and `poor` alone on 8.
    assert (pair.only_first_right, pair.only_second_right) == (50, 8)
    assert pair.mcnemar_p == pytest.approx(mcnemar_p(np.array([50]), np.array([8]))[0])
    accuracy = pair.differences["accuracy"]
    assert accuracy.value == pytest.approx(42 / 200)
    half = 1.96 * np.sqrt((58 / 200 - (42 / 200) ** 2) / 200)
    assert (accuracy.low, accuracy.high) == pytest.approx((0.21 - half, 0.21 + half), abs=0.008)
    assert accuracy.p_holm == accuracy.p < 0.001


def test_a_method_does_not_differ_from_itself() -> None:
    truth = np.tile([0, 1], 20)
    same = _flip(truth, slice(0, 9))
    (pair,) = compare(np.arange(40), truth, {"a": {0: same}, "b": {0: same}}, 2)
    assert pair.mcnemar_p == 1
    for difference in pair.differences.values():
        assert (difference.value, difference.low, difference.high, difference.p) == (0, 0, 0, 1)


def test_noise_is_rarely_called_significant() -> None:
    truth = np.zeros(150, dtype=int)
    generator = np.random.default_rng(11)
    found = 0
    for trial in range(100):
        labels = (generator.random((2, 150)) < 0.3).astype(int)
        pair = compare(
            np.arange(150), truth, {"a": {0: labels[0]}, "b": {0: labels[1]}}, 2, resamples=500, seed=trial
        )[0]
        found += pair.differences["accuracy"].p < 0.05
    assert found <= 11


def test_seeds_are_averaged_and_their_spread_widens_the_interval() -> None:
    truth = np.tile([0, 1], 100)
    steady = {seed: _flip(truth, slice(0, 40)) for seed in range(3)}
    restless = {seed: _flip(truth, slice(0, end)) for seed, end in enumerate((10, 40, 70))}
    reference = {seed: _flip(truth, slice(100, 160)) for seed in range(3)}
    pairs = {
        (p.first, p.second): p
        for p in compare(
            np.arange(200), truth, {"steady": steady, "restless": restless, "reference": reference}, 2
        )
    }
    calm = pairs["steady", "reference"].differences["accuracy"]
    wild = pairs["restless", "reference"].differences["accuracy"]
    assert calm.value == pytest.approx(0.1)
    assert wild.value == pytest.approx(0.1)
    assert wild.high - wild.low > 1.2 * (calm.high - calm.low)
    # Three identical runs against three identical runs: each of the nine pairs of runs gives the same p.
    single = mcnemar_p(np.array([60]), np.array([40]))[0]
    assert pairs["steady", "reference"].mcnemar_p == pytest.approx(min(1, 2 * single))


def test_methods_may_have_different_numbers_of_seeds() -> None:
    truth = np.tile([0, 1], 30)
    (pair,) = compare(
        np.arange(60), truth, {"trained": {0: truth, 1: truth, 2: truth}, "fixed": {0: 1 - truth}}, 2
    )
    assert pair.differences["f1_macro"].value == 1


def test_holm_is_over_all_pairs_of_the_call() -> None:
    truth = np.tile([0, 1], 50)
    predicted = {f"m{i}": {0: _flip(truth, slice(0, 10 * i))} for i in range(3)}
    pairs = compare(np.arange(100), truth, predicted, 2)
    assert [(p.first, p.second) for p in pairs] == [("m0", "m1"), ("m0", "m2"), ("m1", "m2")]
    raw = [p.differences["f1_macro"].p for p in pairs]
    assert [p.differences["f1_macro"].p_holm for p in pairs] == pytest.approx(list(holm(raw)))


def test_other_rows_are_refused() -> None:
    with pytest.raises(DataError, match="same instances"):
        compare(np.arange(4), np.zeros(4, dtype=int), {"a": {0: np.zeros(4, dtype=int)}, "b": {0: [0, 0]}}, 2)


def test_the_smallest_p_survives_holm_s_factor_in_a_large_family() -> None:
    """With forty methods there are 780 pairs, whose factor 10,000 resamples could not outweigh."""
    truth = np.arange(60) % 2
    predicted = {f"m{i:02d}": {0: truth if i else 1 - truth} for i in range(40)}
    best = compare(np.arange(60), truth, predicted, 2)[0]
    assert (best.first, best.second) == ("m00", "m01")
    assert best.differences["accuracy"].p_holm < 0.05


def test_blocks_of_resamples_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = np.arange(30) % 3
    predicted = np.stack([np.roll(truth, shift) for shift in range(3)])
    whole = bootstrap.bootstrap_scores(np.arange(30), truth, predicted, 3)
    monkeypatch.setattr(bootstrap, "_CELLS_PER_BLOCK", 27 * 7)
    parts = bootstrap.bootstrap_scores(np.arange(30), truth, predicted, 3)
    for name in whole:
        np.testing.assert_array_equal(whole[name], parts[name])
