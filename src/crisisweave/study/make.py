"""`crisisweave study make`: the raters' page and the researcher's key."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crisisweave.config.run import RunConfig, read_run_config
from crisisweave.errors import ConfigError
from crisisweave.files import sha256_file, write_json, write_text
from crisisweave.images.store import ImageStore
from crisisweave.layout import Sources
from crisisweave.study.key import Check, Pair, Side, StudyKey, StudyRun, read_key
from crisisweave.study.page import Shown, render_page
from crisisweave.study.pairs import Candidate, candidates, one_per_tweet
from crisisweave.study.pictures import rationale_picture

CHECKS = 2
MIN_ITEMS = 2


@dataclass(frozen=True)
class _Arrangement:
    """What lies where: everything that is drawn at random."""

    order: list[Candidate | Check]
    """The page's items; a check stands at its place."""
    a_is_left: list[bool]
    """One for each pair, in the order of the page."""


def make_study(
    run: Path, a: str, b: str, items: int, seed: int, out: Path, private_to: str | None = None
) -> StudyKey:
    """Write `study.html` and `key.json`.

    Args:
        run: `results/<dataset>/<task>/<method>/seed-<n>` with its rationales.parquet.
        a, b: the extractors that are compared.
        items: how many pairs are shown, two attention checks not counted.
        seed: of the drawing; same seed and inputs, same bytes.
        out: folder to write.
        private_to: title and licence of a data set that may not be passed on; the page then says so.

    Raises:
        ConfigError: too few tweets, unknown extractors, or `out` holds the key of another study.
        DataError: the run's rationales, the prepared data or the image store are missing.
    """
    config = read_run_config(run)
    sources = Sources(config.dataset, config.task)
    rationales = run / "rationales.parquet"
    found = candidates(rationales, sources.prepared, a, b)
    drawn = one_per_tweet(found.rows, seed)
    if len(drawn) < items + CHECKS:
        other, same = found.left_out["other_class"], found.left_out["same_patches"]
        remedy = f"ask for --items {len(drawn) - CHECKS} or fewer"
        raise ConfigError(
            f"{rationales}: {len(drawn)} tweets can be compared ({other} rows are explained for different "
            f"classes, {same} with the same patches) and {items} items with {CHECKS} attention checks need "
            f"{items + CHECKS}; {remedy if len(drawn) >= MIN_ITEMS + CHECKS else 'choose other extractors'}"
        )
    arrangement = _arrange(drawn[:items], config, seed)
    shown = _draw(arrangement, drawn[items : items + CHECKS], ImageStore(sources.images))
    study = _digest(shown)
    page = render_page(shown, study, private_to)
    key = StudyKey(
        study=study,
        page_sha256=hashlib.sha256(page.encode()).hexdigest(),
        a=a,
        b=b,
        seed=seed,
        run=StudyRun(
            dataset=config.dataset,
            task=config.task,
            method=config.method.name,
            seed=config.seed,
            config_sha256=config.digest(),
            rationales_sha256=sha256_file(rationales),
        ),
        eligible=len(drawn),
        left_out=found.left_out,
        pairs=_pairs(arrangement, a, b),
        checks=[item for item in arrangement.order if isinstance(item, Check)],
    )
    _keep_other_keys(out / "key.json", study)
    # The key first: a page without its key is worth nothing.
    write_json(out / "key.json", key.model_dump(mode="json"))
    write_text(out / "study.html", page)
    return key


def _keep_other_keys(path: Path, study: str) -> None:
    if path.is_file() and read_key(path).study != study:
        raise ConfigError(
            f"{path}: is the key of another study, without which its answers cannot be scored; "
            "choose another --out or move it away"
        )


def _arrange(pairs: Sequence[Candidate], config: RunConfig, seed: int) -> _Arrangement:
    """Sides and places.

    Each extractor is left in half of the pairs, so that a rater's liking for one side favours neither. One
    check lies in each half of the page and is never the first item; their right answers are on opposite
    sides, so that whoever always chooses the same fails one. The draws depend on the run and on the tweets
    too: the same seed gives no pattern that another study would show.
    """
    named = "/".join([str(seed), config.digest(), *(pair.instance_id for pair in pairs)])
    generator = np.random.default_rng(list(hashlib.sha256(named.encode()).digest()))
    n = len(pairs) + CHECKS
    a_is_left = generator.permutation(np.arange(len(pairs)) % 2 == 0)
    half = n // 2
    places = int(generator.integers(1, half)), int(generator.integers(half, n))
    first_is_whole, first_is_left = generator.random(2) < 0.5
    order: list[Candidate | Check] = list(pairs)
    for place, whole, left in (
        (places[0], first_is_whole, first_is_left),
        (places[1], not first_is_whole, not first_is_left),
    ):
        answer: Side = "left" if left else "right"
        order.insert(place, Check(number=place + 1, kind="whole" if whole else "instruction", answer=answer))
    return _Arrangement(order, a_is_left.tolist())


def _pairs(arrangement: _Arrangement, a: str, b: str) -> list[Pair]:
    sides = iter(arrangement.a_is_left)
    result = []
    for number, item in enumerate(arrangement.order, 1):
        if isinstance(item, Candidate):
            left, right = (a, b) if next(sides) else (b, a)
            result.append(
                Pair(number=number, instance_id=item.instance_id, target=item.target, left=left, right=right)
            )
    return result


def _draw(arrangement: _Arrangement, for_checks: Sequence[Candidate], store: ImageStore) -> list[Shown]:
    """What the page shows, in its order: a check looks like any other item."""
    sides, spare = iter(arrangement.a_is_left), iter(for_checks)
    shown = []
    for item in arrangement.order:
        row = item if isinstance(item, Candidate) else next(spare)
        text = row.text
        if isinstance(item, Candidate):
            left, right = (row.a, row.b) if next(sides) else (row.b, row.a)
        elif item.kind == "whole":
            everything, nothing = np.ones_like(row.a), np.zeros_like(row.a)
            left, right = (everything, nothing) if item.answer == "left" else (nothing, everything)
        else:
            left, right = row.a, row.b
            text = f"This is no tweet: please choose {item.answer} here, whatever the pictures show."
        square = _centre_square(store, row.instance_id)
        shown.append(Shown(text, row.target, *(rationale_picture(square, side) for side in (left, right))))
    return shown


def _centre_square(store: ImageStore, instance_id: str) -> np.ndarray:
    image = store.image(int(store.rows([instance_id])[0]))
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def _digest(shown: Sequence[Shown]) -> str:
    """SHA-256 of what raters see; says nothing about what is behind it."""
    content = [
        [item.text, item.target, *(hashlib.sha256(side).hexdigest() for side in (item.left, item.right))]
        for item in shown
    ]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()
