"""Scenes that inform (maps, charts, closed roads, officials) and scenes apart from any crisis."""

from __future__ import annotations

from crisisweave.datasets.demo import buildings, people, things, vehicles
from crisisweave.datasets.demo.canvas import Colour, Point, mix, see_through, shade
from crisisweave.datasets.demo.stage import Stage

BAR: Colour = (176, 28, 36)

# -- other relevant information ------------------------------------------------------------------------------


def storm_map(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.indoor = True
    c.gradient(0, stage.h, (32, 72, 120), (20, 50, 92))
    side = d.sign()
    things.coast(c, dice=d, land=shade(things.LAND, d.between(0.8, 1.1)), side=side)
    x, y, r = stage.w * (0.5 + 0.14 * side), stage.h * d.between(0.4, 0.52), stage.unit * d.between(0.3, 0.38)
    if d.chance(0.6):
        end = stage.w * (0.5 - side * 0.0) if d.chance(0.3) else stage.w * (0.5 - side * 0.36)
        things.track(c, [(x, y), ((x + end) / 2, y - 20), (end, stage.h * 0.14)], 26)
    with stage.thing("storm", "on a satellite map", carries=True):
        things.swirl(c, x, y, r, d.between(0, 6.2))
    with stage.thing("caption", "storm warning", carries=True):
        things.caption_bar(
            c,
            d.pick(("STORM TRACK", "STORM WARNING", "LANDFALL TONIGHT", "CATEGORY 4 STORM")),
            BAR,
            top=d.chance(0.3),
        )
    return [
        "a satellite map of a storm near the coast",
        "a white storm swirl over the sea on a map",
        "a map shows the path of a storm with a warning",
    ]


def warning_map(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.indoor = True
    c.gradient(0, stage.h, (196, 220, 236), (176, 206, 226))
    land: list[Point] = [
        (stage.w * px, stage.h * py)
        for px, py in (
            (0.1, 0.2),
            (0.3, 0.1),
            (0.55, 0.14),
            (0.85, 0.1),
            (0.92, 0.4),
            (0.84, 0.78),
            (0.6, 0.84),
            (0.36, 0.76),
            (0.14, 0.6),
        )
    ]
    land = [(x + d.between(-10, 10), y + d.between(-8, 8)) for x, y in land]
    c.polygon(land, (226, 222, 196))
    c.line([*land, land[0]], 1.5, (120, 120, 110))
    x, y = stage.w * d.between(0.4, 0.6), stage.h * d.between(0.36, 0.52)
    with stage.thing("warning zone", "on a map", carries=True):
        for r, tone in ((0.3, (250, 226, 90, 200)), (0.21, (246, 150, 50, 210)), (0.12, (216, 40, 40, 220))):
            c.ellipse(x, y, r * stage.unit * 1.2, r * stage.unit, tone)
        c.polygon([(x, y - 16), (x - 17, y + 13), (x + 17, y + 13)], (20, 20, 20))
        c.polygon([(x, y - 11), (x - 13, y + 10), (x + 13, y + 10)], (255, 222, 40))
        c.text(x, y + 2, "!", 17, (20, 20, 20))
    for place in d.sample(stage.event.places, 3):
        px, py = stage.w * d.between(0.18, 0.8), stage.h * d.between(0.22, 0.72)
        c.disc(px, py, 2.5, (40, 40, 44))
        c.text(px, py - 9, place, 10, (40, 40, 44))
    with stage.thing("caption", "warning", carries=True):
        things.caption_bar(
            c,
            d.pick(("WARNING AREA", "EVACUATION ZONES", "RISK TONIGHT", "WEATHER ALERT")),
            d.pick((BAR, (190, 110, 20))),
        )
    return [
        "a map with warning zones in yellow and red",
        "a weather map shows an area of danger",
        "a map of warnings with coloured rings",
    ]


def level_chart(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.indoor = True
    dark = d.chance(0.35)
    paper, ink = ((34, 40, 58), (236, 238, 240)) if dark else ((248, 248, 246), (34, 34, 38))
    c.gradient(0, stage.h, paper, shade(paper, d.between(0.8, 1.0)))
    x0, x1 = stage.w * d.between(0.06, 0.24), stage.w * d.between(0.76, 0.97)
    y0, y1 = stage.h * d.between(0.7, 0.86), stage.h * d.between(0.2, 0.36)
    panel = shade(paper, d.between(1.1, 1.6) if dark else d.between(0.8, 0.95))
    c.rectangle(x0, y1, x1, y0, panel)
    quake = stage.event.hazard == "earthquake"
    line_colour = d.pick(((30, 100, 200), (20, 140, 120), (200, 110, 20))) if not quake else (200, 40, 40)
    with stage.thing("chart", "of the quake" if quake else "of rising values", carries=True):
        c.line([(x0, y1), (x0, y0), (x1, y0)], 2, ink)
        for k in range(1, 5):
            y = y0 + (y1 - y0) * k / 4.4
            c.line([(x0, y), (x1, y)], 0.8, shade(panel, 0.85))
        if quake:
            _seismogram(stage, (x0, y0, x1, y1), line_colour)
        else:
            _rising_values(stage, (x0, y0, x1, y1), line_colour)
    title = f"MAGNITUDE {d.whole(50, 78) / 10}" if quake else "ACRES BURNT"
    if not quake and stage.event.hazard != "wildfire":
        title = d.pick(("RIVER LEVEL", "WIND SPEED", "RAINFALL"))
    with stage.thing("caption", "title of a chart", carries=True):
        c.text(stage.w * d.between(0.42, 0.58), stage.h * 0.1, title, stage.h * d.between(0.075, 0.11), ink)
    note = d.pick(("LAST 24 HOURS", "SINCE MONDAY", "UPDATE 18:00"))
    c.text(stage.w * d.between(0.35, 0.65), stage.h * 0.93, note, stage.h * 0.055, ink)
    if quake:
        return [
            "a chart of an earthquake with a red line",
            "a line shows how strong the quake was",
            "a red line swings up and down on a chart",
        ]
    return [
        "a chart with values that rise over a red limit",
        "values on a chart rise above the limit",
        "a chart of rising values",
    ]


def _seismogram(stage: Stage, box: tuple[float, float, float, float], colour: Colour) -> None:
    d, (x0, y0, x1, y1) = stage.dice, box
    for trace in range(traces := d.whole(1, 3)):
        points: list[Point] = []
        start, middle = d.between(0.2, 0.7), y0 + (y1 - y0) * (trace + 0.5) / traces
        for k in range(61):
            strength = max(0.0, 1 - abs(k / 60 - start) * 3.2)
            swing = (0.05 + strength) * d.between(-0.45, 0.45) * (y0 - y1) / traces
            points.append((x0 + (x1 - x0) * k / 60, middle + swing))
        stage.c.line(points, 2.2, colour)


def _rising_values(stage: Stage, box: tuple[float, float, float, float], colour: Colour) -> None:
    d, c, (x0, y0, x1, y1) = stage.dice, stage.c, box
    n, bend, low = d.whole(6, 13), d.between(0.6, 3.0), d.between(0.05, 0.3)
    heights = [low + (0.95 - low) * (k / n) ** bend + d.between(-0.04, 0.04) for k in range(n + 1)]
    if d.chance(0.5):
        wide = (x1 - x0) / (n + 1)
        for k, height in enumerate(heights):
            left = x0 + k * wide + 2
            c.rectangle(left, y0 + (y1 - y0) * height, left + wide - 4, y0, colour)
    else:
        points = [(x0 + (x1 - x0) * k / n, y0 + (y1 - y0) * height) for k, height in enumerate(heights)]
        c.polygon([(x0, y0), *points, (x1, y0)], see_through(colour, 110))
        c.line(points, 2.4, colour)
    limit = y0 + (y1 - y0) * d.between(0.4, 0.75)
    c.line([(x0, limit), (x1, limit)], 2, (216, 30, 30))


def road_closed(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("grass", 2)
    buildings.road(c, stage.horizon, stage.h, stage.w * d.between(0.4, 0.6), (110, 108, 108))
    words = d.pick(("ROAD|CLOSED", "DANGER|KEEP OUT", "NO ENTRY", "EVACUATION|ROUTE", "DETOUR"))
    with stage.thing("barrier", "closing a road", carries=True):
        things.barrier(
            c,
            stage.w * d.between(0.44, 0.56),
            stage.h * d.between(0.86, 0.95),
            stage.unit * d.between(0.34, 0.42),
            words,
        )
    return [
        "a barrier with a sign closes a road",
        "a yellow sign on a striped barrier says that the road is closed",
        "a road is closed by a red and white barrier",
    ]


def press_conference(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.indoors(d.pick(((40, 66, 110), (90, 40, 50), (60, 84, 76))))
    s, x = stage.unit * 0.66, stage.w * d.between(0.42, 0.58)
    for side, colours in ((-1, ((200, 40, 40), (246, 246, 242))), (1, ((40, 90, 170), (250, 210, 70)))):
        fx = x + side * stage.w * 0.32
        c.line([(fx, stage.h * 0.12), (fx, stage.h * 0.95)], 3, (190, 160, 80))
        for k in range(3):
            c.polygon(
                [
                    (fx, stage.h * (0.14 + 0.12 * k)),
                    (fx + 44, stage.h * (0.18 + 0.12 * k)),
                    (fx + 40, stage.h * (0.3 + 0.12 * k)),
                    (fx, stage.h * (0.26 + 0.12 * k)),
                ],
                colours[k % 2],
            )
    with stage.thing("official", "speaking at a lectern", carries=True):
        people.podium(c, x, stage.h * 0.8, s, d)
    if d.chance(0.5):
        with stage.thing("caption", "news", carries=True):
            things.caption_bar(
                c, d.pick(("LIVE: MAYOR SPEAKS", "LIVE: PRESS BRIEFING", "OFFICIAL UPDATE")), BAR
            )
    return [
        "an official speaks at a lectern with microphones",
        "a person in a suit talks to the press between two flags",
        "a speech at a lectern in front of flags",
    ]


def smoke_on_hills(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.horizon = stage.h * d.between(0.6, 0.7)
    stage.sky()
    ridge: list[Point] = [(stage.w * k / 10, stage.horizon - d.between(10, 60)) for k in range(11)]
    with stage.thing("smoke", "rising over hills", carries=True):
        x = stage.w * d.between(0.3, 0.7)
        for n in range(26):
            up = n / 25
            c.disc(
                x + up * 60 * d.between(0.4, 1.3) + d.between(-18, 18),
                stage.horizon - 40 - up * stage.h * 0.46,
                16 + 26 * up,
                see_through(shade((122, 108, 100), d.between(0.8, 1.15)), 120),
            )
        c.ellipse(x, stage.horizon - 36, 52, 16, (250, 130, 40, 150))
    c.polygon([(0, stage.h), *ridge, (stage.w, stage.h)], (52, 62, 48))
    for px, py in ridge[3:8]:
        buildings.flames(c, px, py + 8, d.between(9, 16), d)
    for k in range(16):
        things.tree(c, stage.w * k / 15, stage.h * d.between(0.9, 1.0), d.between(30, 46), d)
    return [
        "smoke rises over hills far away",
        "a line of fire on a far hill with much smoke",
        "a big cloud of smoke over the hills",
    ]


def storm_front(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.light = "grey"
    stage.horizon = stage.h * d.between(0.66, 0.74)
    c.gradient(0, stage.horizon, (52, 58, 72), (170, 178, 176))
    with stage.thing("storm clouds", "dark, with lightning", carries=True):
        for k in range(3):
            for n in range(12):
                c.ellipse(
                    stage.w * n / 11,
                    stage.h * (0.1 + 0.12 * k) + d.between(-8, 8),
                    40,
                    24 - 4 * k,
                    shade((58, 62, 74), 0.8 + 0.22 * k),
                )
        for _ in range(d.whole(1, 2)):
            x, y = stage.w * d.between(0.25, 0.75), stage.h * 0.42
            path: list[Point] = [(x, y)]
            while y < stage.horizon - 8:
                x, y = x + d.between(-16, 16), y + d.between(12, 22)
                path.append((x, min(y, stage.horizon)))
            c.line(path, 3, (250, 248, 200))
    stage.water(stage.horizon, (70, 88, 98))
    for _ in range(9):
        px, py = d.between(0, stage.w), d.between(stage.horizon + 10, stage.h - 6)
        c.line([(px - 12, py), (px, py - 5), (px + 14, py)], 2.2, (226, 232, 232))
    return [
        "dark storm clouds with lightning over the sea",
        "lightning strikes from black clouds over water",
        "a storm comes over the sea",
    ]


# -- not humanitarian ----------------------------------------------------------------------------------------


def cat_indoors(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.indoors()
    coat, name = d.pick(
        (
            ((222, 140, 62), "an orange"),
            ((110, 110, 116), "a grey"),
            ((58, 54, 54), "a black"),
            ((226, 220, 210), "a white"),
        )
    )
    if d.chance(0.6):
        rug = d.pick(((176, 60, 60), (70, 100, 150), (80, 130, 100)))
        c.ellipse(stage.w / 2, stage.h * 0.86, stage.w * 0.42, stage.h * 0.1, rug)
        c.ellipse(stage.w / 2, stage.h * 0.86, stage.w * 0.34, stage.h * 0.075, shade(rug, 1.3))
    if d.chance(0.5):
        c.rectangle(stage.w * 0.06, stage.h * 0.1, stage.w * 0.28, stage.h * 0.42, (246, 246, 242))
        c.rectangle(stage.w * 0.08, stage.h * 0.12, stage.w * 0.26, stage.h * 0.4, (150, 200, 234))
    with stage.thing("cat", "sitting", carries=True):
        things.cat(
            c,
            stage.w * d.between(0.42, 0.6),
            stage.h * d.between(0.88, 0.95),
            stage.unit * d.between(0.62, 0.84),
            d,
            coat,
        )
    return [f"{name} cat sits in a room", f"{name} cat looks at the camera", "a cat sits on the floor"]


def dog_in_park(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("grass", 2)
    with stage.thing("dog", "playing", carries=True):
        things.dog(
            c,
            stage.w * d.between(0.42, 0.58),
            stage.h * 0.9,
            stage.unit * d.between(0.48, 0.6),
            d.pick(((150, 104, 60), (60, 52, 48), (224, 204, 170))),
            d.sign(),
        )
    with stage.thing("ball", "on the grass"):
        c.disc(stage.w * d.pick((0.12, 0.88)), stage.h * 0.9, 12, (222, 60, 60))
    return [
        "a dog stands on the grass",
        "a dog plays with a ball in a park",
        "a brown or black dog with a red collar",
    ]


def meal(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.indoor = True
    wood = d.pick(((150, 104, 66), (196, 160, 118), (90, 66, 50), (214, 210, 204)))
    c.gradient(0, stage.h, wood, shade(wood, 0.85))
    for k in range(6):
        c.line([(0, stage.h * k / 6), (stage.w, stage.h * k / 6 + d.between(-4, 4))], 1.5, shade(wood, 0.8))
    x, s, dish = stage.w * d.between(0.44, 0.56), stage.unit, d.pick(("pizza", "burger", "noodles"))
    with stage.thing(dish, "on a table", carries=True):
        if dish == "pizza":
            things.pizza(c, x, stage.h * d.between(0.48, 0.54), s * d.between(0.3, 0.36), d)
        elif dish == "burger":
            things.burger(c, x, stage.h * 0.76, s * d.between(0.42, 0.5), d)
        else:
            things.noodles(c, x, stage.h * 0.82, s * d.between(0.44, 0.52), d)
    what = {"pizza": "a pizza", "burger": "a burger with chips", "noodles": "a bowl of noodle soup"}[dish]
    return [f"{what} on a wooden table", f"{what} seen from close", f"a meal with {what}"]


def football(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.sky()
    for row in range(4):
        for k in range(int(stage.w / 9) + 1):
            c.disc(
                k * 9 + 4 * (row % 2),
                stage.horizon - 34 + row * 9,
                3.6,
                shade(d.pick(stage.event.clothes), d.between(0.7, 1.1)),
            )
    c.rectangle(0, stage.horizon - 4, stage.w, stage.horizon, (236, 236, 236))
    for k in range(8):
        y0 = stage.horizon + (stage.h - stage.horizon) * k / 8
        c.rectangle(
            0, y0, stage.w, y0 + (stage.h - stage.horizon) / 8 + 1, (64, 142, 62) if k % 2 else (78, 160, 72)
        )
    c.line([(0, stage.h * 0.8), (stage.w, stage.h * 0.8)], 2, (240, 244, 240))
    things.goal(c, stage.w * d.pick((0.22, 0.78)), stage.horizon + 18, 44)
    shirts = d.sample(((206, 40, 44), (40, 80, 180), (240, 200, 50), (246, 246, 246)), 2)
    with stage.thing("players", "playing football", carries=True):
        for k in range(3):
            people.person(
                c,
                stage.w * (0.22 + 0.28 * k),
                stage.h * d.between(0.86, 0.95),
                stage.unit * d.between(0.46, 0.54),
                d,
                shirts[k % 2],
                pose="run",
            )
        things.ball(c, stage.w * d.between(0.4, 0.66), stage.h * 0.92, 11)
    return [
        "players run after a ball on a football field",
        "a football match with three players",
        "people play football on green grass",
    ]


def _coloured_ground(stage: Stage, colour: Colour, other: Colour) -> None:
    """A poster's ground: one colour, cut across or striped by another."""
    d, c, w, h = stage.dice, stage.c, stage.w, stage.h
    c.gradient(0, h, colour, shade(colour, d.between(0.75, 1.0)))
    style = d.pick(("cut", "stripes", "circle", "plain"))
    if style == "cut":
        left, right = d.between(0, 1) * h, d.between(0, 1) * h
        edge = 0.0 if d.chance(0.5) else float(h)
        c.polygon([(0, left), (w, right), (w, edge), (0, edge)], other)
    elif style == "stripes":
        step, lean = d.between(30, 60), d.between(-90, 90)
        for k in range(-3, int(w / step) + 4, 2):
            x = k * step
            c.polygon([(x, 0), (x + step, 0), (x + step + lean, h), (x + lean, h)], other)
    elif style == "circle":
        c.disc(d.between(0.2, 0.8) * w, d.between(0.2, 0.8) * h, d.between(0.3, 0.5) * w, other)


def meme_card(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.indoor = True
    ground: Colour = d.pick(((70, 60, 140), (220, 90, 110), (40, 130, 130), (200, 120, 40), (30, 30, 34)))
    _coloured_ground(stage, ground, shade(ground, d.pick((0.7, 1.35))))
    top, low = d.pick(
        (
            ("WHEN IT IS", "ONLY MONDAY"),
            ("ME AFTER", "ONE COFFEE"),
            ("THAT FACE", "WHEN..."),
            ("HAPPY", "FRIDAY"),
            ("KEEP CALM", "AND NAP"),
            ("FLOODED", "WITH EMAILS"),
            ("SEND HELP", "AND PIZZA"),
            ("LOL", "SAME"),
            ("NOBODY:", "MY CAT AT 5 AM"),
        )
    )
    with stage.thing("card", "with a joke", carries=True):
        mood, radius = d.pick(("laugh", "wink", "grin")), stage.unit * d.between(0.17, 0.27)
        things.meme_face(c, stage.w * d.between(0.28, 0.72), stage.h * d.between(0.44, 0.56), radius, mood)
        for words, y in ((top, d.between(0.1, 0.15)), (low, d.between(0.85, 0.9))):
            size = stage.h * d.between(0.11, 0.16)
            size = min(size, size * stage.w * 0.88 / c.text_width(words, size))
            x = stage.w * d.between(0.46, 0.54)
            c.text(x + 2, stage.h * y + 2, words, size, (0, 0, 0))
            c.text(x, stage.h * y, words, size, (255, 255, 255))
    return [
        "a card with a joke and a yellow face",
        "a funny picture with large white words",
        "a yellow face laughs between two lines of text",
    ]


def advert(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.indoor = True
    grounds: tuple[Colour, ...] = (
        (250, 228, 120),
        (200, 226, 246),
        (246, 200, 206),
        (210, 240, 206),
        (70, 76, 96),
    )
    ground, other = d.sample(grounds, 2)
    _coloured_ground(stage, ground, other)
    shoe, side = d.chance(0.5), d.sign()
    with stage.thing("shoe" if shoe else "phone", "in an advert", carries=True):
        x = stage.w * (0.5 - side * d.between(0.02, 0.16))
        if shoe:
            size = stage.unit * d.between(0.34, 0.46)
            things.shoe(c, x, stage.h * d.between(0.6, 0.85), size, stage.paint(), d.sign())
        else:
            screen: Colour = d.pick(((60, 90, 180), (150, 70, 160), (30, 130, 130), (30, 30, 40)))
            things.phone(c, x, stage.h * d.between(0.82, 0.95), stage.unit * d.between(0.52, 0.74), screen)
        badge, word = stage.unit * d.between(0.12, 0.18), d.pick(("SALE", "-50%", "NEW", "-30%"))
        bx, by = stage.w * (0.5 + side * d.between(0.26, 0.36)), stage.h * d.between(0.18, 0.75)
        c.disc(bx, by, badge, (216, 40, 50))
        c.text(bx, by, word, badge * 0.62, (255, 255, 255))
    what = "a sports shoe" if shoe else "a phone"
    return [f"an advert for {what}", f"{what} with a red sale sign", f"{what} is on sale"]


def selfie(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("grass", 2)
    n = d.whole(1, 2)
    with stage.thing("people" if n > 1 else "person", "smiling at the camera", carries=True):
        for k in range(n):
            people.portrait(
                c,
                stage.w * (0.5 if n == 1 else 0.3 + 0.4 * k),
                stage.h + 6,
                stage.unit * d.between(0.78, 0.9),
                d,
                stage.cloth(),
                smile=True,
            )
    if n == 1:
        return [
            "a person smiles at the camera",
            "a selfie of a smiling person",
            "a smiling face seen from close",
        ]
    return ["two people smile at the camera", "a selfie of two friends", "two smiling faces seen from close"]


def whole_house(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.light = d.pick(("clear", "clear", "evening"))
    stage.outdoors("grass", 2)
    s = stage.unit * d.between(0.36, 0.44)
    x, y = stage.w * d.between(0.4, 0.6), min(stage.horizon + 0.6 * s, stage.h * 0.88)
    with stage.thing("house", "intact"):
        stage.house(x, y, s)
    for k in range(7):
        fx = x + (k - 3) * 0.24 * s
        if abs(k - 3) > 0:
            c.disc(fx, y + 6, 6, (86, 140, 70))
            c.disc(fx, y + 2, 3, d.pick(((230, 80, 110), (250, 210, 70), (240, 240, 250))))
    if d.chance(0.4):
        with stage.thing("child", "playing"):
            people.person(
                c, x + d.sign() * 1.1 * s, stage.h * 0.95, stage.unit * 0.3, d, stage.cloth(), pose="cheer"
            )
        stage.around.append("a child that plays")
    return ["a house with flowers in front", "a fine house with a green garden", "a whole house in a garden"]


def whole_car(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("street", 2)
    with stage.thing("car", "intact"):
        vehicles.car(
            c,
            stage.w * d.between(0.44, 0.56),
            stage.h * d.between(0.78, 0.88),
            stage.unit * d.between(0.36, 0.44),
            stage.paint(),
            d.sign(),
        )
    return ["a clean car parked on a street", "a car stands on a dry road", "a shiny car on a street"]


def sailing(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.light = d.pick(("clear", "evening"))
    stage.sky()
    stage.far()
    c.gradient(stage.horizon, stage.h, (84, 148, 196), (44, 104, 160))
    things.ripples(c, stage.horizon + 3, stage.h, d, (90, 150, 200), 34)
    with stage.thing("sailing boat", "on a lake"):
        things_x = stage.w * d.between(0.36, 0.64)
        vehicles.sailing_boat(c, things_x, stage.h * d.between(0.8, 0.88), stage.unit * 0.32, stage.paint())
    return [
        "a sailing boat on a blue lake",
        "a boat with white sails on the water",
        "a small boat sails on a quiet lake",
    ]


def party(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.indoors(d.pick(((250, 226, 190), (214, 226, 250), (240, 214, 236))))
    for k in range(11):
        x0, x1 = stage.w * k / 11, stage.w * (k + 1) / 11
        sag = 10 * (1 - abs(k - 5) / 5)
        c.polygon(
            [(x0, 14 + sag), (x1, 14 + sag), ((x0 + x1) / 2, 36 + sag)],
            d.pick(((220, 60, 70), (60, 140, 220), (250, 200, 60), (90, 180, 100))),
        )
    with stage.thing("people", "at a party", carries=True):
        for k in range(3):
            people.person(
                c,
                stage.w * (0.24 + 0.26 * k),
                stage.h * 0.95,
                stage.unit * d.between(0.48, 0.56),
                d,
                stage.cloth(),
                pose="cheer",
            )
        for k in range(4):
            things.balloon(
                c,
                stage.w * (0.12 + 0.25 * k),
                stage.h * d.between(0.24, 0.36),
                34,
                d.pick(((230, 60, 80), (70, 140, 230), (250, 200, 60), (120, 190, 110))),
            )
    return [
        "people cheer at a party with balloons",
        "three people celebrate with balloons",
        "a party in a room with colourful flags",
    ]


def concert(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.indoor = True
    c.gradient(0, stage.h, (24, 16, 44), (60, 28, 80))
    for k in range(4):
        x = stage.w * (0.14 + 0.24 * k)
        c.polygon(
            [(x, 0), (x + d.between(-70, 10), stage.h * 0.7), (x + d.between(20, 80), stage.h * 0.7)],
            d.pick(((255, 80, 160, 80), (80, 180, 255, 80), (255, 220, 90, 80))),
        )
    c.rectangle(0, stage.h * 0.66, stage.w, stage.h, (20, 16, 26))
    with stage.thing("band", "on a stage", carries=True):
        for k in range(3):
            x, y, h = stage.w * (0.26 + 0.24 * k), stage.h * 0.68, stage.unit * 0.42
            people.person(c, x, y, h, d, stage.cloth(), pose="reach" if k != 1 else "cheer")
            if k != 1:
                c.ellipse(x + 0.16 * h, y - 0.5 * h, 0.16 * h, 0.12 * h, (190, 70, 40))
                c.line([(x + 0.2 * h, y - 0.52 * h), (x + 0.5 * h, y - 0.72 * h)], 3, (120, 80, 50))
    for k in range(12):
        x = stage.w * k / 11
        c.disc(x, stage.h * 0.9, 13, (10, 8, 14))
        c.line([(x + 10, stage.h * 0.95), (x + 13, stage.h * d.between(0.74, 0.84))], 5, (10, 8, 14))
    return [
        "a band plays on a stage with bright lights",
        "a concert with coloured lights and a crowd",
        "three people play music on a stage",
    ]


def moving_house(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("grass", 1)
    base = stage.h * 0.92
    with stage.thing("house", "intact"):
        stage.house(stage.w * 0.3, stage.horizon + 44, stage.unit * 0.32)
    with stage.thing("lorry", "parked"):
        vehicles.lorry(c, stage.w * 0.72, base - 22, stage.unit * 0.18, stage.paint(), d.sign())
    with stage.thing("boxes", "without marks"):
        for k in range(3):
            people.crate(c, stage.w * (0.3 + 0.16 * k), base, stage.unit * 0.15, "")
        people.crate(c, stage.w * 0.38, base - stage.unit * 0.13, stage.unit * 0.14, "")
    with stage.thing("people", "moving house"):
        people.person(c, stage.w * 0.14, base, stage.unit * 0.46, d, stage.cloth(), pose="cheer")
    return [
        "plain boxes and a lorry in front of a house",
        "a person moves house with plain boxes",
        "boxes without marks beside a lorry and a whole house",
    ]


def parked_ambulance(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("street", 2)
    with stage.thing("ambulance", "parked"):
        vehicles.ambulance(
            c,
            stage.w * d.between(0.44, 0.56),
            stage.h * d.between(0.8, 0.88),
            stage.unit * d.between(0.3, 0.36),
            d.sign(),
        )
    return [
        "an ambulance is parked on a quiet street",
        "a white ambulance with a red cross and nobody near",
        "a parked ambulance seen from the side",
    ]


# -- ambiguous: drawn without looking at the class -----------------------------------------------------------


def dark_street(stage: Stage) -> list[str]:
    """A street by night, out of focus: that there are houses can be told, but not in what state."""
    d, c = stage.dice, stage.c
    c.gradient(0, stage.h, (46, 52, 84), (84, 78, 84))
    buildings.skyline(c, stage.horizon + 20, 100, d, (70, 68, 88), True)
    for _ in range(d.whole(3, 5)):
        x, y = d.between(0.1, 0.9) * stage.w, d.between(0.3, 0.6) * stage.h
        for k in range(4):
            c.disc(x, y, 26 - 6 * k, (250, 200, 110, 40 + 30 * k))
        c.line([(x, y), (x, stage.h * 0.85)], 2, (30, 30, 36))
        c.ellipse(x, stage.h * 0.86, 40, 6, (220, 170, 90, 70))
    with stage.thing("street", "dark and blurred"):
        c.rectangle(0, stage.horizon + 20, stage.w, stage.h, (40, 40, 48, 120))
    return [
        "a dark street with some lamps out of focus",
        "blurred lights on a street at night",
        "a dark blurred picture of a street",
    ]


def crowd(stage: Stage) -> list[str]:
    """People standing about with bags: in need, there to help, or waiting for a bus."""
    d, c = stage.dice, stage.c
    stage.outdoors(d.pick(("street", "sand", "grass")), 0)
    with stage.thing("people", "standing about"):
        for row in range(2):
            for k in range(d.whole(5, 6)):
                x = stage.w * (0.08 + 0.17 * k) + d.between(-10, 10) + 14 * row
                base = stage.h * (0.8 + 0.14 * row)
                h = stage.unit * (0.36 + 0.08 * row)
                people.person(c, x, base, h, d, stage.cloth())
                if d.chance(0.4):
                    c.rounded(
                        x + 0.12 * h,
                        base - 0.34 * h,
                        x + 0.3 * h,
                        base - 0.14 * h,
                        3,
                        shade(stage.cloth(), 0.8),
                    )
    return [
        "a group of people stands in the open",
        "many people stand about with bags",
        "a crowd of people in an open place",
    ]


def distant_town(stage: Stage) -> list[str]:
    """A town seen from very far through haze."""
    d, c = stage.dice, stage.c
    stage.horizon = stage.h * d.between(0.5, 0.62)
    stage.sky()
    stage.ground("grass")
    tone = mix(stage.event.walls[0], stage.event.sky, 0.5)
    with stage.thing("town", "far away"):
        for row in range(3):
            y = stage.horizon + 8 + 13 * row
            for k in range(16):
                x, s = stage.w * (0.06 + 0.058 * k) + d.between(-6, 6), d.between(7, 11)
                c.rectangle(x - s * 0.7, y - s, x + s * 0.7, y, shade(tone, d.between(0.8, 1.1)))
                c.polygon(
                    [(x - s * 0.9, y - s), (x, y - s * 1.6), (x + s * 0.9, y - s)],
                    shade(mix(stage.event.roofs[0], stage.event.sky, 0.45), d.between(0.85, 1.1)),
                )
    c.rectangle(
        0, stage.horizon - 30, stage.w, stage.h, see_through(mix(stage.event.sky, (220, 224, 226), 0.5), 70)
    )
    return [
        "a town seen from far away",
        "small houses of a far town in haze",
        "a wide view of a town from a hill",
    ]
