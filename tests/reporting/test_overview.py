"""What the overview shows of few and of many methods."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from crisisweave.reporting.overview import NOT_SHOWN, REAL, overview
from crisisweave.reporting.site import Page, Site

DETAILS: dict[str, Any] = {"methods": []}
GROUP = {"dataset": "demo", "task": "harm", "target": "", "split": "test"}


def tables(n: int) -> dict[str, Any]:
    """`n` methods, each 1 point better than the next; 10 points and more are real."""
    names = [f"m{i:02d}" for i in range(n)]
    f1 = {name: 0.9 - i / 100 for i, name in enumerate(names)}
    scores = ("f1_macro", "f1_weighted", "accuracy")
    costs = {"ece": 0.1, "wall_s": 60.0, "peak_memory_mb": 500, "energy_wh": None}
    methods = []
    for name in names:
        row: dict[str, Any] = {**GROUP, "method": name, "seeds": 2, **costs, "n_deduplicated": None}
        for score in scores:
            row |= {score: f1[name], f"{score}_sd": 0.01, f"{score}_deduplicated": None}
            row |= {f"{score}_low": f1[name] - 0.02, f"{score}_high": f1[name] + 0.02}
        methods.append(row)
    comparisons = []
    for b, a in combinations(names, 2):  # the worse method stands first
        row = {**GROUP, "method_a": a, "method_b": b, "only_a_right": 1.0, "only_b_right": 3.0}
        for score in scores:
            difference = f1[a] - f1[b]
            row |= {f"{score}_difference": difference, f"{score}_p_holm": 0.04}
            row |= {f"{score}_low": difference - 0.03, f"{score}_high": difference + 0.01}
        comparisons.append({**row, "mcnemar_p_holm": 0.2, "significant": difference < -0.0999})
    group = {
        **GROUP,
        "n": 50,
        "n_tweets": 40,
        "n_deduplicated": None,
        "support": {"calm": 30, "flood": 20},
        "classes": ["calm", "flood"],
        "constant": {"answer": "calm", "f1_macro": 0.4, "f1_weighted": 0.5, "accuracy": 0.6},
    }
    classes = [{**GROUP, "method": m, "class": c, "f1": f1[m]} for m in names for c in group["classes"]]
    protocol = {
        "level": 0.95,
        "resamples": 2000,
        "comparison_resamples": 10000,
        "alpha": 0.05,
        "ece_bins": 15,
    }
    return {
        "groups": [group],
        "methods": methods,
        "comparisons": comparisons,
        "classes": classes,
        "protocol": protocol,
    }


def figures(page: Page) -> dict[str, Any]:
    return {figure.name: figure for figure in page.figures}


def test_leads_are_those_of_the_best_method_with_their_verdicts() -> None:
    leads = figures(overview(tables(12), DETAILS, {}, []))["leads-demo-harm"]
    assert [row["other"] for row in leads.rows] == [f"m{i:02d}" for i in range(1, 12)]
    first, last = leads.rows[0], leads.rows[-1]
    assert (first["difference"], first["low"], first["high"]) == pytest.approx((1, 0, 4))
    assert [row["verdict"] for row in leads.rows] == [NOT_SHOWN] * 9 + [REAL] * 2
    assert last["written"] == "+11.0"
    assert leads.alt.endswith("+1.0 to +11.0 points; 2 of 11 larger than chance explains.")


def test_the_matrix_holds_every_pair_once_with_its_better_method_first() -> None:
    matrix = figures(overview(tables(12), DETAILS, {}, []))["pairs-demo-harm"]
    assert len(matrix.rows) == 66
    assert all(row["better"] < row["other"] and row["difference"] > 0 for row in matrix.rows)
    assert matrix.alt.startswith("3 of 66 pairs")


@pytest.mark.parametrize(
    ("methods", "names"),
    [
        (1, []),
        (2, ["leads-demo-harm"]),
        (3, ["leads-demo-harm", "pairs-demo-harm"]),
        (31, ["leads-demo-harm"]),
    ],
)
def test_what_is_drawn_depends_on_how_many_there_are(methods: int, names: list[str]) -> None:
    assert list(figures(overview(tables(methods), DETAILS, {}, []))) == names


@pytest.mark.parametrize(("methods", "listed"), [(12, 66), (13, 12)])
def test_of_many_pairs_those_of_the_best_are_listed(methods: int, listed: int, tmp_path: Path) -> None:
    page = overview(tables(methods), DETAILS, {}, [])
    Site([page]).write(tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert text.count(" − ") == listed
    assert ("Here are the pairs with the best method" in text) == (listed == 12)


@pytest.mark.parametrize("methods", [1, 31])
def test_the_page_is_made_of_one_method_and_of_many(methods: int, tmp_path: Path) -> None:
    Site([overview(tables(methods), DETAILS, {}, [])]).write(tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert ("has nothing to be compared with" in text) == (methods == 1)
    assert ('class="scroll tall"' in text) == (methods == 31)


def test_without_a_test_split_there_is_no_table(tmp_path: Path) -> None:
    dev = tables(2)
    for key in ("groups", "methods", "comparisons", "classes"):
        for row in dev[key]:
            row["split"] = "dev"
    Site([overview(dev, DETAILS, {}, [])]).write(tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "No run of this task has a test split." in text
    assert "all-methods" not in text


CEILINGS = {
    name: {"f1_macro": f1, "accuracy": f1, "expected_accuracy": f1}
    for name, f1 in {"both": 0.98, "text": 0.88, "image": 0.8}.items()
}


def answer(inputs: list[list[str]], ceilings: Any = CEILINGS, weighted_p: float = 0.2) -> Any:
    """What the overview says of methods that read `inputs`, each 1 point ahead of the next."""
    made = tables(len(inputs))
    for pair in made["comparisons"]:
        pair["f1_macro_p_holm"] = 0.01 if pair["significant"] else 0.3
        pair["accuracy_p_holm"] = 0.3
        pair["f1_weighted_p_holm"] = weighted_p
    details = {
        "methods": [
            {"dataset": "demo", "task": "harm", "method": f"m{i:02d}", "config": {"inputs": read}}
            for i, read in enumerate(inputs)
        ]
    }
    page = overview(made, details, {("demo", "harm"): ceilings}, [])
    return page.values["sections"][0]["answer"]


def test_generated_data_say_which_methods_with_both_inputs_beat_either_alone() -> None:
    # 10 points and more are real: m00 is 11 and 12 ahead of the two that read one, m02 only 9 and 10.
    both = ["text", "image"]
    inputs = [both, ["text", "caption"], both, *[both] * 8, ["text"], ["image"]]
    said = answer(inputs)
    assert "98.0 from both inputs, 88.0 from the text and 80.0 from the image. Of the 11 methods" in said
    assert said.endswith(": by macro-F1 m00 and m01, by weighted F1 none, by accuracy none.")
    assert "by weighted F1 m00, m01, m02, m03 and 7 more, by accuracy none." in answer(
        inputs, weighted_p=0.04
    )
    # A method with both inputs that is beaten is never counted as the better one.
    assert answer([["text"], ["image"], both], weighted_p=0.04).endswith(
        "by weighted F1 none, by accuracy none."
    )


@pytest.mark.parametrize(
    ("inputs", "ceilings"),
    [
        ([["text", "image"], ["text"], ["image"]], {}),
        ([["text", "image"], ["text"]], CEILINGS),
        ([["text"], ["image"]], CEILINGS),
    ],
)
def test_where_the_answer_is_not_known_or_not_tried_nothing_is_said(
    inputs: list[list[str]], ceilings: Any
) -> None:
    assert answer(inputs, ceilings) is None
