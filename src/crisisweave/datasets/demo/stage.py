"""A stage: one picture while it is drawn, with the record of what stands on it and how it is described."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from PIL import Image, ImageFilter

from crisisweave.datasets.demo import buildings, people, things, vehicles
from crisisweave.datasets.demo.canvas import Canvas, Colour, mix, see_through, shade
from crisisweave.datasets.demo.dice import Dice
from crisisweave.datasets.demo.events import Event

SIZES = ((341, 256), (341, 256), (341, 256), (256, 256), (256, 341), (320, 256))
Light = Literal["clear", "grey", "evening", "night"]
Ground = Literal["grass", "street", "mud", "sand"]

_LIGHTS: tuple[Light, ...] = ("clear", "grey", "evening", "night")
_SETTING: dict[Light, tuple[str, ...]] = {
    "clear": ("under a blue sky", "on a clear day"),
    "grey": ("under a grey sky", "on a cloudy day"),
    "evening": ("in the evening", "under an orange sky"),
    "night": ("at night", "in the dark"),
}
_TINT: dict[Light, tuple[float, float, float]] = {
    "clear": (1.0, 1.0, 1.0),
    "grey": (0.9, 0.92, 0.95),
    "evening": (1.02, 0.88, 0.76),
    "night": (0.5, 0.55, 0.74),
}
_CAR_COLOURS: tuple[Colour, ...] = (
    (186, 40, 40),
    (40, 84, 160),
    (224, 224, 222),
    (60, 62, 68),
    (214, 160, 40),
    (70, 130, 90),
)


@dataclass(frozen=True)
class Thing:
    """An object on a picture: its box is [x0, y0, x1, y1] in pixels of the written file."""

    name: str
    state: str
    box: tuple[int, int, int, int]
    carries_label: bool


@cache
def _grain() -> np.ndarray:
    """Camera noise, (512, 512, 3) int16, of which every picture takes a window."""
    noise = np.random.default_rng(97).normal(0, 1, (512, 512, 3)) * 24
    return noise.astype(np.int16)


class Stage:
    """Canvas, chance and event of one picture, with helpers that several scenes share."""

    def __init__(self, dice: Dice, event: Event, light: Light | None = None) -> None:
        self.dice, self.event = dice, event
        self.w, self.h = dice.pick(SIZES)
        self.c = Canvas(self.w, self.h)
        self.light: Light = dice.pick_weighted(_LIGHTS, (50, 33, 12, 5)) if light is None else light
        self.unit = 256 * dice.between(0.86, 1.1)
        self.horizon = self.h * dice.between(0.42, 0.56)
        self.objects: list[Thing] = []
        self.around: list[str] = []
        self.indoor = False

    # -- recording ---------------------------------------------------------------------------------------

    @contextmanager
    def thing(
        self, name: str, state: str, *, carries: bool = False, cut: float | None = None
    ) -> Iterator[list[float]]:
        """Record what is drawn inside the block as one object; `cut` is a height below which it is hidden."""
        with self.c.extent() as box:
            yield box
        x0, y0 = max(0, math.floor(box[0])), max(0, math.floor(box[1]))
        x1, y1 = (
            min(self.w, math.ceil(box[2])),
            min(self.h, math.ceil(box[3] if cut is None else min(box[3], cut))),
        )
        if x1 - x0 >= 4 and y1 - y0 >= 4:
            self.objects.append(Thing(name, state, (x0, y0, x1, y1), carries))

    def captions(self, clauses: list[str]) -> list[str]:
        """3 to 5 different reference sentences from at least 3 ways to say the main thing."""
        setting = () if self.indoor else _SETTING[self.light]
        wanted = self.dice.whole(3, 5)
        sentences: list[str] = []
        ways = self.dice.shuffled(clauses)
        for n in range(3 * wanted):
            sentence = ways[n % len(ways)]
            if self.around and self.dice.chance(0.45):
                sentence += self.dice.pick((" near ", " with ")) + self.dice.pick(self.around)
            if setting and self.dice.chance(0.4):
                sentence += " " + self.dice.pick(setting)
            if sentence not in sentences:
                sentences.append(sentence)
            if len(sentences) == wanted:
                break
        return sentences

    # -- backgrounds -------------------------------------------------------------------------------------

    def sky(self) -> None:
        d, c, base = self.dice, self.c, self.event.sky
        top = {
            "clear": mix(base, (70, 140, 214), 0.6),
            "grey": mix(base, (128, 134, 142), 0.65),
            "evening": mix(base, (110, 80, 120), 0.6),
            "night": (34, 40, 66),
        }[self.light]
        low = {
            "clear": mix(base, (224, 236, 244), 0.6),
            "grey": mix(base, (196, 198, 200), 0.6),
            "evening": (248, 176, 104),
            "night": (74, 80, 110),
        }[self.light]
        c.gradient(0, self.horizon + 2, top, low)
        if self.light == "night":
            for _ in range(14):
                c.disc(d.between(0, self.w), d.between(0, self.horizon * 0.7), 0.8, (240, 240, 230))
            c.disc(d.between(0.1, 0.9) * self.w, self.horizon * 0.2, 9, (246, 242, 214))
        elif self.light == "evening" or (self.light == "clear" and d.chance(0.4)):
            things.sun(
                c,
                d.between(0.08, 0.92) * self.w,
                self.horizon * (0.78 if self.light == "evening" else 0.22),
                11,
            )
        if self.light in ("clear", "grey"):
            tone = (
                see_through((250, 250, 252), 200)
                if self.light == "clear"
                else see_through((150, 154, 160), 160)
            )
            for _ in range(d.whole(1, 3)):
                things.cloud(
                    c, d.between(0, 1) * self.w, d.between(0.1, 0.6) * self.horizon, d.between(28, 56), tone
                )

    def ground(self, kind: Ground) -> None:
        d, c = self.dice, self.c
        tone = {
            "grass": mix(self.event.ground, (96, 142, 70), 0.45),
            "street": (126, 124, 122),
            "mud": mix(self.event.ground, (116, 92, 68), 0.7),
            "sand": mix(self.event.ground, (216, 194, 150), 0.6),
        }[kind]
        c.gradient(self.horizon, self.h, shade(tone, 1.12), shade(tone, 0.82))
        for _ in range(30):
            near = d.between(0, 1)
            y, x = self.horizon + 3 + (self.h - self.horizon) * near, d.between(0, self.w)
            c.line(
                [(x, y), (x + 4 + 14 * near, y - (2 * near if kind == "grass" else 0))],
                1 + near,
                see_through(shade(tone, 0.75 if d.chance(0.5) else 1.25), 150),
            )
        if kind == "street":
            c.rectangle(0, self.horizon, self.w, self.horizon + 7, (168, 164, 158))

    def far(self) -> None:
        """Hills or a row of buildings on the horizon."""
        d, c = self.dice, self.c
        if d.chance(0.55):
            tone = mix(self.event.ground, self.event.sky, d.between(0.35, 0.6))
            for k in range(2):
                points = [(0.0, self.horizon + 1)]
                for n in range(9):
                    points.append((n * self.w / 8, self.horizon - d.between(4, 34) * (1 - 0.4 * k)))
                c.polygon([*points, (float(self.w), self.horizon + 1)], shade(tone, 1 - 0.14 * k))
        else:
            buildings.skyline(
                c, self.horizon, 34, d, mix(self.event.sky, (120, 120, 128), 0.5), self.light == "night"
            )

    def outdoors(self, kind: Ground = "grass", scenery: int = 2) -> None:
        """Sky, something far away, ground, and up to `scenery` things that carry no label."""
        self.sky()
        self.far()
        self.ground(kind)
        self.scenery(self.dice.whole(0, scenery))

    def indoors(self, wall: Colour | None = None) -> None:
        self.indoor = True
        d, c = self.dice, self.c
        wall = wall or d.pick(((222, 212, 196), (198, 214, 214), (226, 220, 230), (210, 196, 170)))
        self.horizon = self.h * d.between(0.6, 0.7)
        c.gradient(0, self.horizon, wall, shade(wall, 0.9))
        floor = d.pick(((150, 112, 78), (176, 160, 142), (120, 96, 80)))
        c.gradient(self.horizon, self.h, floor, shade(floor, 0.8))
        c.rectangle(0, self.horizon - 4, self.w, self.horizon, (240, 238, 232))

    def scenery(self, many: int) -> None:
        """Small things in the background: present, seen, recorded, and without meaning for the label."""
        d, c = self.dice, self.c
        edge = [d.between(0.04, 0.14), d.between(0.86, 0.96), d.between(0.26, 0.36)]
        kinds = d.sample(("tree", "tree", "house", "car", "person", "ambulance", "pole"), many)
        for where, kind in zip(edge, kinds, strict=False):
            x, y = where * self.w, self.horizon + d.between(4, 14)
            if kind == "tree":
                with self.thing("tree", "standing"):
                    things.tree(c, x, y, d.between(50, 92), d, palm=self.event.palms)
                self.around.append("a tree")
            elif kind == "house":
                with self.thing("house", "intact"):
                    self.house(x, y, d.between(22, 32))
                self.around.append("a house in the background")
            elif kind == "car":
                with self.thing("car", "intact"):
                    vehicles.car(c, x, y + 4, d.between(17, 23), d.pick(_CAR_COLOURS), d.sign())
                self.around.append("a parked car in the background")
            elif kind == "person":
                with self.thing("person", "walking by"):
                    people.person(c, x, y + 6, d.between(38, 50), d, d.pick(self.event.clothes), pose="walk")
                self.around.append("a person walking by")
            elif kind == "ambulance":
                with self.thing("ambulance", "parked"):
                    vehicles.ambulance(c, x, y + 4, d.between(17, 22), d.sign())
                self.around.append("a parked ambulance in the background")
            else:
                with self.thing("power pole", "standing"):
                    buildings.power_pole(c, x, y, d.between(80, 110), d.between(-3, 3))

    def water(self, y: float, colour: Colour | None = None, *, glassy: bool = False) -> None:
        """Water from height `y` to the bottom edge; not glassy: muddy enough to hide what it covers."""
        tone = colour or self.event.water
        c = self.c
        c.rectangle(0, y, self.w, self.h, see_through(tone, 120 if glassy else 232))
        c.rectangle(0, y - 0.6, self.w, y + 0.8, see_through(shade(tone, 1.35), 150))
        things.ripples(c, y + 3, self.h, self.dice, tone, 34)

    # -- parts in this event's style ---------------------------------------------------------------------

    def house(self, x: float, y: float, s: float, *, broken_glass: bool = False) -> tuple[Colour, Colour]:
        """A whole house of the event's style; gives its wall and roof colours."""
        wall, roof = self.house_colours()
        self.house_in(x, y, s, wall, roof, broken_glass=broken_glass)
        return wall, roof

    def house_colours(self) -> tuple[Colour, Colour]:
        vary = self.dice.between(0.92, 1.06)
        return shade(self.dice.pick(self.event.walls), vary), shade(self.dice.pick(self.event.roofs), vary)

    def house_in(
        self, x: float, y: float, s: float, wall: Colour, roof: Colour, *, broken_glass: bool = False
    ) -> None:
        buildings.house(
            self.c,
            x,
            y,
            s,
            self.dice,
            self.event.style,
            wall,
            roof,
            broken_glass=broken_glass,
            lit=self.light == "night" and not broken_glass,
        )

    def cloth(self) -> Colour:
        return self.dice.pick(self.event.clothes)

    def paint(self) -> Colour:
        return self.dice.pick(_CAR_COLOURS)

    # -- the camera --------------------------------------------------------------------------------------

    def photograph(self, *, exposure: float = 1.0, blur: float = 0.0, screen: bool = False) -> Image.Image:
        """Light, haze, noise and a soft edge; a `screen` (map, chart, card) is shown without daylight."""
        d = self.dice
        picture = self.c.finished()
        if blur:
            picture = picture.filter(ImageFilter.GaussianBlur(blur))
        tint = np.ones(3) if screen or self.indoor else np.array(_TINT[self.light])
        tint = tint * exposure * np.array([d.between(0.96, 1.04) for _ in range(3)]) * d.between(0.9, 1.08)
        lift = d.between(-4, 12)
        # 256 possible values a channel: one table look-up stands for the whole tint.
        table = np.clip(np.arange(256)[None] * tint[:, None] + lift, 0, 255).astype(np.uint8)
        picture = picture.point(table.ravel().tolist())
        strength = d.whole(2, 5 if screen else 7)
        top, left = d.whole(0, 512 - self.h), d.whole(0, 512 - self.w)
        noise = _grain()[top : top + self.h, left : left + self.w] * strength >> 4
        pixels = np.asarray(picture).astype(np.int16) + noise
        return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
