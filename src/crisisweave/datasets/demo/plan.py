"""What each tweet is to hold, before anything is written or drawn.

Counts follow the probabilities of `labels` as nearly as whole numbers allow; which tweet gets what is drawn.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field, replace

import numpy as np

from crisisweave.datasets.demo import labels
from crisisweave.datasets.demo.dice import Dice
from crisisweave.datasets.demo.events import EVENTS, Event

# Tweets with 1, 2, 3 and 4 images; tweets with several are all in train, as in CrisisMMD.
_IMAGES_PER_TWEET = (0.805, 0.12, 0.05, 0.025)
_SPLIT_CYCLE = (
    *("train", "test", "train", "dev", "train", "test"),
    *("train", "dev", "train", "test", "train"),
)
_SPLIT_CHANGES = 0.2
_RETWEETS = 0.05
_COPIES = 0.065
_MOJIBAKE = 0.075
# Every class occurs this often with both modalities agreeing, however few tweets are asked for.
_FLOOR = 3

SPLIT_TABLES = ("all", "humanitarian", "damage")


@dataclass(frozen=True)
class ImagePlan:
    image_id: str
    path: str
    label: str
    kind: str
    severity: str | None
    copy_of: str | None = None
    """image_id of the earlier picture of which this is a (nearly) exact copy."""


@dataclass(frozen=True)
class TweetPlan:
    number: int
    tweet_id: str
    event: Event
    label: str
    kind: str
    images: tuple[ImagePlan, ...]
    splits: dict[str, str] = field(default_factory=dict)
    """Split per group of tables: all (and informative), humanitarian (agreed), damage."""
    retweet_of: int | None = None
    mojibake: bool = False


def _whole_counts(weights: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers in proportion to weights, summing to total (largest remainders)."""
    exact = weights / weights.sum() * total
    counts = np.floor(exact).astype(int)
    for index in np.argsort(-(exact - counts), kind="stable")[: total - int(counts.sum())]:
        counts[index] += 1
    return counts


def _spread(options: tuple[str, ...], weights: list[float], n: int, dice: Dice) -> list[str]:
    """`n` options in their proportions, in random order."""
    counts = _whole_counts(np.asarray(weights), n)
    return dice.shuffled(
        [option for option, count in zip(options, counts, strict=True) for _ in range(count)]
    )


def _label_pairs(n: int, dice: Dice) -> list[tuple[str, str]]:
    """`n` (text label, image label) pairs after `labels.JOINT`, with every class at least `_FLOOR` times."""
    floor = [(name, name) for _ in range(_FLOOR) for name in labels.RAW_CLASSES]
    cells = [(text, image) for text in labels.RAW_CLASSES for image in labels.RAW_CLASSES]
    counts = _whole_counts(labels.JOINT.ravel(), n)
    pairs = [cell for cell, count in zip(cells, counts, strict=True) for _ in range(count)]
    for pair in floor:  # the floor is a part of the total, as far as the total has it
        if pair in pairs:
            pairs.remove(pair)
    pairs = dice.shuffled(pairs)
    return (floor + pairs)[:n]


def make(seed: int, tweets: int) -> list[TweetPlan]:
    """Plan `tweets` tweets (at least 48) from a seed."""
    if tweets < 2 * _FLOOR * len(labels.RAW_CLASSES):
        raise ValueError(f"the demo needs at least {2 * _FLOOR * len(labels.RAW_CLASSES)} tweets")
    dice = Dice(seed, 0)
    pairs = _label_pairs(tweets, dice)
    floor = _FLOOR * len(labels.RAW_CLASSES)
    events = [dice.pick([e for e in EVENTS if not e.held_out]) for _ in range(floor)]
    events += _spread_events(tweets - floor, dice)
    sizes = [1] * floor + [
        int(size) for size in _spread(("1", "2", "3", "4"), list(_IMAGES_PER_TWEET), tweets - floor, dice)
    ]
    text_kinds = _kinds_in_proportion("text", [pair[0] for pair in pairs], dice)
    plans = [
        _tweet(seed, number, events[number], pairs[number], text_kinds[number], sizes[number])
        for number in range(tweets)
    ]
    plans = _with_image_kinds(plans, dice)
    plans = _with_splits(plans, floor, dice)
    plans = _with_retweets(plans, floor, dice)
    plans = _with_copies(plans, dice)
    damaged = set(dice.sample(range(tweets), round(_MOJIBAKE * tweets)))
    return [replace(plan, mojibake=plan.number in damaged) for plan in plans]


def _spread_events(n: int, dice: Dice) -> list[Event]:
    counts = _whole_counts(np.array([event.share for event in EVENTS]), n)
    return dice.shuffled([event for event, count in zip(EVENTS, counts, strict=True) for _ in range(count)])


def _kinds_in_proportion(modality: labels.Modality, of: list[str], dice: Dice) -> list[str]:
    """A kind for each label in `of`, in the proportions of P(kind | label)."""
    kinds: list[str] = [""] * len(of)
    for name in labels.RAW_CLASSES:
        places = [n for n, label in enumerate(of) if label == name]
        shares = labels.kinds_of(modality, name)
        for place, kind in zip(
            places, _spread(tuple(shares), list(shares.values()), len(places), dice), strict=True
        ):
            kinds[place] = kind
    return kinds


def _tweet(seed: int, number: int, event: Event, pair: tuple[str, str], kind: str, size: int) -> TweetPlan:
    """One tweet; further images get their label from P(image label | text label)."""
    dice = Dice(seed, 1, number)
    text_label, first = pair
    row = labels.JOINT[labels.RAW_CLASSES.index(text_label)]
    image_labels = [first] + [dice.pick_weighted(labels.RAW_CLASSES, list(row)) for _ in range(size - 1)]
    day = datetime.date(*event.start) + datetime.timedelta(days=int(16 * dice.between(0, 1) ** 1.6))
    tweet_id = str(
        700_000_000_000_000_000 + day.toordinal() % 1000 * 10**14 + number * 10**9 + dice.whole(0, 10**9 - 1)
    )
    images = []
    for n, label in enumerate(image_labels):
        image_id = f"{tweet_id}_{n}"
        path = f"data_image/{event.name}/{day.day}_{day.month}_{day.year}/{image_id}.jpg"
        images.append(ImagePlan(image_id, path, label, labels.CLEAR, None))
    return TweetPlan(number, tweet_id, event, text_label, kind, tuple(images))


def _with_image_kinds(plans: list[TweetPlan], dice: Dice) -> list[TweetPlan]:
    """Kinds for all images; a severity for every clear picture of damage."""
    of = [image.label for plan in plans for image in plan.images]
    kinds = iter(_kinds_in_proportion("image", of, dice))
    damage = [name in (labels.INFRASTRUCTURE, labels.VEHICLE) for name in of]
    severities = iter(_spread(labels.SEVERITIES, list(labels.SEVERITY_WEIGHTS), sum(damage), dice))
    result = []
    for plan in plans:
        images = []
        for image in plan.images:
            has_damage = image.label in (labels.INFRASTRUCTURE, labels.VEHICLE)
            images.append(replace(image, kind=next(kinds), severity=next(severities) if has_damage else None))
        result.append(replace(plan, images=tuple(images)))
    return result


def _with_splits(plans: list[TweetPlan], floor: int, dice: Dice) -> list[TweetPlan]:
    """Splits by tweet, even over classes, agreement and ambiguity.

    The humanitarian and the damage tables are split anew for a fifth of the tweets, so that splits of
    different tasks overlap, as CrisisMMD's do.
    """

    def stratum(number: int) -> tuple[bool, str, str, bool, bool]:
        plan = plans[number]
        image = plan.images[0]
        return (
            plan.event.held_out,
            plan.label,
            image.label,
            plan.kind != labels.CLEAR,
            image.kind != labels.CLEAR,
        )

    order = sorted(dice.shuffled(range(floor, len(plans))), key=stratum)
    single = [number for number in order if len(plans[number].images) == 1]
    shift = dice.whole(0, len(_SPLIT_CYCLE) - 1)
    split_of = dict.fromkeys(order, "train")
    split_of |= {
        number: _SPLIT_CYCLE[(place + shift) % len(_SPLIT_CYCLE)] for place, number in enumerate(single)
    }
    # The first tweets hold each class once for every split.
    split_of |= {
        number: ("train", "dev", "test")[number // len(labels.RAW_CLASSES)] for number in range(floor)
    }
    result = []
    for plan in plans:
        splits = dict.fromkeys(SPLIT_TABLES, split_of[plan.number])
        if len(plan.images) == 1 and plan.number >= floor:
            for table in SPLIT_TABLES[1:]:
                if dice.chance(_SPLIT_CHANGES):
                    splits[table] = dice.pick(_SPLIT_CYCLE)
        result.append(replace(plan, splits=splits))
    return result


def _with_retweets(plans: list[TweetPlan], floor: int, dice: Dice) -> list[TweetPlan]:
    """Some tweets repeat an earlier one of the same event, label and kind; the split is their own."""
    wanted, result = round(_RETWEETS * len(plans)), list(plans)
    originals: dict[tuple[str, str, str], list[int]] = {}
    chosen = set(dice.sample(range(floor, len(plans)), 2 * wanted))
    for plan in plans:
        same = originals.setdefault((plan.event.name, plan.label, plan.kind), [])
        if plan.number in chosen and same and wanted:
            result[plan.number] = replace(plan, retweet_of=dice.pick(same))
            wanted -= 1
        else:
            same.append(plan.number)
    return result


def _with_copies(plans: list[TweetPlan], dice: Dice) -> list[TweetPlan]:
    """Some images are copies of an earlier one with the same label, kind and severity, from any event."""
    total = sum(len(plan.images) for plan in plans)
    originals: dict[tuple[str, str, str | None], list[str]] = {}
    result = []
    wanted = round(_COPIES * total)
    for plan in plans:
        images = []
        for image in plan.images:
            same = originals.setdefault((image.label, image.kind, image.severity), [])
            if same and wanted and dice.chance(1.1 * _COPIES):
                image = replace(image, copy_of=dice.pick(same))
                wanted -= 1
            else:
                same.append(image.image_id)
            images.append(image)
        result.append(replace(plan, images=tuple(images)))
    return result
