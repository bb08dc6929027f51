"""Scenes of people in need and people who help. The label lies in what people do and what they hold."""

from __future__ import annotations

from crisisweave.datasets.demo import buildings, people, things, vehicles
from crisisweave.datasets.demo.canvas import Colour, shade
from crisisweave.datasets.demo.stage import Stage

_TENTS: tuple[Colour, ...] = ((232, 232, 226), (150, 176, 206), (196, 186, 150))
_SACKS: tuple[Colour, ...] = ((176, 96, 80), (98, 118, 160), (206, 186, 140), (120, 140, 96))

# -- affected people -----------------------------------------------------------------------------------------


def queue(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("sand" if d.chance(0.5) else "mud", 1)
    side = d.sign()
    end = stage.w * (0.5 + 0.36 * side)
    base = stage.h * d.between(0.84, 0.93)
    with stage.thing("tent", "standing"):
        buildings.tent(c, end, base - 16, stage.unit * 0.34, d.pick(_TENTS))
    n = d.whole(6, 8)
    with stage.thing("people", "waiting in a line", carries=True):
        for k in range(n):
            x = end - side * (stage.unit * 0.22 + k * stage.w * 0.095)
            h = stage.unit * d.between(0.3, 0.36)
            people.person(c, x, base + d.between(-4, 4), h, d, stage.cloth(), face=side)
            if k % 2:
                people.bundle(c, x - side * 9, base + 4, 0.26 * h, d.pick(_SACKS))
    return [
        "people wait in a line in front of a tent",
        "a long line of people with bags waits at a tent",
        "many people stand in a line",
    ]


def family_with_bundles(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("mud" if d.chance(0.6) else "street", 2)
    base, n = stage.h * d.between(0.88, 0.96), d.whole(3, 4)
    heights = [d.pick((0.5, 0.55, 0.36)) for _ in range(n)]
    heights[0] = 0.56
    with stage.thing("family", "walking with bundles", carries=True):
        for k, share in enumerate(heights):
            h = stage.unit * share
            x = stage.w * (0.2 + 0.6 * k / (n - 1)) + d.between(-6, 6)
            people.person(c, x, base, h, d, stage.cloth(), pose="walk")
            if share > 0.4 and k % 2 == 0:
                people.bundle(c, x, base - 0.94 * h, 0.34 * h, d.pick(_SACKS))
            else:
                people.bundle(c, x + 0.24 * h, base - 0.2 * h, 0.28 * h, d.pick(_SACKS))
    return [
        "a family walks along with bundles on their heads",
        "people leave their homes with bags and bundles",
        "a family carries bundles along the road",
    ]


def tent_camp(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("sand" if d.chance(0.5) else "grass", 1)
    for k in range(3):
        with stage.thing("tent", "standing"):
            buildings.tent(
                c,
                stage.w * (0.16 + 0.36 * k),
                stage.horizon + 38 + d.between(0, 10),
                stage.unit * d.between(0.24, 0.3),
                d.pick(_TENTS),
            )
    with stage.thing("people", "sitting in blankets", carries=True):
        for k in range(d.whole(3, 4)):
            people.sitting(
                c,
                stage.w * (0.18 + 0.22 * k),
                stage.h * d.between(0.86, 0.95),
                stage.unit * 0.52,
                d,
                stage.cloth(),
                blanket=True,
            )
    return [
        "people in blankets sit on the ground by tents",
        "a camp with tents where people sit in blankets",
        "people sit in front of tents",
    ]


def shelter_hall(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.indoors((196, 200, 196))
    for k in range(3):
        c.rectangle(
            stage.w * (0.12 + 0.3 * k),
            stage.h * 0.12,
            stage.w * (0.26 + 0.3 * k),
            stage.h * 0.34,
            (214, 232, 240),
        )
    with stage.thing("people", "on mats in a hall", carries=True):
        for row, y in enumerate((0.78, 0.94)):
            for k in range(3):
                x = stage.w * (0.2 + 0.3 * k) + row * 12 - 6
                c.polygon(
                    [
                        (x - 44, stage.h * y + 4),
                        (x + 36, stage.h * y + 4),
                        (x + 44, stage.h * y - 10),
                        (x - 32, stage.h * y - 10),
                    ],
                    shade(d.pick(stage.event.clothes), 1.1),
                )
                people.sitting(
                    c,
                    x,
                    stage.h * y,
                    stage.unit * (0.36 + 0.08 * row),
                    d,
                    stage.cloth(),
                    blanket=d.chance(0.6),
                )
    return [
        "people sit on mats in a large hall",
        "a hall full of people on mats with blankets",
        "people rest on the floor of a shelter",
    ]


# -- injured, missing ----------------------------------------------------------------------------------------


def carried_on_stretcher(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("street", 2)
    base, x, h = stage.h * d.between(0.88, 0.95), stage.w * d.between(0.46, 0.54), stage.unit * 0.6
    if d.chance(0.5):
        with stage.thing("ambulance", "parked"):
            vehicles.ambulance(
                c,
                stage.w * d.between(0.2, 0.8),
                stage.horizon + 34,
                stage.unit * 0.22,
                d.sign(),
                flashing=True,
            )
        stage.around.append("an ambulance")
    with stage.thing("injured person", "on a stretcher", carries=True):
        people.person(c, x - 0.72 * h, base, h, d, stage.cloth(), pose="walk", vest=True)
        people.person(c, x + 0.72 * h, base, h, d, stage.cloth(), pose="walk", vest=True)
        people.stretcher(c, x, base - 0.46 * h, h, d, stage.cloth(), d.sign())
    return [
        "two helpers carry an injured person on a stretcher",
        "an injured person lies on a stretcher",
        "a hurt person is carried on a stretcher",
    ]


def injured_on_ground(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("street" if d.chance(0.5) else "sand", 2)
    base, x, h, side = stage.h * d.between(0.86, 0.94), stage.w * 0.48, stage.unit * 0.72, d.sign()
    with stage.thing("injured person", "lying with bandages", carries=True):
        people.lying(c, x, base, h, d, stage.cloth(), side, covered=d.chance(0.5))
    with stage.thing("helper", "kneeling"):
        people.kneeling(c, x - side * 0.14 * h, base - 8, h * 0.85, d, side, vest=True, cloth=stage.cloth())
    return [
        "an injured person lies on the ground and a helper kneels beside",
        "a helper kneels beside a hurt person",
        "a person with a bandage lies on the ground",
    ]


def bandaged_people(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("street", 1)
    with stage.thing("injured people", "sitting with bandages", carries=True):
        for k in range(d.whole(2, 3)):
            people.sitting(
                c,
                stage.w * (0.26 + 0.25 * k),
                stage.h * 0.92,
                stage.unit * 0.82,
                d,
                stage.cloth(),
                blanket=False,
                bandaged=True,
            )
    return [
        "injured people with bandages sit on the ground",
        "people with bandaged heads sit on a street",
        "hurt people sit on the ground with bandages",
    ]


def missing_poster(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.indoor = True
    brick = d.pick(((150, 96, 80), (170, 160, 150), (110, 120, 128)))
    c.gradient(0, stage.h, brick, shade(brick, 0.85))
    for row in range(int(stage.h / 14) + 1):
        c.line([(0, row * 14), (stage.w, row * 14)], 1, shade(brick, 0.75))
        for k in range(int(stage.w / 34) + 2):
            c.line(
                [(k * 34 - 17 * (row % 2), row * 14), (k * 34 - 17 * (row % 2), row * 14 + 14)],
                1,
                shade(brick, 0.75),
            )
    head, one = d.pick(("MISSING", "HAVE YOU SEEN", "FOUND SAFE")), d.chance(0.65)
    places = [(0.5, 0.52, 0.78)] if one else [(0.25, 0.5, 0.56), (0.55, 0.55, 0.56), (0.84, 0.47, 0.5)]
    for n, (px, py, size) in enumerate(places):
        with stage.thing("poster", "with the photo of a person", carries=True):
            high = stage.h * size
            wide = min(high * 0.74, stage.w * 0.8)
            x, y0 = stage.w * px, stage.h * py - high / 2
            c.rectangle(x - wide / 2 + 3, y0 + 4, x + wide / 2 + 3, y0 + high + 4, (0, 0, 0, 80))
            c.rectangle(x - wide / 2, y0, x + wide / 2, y0 + high, (248, 246, 238))
            word = head if one else ("MISSING", "FOUND", "MISSING")[n]
            size_of = min(high * 0.13, high * 0.13 * wide * 0.9 / max(1.0, c.text_width(word, high * 0.13)))
            c.text(x, y0 + high * 0.1, word, size_of, (196, 24, 24))
            c.rectangle(x - wide * 0.34, y0 + high * 0.2, x + wide * 0.34, y0 + high * 0.74, (176, 200, 214))
            people.portrait(c, x, y0 + high * 0.735, high * 0.5, d, stage.cloth(), smile=d.chance(0.5))
            c.rectangle(x - wide * 0.42, y0 + high * 0.74, x + wide * 0.42, y0 + high * 0.86, (248, 246, 238))
            for k in range(2):
                c.rectangle(
                    x - wide * 0.34,
                    y0 + high * (0.8 + 0.08 * k),
                    x + wide * (0.34 - 0.16 * k),
                    y0 + high * (0.83 + 0.08 * k),
                    (90, 90, 94),
                )
    if one:
        return [
            "a poster on a wall with the photo of a missing person",
            "a sheet on a wall shows the face of a missing person",
            "a poster about a missing person",
        ]
    return [
        "posters of missing people on a wall",
        "three sheets with photos of missing people on a wall",
        "a wall with posters about missing people",
    ]


# -- rescue and donations ------------------------------------------------------------------------------------


def boat_rescue(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.sky()
    stage.far()
    stage.ground("mud")
    if d.chance(0.6):
        with stage.thing("house", "in the background", cut=stage.horizon + 12):
            stage.house(stage.w * d.pick((0.15, 0.85)), stage.horizon + 26, stage.unit * 0.24)
        stage.around.append("a house in the background")
    stage.water(stage.horizon + 6)
    x, y, s, flip = (
        stage.w * d.between(0.44, 0.56),
        stage.h * d.between(0.72, 0.86),
        stage.unit * 0.34,
        d.sign(),
    )
    with stage.thing("rescue boat", "with people on board", carries=True):
        n = d.whole(4, 5)
        for k in range(n):
            px = x + (k - (n - 1) / 2) * 0.48 * s
            people.person(
                c,
                px,
                y + 0.1 * s,
                s * (1.5 if k in (0, n - 1) else 1.25),
                d,
                stage.cloth(),
                vest=k in (0, n - 1),
            )
        vehicles.rescue_boat(c, x, y, s, d.pick(((226, 90, 30), (200, 40, 40), (240, 170, 30))), flip)
    return [
        "a rescue boat carries people over the water",
        "helpers in orange vests bring people to safety in a boat",
        "people are rescued by boat from the flood",
    ]


def passing_boxes(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("street" if d.chance(0.5) else "grass", 2)
    base, h, n = stage.h * d.between(0.88, 0.95), stage.unit * 0.52, d.whole(3, 4)
    mark = d.pick(("heart", "cross", "AID"))
    with stage.thing("volunteers", "handing on donation boxes", carries=True):
        for k in range(n):
            x = stage.w * (0.14 + 0.6 * k / (n - 1))
            people.person(c, x, base, h, d, stage.cloth(), pose="reach", vest=d.chance(0.6))
            people.crate(c, x + 0.42 * h, base - 0.52 * h, 0.32 * h, mark)
    with stage.thing("donation boxes", "stacked"):
        for dx, up in ((0.88, 0), (0.96, 0), (0.92, 0.25)):
            people.crate(c, stage.w * dx, base - up * h, 0.34 * h, mark)
    return [
        "volunteers pass donation boxes along a line",
        "helpers hand boxes with aid to each other",
        "people in a row hand over boxes of donations",
    ]


def donation_table(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    if d.chance(0.5):
        stage.indoors()
    else:
        stage.outdoors("grass", 1)
    base, x, s = stage.h * 0.9, stage.w * 0.5, stage.unit
    for dx in (-0.26, 0.26):
        people.person(c, x + dx * s, base - 0.06 * s, 0.62 * s, d, stage.cloth(), vest=True)
    c.rectangle(x - 0.55 * s, base - 0.3 * s, x + 0.55 * s, base - 0.24 * s, (150, 110, 72))
    for dx in (-0.5, 0.48):
        c.rectangle(x + dx * s, base - 0.24 * s, x + (dx + 0.03) * s, base + 0.04 * s, (120, 86, 56))
    marks = d.shuffled(("heart", "cross", "AID", "heart", "FOOD"))
    with stage.thing("donation boxes", "on a table", carries=True):
        for k, dx in enumerate((-0.38, -0.1, 0.2, 0.42)):
            people.crate(c, x + dx * s, base - 0.3 * s, 0.21 * s, marks[k])
        people.crate(c, x - 0.24 * s, base - 0.48 * s, 0.2 * s, marks[4])
        people.crate(c, x - 0.3 * s, base + 0.05 * s, 0.25 * s, "heart")
    return [
        "boxes of donations on a table with two helpers",
        "donation boxes with hearts are stacked on a table",
        "helpers stand behind a table full of donation boxes",
    ]


def aid_lorry(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("street" if d.chance(0.6) else "mud", 1)
    s, flip = stage.unit * 0.29, d.sign()
    x, y = stage.w * (0.5 + 0.04 * flip), stage.h * d.between(0.8, 0.88)
    mark = d.pick(("cross", "AID", "heart"))
    with stage.thing("lorry", "being unloaded", carries=True):
        bx, by = vehicles.lorry(c, x, y, s, stage.paint(), flip)
        for dx, up in ((-0.62, 0), (-0.1, 0), (0.42, 0), (-0.36, 0.46), (0.18, 0.46)):
            people.crate(c, bx + dx * s, by - up * s, 0.52 * s, mark)
        px = bx - flip * 1.25 * s
        people.person(c, px, y + 0.12 * s, 1.65 * s, d, stage.cloth(), pose="reach", vest=True, face=flip)
        people.crate(c, px + flip * 0.5 * s, y - 0.7 * s, 0.5 * s, mark)
        people.person(
            c,
            bx + 0.3 * s * flip,
            y + 0.3 * s,
            1.6 * s,
            d,
            stage.cloth(),
            pose="reach",
            vest=d.chance(0.5),
            face=-flip,
        )
    return [
        "helpers unload boxes of aid from a lorry",
        "a lorry full of aid boxes is unloaded",
        "people take donation boxes from a lorry",
    ]


def helicopter_rescue(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.horizon = stage.h * 0.72
    stage.outdoors("grass", 2)
    if stage.event.hazard in ("flood", "hurricane"):
        stage.water(stage.horizon + 16)
    x, y, s = stage.w * d.between(0.44, 0.58), stage.h * 0.27, stage.unit * 0.3
    with stage.thing("helicopter", "lifting a person on a rope", carries=True):
        vehicles.helicopter(c, x, y, s, d.pick(((200, 60, 40), (230, 170, 40), (90, 110, 80))), d.sign())
        rope = stage.h * d.between(0.52, 0.6)
        c.line([(x, y + 0.4 * s), (x, rope)], 1.5, (40, 40, 40))
        people.person(c, x - 0.16 * s, rope + 0.95 * s, s * 1.0, d, stage.cloth(), vest=True, pose="cheer")
        people.person(c, x + 0.2 * s, rope + 0.98 * s, s * 0.9, d, stage.cloth())
    return [
        "a helicopter lifts a person on a rope",
        "a person is pulled up to a rescue helicopter",
        "a rescue helicopter saves people with a rope",
    ]


def food_kitchen(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("street", 0)
    base, s, x = stage.h * 0.93, stage.unit, stage.w * 0.5
    c.polygon(
        [
            (x - 0.62 * s, stage.h * 0.2),
            (x + 0.62 * s, stage.h * 0.2),
            (x + 0.7 * s, stage.h * 0.3),
            (x - 0.7 * s, stage.h * 0.3),
        ],
        (214, 60, 50),
    )
    for k in range(6):
        c.polygon(
            [
                (x + (-0.62 + 0.207 * k) * s, stage.h * 0.2),
                (x + (-0.52 + 0.207 * k) * s, stage.h * 0.2),
                (x + (-0.58 + 0.233 * k) * s, stage.h * 0.3),
                (x + (-0.7 + 0.233 * k) * s, stage.h * 0.3),
            ],
            (246, 246, 242),
        )
    for dx in (-0.6, 0.6):
        c.line([(x + dx * s, stage.h * 0.3), (x + dx * s, base)], 3, (90, 90, 94))
    with stage.thing("volunteers", "handing out food", carries=True):
        for dx in (-0.22, 0.08):
            people.person(c, x + dx * s, base - 0.06 * s, 0.56 * s, d, stage.cloth(), pose="reach", vest=True)
        c.rectangle(x - 0.46 * s, base - 0.27 * s, x + 0.32 * s, base, (166, 128, 86))
        for dx in (-0.32, 0.0):
            c.rounded(
                x + (dx - 0.09) * s, base - 0.41 * s, x + (dx + 0.09) * s, base - 0.27 * s, 4, (120, 126, 134)
            )
            for k in range(3):
                c.disc(x + dx * s + (k - 1) * 5, base - (0.47 + 0.05 * k) * s, 5, (240, 240, 240, 120))
        people.person(c, x + 0.46 * s, base, 0.52 * s, d, stage.cloth(), pose="reach", face=-1)
        c.disc(x + 0.31 * s, base - 0.33 * s, 6, (246, 246, 242))
    return [
        "volunteers hand out food from large pots",
        "helpers give hot food to people at a table",
        "a field kitchen where helpers hand out meals",
    ]


def fire_crew(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("grass", 1)
    side, base = d.sign(), stage.h * 0.92
    fx = stage.w * (0.5 + side * 0.3)
    for n in range(6):
        c.disc(fx + d.between(-20, 20), stage.h * (0.5 - 0.07 * n), 18 + 5 * n, (100, 96, 94, 90))
    with stage.thing("fire", "burning"):
        things.tree(c, fx, base - 10, stage.unit * 0.5, d, burnt=True)
        buildings.flames(c, fx, base - 6, stage.unit * 0.42, d)
    with stage.thing("fire crew", "spraying water on a fire", carries=True):
        for k in (0, 1):
            px = stage.w * (0.5 - side * (0.14 + 0.2 * k))
            people.person(
                c, px, base, stage.unit * 0.56, d, (196, 160, 60), pose="reach", vest=True, face=side
            )
        px = stage.w * (0.5 - side * 0.14) + side * stage.unit * 0.18
        top = base - stage.unit * 0.38
        for k in range(3):
            c.line(
                [(px, top), ((px + fx) / 2, top - 26 - 5 * k), (fx - side * 12, top + 16 + 9 * k)],
                4,
                (214, 236, 250, 200),
            )
        c.line([(px, top), (px - side * 44, top + 12), (px - side * 120, base + 6)], 4, (170, 60, 40))
    return [
        "two firefighters spray water on a fire",
        "helpers with a hose fight a fire",
        "firefighters put out burning trees",
    ]


def search_in_rubble(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("street", 1)
    x, base = stage.w * d.between(0.45, 0.55), stage.h * 0.94
    with stage.thing("rubble", "being searched"):
        buildings.rubble(c, x, base, stage.w * 0.78, stage.unit * 0.28, d)
    with stage.thing("rescue workers", "searching with a dog", carries=True):
        people.kneeling(
            c,
            x - 0.26 * stage.unit,
            base - 0.08 * stage.unit,
            0.56 * stage.unit,
            d,
            1,
            vest=True,
            cloth=stage.cloth(),
        )
        people.person(
            c,
            x + 0.24 * stage.unit,
            base - 0.1 * stage.unit,
            0.56 * stage.unit,
            d,
            stage.cloth(),
            pose="reach",
            vest=True,
            face=-1,
        )
        things.dog(c, x, base - 0.17 * stage.unit, 0.24 * stage.unit, (150, 104, 60), d.sign())
    return [
        "rescue workers with a dog search the rubble",
        "helpers in orange vests search for people under stones",
        "two helpers and a dog dig in a heap of rubble",
    ]
