"""A run's rationales → their scores: `rationales.json`, and one row per instance and extractor beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crisisweave.config.run import read_run_config
from crisisweave.errors import DataError
from crisisweave.evaluation.rationale_tables import SCORES_FILE, averages
from crisisweave.explaining.columns import present, score_columns
from crisisweave.explaining.flips import flip_consistency
from crisisweave.explaining.known import Known
from crisisweave.explaining.scorer import MaskedScorer, scorer_of
from crisisweave.explaining.table import METHOD, Rationales, read_rationales
from crisisweave.files import write_json, write_parquet
from crisisweave.layout import Sources
from crisisweave.methods.joint import JointMethod
from crisisweave.methods.rationale import RationaleClassifier
from crisisweave.progress import track
from crisisweave.rationales.faithfulness import FixedScorer
from crisisweave.seeding import best_device, seed_everything
from crisisweave.training.examples import Examples
from crisisweave.training.runs import load_model

AT_ONCE = 256
"""Instances that are scored together: their embeddings are held in memory."""
FAITHFUL = 1000
"""Instances of a split whose faithfulness is measured, at most: it takes dozens of passes for each."""


def evaluate_rationales(
    run: Path, folder: Path, frame: pd.DataFrame, sources: Sources, known: Known, target: str | None
) -> None:
    """Score the rationales in `folder`; writes `rationales.json` and `rationale_scores.parquet` there.

    Args:
        run: the run that is explained.
        folder: the run's folder, or that of its transfer to `target`.
        frame: instances of all splits that were explained.
        sources: of the instances' data set and task.
        known: their true rationales.
        target: name of the transfer's target, or None.

    Raises:
        ConfigError: the run that is to score faithfulness is not there, or cannot.
        DataError: there are no rationales, or they are of other instances.
    """
    config = read_run_config(run)
    found = read_rationales(folder / "rationales.parquet")
    for split, extractors in found.items():
        explained = set(extractors[METHOD].instance_ids)
        if explained != set(frame.loc[frame["split"].astype(str) == split, "instance_id"]):
            raise DataError(
                f"{folder / 'rationales.parquet'}: its instances of split {split} are not those of the "
                "prepared table; explain again"
            )
    scorer = scorer_of(config, run)
    seed_everything(config.seed, config.threads)
    judges = _Judges(run, scorer, sources, known)
    rows = frame.set_index("instance_id", drop=False)
    tables = []
    for split, extractors in found.items():
        ids = extractors[METHOD].instance_ids
        blocks = _blocks(ids)
        for block, asked in track(blocks, f"scoring rationales of {split}", len(blocks)):
            here = {name: rationales.at(block) for name, rationales in extractors.items()}
            tables += judges.scores(rows.loc[[ids[row] for row in block]], split, here, asked)
    table = pd.concat(tables).sort_values(["split", "extractor", "instance_id"], ignore_index=True)
    # The rows first: a reader that finds the summary finds them too.
    write_parquet(folder / SCORES_FILE, table)
    write_json(
        folder / "rationales.json",
        {
            "dataset": config.dataset,
            "task": config.task,
            "method": config.method.name,
            "seed": config.seed,
            "target": target,
            "scorer": None if scorer is None else scorer.parent.name,
            "gold_words": known.kind,
            "splits": {
                str(split): {
                    str(name): _summary(part) for name, part in of_split.groupby("extractor", sort=True)
                }
                for split, of_split in table.groupby("split", sort=True)
            },
        },
    )


def _blocks(instance_ids: Sequence[str]) -> list[tuple[NDArray[np.int64], bool]]:
    """Instances in blocks, and whether the scorer is asked about a block.

    It is asked about `FAITHFUL` of them at most, drawn by their ids: the same ones for all runs.
    """
    drawn = sorted(range(len(instance_ids)), key=lambda i: sha256(instance_ids[i].encode()).digest())
    blocks = []
    for rows, asked in ((drawn[:FAITHFUL], True), (drawn[FAITHFUL:], False)):
        for start in range(0, len(rows), AT_ONCE):
            blocks.append((np.array(sorted(rows[start : start + AT_ONCE]), dtype=np.int64), asked))
    return blocks


class _Judges:
    """All that rationales are held against, loaded once."""

    def __init__(self, run: Path, scorer: Path | None, sources: Sources, known: Known):
        self._device = best_device()
        self._sources = sources
        self._known = known
        self._config = read_run_config(run).method
        model = load_model(read_run_config(run), run).to(self._device)
        assert isinstance(model, RationaleClassifier)
        self._model = model
        self._scorer: JointMethod | None = None
        if scorer is not None:
            judge = load_model(read_run_config(scorer), scorer).to(self._device)
            assert isinstance(judge, JointMethod)
            self._scorer, self._scorer_config = judge, read_run_config(scorer).method

    def scores(
        self, instances: pd.DataFrame, split: str, extractors: Mapping[str, Rationales], asked: bool
    ) -> list[pd.DataFrame]:
        """One table for each extractor: a row for each instance, a column for each score.

        With `asked`, faithfulness is measured too, where there is a scorer.
        """
        fixed = None
        if asked and self._scorer is not None:
            masked = MaskedScorer(self._scorer, self._scorer_config, instances, self._sources, self._device)
            fixed = FixedScorer(masked, *present(extractors[METHOD]))
        tables = []
        for extractor, rationales in extractors.items():
            columns = score_columns(extractor, rationales, self._known, fixed)
            if extractor == METHOD and rationales.grid is not None:
                examples = Examples(instances, self._model, self._config, self._sources)
                columns["flip_consistency"] = flip_consistency(self._model, examples, self._device)
            keys = {
                "instance_id": instances["instance_id"].to_numpy(),
                "tweet_id": instances["tweet_id"].to_numpy(),
                "split": split,
                "extractor": extractor,
            }
            tables.append(pd.DataFrame({**keys, **columns}))
        return tables


def _summary(table: pd.DataFrame) -> dict[str, float | int]:
    found = averages(table)
    counts = {
        "n": len(table),
        "n_gold_words": found.get("word_f1", (0, 0))[1],
        "n_boxes": found.get("patch_iou", (0, 0))[1],
        "n_faithfulness": found.get("sufficiency", (0, 0))[1],
    }
    return {**{name: value for name, (value, _) in found.items()}, **counts}
