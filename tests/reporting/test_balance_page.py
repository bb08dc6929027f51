"""The page on balance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from crisisweave.config.published import Published
from crisisweave.errors import DataError
from crisisweave.files import write_csv, write_json
from crisisweave.reporting.balance import balance_page
from crisisweave.reporting.datasets import About
from crisisweave.reporting.methods import Description
from crisisweave.reporting.site import Page, Site

# d_util of both seeds, how the method is balanced, and what each modality says alone inside it.
METHODS: dict[str, tuple[tuple[float, float], dict[str, Any] | None, tuple[float, float]]] = {
    "watched": ((0.6, 0.4), {"method": "none"}, (0.7, 0.4)),
    "swapped": ((0.0, 0.02), {"method": "d_sse", "p_change": 0.1, "p_class": 0.0}, (0.65, 0.6)),
    "gated": ((-0.3, -0.3), {"method": "none"}, (0.3, 0.7)),
}
TITLES = {"watched": "Leans <b>much</b>", "swapped": "Even & <i>fair", "gated": "A gate"}
TASK = "task_one"


def config_of(method: str, **changes: Any) -> dict[str, Any]:
    """A config in force, as `details.json` has it."""
    fusion = "gated" if method == "gated" else "concat"
    return {"name": method, "inputs": ["text", "image"], "fusion": fusion, "views": None} | changes


def _runs(folder: Path, watched: bool = True, measured: dict[str, Any] | None = None) -> list[Path]:
    runs = []
    for method, (values, _, inside) in METHODS.items():
        for seed, value in enumerate(values, start=1):
            run = folder / "demo" / TASK / method / f"seed-{seed}"
            found = {
                "split": "test",
                "n": 200,
                "accuracy": 0.8,
                "inside": list(inside),
                "inside_rule": "split",
                "without": [0.3, 0.85 if method == "watched" else 0.75],
                "utilisation": [0.625, 0.0625],
                "d_util": value,
                "shapley": [0.5, -0.1],
                "similarity": [0.6, None if method == "swapped" else 0.3],
                "neighbours": 5,
            }
            write_json(run / "balance.json", found | (measured or {}))
            columns = {
                "dev_accuracy": [0.5, 0.9],
                **{f"probe_score_{m}": [0.4 + 0.1 * seed, 0.8 - m / 4] for m in (0, 1, 2)},
                **{f"dev_inside_{m}": [0.2, 0.2 * seed + m / 10] for m in (0, 1, 2)},
            }
            scores = columns if watched else {"dev_accuracy": [0.5, 0.9]}
            write_csv(
                run / "history.csv", pd.DataFrame({"epoch": [0, 1], "train_loss": [1.0, 0.5], **scores})
            )
            runs.append(run)
    return runs


def _pages(runs: list[Path]) -> list[Page]:
    details = {
        "methods": [
            {
                "dataset": "demo",
                "task": TASK,
                "method": method,
                "config": config_of(method, balance=balance),
            }
            for method, (_, balance, _) in METHODS.items()
        ]
    }
    descriptions = {("demo", TASK, name): Description(title, "", "") for name, title in TITLES.items()}
    about = {"demo": About("Demo", "CC0")}
    return balance_page(runs, descriptions, {"runs": []}, details, about, Published((), (), {}))


def _html(folder: Path, runs: list[Path]) -> str:
    page = _pages(runs)[0]
    front = Page(file="index.html", template="balance.html", title="x", values=page.values)
    Site([front, page]).write(folder)
    return " ".join((folder / "pages" / "balance.html").read_text(encoding="utf-8").split())


def _figures(runs: list[Path]) -> dict[str, list[dict[str, Any]]]:
    return {figure.name: [dict(row) for row in figure.rows] for figure in _pages(runs)[0].figures}


def test_the_page_says_who_leans_on_what_before_and_after_and_escapes_titles(tmp_path: Path) -> None:
    html = _html(tmp_path / "reports", _runs(tmp_path))
    assert "Leans &lt;b&gt;much&lt;/b&gt; leans on text the most (d_util +0.50, accuracy 80.0" in html
    assert "Even &amp; &lt;i&gt;fair on either the least (d_util +0.01" in html
    assert (
        "Even &amp; &lt;i&gt;fair: the lean on text (d_util +0.50) is gone (d_util +0.01); alone inside the "
        "model text has 65.0 % instead of 70.0 %, image has 60.0 % instead of 40.0 %; both together have "
        "80.0 % instead of 80.0 %."
    ) in html
    assert "80.0 % (more than together: 85.0 % without image)." in html, "of the one that is watched"
    assert "A gate leans on image (d_util −0.30)" in html, "no kin of the others: another fusion"
    assert "<b>much" not in html and "<i>fair" not in html
    assert "± 0.141" in html, "the deviation over two seeds"
    assert '<span class="value">−10.0</span>' in html, "a negative Shapley value"


def test_before_and_after_stand_side_by_side(tmp_path: Path) -> None:
    section = _pages(_runs(tmp_path))[0].values["sections"][0]
    assert [(pair["before"]["method"], pair["after"]["method"]) for pair in section["changes"]] == [
        ("watched", "swapped")
    ]
    assert [row["method"] for row in section["rows"]] == ["gated", "watched", "swapped"]


def test_a_value_that_a_seed_lacks_is_a_dash(tmp_path: Path) -> None:
    section = _pages(_runs(tmp_path))[0].values["sections"][0]
    rows = {row["method"]: row for row in section["rows"]}
    assert rows["swapped"]["similarity"][1] is None
    assert rows["watched"]["similarity"][1] == (pytest.approx(0.3), pytest.approx(0.0))


def test_curves_are_drawn_only_where_runs_were_watched(tmp_path: Path) -> None:
    watched, bare = _figures(_runs(tmp_path / "a")), _figures(_runs(tmp_path / "b", watched=False))
    always = ["d-util-demo-task_one", "d-util-histogram-demo-task_one"]
    assert list(watched) == [*always, "dev-accuracy-demo-task_one", "probe-score-demo-task_one"]
    assert list(bare) == always


def test_figure_5_1_has_mean_and_range_over_seeds_by_epoch(tmp_path: Path) -> None:
    rows = _figures(_runs(tmp_path))["dev-accuracy-demo-task_one"]
    (last,) = [r for r in rows if (r["method"], r["of"], r["epoch"]) == ("swapped", "image", 1)]
    assert last == {
        "method": "swapped",
        "of": "image",
        "epoch": 1,
        "mean": pytest.approx(40),
        "lowest": pytest.approx(30),
        "highest": pytest.approx(50),
        "seeds": 2,
    }
    (whole,) = [r for r in rows if (r["method"], r["of"], r["epoch"]) == ("gated", "whole model", 0)]
    assert whole["mean"] == pytest.approx(50)


def test_figure_5_6_counts_runs_by_balancing_and_leaves_gated_fusion_out(tmp_path: Path) -> None:
    rows = _figures(_runs(tmp_path))["d-util-histogram-demo-task_one"]
    assert sorted((row["balancing"], row["d_util"]) for row in rows) == [
        ("D-SSE", 0.0),
        ("D-SSE", 0.02),
        ("no balancing", 0.4),
        ("no balancing", 0.6),
    ]


def test_three_modalities_are_led_by_shapley_values_and_have_no_d_util(tmp_path: Path) -> None:
    three = {
        "inside": [0.5, 0.4, 0.3],
        "without": [0.3, 0.7, 0.7],
        "shapley": [0.4, 0.2, 0.1],
        "similarity": [0.1, 0.2, 0.3],
        "d_util": None,
    }
    html = _html(tmp_path / "reports", _runs(tmp_path, measured=three))
    assert (
        "A gate leans on modality 0 (Shapley values modality 0 40.0, modality 1 20.0, modality 2 10.0)"
        in html
    )
    assert "d_util is defined for two modalities" in html
    assert "Inside 2" in html


def test_no_run_with_branches_makes_no_page_and_an_unmeasured_one_stops(tmp_path: Path) -> None:
    assert _pages([]) == []
    runs = _runs(tmp_path)
    (runs[0] / "balance.json").unlink()
    with pytest.raises(DataError, match="has not been measured; run `crisisweave balance`"):
        _pages(runs)
