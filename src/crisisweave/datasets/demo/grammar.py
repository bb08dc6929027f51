"""Tweets from a grammar; `[` and `]` mark the words that carry the label.

Templates hold {slots}; a slot's options may hold slots themselves. The same words ('flood', 'water', 'help',
'damage', 'fire') stand in label-carrying and in figurative or irrelevant places: only what the marked
words say together decides. Slots that begin with `+` have extra options in held-out events.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from crisisweave.datasets.demo import labels
from crisisweave.datasets.demo.dice import Dice
from crisisweave.datasets.demo.events import Event

_SLOT = re.compile(r"\{([^{}]+)\}")

# How each hazard wrecks a structure.
_WRECKED: dict[str, tuple[str, ...]] = {
    "flood": (
        "under water",
        "flooded up to the windows",
        "swept away by the river",
        "full of mud",
        "underwater again",
        "cut in two by the flood",
    ),
    "hurricane": (
        "ripped apart",
        "without a roof",
        "flattened by the wind",
        "torn open",
        "smashed by the storm",
        "missing half its roof",
    ),
    "earthquake": (
        "collapsed",
        "reduced to rubble",
        "cracked from top to bottom",
        "leaning and about to fall",
        "in ruins",
        "split open",
    ),
    "wildfire": (
        "burnt to the ground",
        "gutted by the fire",
        "completely charred",
        "nothing but ash",
        "destroyed by flames",
        "burned out",
    ),
}
_CAR_WRECKED: dict[str, tuple[str, ...]] = {
    "flood": ("floating down the street", "under water up to the roof", "full of mud", "washed into a ditch"),
    "hurricane": (
        "crushed by a tree",
        "flipped over by the wind",
        "smashed under a branch",
        "full of sea water",
    ),
    "earthquake": (
        "crushed under bricks",
        "flattened by a wall",
        "buried in rubble",
        "smashed by falling stones",
    ),
    "wildfire": ("burnt out", "melted by the heat", "a charred shell", "gutted by fire"),
}

_SLOTS: dict[str, tuple[str, ...]] = {
    "structure": (
        "the bridge",
        "our school roof",
        "the main road",
        "the hospital wing",
        "the church",
        "the power lines",
        "the apartment block",
        "the old market",
        "my neighbour's house",
        "the fire station",
        "the railway line",
        "the town hall",
        "the water tower",
        "our whole street",
        "the shops on the corner",
        "grandma's house",
    ),
    "structures": ("homes", "houses", "buildings", "roofs", "shops", "bridges", "roads"),
    "vehicle": (
        "my car",
        "our van",
        "the school bus",
        "two cars",
        "dozens of cars",
        "a delivery truck",
        "his pickup",
        "the taxi",
        "a bus",
        "every car in the lot",
    ),
    "people": (
        "families",
        "hundreds of families",
        "thousands of residents",
        "elderly residents",
        "children",
        "{number} families",
        "farmers",
        "whole villages",
        "neighbours",
        "students",
    ),
    "+displaced": (
        "left homeless",
        "sleeping in a shelter",
        "forced to leave their homes",
        "stranded without food",
        "without clean water for days",
        "living in tents",
        "stuck at the airport",
        "waiting in line for water",
        "with nowhere to go",
        "evacuated with only one bag",
    ),
    "+hurt": (
        "injured",
        "hurt",
        "killed",
        "in hospital",
        "dead",
        "badly wounded",
        "being treated for burns",
        "trapped and injured",
    ),
    "missing": ("is missing", "still missing", "has not been seen", "nowhere to be found", "unaccounted for"),
    "name": (
        "Marta",
        "old Mr Lindqvist",
        "little Tomas",
        "my uncle Reza",
        "Ines and her son",
        "Dr Okoro",
        "a hiker",
        "our neighbour Paul",
        "two brothers",
        "Aunt Dalia",
    ),
    "+handing": (
        "handing out",
        "packing",
        "delivering",
        "collecting",
        "sorting",
        "loading",
        "bringing",
        "cooking and sharing",
    ),
    "goods": (
        "food",
        "clean water",
        "blankets",
        "hot meals",
        "medicine",
        "donations",
        "relief supplies",
        "baby food",
        "tents",
        "clothes",
        "first aid kits",
        "drinking water",
    ),
    "helpers": (
        "volunteers",
        "students",
        "the Red Cross",
        "the army",
        "scouts",
        "local churches",
        "our team",
        "neighbours",
        "firefighters",
        "truck drivers",
    ),
    "rescuers": (
        "rescue crews",
        "firefighters",
        "the coast guard",
        "rescue teams",
        "paramedics",
        "search dogs",
        "soldiers",
        "boat crews",
    ),
    "+saving": (
        "pull people from the rubble",
        "save a family by boat",
        "rescue a man from a roof",
        "airlift patients",
        "bring residents to safety",
        "carry children to safety",
        "free a woman after {number} hours",
        "evacuate a nursing home",
    ),
    "agency": (
        "the weather service",
        "officials",
        "the mayor",
        "police",
        "the governor",
        "the met office",
        "civil protection",
        "scientists",
        "the ministry",
    ),
    "+warning": (
        "warns of heavy rain",
        "issues an evacuation order",
        "warns of aftershocks",
        "expects stronger winds tonight",
        "extends the state of emergency",
        "says the danger is not over",
        "closes all schools",
        "updates the forecast",
        "asks everyone to stay inside",
        "declares a curfew",
    ),
    "+fact": (
        "river level at {number} feet and rising",
        "magnitude {magnitude} recorded at dawn",
        "winds of {number} mph expected",
        "the fire is {percent} percent contained",
        "landfall expected near {place}",
        "all flights are cancelled",
        "the road to {place} is closed",
        "schools stay closed until Monday",
        "a tsunami warning is lifted",
        "the storm is now category {category}",
        "power will return by {day}",
        "insurance claims open {day}",
    ),
    "relative": ("sister", "cousin", "boss", "dad", "friend", "roommate", "mum", "neighbour"),
    "spot": (
        "the station",
        "the old mill",
        "Main Street",
        "the harbour",
        "the market square",
        "the stadium",
        "5th Avenue",
        "the library",
    ),
    "when": (
        "this morning",
        "last night",
        "today",
        "right now",
        "since yesterday",
        "after midnight",
        "this afternoon",
        "at dawn",
    ),
    "day": ("Monday", "Tuesday", "Friday", "Sunday", "the weekend"),
    "number": ("2", "3", "12", "17", "24", "40", "63", "110", "250", "300"),
    "magnitude": ("5.2", "5.9", "6.1", "6.4", "7.0"),
    "category": ("2", "3", "4"),
    "percent": ("10", "25", "40", "70"),
    "wow": (
        "omg",
        "wow",
        "unreal,",
        "so sad,",
        "just in:",
        "BREAKING:",
        "heartbreaking,",
        "update:",
        "can't believe it,",
        "ugh",
        "listen:",
        "ok so",
    ),
    "tail": (
        "more soon",
        "stay tuned",
        "photo from this morning",
        "my {relative} took this",
        "see thread",
        "via the local news",
        "more pictures below",
        "no more news yet",
        "that's all we know",
        "full story here",
        "please read",
        "be safe everyone",
    ),
    # Words of one class in the mouth of another: they carry nothing.
    "aside": (
        "we were about to order pizza",
        "the cat is fine btw",
        "my inbox is flooded with questions",
        "I only went out for coffee",
        "missed the football for this",
        "never seen so many cameras",
        "traffic is slow as usual",
        "and my phone is almost dead",
        "I was on my way to the gym",
        "the car radio told us",
    ),
    "food": ("pizza", "burger", "noodles", "tacos", "pancakes", "sushi", "ice cream", "curry"),
    "thing": ("sofa", "pair of shoes", "phone", "guitar", "laptop", "haircut", "tattoo", "bike"),
    "show": (
        "the new album",
        "season 3",
        "that movie",
        "the comedy night",
        "the concert",
        "the cup final",
        "the game show",
        "karaoke",
    ),
    "pet": ("cat", "dog", "kitten", "puppy", "parrot", "hamster"),
    "hazardword": ("flood", "storm", "earthquake", "fire", "hurricane"),
    "shop": ("our summer sale", "the shoe store", "this phone deal", "our webshop", "the outlet"),
}

_HELD_OUT_EXTRA: dict[str, tuple[str, ...]] = {
    "+displaced": (
        "uprooted and camping outdoors",
        "marooned on a hill",
        "camped on the school pitch",
        "bereft of shelter",
    ),
    "+hurt": ("concussed", "with broken bones", "fatally struck", "bleeding and in shock"),
    "+handing": ("doling out", "ferrying", "distributing", "ladling out"),
    "+saving": ("winch a couple off a ledge", "dig a toddler out alive", "shepherd pupils to high ground"),
    "+warning": (
        "forecasts another downpour",
        "advises against travel",
        "cautions about landslides",
        "revises the hazard level",
    ),
    "+fact": (
        "gauges peaked overnight",
        "seismographs logged {number} tremors",
        "ferries are suspended until {day}",
    ),
}

_TEMPLATES: dict[str, tuple[str, ...]] = {
    labels.INFRASTRUCTURE: (
        "[{structure} {wrecked}] in {place} {when}",
        "{wow} [{structure} {wrecked}]",
        "my {relative} just sent this from {place}, [{structure} is {wrecked}]",
        "[{number} {structures} {wrecked}] near {place}, {tail}",
        "walked past {spot} {when}: [{structure} {wrecked}]",
        "before and after {event}: [{structure} now {wrecked}]",
        "[no power in {place} and {structure} {wrecked}]",
        "[damage everywhere, {structure} {wrecked}], {aside}",
        "{agency} count [{number} {structures} destroyed] by {event}",
        "this was {spot}, [{structure} {wrecked}] after {event}",
        "[{number} {structures} damaged] in {place}, {aside}",
        "{event} left [{structure} {wrecked}], {tail}",
    ),
    labels.VEHICLE: (
        "[{vehicle} {carwrecked}] at {spot}",
        "{wow} [{vehicle} {carwrecked}] in {place}",
        "{event} left [{vehicle} {carwrecked}], {tail}",
        "came back to find [{vehicle} {carwrecked}], {aside}",
        "[{vehicle} {carwrecked}] {when} near {spot}",
    ),
    labels.AFFECTED: (
        "[{people} {+displaced}] after {event}",
        "{wow} [{people} {+displaced}] in {place}",
        "talked to [{people} {+displaced}] {when}, {tail}",
        "[{people} in {place} {+displaced}], {aside}",
        "{event}: [{people} {+displaced}] since {day}",
        "[we lost everything] and are [{+displaced}] with {people}",
    ),
    labels.INJURED: (
        "[{number} people {+hurt}] in {place} {when}",
        "{wow} [at least {number} {+hurt}] after {event}",
        "{agency}: [{number} residents {+hurt}], {tail}",
        "[my {relative} is {+hurt}] because of {event}, {aside}",
        "[death toll rises to {number}] in {place}",
    ),
    labels.MISSING: (
        "please share: [{name} {missing}] {when} near {spot}",
        "[{name} {missing}] since {event}, last seen at {spot}",
        "[found safe: {name}], thank you {place}",
        "has anyone seen [{name}, {missing}] in {place}?",
        "[looking for {name}], {missing} after {event}",
    ),
    labels.RESCUE: (
        "[{helpers} {+handing} {goods}] at {spot}",
        "{wow} [{helpers} {+handing} {goods}] in {place} {when}",
        "[{rescuers} {+saving}] in {place}",
        "{wow} [{rescuers} {+saving}] {when}",
        "[please donate {goods}] for {place}, drop them at {spot}",
        "[we need {goods} and helping hands] at {spot}",
        "[help us raise money] for {place}, every dollar counts",
        "[{helpers} are {+handing} {goods}] after {event}, {aside}",
        "proud of [{helpers} {+handing} {goods}], {tail}",
        "how to help after {event}: [donate {goods}] or [volunteer at {spot}]",
        "[{number} trucks of {goods} on the way] to {place}",
        "watch [{rescuers} {+saving}], {aside}",
    ),
    labels.OTHER: (
        "[{agency} {+warning}], {tail}",
        "{wow} [{agency} {+warning}] in {place}",
        "[{+fact}], says {agency}",
        "{event} update: [{+fact}]",
        "{wow} [{+fact}] {when}",
        "[{agency} {+warning}] after {event}",
        "[map of {event}]: {+fact}",
        "[forecast for {place}]: {+fact}, {aside}",
        "[what to do before {event}]: charge your phone, fill the tub, {tail}",
        "[{agency} {+warning}] and [{+fact}]",
        "[{event} explained]: why {place} was hit, {tail}",
    ),
    labels.NOT_HUMANITARIAN: (
        "[my inbox is flooded with emails] {when}, send coffee",
        "[help me choose a {food}] for dinner {when}",
        "that sale did some [damage to my wallet], new {thing} though",
        "{show} [was on fire] {when}, what a night",
        "[stormed out of {show}] because of the {food}",
        "[my {pet} is a walking {hazardword}], {tail}",
        "[collapsed on the sofa after the gym], {food} time",
        "[rescued the last {food} from the fridge] {when}",
        "[tickets for {show} still on sale], see you in {place}",
        "[{shop}]: free {thing} with every order {when}",
        "[donated my old {thing}] to my {relative}, happy now?",
        "day {number} of the diet and [I want {food}]",
        "[this {food} saved my life], thanks {place}",
        "[happy birthday to my {relative}], best {thing} ever",
        "[water slides, sun and {food}], best day in {place}",
        "[an earthquake of laughter] at {show} {when}",
        "[my {relative} lost a bet] and has to eat {food}",
        "[selfie with my {pet}] before {show}",
        "[who won {show}]? no spoilers, I was asleep",
        "[playing {show} on repeat] while {event} is on every channel",
        "[buy this {thing}] and forget about {event}",
        "[good morning {place}], coffee and {food} first",
        "[a flood of {food} pictures] on my feed {when}",
        "[moving flat {when}], boxes everywhere, need {food}",
        "[new {thing}, who dis]",
        "[parked my car] and forgot where, {relative} laughs",
    ),
}

# Compatible with several classes; written without looking at the class.
_AMBIGUOUS: dict[str, tuple[str, ...]] = {
    "scenes": (
        "unbelievable scenes in {place} {when}",
        "look at {spot} {when}, {tail}",
        "{place} {when}, no words",
        "this is what {place} looks like {when}",
        "the view from {spot} {when} {wow} {tail}",
        "never seen {spot} like this before",
        "{wow} have you seen {place} {when}?",
        "{event} and then this, view from {spot}",
    ),
    "people": (
        "the people of {place} {when}, {tail}",
        "so many faces at {spot} {when}",
        "everyone came to {spot} {when}",
        "thinking of everybody in this picture from {place}",
        "{wow} so many people at {spot}",
        "met these people in {place} {when}",
        "all of {place} is at {spot} {when}",
    ),
    "look": (
        "{wow} look at this",
        "picture of the day from {place}",
        "this picture says it all, {tail}",
        "{place}, {day}. that's the tweet",
        "what do you think of this? {tail}",
        "posting this without comment, {event}",
        "{wow} this one from my {relative}",
        "no caption needed, {place}",
    ),
}

_MENTIONS = (
    "@RivermouthNews",
    "@kestrel_watch",
    "@DailyBeacon",
    "@weather_nerd",
    "@JoPrint",
    "@CityDesk7",
    "@mara_writes",
    "@TheQuayTimes",
    "@radio_harbour",
)
_TAGS = (
    "#breaking",
    "#news",
    "#photo",
    "#today",
    "#weather",
    "#help",
    "#life",
    "#love",
    "#staysafe",
    "#mood",
)
# Every character of these survives a wrong reading as cp1252: no byte of theirs is undefined there.
EMOJI = ("😢", "🙌", "😂", "😭", "😱", "🔥", "💔", "👀", "🚨", "🌊", "🤔")
_SPECIAL = (("'", "’"), ("...", "…"), (" - ", " – "))


@dataclass(frozen=True)
class Tweet:
    """A text as it reads, and the [start, end) word spans that carry its label."""

    text: str
    rationale: list[tuple[int, int]]


def _options(slot: str, event: Event) -> tuple[str, ...]:
    if slot == "wrecked":
        return _WRECKED[event.hazard]
    if slot == "carwrecked":
        return _CAR_WRECKED[event.hazard]
    if slot == "place":
        return event.places
    if slot == "event":
        return event.called
    return _SLOTS[slot] + (_HELD_OUT_EXTRA.get(slot, ()) if event.held_out else ())


def _filled(template: str, event: Event, dice: Dice) -> str:
    while match := _SLOT.search(template):
        option = dice.pick(_options(match.group(1), event))
        template = template[: match.start()] + option + template[match.end() :]
    return template


def _typo(word: str, dice: Dice) -> str:
    """Two letters swapped, or one left out or doubled, inside a word."""
    at = dice.whole(1, len(word) - 3)
    return dice.pick(
        (
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
        )
    )


def _link(dice: Dice) -> str:
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "https://t.co/" + "".join(dice.pick(letters) for _ in range(10))


def _spans(marked: str) -> tuple[list[str], list[tuple[int, int]]]:
    """Words without marks, and the spans that the marks enclosed (nested marks count once)."""
    words: list[str] = []
    spans: list[tuple[int, int]] = []
    depth, start = 0, 0
    for token in marked.split():
        if depth == 0 and "[" in token:
            start = len(words)
        depth += token.count("[") - token.count("]")
        words.append(token.replace("[", "").replace("]", ""))
        if depth == 0 and "]" in token:
            spans.append((start, len(words)))
    return words, spans


def tweet(raw_label: str, kind: str, event: Event, dice: Dice) -> Tweet:
    """Write one tweet: a clear one of `raw_label`, or an ambiguous one of `kind`."""
    templates = _TEMPLATES[raw_label] if kind == labels.CLEAR else _AMBIGUOUS[kind]
    words, spans = _spans(_filled(dice.pick(templates), event, dice))
    for n, word in enumerate(words):
        if word.isalpha() and len(word) > 4 and dice.chance(0.025):
            words[n] = _typo(word, dice)
    style = dice.pick_weighted(("as is", "capital", "lower", "shout"), (30, 50, 15, 5))
    if style == "capital":
        words[0] = words[0][:1].upper() + words[0][1:]
    elif style != "as is":
        words = [word.lower() if style == "lower" else word.upper() for word in words]
    before: list[str] = []
    if dice.chance(0.12):
        before.append(dice.pick(_MENTIONS))
    after: list[str] = []
    if dice.chance(0.3):
        after.append(dice.pick(EMOJI) * dice.pick((1, 1, 2)))
    if dice.chance(0.62):
        after += dice.sample(event.hashtags, dice.whole(1, 2))
    if dice.chance(0.2):
        after.append(dice.pick(_TAGS))
    after += [_link(dice) for _ in range(dice.pick((1, 1, 1, 2)))]
    if dice.chance(0.09):  # unescaped quote characters, one of them at the start of the field
        words[0], words[-1] = '"' + words[0], words[-1] + '"'
    shift = len(before)
    return Tweet(" ".join([*before, *words, *after]), [(start + shift, end + shift) for start, end in spans])


def retweet(original: Tweet, dice: Dice) -> Tweet:
    """The same words after 'RT @user:'."""
    return Tweet(
        f"RT {dice.pick(_MENTIONS)}: {original.text}", [(a + 2, b + 2) for a, b in original.rationale]
    )


def typeset(original: Tweet) -> Tweet:
    """The same tweet with curly apostrophes, ellipses or dashes, so that mojibake has something to spoil."""
    text = original.text
    for plain, set_ in _SPECIAL:
        text = text.replace(plain, set_)
    if not any(character in text for character in "’…–") and not any(emoji in text for emoji in EMOJI):
        text += "…" if not text.endswith('"') else " …"
    return Tweet(text, original.rationale)


def mojibake(text: str) -> str:
    """UTF-8 read as cp1252, which is how a share of CrisisMMD's rows were damaged."""
    return text.encode("utf-8").decode("cp1252")
