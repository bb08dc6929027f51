"""Figures 5.4 and 5.5: accuracy by the share and kind of swaps, and by the strength of the colour bias."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crisisweave.config.published import Published, load_published
from crisisweave.config.views import Colours
from crisisweave.reporting.site import Page, Site
from crisisweave.reporting.sweep_figures import bias_figures, swap_figures

CONFIG = Path(__file__).parents[2] / "config"
MEANS = [[n, n, n] for n in range(10)]


def _config(name: str, /, fusion: str = "concat", **balance: Any) -> dict[str, Any]:
    said = balance and {"p_change": 0.1, "p_class": 0.0} | balance
    return {"name": name, "fusion": fusion, "views": {"width": 16}, "balance": said or None}


CONFIGS = {
    "balance_none": _config("balance_none", method="none"),
    "balance_d_sse": _config("balance_d_sse", method="d_sse"),
    "class_half": _config("class_half", method="d_sse", p_class=0.5),
    "class_all": _config("class_all", method="d_sse", p_class=1.0),
    "view_0": _config("view_0", fusion="only_0"),
}


def _colours(**sigmas: float) -> dict[str, Colours]:
    tasks = {task: Colours(sigma_train=sigma, means=MEANS) for task, sigma in sigmas.items()}
    return {**tasks, "clipped": Colours(sigma_train=0.01, means=MEANS, clip=True)}


COLOURS = _colours(sigma_001=0.01, sigma_010=0.1)
SCORES = {
    ("sigma_001", "balance_none"): [0.30, 0.34],
    ("sigma_010", "balance_none"): [0.50, 0.54],
    ("clipped", "balance_none"): [0.99],
    ("sigma_001", "balance_d_sse"): [0.90, 0.92],
    ("sigma_010", "balance_d_sse"): [0.80],
    ("sigma_001", "view_0"): [0.98],
}


@pytest.fixture(scope="module")
def published() -> Published:
    return load_published(CONFIG)


def test_figure_5_5_has_mean_and_spread_of_every_sigma(published: Published) -> None:
    ((figure, _),) = bias_figures("cg_mnist", "mnist", COLOURS, SCORES, CONFIGS, published)
    ours = {(r["method"], r["sigma_train"]): r for r in figure.rows if r["what"] == "ours"}
    row = ours["balance_none", 0.01]
    assert (row["mean"], row["seeds"]) == (pytest.approx(32), 2)
    assert (row["low"], row["high"]) == (
        pytest.approx(32 - 2.828, abs=1e-3),
        pytest.approx(32 + 2.828, abs=1e-3),
    )
    alone = ours["balance_d_sse", 0.1]
    assert (alone["mean"], alone["low"], alone["seeds"]) == (pytest.approx(80), None, 1)
    assert ours["view_0", None]["level"] == "view_0: 98.0 % (published 97.80±0.05)"
    assert all(row["task"] != "clipped" for row in figure.rows), "it differs in more than σ"


def test_published_values_and_bounds_stand_beside(published: Published) -> None:
    ((figure, beside),) = bias_figures("cg_mnist", "mnist", COLOURS, SCORES, CONFIGS, published)
    theirs = {
        (r["method"], r["sigma_train"], r["what"]): r["mean"] for r in figure.rows if r["what"] != "ours"
    }
    assert theirs == {
        ("balance_none", 0.01, "published"): 30.04,
        ("balance_none", 0.01, "published: less than"): 30,
        ("balance_none", 0.1, "published"): 50,
        ("balance_d_sse", 0.01, "published"): 91.88,
        ("balance_d_sse", 0.01, "published: more than"): 88,
        ("balance_d_sse", 0.1, "published: more than"): 88,
    }
    kept = {(row["method"], row["task"]): row["kept"] for row in beside if row["kept"] is not None}
    assert kept == {
        ("balance_none", "sigma_001"): False,
        ("balance_d_sse", "sigma_001"): True,
        ("balance_d_sse", "sigma_010"): False,
    }


def test_without_published_source_or_with_one_sigma_nothing_is_claimed(published: Published) -> None:
    ((figure, beside),) = bias_figures("made_up", None, COLOURS, SCORES, CONFIGS, published)
    assert beside == []
    assert {row["what"] for row in figure.rows} == {"ours"}
    one = {key: found for key, found in SCORES.items() if key[0] != "sigma_010"}
    assert bias_figures("cg_mnist", "mnist", COLOURS, one, CONFIGS, published) == []


def test_figure_5_4_sweeps_one_setting_with_all_else_equal() -> None:
    scores = {("t", "balance_none"): [0.4], ("t", "balance_d_sse"): [0.7, 0.8], ("t", "class_half"): [0.6]}
    (figure,) = swap_figures("cg_mnist", "t", {**scores, ("t", "class_all"): [0.5]}, CONFIGS)
    assert figure.name == "p-class-cg_mnist-t"
    found = [(row["line"], row["value"], row["mean"]) for row in figure.rows]
    line = "D-SSE, P_change 0.1"
    assert found == [(line, 0.0, 75), (line, 0.5, 60), (line, 1.0, 50), ("no balancing", None, 40)]
    assert swap_figures("cg_mnist", "t", {key: scores[key] for key in list(scores)[:2]}, CONFIGS) == []


def test_hostile_names_are_data_in_page_and_image(tmp_path: Path, published: Published) -> None:
    name = "<script>alert('m')</script>"
    configs = {name: _config(name, method="none")}
    scores = {("sigma_001", name): [0.3], ("sigma_010", name): [0.5]}
    ((figure, beside),) = bias_figures("cg_mnist", "mnist", COLOURS, scores, configs, published)
    values = {
        "sections": [],
        "biases": [{"dataset": "<u>d", "id": figure.name, "figure": figure, "beside": beside}],
        "neighbours": 5,
        "published": {},
    }
    Site([Page("index.html", "balance.html", "x", values, figures=[figure])]).write(tmp_path)
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    svg = (tmp_path / "pages/figures" / f"{figure.name}.svg").read_text(encoding="utf-8")
    assert "<script>alert" not in html + svg
    assert "<u>d" not in html
    assert "alert('m')" in (tmp_path / "pages/figures" / f"{figure.name}.csv").read_text(encoding="utf-8")
