"""The page "Published against ours": all of `config/published/`, and our number where it is comparable.

A number of ours stands beside a published value only where data set, task, test split, test rows, training
rows and score agree. `MARKS` say how close it is, or why there is none; docs/evaluation.md gives the rule.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import NormalDist, mean, stdev
from typing import Any

from crisisweave.config.method import MethodConfig
from crisisweave.config.profile import flat
from crisisweave.config.published import (
    BOUNDS,
    COMPARABLE,
    INSIDE,
    SHARES,
    UNCLEAR,
    Published,
    PublishedCell,
    PublishedTable,
)
from crisisweave.config.run import DESCRIPTIVE
from crisisweave.errors import DataError
from crisisweave.files import read_json
from crisisweave.reporting.datasets import About
from crisisweave.reporting.figures import ACCENT, LINE, WARM, Figure
from crisisweave.reporting.method_figures import Key
from crisisweave.reporting.numbers import percent, points, several
from crisisweave.reporting.site import Page

Record = dict[str, Any]

FILE = "pages/published.html"
SAME = "same protocol"
BACKBONE = "other backbone"
ROWS = "other test rows"
INCOMPARABLE = "not comparable"
DATA = "other data"
NOT_RUN = "not run"
NO_VALUE = "no value"
MARKS = {
    SAME: "Same data set, task, test rows, training rows, score, encoders and captioner.",
    BACKBONE: "The same, but for an encoder, its use or the captioner: a difference may come from it alone.",
    ROWS: (
        "Balanced test rows, of which the source does not say how they were drawn: ours are another draw "
        "from the same test split. Encoders may differ too; the reason says so."
    ),
    INCOMPARABLE: (
        "Training rows, splits or score differ from ours, or the source does not state them. No number of "
        "ours stands there."
    ),
    DATA: "The method was run on another data set or on other test rows. No number of ours stands there.",
    NOT_RUN: "No run of this report belongs to the row.",
    NO_VALUE: "The source prints no number there.",
}
"""Marks, the closest first, and what they say."""

_BACKBONE = (
    "text.name",
    "text.tuned",
    "text.pooling",
    "image.name",
    "image.tuned",
    "image.size",
    "image.grid",
    "captioner",
    "joint",
)
_BACKBONE_PARTS = ("lxmert.", "regions.")
"""Settings of a method that make up its backbone; any other difference is named beside the mark."""
_NOT_A_SETTING = ("name", "family", "inputs", "rows", "target", "rule")
_SHORT = {
    "accuracy": "acc",
    "f1_macro": "F1-m",
    "f1_weighted": "F1-w",
    "inside_0": "0 inside",
    "inside_1": "1 inside",
    "right_share": "right",
    "wrong_share": "wrong",
}
_ERROR_ROWS = 955
"""The test split of which table 4.4 counts a part."""
_ROWS = {
    "concordant": "rows on which both modalities agree",
    "all": "all rows",
    "balanced": "balanced rows",
    "other": "other rows",
}


@dataclass(frozen=True)
class Ours:
    """A method's scores on the test split of one data set and task, and what they were made with."""

    dataset: str
    source: str | None
    """The data set's entry of `config/sources/`; None for one that is generated."""
    task: str
    method: str
    scores: Record
    """The row of `methods.csv`, with the shares of table 4.4 where the method has halves."""
    parts: Mapping[str, Record]
    """Method → its settings in force with dotted keys: this method, or the members of a decision fusion."""


@dataclass(frozen=True)
class Verdict:
    """How a published value and our runs belong together."""

    mark: str
    reason: str
    ours: Ours | None = None
    """Set where our number stands beside the value: marks `SAME`, `BACKBONE` and `ROWS`."""


def share_of(cell: PublishedCell) -> str:
    """Which modality is wrong in a share of table 4.4: text, image or caption; `mean` of two shares."""
    return cell.row.partition(" / ")[2].lower() or "mean"


def _score(cell: PublishedCell) -> str:
    """What holds our score in `Ours.scores`."""
    if cell.metric in SHARES:
        return f"{cell.metric}_{share_of(cell)}"
    return cell.metric + ("_balanced" if cell.test == "balanced" else "")


def _rows_of(cell: PublishedCell) -> str:
    """What holds the number of its rows."""
    if cell.metric in SHARES:
        return f"n_{share_of(cell)}"
    return "n_balanced" if cell.test == "balanced" else "n"


@dataclass(frozen=True)
class Line:
    """One published value and, where there is one, our number; scores and differences as shares of 1."""

    table: str
    """The title of its table."""
    anchor: str
    """Where on the page its row stands."""
    cell: PublishedCell
    verdict: Verdict

    @property
    def published(self) -> float | None:
        """The published score."""
        return None if self.cell.value is None else self.cell.value / 100

    @property
    def as_percent(self) -> str | None:
        """The value in percent where the source prints a share."""
        cell = self.cell
        if cell.value is None or cell.metric == "fleiss_kappa" or not re.match(r"[01]?\.", cell.printed):
            return None
        return f"{cell.value:g}" + ("" if cell.sd is None else f" ± {cell.sd:g}") + "\u00a0%"

    def score(self, name: str = "") -> Any:
        """Our score, or with `_sd`, `_low` and `_high` what belongs to it; None where none stands here."""
        ours = self.verdict.ours
        return None if ours is None else ours.scores[_score(self.cell) + name]

    @property
    def n(self) -> float | None:
        """The rows of our score."""
        ours = self.verdict.ours
        return None if ours is None else ours.scores[_rows_of(self.cell)]

    def difference(self, name: str = "") -> float | None:
        """Ours minus the published value, which is taken as exact; with `_low` and `_high` its interval."""
        if self.verdict.ours is None or self.published is None:
            return None
        return float(self.score(name)) - self.published

    @property
    def inside(self) -> bool:
        """Whether the published value lies inside our interval."""
        low, high = self.difference("_low"), self.difference("_high")
        return low is not None and high is not None and low <= 0 <= high


def published_page(
    published: Published,
    tables: Mapping[str, Any],
    details: Mapping[str, Any],
    about: Mapping[str, About],
    balances: Sequence[Path] = (),
) -> Page:
    """Every published value with its mark, and our number where it is comparable.

    Args:
        published: the values and the method files that reproduce them.
        tables: what `aggregate` wrote.
        details: `details.json`, which holds the configs in force and the shares of table 4.4.
        about: data set → where it comes from.
        balances: folders of runs with several branches, measured by `balance`.
    """
    runs = our_runs(tables, details, about, inside_scores(balances, tables["protocol"]["level"]))
    shown = [_table(table, runs, published.methods) for table in published.tables]
    lines = [line for table in shown for group in table["groups"] for line in group["lines"]]
    figure = _figure(lines, tables["protocol"]["level"])
    return Page(
        file=FILE,
        template="published.html",
        title="Published against ours",
        nav="Published",
        values={
            "sentence": sentence(lines),
            "tables": shown,
            "beside": [line for line in lines if line.verdict.ours],
            "figure_ours": figure,
            "figures": published.figures,
            "marks": {mark: words for mark, words in MARKS.items() if _count(lines)[mark]},
            "level": tables["protocol"]["level"],
        },
        figures=[] if figure is None else [figure],
    )


def inside_scores(balances: Sequence[Path], level: float) -> dict[Key, Record]:
    """What each modality alone reaches inside a model: mean and deviation over seeds, with an interval.

    The interval is Wilson's over the test rows, for the mean accuracy: rows that all seeds share are counted
    once, so it is not too narrow for them, but it knows nothing of the spread between seeds.

    Args:
        balances: folders `<dataset>/<task>/<method>/seed-<n>` with balance.json.
        level: of the interval.
    """
    by_method: dict[Key, list[Record]] = {}
    for run in sorted(balances):
        dataset, task, method, _ = run.parts[-4:]
        by_method.setdefault((dataset, task, method), []).append(read_json(run / "balance.json"))
    z = NormalDist().inv_cdf((1 + level) / 2)
    found: dict[Key, Record] = {}
    for key, runs in by_method.items():
        n = runs[0]["n"]
        scores: Record = {}
        for m in range(len(runs[0]["inside"])):
            values = [run["inside"][m] for run in runs]
            p = mean(values)
            middle = (p + z * z / (2 * n)) / (1 + z * z / n)
            reach = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
            sd = stdev(values) if len(values) > 1 else None
            ends = {"": p, "_sd": sd, "_low": middle - reach, "_high": middle + reach}
            scores |= {f"inside_{m}{end}": value for end, value in ends.items()}
        found[key] = scores
    return found


def our_runs(
    tables: Mapping[str, Any],
    details: Mapping[str, Any],
    about: Mapping[str, About],
    inside: Mapping[Key, Record] | None = None,
) -> list[Ours]:
    """Every method of a run's own test split, with its config in force.

    Args:
        tables: what `aggregate` wrote.
        details: `details.json`.
        about: data set → where it comes from.
        inside: (data set, task, method) → scores of each modality alone inside the model.

    Raises:
        DataError: the tables hold a data set of which nothing is said.
    """
    configs = {(d["dataset"], d["task"], d["method"]): d["config"] for d in details["methods"]}
    shares = {(d["dataset"], d["task"], d["method"]): _shares(d) for d in details["one_half_right"]}
    for dataset in {row["dataset"] for row in tables["methods"]} - about.keys():
        raise DataError(f"the tables hold data set '{dataset}', which the profile does not; aggregate again")
    runs = []
    for row in tables["methods"]:
        if row["split"] != "test" or row["target"]:
            continue
        dataset, task, method = row["dataset"], row["task"], row["method"]
        members = configs[dataset, task, method]["members"].values() or [method]
        parts = {name: _settings(configs[dataset, task, name]) for name in members}
        key = (dataset, task, method)
        scores = {**row, **shares.get(key, {}), **(inside or {}).get(key, {})}
        runs.append(Ours(dataset, about[dataset].source, task, method, scores, parts))
    return runs


def _shares(record: Record) -> Record:
    """Shares that a fusion has right and wrong, with their intervals, by the modality that is wrong."""
    scores: Record = {}
    cases = [(case["wrong"], case["rows"], case, "share") for case in record["cases"]]
    for wrong, n, values, name in [*cases, ("mean", None, record, "mean_share")]:
        right, low, high = (values[f"{name}{end}"] for end in ("", "_low", "_high"))
        sd = values.get(f"{name}_sd")
        if right is not None:
            for metric, ends in (
                ("right_share", (right, low, high)),
                ("wrong_share", (1 - right, 1 - high, 1 - low)),
            ):
                of_metric = {"": ends[0], "_low": ends[1], "_high": ends[2], "_sd": sd}
                scores |= {f"{metric}_{wrong}{end}": value for end, value in of_metric.items()}
            scores[f"n_{wrong}"] = n
    return scores


def _settings(config: Mapping[str, Any]) -> Record:
    """What a method's file can set, out of a config in force."""
    return _flat({key: value for key, value in config.items() if key in MethodConfig.model_fields})


def _flat(config: Mapping[str, Any]) -> Record:
    """A method's settings with dotted keys; what has no value is left out."""
    return {key: value for key, value in flat(config).items() if value is not None}


def verdict(cell: PublishedCell, runs: Sequence[Ours], methods: Mapping[str, MethodConfig]) -> Verdict:
    """The mark of a published value, with its reason; among several runs the closest counts.

    Args:
        cell: the published value.
        runs: all that were scored on a test split.
        methods: method → its file, which holds the encoders of the rows that name it.
    """
    if cell.value is None:
        return Verdict(NO_VALUE, "")
    if cell.test == "other":
        return Verdict(INCOMPARABLE, "Scored on other rows than the official split.")
    if not cell.method:
        return Verdict(NOT_RUN, "No method of this project reproduces this row yet.")
    of_method = [run for run in runs if run.method == cell.method]
    if not of_method:
        return Verdict(NOT_RUN, f"Method {cell.method} is no part of this report.")
    on_source = [run for run in of_method if run.source == cell.dataset]
    if not on_source:
        sets = sorted({run.dataset + ("" if run.source else " (generated)") for run in of_method})
        return Verdict(DATA, f"Method {cell.method} was run on {', '.join(sets)}, not on {cell.dataset}.")
    # A task with all rows is scored on its concordant ones, as the task of concordant rows is.
    on_task = [run for run in on_source if run.task in (cell.task, f"{cell.task}_all")]
    if not on_task:
        names = ", ".join(sorted({run.task for run in on_source}))
        return Verdict(NOT_RUN, f"Method {cell.method} was run on {cell.dataset} for task {names} only.")
    order = list(MARKS)
    judged = [_judge(cell, run, methods) for run in on_task]
    return min(judged, key=lambda verdict: order.index(verdict.mark))


def _judge(cell: PublishedCell, run: Ours, methods: Mapping[str, MethodConfig]) -> Verdict:
    """One run of the right method, data set and task."""
    if cell.metric in UNCLEAR:
        return Verdict(
            INCOMPARABLE, f"The source does not say how its {cell.metric} averages over the classes."
        )
    if cell.metric in BOUNDS:
        return Verdict(INCOMPARABLE, "A bound, not a score: the page on balance says whether ours keeps it.")
    if cell.metric in INSIDE and cell.metric not in run.scores:
        return Verdict(
            INCOMPARABLE, "The run has no branch for each modality to be measured inside the model."
        )
    if cell.metric not in (*COMPARABLE, *SHARES, *INSIDE):
        return Verdict(INCOMPARABLE, "No score of our tables.")
    if cell.metric in SHARES and _score(cell) not in run.scores:
        return Verdict(INCOMPARABLE, "The methods that read its modalities alone are no part of this report.")
    balanced = cell.test == "balanced"
    if balanced and run.scores[_rows_of(cell)] is None:
        return Verdict(INCOMPARABLE, "A class has no test row, so that no balanced rows can be drawn.")
    if not balanced and (cell.test != "concordant" or (cell.n is None and cell.metric not in SHARES)):
        return Verdict(INCOMPARABLE, "The source does not state its test rows.")
    n = _ERROR_ROWS if cell.metric in SHARES else cell.n
    if not balanced and run.scores["n"] != n:
        return Verdict(DATA, f"Scored on {several(run.scores['n'], 'test row')}, the published value on {n}.")
    if not cell.train:
        return Verdict(INCOMPARABLE, "The source does not state its training rows.")
    for config in run.parts.values():
        rows = "balanced" if config["equal_classes"] else config["rows"]
        if rows != cell.train:
            return Verdict(INCOMPARABLE, f"Trained on {_ROWS[rows]}, the source on {_ROWS[cell.train]}.")
    backbone, settings = _differences(cell, run, methods)
    reason = f"Data set {run.dataset}. " if run.dataset != cell.dataset else ""
    if backbone:
        reason += f"Source: {cell.backbone}. Backbone: {', '.join(backbone)}. "
    if settings:
        reason += f"Other settings: {', '.join(settings)}. "
    mark = ROWS if balanced else BACKBONE if backbone else SAME
    return Verdict(mark, reason.rstrip(), run)


def _differences(
    cell: PublishedCell, run: Ours, methods: Mapping[str, MethodConfig]
) -> tuple[list[str], list[str]]:
    """Where a run's config departs from the method's file: in its backbone, and elsewhere."""
    backbone: list[str] = []
    settings: list[str] = []
    for name, config in run.parts.items():
        published = _flat(methods[name].model_dump(mode="json", exclude=DESCRIPTIVE))
        where = "" if name == cell.method else f"{name}: "
        for key in sorted((config.keys() | published.keys()) - set(_NOT_A_SETTING)):
            if config.get(key) != published.get(key):
                said = f"{where}{key} {_instead(config.get(key), published.get(key))}"
                of_backbone = key in _BACKBONE or key.startswith(_BACKBONE_PARTS)
                (backbone if of_backbone else settings).append(said)
    return backbone, settings


def _instead(ours: object, published: object) -> str:
    """`a instead of b`; the revision of a hub's file is left out where the names differ without it."""
    said = [str("none" if value is None else value) for value in (ours, published)]
    said = [word.lower() if word in ("True", "False") else word for word in said]
    short = [word.partition("@")[0] for word in said]
    return " instead of ".join(short if short[0] != short[1] else said)


def _count(lines: Sequence[Line]) -> Counter[str]:
    return Counter(line.verdict.mark for line in lines)


def _table(table: PublishedTable, runs: Sequence[Ours], methods: Mapping[str, MethodConfig]) -> Record:
    groups: list[Record] = []
    for _, part in groupby(table.cells, key=lambda cell: (cell.row, cell.dataset, cell.task)):
        anchor = f"{table.name}-{len(groups) + 1}"
        lines = [Line(table.title, anchor, cell, verdict(cell, runs, methods)) for cell in part]
        groups.append({"id": anchor, "lines": lines, "spans": list(_spans(lines))})
    counts = _count([line for group in groups for line in group["lines"]])
    protocols = list(dict.fromkeys(cell.protocol for cell in table.cells))
    return {
        "name": table.name,
        "title": table.title,
        "about": table.about,
        "needs": table.needs,
        "sources": list(dict.fromkeys(cell.source for cell in table.cells)),
        "protocol": protocols[0] if len(protocols) == 1 else None,
        "n": len(table.cells) - counts[NO_VALUE],
        "counts": counts,
        "has_ours": bool(counts[SAME] or counts[BACKBONE] or counts[ROWS]),
        "groups": groups,
    }


def _spans(lines: Sequence[Line]) -> Iterator[int]:
    """For each line: how many lines from here on share verdict and note; 0 for one that is among those."""
    for _, part in groupby(lines, key=lambda line: (line.verdict.mark, line.verdict.reason, line.cell.note)):
        n = len(list(part))
        yield from (n, *[0] * (n - 1))


def sentence(lines: Sequence[Line]) -> str:
    """How many published values there are, how many stand beside ours, and how many of those agree."""
    counts = _count(lines)
    n = len(lines) - counts[NO_VALUE]
    beside = [line for line in lines if line.verdict.ours]
    others = ", ".join(
        f"{counts[mark]} {words}"
        for mark, words in (
            (DATA, "of methods that were run on other data"),
            (INCOMPARABLE, "not comparable"),
            (NOT_RUN, "not run"),
        )
        if counts[mark]
    )
    if not beside:
        return f"None of {several(n, 'published value')} stands beside a number of ours: {others}."
    inside = sum(line.inside for line in beside)
    rest = f" The others: {others}." if others else ""
    drawn = f", {counts[ROWS]} on other test rows" if counts[ROWS] else ""
    return (
        f"{len(beside)} of {several(n, 'published value')} {'stands' if len(beside) == 1 else 'stand'} "
        f"beside a number of ours ({counts[SAME]} with the same protocol, {counts[BACKBONE]} with another "
        f"backbone{drawn}); {inside} of {len(beside)} {'lies' if inside == 1 else 'lie'} inside our "
        f"interval.{rest}"
    )


def _label(line: Line, of_column: bool = False) -> str:
    """Two lines on a value; where rows and scores are the same (table 5.2), the column tells them apart."""
    cell = line.cell
    row = f"{cell.row} / {cell.column.partition(' / ')[0]}" if of_column else cell.row
    return f"{cell.table} {row}|{cell.task}, {_SHORT[cell.metric]}"


def _figure(lines: Sequence[Line], level: float) -> Figure | None:
    """Published values and ours with their intervals; None where none of ours stands beside one."""
    beside = [line for line in lines if line.verdict.ours]
    if not beside:
        return None
    names = Counter(_label(line) for line in beside)
    rows = [
        {
            "table": line.cell.table,
            "row": line.cell.row,
            "task": line.cell.task,
            "score": line.cell.metric,
            "label": _label(line) if names[_label(line)] == 1 else _label(line, of_column=True),
            "mark": line.verdict.mark,
            "n": line.n,
            "published": line.cell.value,
            "published_sd": line.cell.sd,
            "ours": round(100 * line.score(), 4),
            "ours_low": round(100 * line.score("_low"), 4),
            "ours_high": round(100 * line.score("_high"), 4),
            "difference": round(100 * line.difference(), 4),  # type: ignore[operator]
        }
        for line in beside
    ]
    widest = max(beside, key=lambda line: abs(line.difference() or 0))
    two_lines = {"labelExpr": "split(datum.label, '|')", "labelOffset": -6, "grid": True, "gridColor": LINE}
    y = {"field": "label", "type": "nominal", "sort": None, "title": None, "axis": two_lines}
    x = {"type": "quantitative", "scale": {"zero": False, "nice": True}, "title": "percent"}
    colour = {
        "scale": {"domain": ["ours", "published"], "range": [ACCENT, WARM]},
        "legend": {"title": None, "orient": "top"},
    }
    tooltip = [{"field": name} for name in ("row", "task", "score", "published", "ours", "difference")]
    return Figure(
        name="published",
        title=f"Published values and ours, with our {round(100 * level)} % intervals",
        alt=(
            f"{several(len(beside), 'published value')} beside ours; the largest difference is "
            f"{points(widest.difference())} points ({widest.cell.row}, {widest.cell.column}: ours "
            f"{percent(widest.score())}, published {percent(widest.published)})."
        ),
        spec={
            "height": 34 * len(rows),
            "encoding": {"y": y, "tooltip": tooltip},
            "layer": [
                {
                    "mark": {"type": "rule", "strokeWidth": 2},
                    "encoding": {
                        "x": {**x, "field": "ours_low"},
                        "x2": {"field": "ours_high"},
                        "color": {"datum": "ours", **colour},
                    },
                },
                {
                    "mark": {"type": "point", "filled": True, "opacity": 1, "size": 60},
                    "encoding": {"x": {**x, "field": "ours"}, "color": {"datum": "ours", **colour}},
                },
                {
                    "mark": {"type": "point", "filled": True, "opacity": 1, "size": 70, "shape": "diamond"},
                    "encoding": {"x": {**x, "field": "published"}, "color": {"datum": "published", **colour}},
                },
            ],
        },
        rows=rows,
    )
