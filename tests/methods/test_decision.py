"""Decision fusion against the thesis' definitions (3.5.1)."""

from __future__ import annotations

import numpy as np
import pytest

from crisisweave.methods.decision import combine

TEXT = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]])
IMAGE = np.array([[0.6, 0.4], [0.9, 0.1], [0.3, 0.7], [0.2, 0.8]])


def test_mean_is_equation_3_5_5() -> None:
    assert np.allclose(combine("mean", TEXT, IMAGE)[1], [0.65, 0.35])


def test_max_is_equation_3_5_7_up_to_scale() -> None:
    fused = combine("max", TEXT, IMAGE)
    assert np.allclose(fused[1], np.array([0.9, 0.6]) / 1.5)
    assert np.allclose(fused.sum(axis=1), 1)


@pytest.mark.parametrize(("rule", "pick"), [("or", np.maximum), ("and", np.minimum)])
def test_or_and_decide_as_the_decisions_combined(rule: str, pick: np.ufunc) -> None:
    generator = np.random.default_rng(0)
    text, image = generator.dirichlet([1, 1], size=(2, 10_000))
    fused = combine(rule, text, image)
    expected = pick(text.argmax(axis=1), image.argmax(axis=1))
    assert (fused.argmax(axis=1) == expected).all()
    assert np.allclose(fused.sum(axis=1), 1)


def test_or_needs_two_classes() -> None:
    with pytest.raises(ValueError, match="defined for two classes, not 3"):
        combine("or", np.full((1, 3), 1 / 3), np.full((1, 3), 1 / 3))
