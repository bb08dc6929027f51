import pytest

from crisisweave.reporting.results import scale, sentence

GROUP = {"n": 955}


def method(name: str, f1: float, seeds: int = 3) -> dict:
    return {
        "method": name,
        "f1_macro": f1,
        "f1_macro_low": f1 - 0.02,
        "f1_macro_high": f1 + 0.02,
        "seeds": seeds,
    }


def pair(a: str, b: str, significant: bool) -> dict:
    return {"method_a": a, "method_b": b, "significant": significant}


def test_a_clear_winner() -> None:
    words = sentence(GROUP, [method("cmb", 0.81), method("text", 0.7)], [pair("cmb", "text", True)])
    assert words.replace("\u00a0", " ") == (
        "cmb has the highest macro-F1 of 2 methods, 81.0 % (95 % interval 79.0 to 83.0; 3 seeds, "
        "955 test rows); it is better than every other method by more than chance explains."
    )


def test_no_more_is_claimed_than_the_tests_bear_out() -> None:
    methods = [method("cmb", 0.81), method("concat", 0.80), method("image", 0.79), method("text", 0.7)]
    pairs = [pair("cmb", "concat", False), pair("image", "cmb", False), pair("cmb", "text", True)]
    pairs.append(pair("concat", "text", True))
    words = sentence(GROUP, methods, pairs)
    assert words.endswith(
        "it is better than 1 of the 3 others by more than chance explains, but not shown to be better than "
        "concat and image."
    )
    nothing = sentence(GROUP, methods[:2], pairs[:1])
    assert nothing.endswith("; its lead over the others is not larger than chance explains.")


def test_a_sentence_names_few() -> None:
    methods = [method(f"m{i}", 0.9 - i / 100) for i in range(9)]
    pairs = [pair("m0", f"m{i}", i == 8) for i in range(1, 9)]
    assert sentence(GROUP, methods, pairs).endswith(
        "it is better than 1 of the 8 others by more than chance explains, but not shown to be better than "
        "m1, m2, m3, m4 and 3 more."
    )


def test_one_method_is_best_of_nothing() -> None:
    words = sentence(GROUP, [method("text", 0.7, seeds=1)], []).replace("\u00a0", " ")
    assert words == (
        "text, the only method that was run, reaches a macro-F1 of 70.0 % (95 % interval 68.0 to 72.0; "
        "1 seed, 955 test rows)."
    )


@pytest.mark.parametrize(
    ("values", "ends"),
    [([0.62, 0.79], (0.6, 0.8)), ([0.0, 1.0], (0, 1)), ([1.0, 1.0], (0.9, 1)), ([0.5, 0.5], (0.4, 0.6))],
)
def test_an_axis_holds_all_values(values: list[float], ends: tuple[float, float]) -> None:
    assert scale(values) == pytest.approx(ends)
