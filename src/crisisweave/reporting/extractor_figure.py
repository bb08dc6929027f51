"""The figure of a page that compares extractors: each score as a dot with its interval."""

from __future__ import annotations

from crisisweave.reporting.figures import ACCENT, INK, PAPER, SOFT, WARM, Figure
from crisisweave.reporting.numbers import percent
from crisisweave.reporting.rationale_scores import METRICS, OWN, Record, Scores, title_of
from crisisweave.reporting.site import stem

DRAWN = ("word_f1", "patch_iou", "pointing_game")
OURS, BEATEN, OPEN, BETTER = (
    "the method’s own",
    "behind it by more than chance",
    "not shown to differ",
    "ahead of it by more than chance",
)
"""What a dot's fill and shape say."""


def score_figure(scores: Scores, method: str) -> Figure | None:
    """Agreement with the truth of every extractor, None where no truth is known."""
    rows: list[Record] = []
    for metric in (m for part in METRICS.values() for m in part if m.name in DRAWN):
        for extractor in scores.extractors(method):
            score = scores.score(method, extractor, metric.name)
            if score is None:
                continue
            lead = scores.lead(method, extractor, metric.name)
            rows.append(
                {
                    "score": metric.title,
                    "extractor": title_of(extractor),
                    **{name: round(100 * score[key], 3) for name, key in _VALUES},
                    "verdict": OURS if extractor == OWN else _verdict(lead),
                }
            )
    if not rows:
        return None
    own = [f"{row['score']} {percent(row['mean'] / 100)} %" for row in rows if row["verdict"] == OURS]
    beaten = sum(row["verdict"] == BEATEN for row in rows)
    return Figure(
        name=stem("extractors", scores.dataset, scores.task),
        title=f"How well each way to explain {method} finds the truth ({scores.dataset}, {scores.task})",
        alt=(
            f"{method}’s own rationales: {', '.join(own)}; ahead of {beaten} of {len(rows) - len(own)} "
            "scores of comparators by more than chance explains."
        ),
        spec={"vconcat": [_plot(title) for title in dict.fromkeys(row["score"] for row in rows)]},
        rows=rows,
    )


def _verdict(lead: Record | None) -> str:
    if lead is None or not lead["significant"]:
        return OPEN
    return BEATEN if lead["difference"] > 0 else BETTER


_VALUES = (("mean", "value"), ("low", "low"), ("high", "high"))
_VERDICT = {"field": "verdict", "type": "nominal", "legend": {"title": None, "orient": "top", "columns": 1}}
_DOMAIN = [OURS, BEATEN, OPEN, BETTER]
_SHAPES = ["circle", "circle", "diamond", "square"]
_Y = {
    "field": "extractor",
    "type": "nominal",
    "sort": None,
    "title": None,
    "axis": {"labelColor": INK, "labelPadding": 8, "grid": False, "ticks": False, "domain": False},
}
_TOOLTIP = [
    {"field": "extractor", "title": "Extractor"},
    {"field": "score", "title": "Score"},
    {"field": "mean", "title": "Mean over seeds", "format": ".1f"},
    {"field": "low", "title": "from", "format": ".1f"},
    {"field": "high", "title": "to", "format": ".1f"},
    {"field": "verdict", "title": "Verdict"},
]
_X = {"type": "quantitative", "title": None, "scale": {"domain": [0, 100]}}


def _plot(title: str) -> Record:
    """One score: a row for each extractor."""
    return {
        "title": f"{title}, percent",
        "transform": [{"filter": {"field": "score", "equal": title}}],
        "width": 380,
        "height": {"step": 22},
        "encoding": {
            "y": _Y,
            "tooltip": _TOOLTIP,
            "stroke": {**_VERDICT, "scale": {"domain": _DOMAIN, "range": [ACCENT, SOFT, SOFT, WARM]}},
        },
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 2},
                "encoding": {"x": {**_X, "field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "size": 70, "strokeWidth": 2, "opacity": 1},
                "encoding": {
                    "x": {**_X, "field": "mean"},
                    "fill": {**_VERDICT, "scale": {"domain": _DOMAIN, "range": [ACCENT, PAPER, PAPER, WARM]}},
                    "shape": {**_VERDICT, "scale": {"domain": _DOMAIN, "range": _SHAPES}},
                },
            },
        ],
    }
