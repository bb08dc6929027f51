"""Scenes of damage: houses, roads, power lines, vehicles. The label lies in the state of the object."""

from __future__ import annotations

from crisisweave.datasets.demo import buildings, people, things, vehicles
from crisisweave.datasets.demo.canvas import see_through, shade, turned
from crisisweave.datasets.demo.stage import Stage


def flooded_house(stage: Stage, severity: str) -> list[str]:
    d, s = stage.dice, stage.unit * stage.dice.between(0.33, 0.42)
    stage.outdoors("mud", 2)
    x, foot = stage.w * d.between(0.36, 0.64), min(stage.horizon + 0.85 * s, stage.h * 0.86)
    if severity == "little_or_no_damage":
        with stage.thing("house", "dry"):
            stage.house(x, foot - 0.15 * s, s)
        with stage.thing("puddle", "in front of the house", carries=True):
            for k in range(3):
                stage.c.ellipse(
                    x + (k - 1) * 0.55 * s,
                    foot + 0.12 * s + 4 * k,
                    0.62 * s,
                    0.1 * s,
                    shade(stage.event.water, 0.95),
                )
            stage.c.line(
                [(x - 0.5 * s, foot + 0.1 * s), (x + 0.3 * s, foot + 0.1 * s)],
                2,
                shade(stage.event.water, 1.4),
            )
        return [
            "puddles of water lie in front of a house",
            "a dry house with some water on the ground",
            "a house with a puddle before the door",
        ]
    depth, where = (0.62, "the windows") if severity == "severe_damage" else (0.24, "the door")
    line = foot - depth * s
    with stage.thing("house", f"flooded up to {where}", carries=True, cut=line + 0.25 * s):
        stage.house(x, foot, s)
    stage.water(line)
    for k in range(5):  # the wall's reflection
        stage.c.rectangle(
            x - 0.7 * s,
            line + 3 + 6 * k,
            x + 0.7 * s,
            line + 5 + 6 * k,
            see_through((230, 220, 200), 60 - 9 * k),
        )
    if d.chance(0.35):
        bx = stage.w * d.between(0.1, 0.9)
        with stage.thing("wood", "floating"):
            stage.c.polygon(
                turned(
                    [(bx - 18, line + 40), (bx + 18, line + 40), (bx + 18, line + 45), (bx - 18, line + 45)],
                    (bx, line + 42),
                    12,
                ),
                (120, 88, 58),
            )
    return [
        f"a house stands in water up to {where}",
        f"brown water reaches {where} of a house",
        f"a flooded house with water up to {where}",
        f"flood water covers the street and reaches {where} of the house",
    ]


def collapsed_house(stage: Stage, severity: str) -> list[str]:
    d, c, s = stage.dice, stage.c, stage.unit * stage.dice.between(0.36, 0.46)
    stage.outdoors("street" if d.chance(0.5) else "sand", 2)
    x, y = stage.w * d.between(0.4, 0.6), min(stage.horizon + 0.62 * s, stage.h * 0.9)
    if severity == "severe_damage":
        wall, roof = stage.house_colours()
        with stage.thing("house", "collapsed", carries=True):
            buildings.collapsed_house(c, x, y, s, d, wall, roof)
        return [
            "a house has collapsed into a heap of rubble",
            "a collapsed house with one wall left standing",
            "rubble and a fallen roof where a house stood",
            "a broken wall stands beside a heap of stones",
        ]
    if severity == "mild_damage":
        with stage.thing("house", "cracked", carries=True):
            stage.house(x, y, s, broken_glass=True)
            buildings.cracks(c, x, y, s, d, 6)
            buildings.rubble(c, x + d.sign() * 0.45 * s, y + 0.06 * s, 0.7 * s, 0.22 * s, d)
        return [
            "a house with wide cracks in the wall and broken windows",
            "cracks run down the wall of a house",
            "a damaged house with cracked walls and some rubble",
        ]
    stage.house(x, y, s)
    with stage.thing("wall", "one thin crack", carries=True):
        buildings.cracks(c, x, y, s, d, 1)
        for _ in range(4):
            c.rectangle(
                x + d.between(-0.5, 0.5) * s,
                y,
                x + d.between(-0.5, 0.5) * s + 5,
                y + 4,
                shade(stage.event.roofs[0], 0.9),
            )
    return [
        "a house with one thin crack in the wall",
        "a small crack in the wall of a house",
        "a house stands with a thin crack and a few fallen tiles",
    ]


def torn_roof(stage: Stage, severity: str) -> list[str]:
    d, c, s = stage.dice, stage.c, stage.unit * stage.dice.between(0.33, 0.43)
    stage.outdoors("grass", 1)
    x, y = stage.w * d.between(0.4, 0.6), min(stage.horizon + 0.6 * s, stage.h * 0.88)
    wall, roof = stage.house_colours()
    if severity == "severe_damage":
        with stage.thing("house", "without roof", carries=True):
            buildings.roofless_house(c, x, y, s, d, wall, roof)
        if d.chance(0.6):
            with stage.thing("tree", "fallen"):
                things.tree(c, x - 0.9 * s, y + 0.2 * s, 0.9 * s, d, palm=stage.event.palms, fallen=-1)
        return [
            "the roof of a house is torn off",
            "a house without a roof and bare beams",
            "the wind has torn the roof from a house",
            "a wrecked house with broken beams and its roof on the ground",
        ]
    with stage.thing("roof", "holed" if severity == "mild_damage" else "some tiles missing", carries=True):
        stage.house_in(x, y, s, wall, roof)
        holes = ((-0.2, 0.34, 1.0), (0.3, 0.26, 0.8)) if severity == "mild_damage" else ((0.15, 0.3, 0.3),)
        for dx, up, size in holes:
            hx, hy = x + dx * s, y - s - up * s * (0.0 if stage.event.style == "flat" else 0.9)
            c.polygon(
                [
                    (hx - 0.22 * s * size, hy + 0.1 * s * size),
                    (hx - 0.1 * s * size, hy - 0.14 * s * size),
                    (hx + 0.16 * s * size, hy - 0.12 * s * size),
                    (hx + 0.24 * s * size, hy + 0.08 * s * size),
                    (hx + 0.02 * s, hy + 0.16 * s * size),
                ],
                buildings.DARK,
            )
            if size > 0.5:
                c.line([(hx - 0.16 * s, hy + 0.06 * s), (hx + 0.12 * s, hy - 0.1 * s)], 2, (130, 92, 58))
        for _ in range(12 if severity == "mild_damage" else 3):
            tx, ty = x + d.between(-0.9, 0.9) * s, y + d.between(0.02, 0.15) * s
            c.polygon(
                turned(
                    [(tx - 6, ty - 2), (tx + 6, ty - 2), (tx + 6, ty + 2), (tx - 6, ty + 2)],
                    (tx, ty),
                    d.between(-40, 40),
                ),
                roof,
            )
    if severity == "mild_damage":
        return [
            "a house with holes in the roof",
            "two holes in the roof of a house and tiles on the ground",
            "a damaged roof with dark holes",
        ]
    return [
        "a house with a few tiles missing from the roof",
        "some tiles have fallen from a roof",
        "a house stands with only a few roof tiles on the ground",
    ]


def burnt_house(stage: Stage, severity: str) -> list[str]:
    d, c, s = stage.dice, stage.c, stage.unit * stage.dice.between(0.36, 0.45)
    stage.outdoors("mud", 0)
    with stage.thing("tree", "burnt"):
        things.tree(c, stage.w * d.between(0.04, 0.12), stage.horizon + 20, 100, d, burnt=True)
    with stage.thing("tree", "burnt"):
        things.tree(c, stage.w * d.between(0.88, 0.97), stage.horizon + 14, 90, d, burnt=True)
    stage.around.append("burnt trees")
    x, y = stage.w * d.between(0.42, 0.58), min(stage.horizon + 0.6 * s, stage.h * 0.88)
    if severity == "severe_damage":
        c.ellipse(x, y, 1.5 * s, 0.2 * s, (46, 42, 40))
        with stage.thing("house", "burnt out", carries=True):
            buildings.burnt_house(c, x, y, s, d)
        return [
            "a house has burnt down to a black shell",
            "the black walls of a burnt house",
            "smoke rises from a burnt house without a roof",
            "a burnt out house with black beams",
        ]
    with stage.thing("house", "scorched", carries=True):
        stage.house(x, y, s, broken_glass=severity == "mild_damage")
        if severity == "mild_damage":
            side = d.sign()
            c.polygon(
                [
                    (x, y),
                    (x + side * 0.76 * s, y),
                    (x + side * 0.76 * s, y - 1.05 * s),
                    (x + side * 0.35 * s, y - 1.35 * s),
                    (x + side * 0.1 * s, y - 0.7 * s),
                ],
                (30, 27, 26, 215),
            )
            for k in range(4):
                c.disc(
                    x + side * (0.5 + 0.05 * k) * s,
                    y - (1.3 + 0.16 * k) * s,
                    (0.1 + 0.04 * k) * s,
                    (90, 88, 88, 110),
                )
        else:
            c.polygon(
                [
                    (x + 0.4 * s, y),
                    (x + 0.76 * s, y),
                    (x + 0.76 * s, y - 0.3 * s),
                    (x + 0.6 * s, y - 0.12 * s),
                ],
                (30, 27, 26, 190),
            )
            c.ellipse(x + 0.7 * s, y + 0.06 * s, 0.5 * s, 0.1 * s, (40, 36, 34))
    if severity == "mild_damage":
        return [
            "one side of a house is black from fire",
            "a house with a scorched wall and broken windows",
            "fire has blackened half of a house",
        ]
    return [
        "a house with a small black mark from fire",
        "burnt grass beside a house that still stands",
        "a house stands with only a corner scorched",
    ]


def cracked_road(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("grass", 2)
    vanish = stage.w * d.between(0.35, 0.65)
    buildings.road(c, stage.horizon, stage.h, vanish, (104, 102, 102))
    y = stage.horizon + (stage.h - stage.horizon) * d.between(0.42, 0.62)
    size = {"severe_damage": 62.0, "mild_damage": 24.0, "little_or_no_damage": 8.0}[severity]
    with stage.thing(
        "road",
        {"severe_damage": "broken open", "mild_damage": "cracked", "little_or_no_damage": "thin crack"}[
            severity
        ],
        carries=True,
    ):
        buildings.road_crack(c, (vanish + stage.w / 2) / 2, y, stage.w * 0.62, size, d)
    if severity == "severe_damage":
        return [
            "a wide gap has opened across a road",
            "the road is broken by a deep crack",
            "a deep black crack runs across the street",
        ]
    if severity == "mild_damage":
        return [
            "a crack runs across a road",
            "a road with a long crack",
            "the surface of the street is cracked",
        ]
    return [
        "a road with one thin crack",
        "a thin line of a crack on a road",
        "a road that is almost whole with a thin crack",
    ]


def broken_bridge(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.sky()
    stage.far()
    stage.water(stage.horizon)
    foot = stage.horizon + stage.unit * d.between(0.2, 0.27)
    deck = foot - stage.unit * d.between(0.36, 0.44)
    stone = d.pick(((176, 166, 150), (170, 130, 104), (150, 154, 160)))
    left, right = buildings.broken_bridge(c, deck, foot, stone, d)
    # The part that carries the label is the break, not the whole span.
    with stage.thing("bridge", "collapsed", carries=True) as box:
        box[:] = [left - 12, deck - 16, right + 12, foot + 32]
    return [
        "a bridge has collapsed into the river",
        "the middle of a bridge has fallen into the water",
        "a broken bridge with a gap over the water",
    ]


def fallen_pole(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("street", 2)
    lean, x, y = d.sign() * d.between(48, 64), stage.w * 0.5, stage.h * d.between(0.86, 0.94)
    x -= 70 if lean > 0 else -70
    with stage.thing("power pole", "fallen", carries=True):
        buildings.power_pole(c, x, y, stage.unit * 0.82, lean)
    with stage.thing("power pole", "standing"):
        buildings.power_pole(c, stage.w * (0.9 if lean < 0 else 0.1), stage.horizon + 12, 96, 0)
    return [
        "a power pole has fallen over the street",
        "a fallen power pole with torn wires",
        "torn power lines hang over a road",
    ]


def rubble_street(stage: Stage, severity: str) -> list[str]:
    d, c = stage.dice, stage.c
    stage.outdoors("street", 1)
    for side in (0.14, 0.86):
        stage.house(stage.w * side, stage.horizon + 26, stage.unit * 0.3, broken_glass=True)
    with stage.thing("rubble", "across the street", carries=True):
        buildings.rubble(
            c,
            stage.w * d.between(0.42, 0.58),
            stage.h * 0.93,
            stage.w * 0.8,
            stage.unit * d.between(0.38, 0.5),
            d,
        )
    if d.chance(0.4):
        with stage.thing("person", "walking by"):
            people.person(c, stage.w * 0.1, stage.h * 0.92, 70, d, stage.cloth(), pose="walk")
        stage.around.append("a person walking by")
    return [
        "a heap of rubble blocks the street",
        "stones and broken walls lie across a street",
        "rubble covers the road between houses",
    ]


def crushed_car(stage: Stage, severity: str) -> list[str]:
    d, c, s = stage.dice, stage.c, stage.unit * stage.dice.between(0.32, 0.42)
    stage.outdoors("street", 2)
    x, y, flip, mild = (
        stage.w * d.between(0.44, 0.56),
        stage.h * d.between(0.76, 0.88),
        d.sign(),
        severity != "severe_damage",
    )
    with stage.thing("car", "dented" if mild else "crushed", carries=True):
        vehicles.crushed_car(c, x, y, s, stage.paint(), d, flip, mild)
        if not mild:
            buildings.rubble(c, x + flip * 0.2 * s, y - 0.4 * s, 0.8 * s, 0.3 * s, d)
    if mild:
        return [
            "a car with a dented front and a broken window",
            "a damaged car with a broken bonnet",
            "a car with a smashed front stands on the street",
        ]
    return [
        "a car is crushed under stones",
        "a crushed car covered with rubble",
        "a wrecked car with a flat roof and broken windows",
    ]


def tree_on_car(stage: Stage, severity: str) -> list[str]:
    d, c, s = stage.dice, stage.c, stage.unit * stage.dice.between(0.3, 0.38)
    stage.outdoors("street", 1)
    x, y, flip = stage.w * d.between(0.46, 0.54), stage.h * d.between(0.78, 0.88), d.sign()
    with stage.thing("car", "crushed by a tree", carries=True):
        vehicles.crushed_car(c, x, y, s, stage.paint(), d, flip, False)
        lean = d.sign()
        trunk = turned(
            [
                (x - 1.5 * s, y - 0.68 * s),
                (x + 1.3 * s, y - 0.62 * s),
                (x + 1.3 * s, y - 0.5 * s),
                (x - 1.5 * s, y - 0.46 * s),
            ],
            (x, y - 0.6 * s),
            lean * 9,
        )
        c.polygon(trunk, (98, 70, 46))
        end = trunk[0] if lean > 0 else trunk[1]
        for _ in range(9):
            c.disc(
                end[0] + lean * d.between(-0.1, 0.6) * s,
                end[1] + d.between(-0.3, 0.35) * s,
                d.between(0.14, 0.26) * s,
                shade((66, 118, 54), d.between(0.7, 1.2)),
            )
    return [
        "a tree has fallen on a car",
        "a car is crushed under a fallen tree",
        "a fallen tree lies across a wrecked car",
    ]


def burnt_car(stage: Stage, severity: str) -> list[str]:
    d, c, s = stage.dice, stage.c, stage.unit * stage.dice.between(0.32, 0.42)
    stage.outdoors("mud", 1)
    with stage.thing("car", "burnt out", carries=True):
        vehicles.burnt_car(
            c, stage.w * d.between(0.44, 0.56), stage.h * d.between(0.76, 0.88), s, d, d.sign()
        )
    return [
        "a burnt out car without windows",
        "the black shell of a burnt car",
        "a car has burnt down to rusty metal",
    ]


def flooded_car(stage: Stage, severity: str) -> list[str]:
    d, c, s = stage.dice, stage.c, stage.unit * stage.dice.between(0.34, 0.44)
    stage.outdoors("street", 2)
    x, y = stage.w * d.between(0.42, 0.58), stage.h * d.between(0.74, 0.84)
    deep = severity == "severe_damage"
    line = y - (0.6 if deep else 0.3) * s
    with stage.thing(
        "car", "under water" if deep else "standing in water", carries=True, cut=line + 0.15 * s
    ):
        vehicles.car(c, x, y, s, stage.paint(), d.sign())
    stage.water(line)
    where = "its windows" if deep else "its wheels"
    return [
        f"a car stands in water up to {where}",
        f"a flooded car with water up to {where}",
        "a car is stuck in brown flood water",
    ]
