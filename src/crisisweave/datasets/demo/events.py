"""The demo's events: made-up places and the look that each event's pictures share.

The two held-out events differ in palette, building style, place names and some words.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from crisisweave.datasets.demo.canvas import Colour

Hazard = Literal["flood", "hurricane", "earthquake", "wildfire"]


@dataclass(frozen=True)
class Event:
    name: str
    hazard: Hazard
    share: float
    """Share of all tweets."""
    start: tuple[int, int, int]
    """Year, month, day of the first tweet."""
    places: tuple[str, ...]
    hashtags: tuple[str, ...]
    called: tuple[str, ...]
    """How tweets name the event."""
    style: str
    walls: tuple[Colour, ...]
    roofs: tuple[Colour, ...]
    ground: Colour
    sky: Colour
    water: Colour
    clothes: tuple[Colour, ...]
    palms: bool = False
    held_out: bool = False


_CLOTHES: tuple[Colour, ...] = (
    (178, 52, 52),
    (52, 88, 156),
    (64, 128, 84),
    (212, 170, 60),
    (120, 76, 140),
    (226, 226, 220),
    (90, 94, 100),
)
_PASTEL: tuple[Colour, ...] = ((222, 206, 176), (206, 220, 210), (226, 190, 170), (200, 206, 222))
_TILES: tuple[Colour, ...] = ((164, 74, 54), (132, 62, 48), (96, 84, 80))

EVENTS: tuple[Event, ...] = (
    Event(
        "rivermouth_floods",
        "flood",
        0.18,
        (2016, 5, 3),
        ("Rivermouth", "Elmford", "Low Quay", "Saltmere", "Barley Bridge"),
        ("#RivermouthFloods", "#Rivermouth", "#Elmford"),
        ("the Rivermouth floods", "the flood", "the Elm floods"),
        "gable",
        _PASTEL,
        _TILES,
        (112, 128, 84),
        (170, 186, 200),
        (134, 112, 82),
        _CLOTHES,
    ),
    Event(
        "kestrel_hurricane",
        "hurricane",
        0.18,
        (2016, 9, 8),
        ("Port Amity", "Cape Fallow", "Gull Island", "Santa Brisa", "Mangrove Key"),
        ("#HurricaneKestrel", "#Kestrel", "#PortAmity"),
        ("Hurricane Kestrel", "Kestrel", "the hurricane"),
        "gable",
        ((240, 224, 190), (190, 222, 222), (244, 196, 180), (236, 236, 230)),
        ((206, 110, 84), (90, 130, 140), (150, 150, 150)),
        (170, 158, 116),
        (150, 172, 190),
        (92, 124, 130),
        _CLOTHES,
        palms=True,
    ),
    Event(
        "ashgrove_wildfires",
        "wildfire",
        0.17,
        (2017, 8, 12),
        ("Ashgrove", "Pine Hollow", "Cedar Bluff", "Drywell", "Three Oaks"),
        ("#AshgroveFire", "#Ashgrove", "#PineHollow"),
        ("the Ashgrove fire", "the wildfire", "the fires"),
        "gable",
        ((206, 182, 148), (188, 168, 150), (220, 210, 196)),
        ((110, 70, 52), (84, 78, 76), (130, 96, 70)),
        (150, 132, 82),
        (196, 176, 150),
        (110, 128, 130),
        _CLOTHES,
    ),
    Event(
        "montalta_earthquake",
        "earthquake",
        0.17,
        (2017, 3, 20),
        ("Montalta", "Villa Serra", "San Orso", "Pietra Alta", "Valdoro"),
        ("#MontaltaQuake", "#Montalta", "#terremoto"),
        ("the Montalta quake", "the earthquake", "the quake"),
        "flat",
        ((224, 196, 150), (210, 170, 130), (230, 214, 186), (200, 180, 160)),
        ((150, 90, 66), (120, 110, 104)),
        (160, 146, 116),
        (176, 198, 220),
        (110, 126, 120),
        _CLOTHES,
    ),
    Event(
        "tidewell_cyclone",
        "hurricane",
        0.15,
        (2018, 1, 15),
        ("Tidewell", "Coral Landing", "Whitesand", "Lantern Bay", "New Harrow"),
        ("#CycloneTidewell", "#Tidewell", "#LanternBay"),
        ("the Tidewell cyclone", "the cyclone", "Cyclone Ida Mae"),
        "flat",
        ((236, 236, 232), (180, 210, 230), (250, 220, 150), (210, 180, 200)),
        ((190, 190, 194), (100, 120, 150)),
        (150, 156, 100),
        (140, 160, 176),
        (104, 118, 110),
        _CLOTHES,
        palms=True,
    ),
    Event(
        "sundara_quake",
        "earthquake",
        0.075,
        (2018, 4, 24),
        ("Sundara", "Old Kharan", "Mirab", "Qasr Tal", "Dera Sul"),
        ("#SundaraQuake", "#Sundara", "#Mirab"),
        ("the Sundara tremor", "the tremor", "the Sundara quake"),
        "dome",
        ((214, 160, 104), (196, 140, 92), (226, 184, 136)),
        ((176, 110, 66), (70, 140, 150), (150, 92, 62)),
        (206, 170, 116),
        (214, 196, 168),
        (128, 120, 96),
        ((240, 236, 226), (176, 64, 40), (40, 110, 110), (214, 150, 40), (60, 50, 90)),
        palms=True,
        held_out=True,
    ),
    Event(
        "nordfjell_floods",
        "flood",
        0.075,
        (2018, 6, 9),
        ("Nordfjell", "Elvdal", "Storvik", "Brattnes", "Øverås"),
        ("#NordfjellFlom", "#Nordfjell", "#Elvdal"),
        ("the Nordfjell deluge", "the deluge", "the Nordfjell flooding"),
        "steep",
        ((166, 50, 44), (60, 84, 110), (230, 226, 214), (196, 150, 60)),
        ((54, 56, 60), (70, 84, 76)),
        (84, 112, 92),
        (188, 200, 208),
        (96, 110, 118),
        ((236, 120, 50), (40, 60, 90), (220, 220, 226), (70, 120, 120), (150, 40, 60)),
        held_out=True,
    ),
)

HELD_OUT = tuple(event.name for event in EVENTS if event.held_out)
