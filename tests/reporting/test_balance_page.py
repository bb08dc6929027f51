"""The page on balance."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from crisisweave.errors import DataError
from crisisweave.files import write_csv, write_json
from crisisweave.reporting.balance import balance_page
from crisisweave.reporting.methods import Description
from crisisweave.reporting.site import Site
from toy import tiny_method

D_UTIL = {"leaning": (0.6, 0.4), "even": (0.0, 0.02)}


def _runs(folder: Path, watched: bool = True) -> list[Path]:
    """Two methods with two seeds each: one leans on modality 0, one on neither."""
    runs = []
    for method, values in D_UTIL.items():
        for seed, value in enumerate(values, start=1):
            run = folder / "demo" / "task_one" / method / f"seed-{seed}"
            measured = {
                "split": "test",
                "n": 200,
                "accuracy": 0.8,
                "inside": [0.7, 0.4],
                "inside_rule": "split",
                "without": [0.3, 0.75],
                "utilisation": [0.625, 0.0625],
                "d_util": value,
                "shapley": [0.5, 0.1],
                "similarity": [0.6, None if method == "even" else 0.3],
                "neighbours": 5,
            }
            write_json(run / "balance.json", measured)
            scores = {"probe_score_0": [0.5, 0.8], "probe_score_1": [0.4, 0.5]} if watched else {}
            write_csv(
                run / "history.csv", pd.DataFrame({"epoch": [0, 1], "train_loss": [1.0, 0.5], **scores})
            )
            runs.append(run)
    return runs


def _descriptions(title: str = "Leans <b>much</b>") -> dict[tuple[str, str, str], Description]:
    methods = {"leaning": title, "even": "Even"}
    return {
        ("demo", "task_one", name): Description.of(tiny_method("concat", name=name, title=said), [])
        for name, said in methods.items()
    }


def _written(folder: Path, runs: list[Path]) -> str:
    pages = balance_page(runs, _descriptions())
    index = [page for page in pages if page.file == "pages/balance.html"]
    assert len(index) == 1
    front = type(index[0])(
        file="index.html", template="balance.html", title="x", values=index[0].values, figures=()
    )
    Site([front, *pages]).write(folder)
    return (folder / "pages" / "balance.html").read_text(encoding="utf-8")


def test_the_page_says_who_leans_on_what_and_escapes_titles(tmp_path: Path) -> None:
    html = _written(tmp_path / "reports", _runs(tmp_path))
    assert "Leans &lt;b&gt;much&lt;/b&gt; leans on modality 0 the most (d_util +0.50, accuracy 80.0" in html
    assert "Even on either the least (d_util +0.01" in html
    assert "<b>much" not in html
    assert "± 0.141" in html, "the deviation over two seeds"


def test_a_value_that_a_seed_lacks_is_a_dash(tmp_path: Path) -> None:
    section = balance_page(_runs(tmp_path), _descriptions())[0].values["sections"][0]
    rows = {row["method"]: row for row in section["rows"]}
    assert rows["even"]["similarity_1"] is None
    assert rows["leaning"]["similarity_1"] == (pytest.approx(0.3), pytest.approx(0.0))


def test_curves_are_drawn_only_where_runs_were_watched(tmp_path: Path) -> None:
    watched = balance_page(_runs(tmp_path / "a"), _descriptions())[0]
    bare = balance_page(_runs(tmp_path / "b", watched=False), _descriptions())[0]
    assert [figure.name for figure in watched.figures] == [
        "d-util-demo-task_one",
        "probe-score-demo-task_one",
    ]
    assert [figure.name for figure in bare.figures] == ["d-util-demo-task_one"]
    assert len(watched.figures[1].rows) == 2 * 2 * 2 * 2


def test_no_run_with_branches_makes_no_page_and_an_unmeasured_one_stops(tmp_path: Path) -> None:
    assert balance_page([], {}) == []
    runs = _runs(tmp_path)
    (runs[0] / "balance.json").unlink()
    with pytest.raises(DataError, match="has not been measured; run `crisisweave balance`"):
        balance_page(runs, _descriptions())
