"""Batch order, learning rate and class weights against known answers."""

from __future__ import annotations

import numpy as np
import pytest

from crisisweave.config.method import Training
from crisisweave.training.loop import class_weights
from crisisweave.training.optimiser import scale_at
from crisisweave.training.order import epoch_batches

LENGTHS = np.random.default_rng(0).integers(3, 60, size=1000)


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_every_row_occurs_once_in_an_epoch(lengths: np.ndarray | None) -> None:
    batches = epoch_batches(1000, 32, lengths, seed=1, epoch=0)
    assert sorted(np.concatenate(batches)) == list(range(1000))
    assert sorted(map(len, batches)) == [8] + [32] * 31


@pytest.mark.parametrize("lengths", [None, LENGTHS])
def test_two_epochs_and_two_seeds_differ_and_one_repeats(lengths: np.ndarray | None) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(epoch_batches(1000, 32, lengths, seed, epoch)).tolist()

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_bucketing_saves_padding() -> None:
    def padded(lengths: np.ndarray | None) -> int:
        return sum(len(b) * LENGTHS[b].max() for b in epoch_batches(1000, 32, lengths, 1, 0))

    assert LENGTHS.sum() <= padded(LENGTHS) < 0.65 * padded(None)


def test_warmup_rises_and_decay_falls_to_zero() -> None:
    config = Training(lr=1, batch_size=1, epochs=1, warmup=0.1, schedule="linear")
    scales = [scale_at(step, 100, config) for step in range(100)]
    assert scales[0] == pytest.approx(0.1)
    assert scales[9] == scales[10] == 1.0
    assert scales[55] == pytest.approx(0.5)
    assert scales[99] == pytest.approx(1 / 90)


def test_cosine_is_half_in_the_middle_and_constant_stays() -> None:
    cosine = Training(lr=1, batch_size=1, epochs=1, warmup=0, schedule="cosine")
    constant = Training(lr=1, batch_size=1, epochs=1, warmup=0, schedule="constant")
    assert scale_at(50, 100, cosine) == pytest.approx(0.5)
    assert {scale_at(step, 100, constant) for step in range(100)} == {1.0}


def test_balanced_weights_are_n_over_classes_times_count() -> None:
    labels = np.array([0] * 6 + [1] * 2)
    assert class_weights(labels, 2, "none") is None
    weights = class_weights(labels, 2, "balanced")
    assert weights is not None
    assert weights.tolist() == pytest.approx([8 / 12, 8 / 4])
