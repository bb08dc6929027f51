"""Houses and what happens to them, roads, bridges, power poles, rubble, tents.

A part is drawn standing on the point (x, y), its bottom centre; `s` is its scale in pixels.
"""

from __future__ import annotations

import math

from crisisweave.datasets.demo.canvas import Canvas, Colour, Point, mix, see_through, shade, turned
from crisisweave.datasets.demo.dice import Dice

GLASS: Colour = (150, 190, 214)
DARK: Colour = (34, 31, 30)
SOOT: Colour = (44, 40, 38)
RUBBLE: tuple[Colour, ...] = ((152, 143, 132), (128, 119, 110), (176, 168, 156), (140, 92, 74), (104, 97, 92))


def rubble(c: Canvas, x: float, y: float, width: float, height: float, dice: Dice, dark: float = 1.0) -> None:
    """A heap of broken wall: slabs, bricks and bent bars."""
    c.polygon(
        [
            (x - width / 2, y),
            (x - width * 0.3, y - height * 0.6),
            (x - width * 0.05, y - height * 0.85),
            (x + width * 0.22, y - height * 0.62),
            (x + width / 2, y),
        ],
        shade(RUBBLE[4], 0.75 * dark),
    )
    pieces = 34
    for n in range(pieces):
        up = 1 - n / pieces
        px = x + dice.between(-0.5, 0.5) * width * (1.05 - 0.8 * up)
        py = y - up * height * dice.between(0.75, 1.0)
        size = dice.between(0.07, 0.17) * min(width, height * 1.6)
        tone = shade(dice.pick(RUBBLE), dice.between(0.75, 1.15) * dark)
        corners = turned(
            [
                (px - size, py - size * 0.4),
                (px + size * 0.8, py - size * 0.5),
                (px + size, py + size * 0.4),
                (px - size * 0.7, py + size * 0.5),
            ],
            (px, py),
            dice.between(-40, 40),
        )
        c.polygon(corners, tone)
        c.polygon(
            [
                corners[2],
                corners[3],
                (corners[3][0], corners[3][1] + size * 0.3),
                (corners[2][0], corners[2][1] + size * 0.3),
            ],
            shade(tone, 0.6),
        )
    for _ in range(5):
        px = x + dice.between(-0.3, 0.3) * width
        py = y - dice.between(0.4, 0.8) * height
        c.line(
            [
                (px, py),
                (px + dice.between(-8, 8), py - height * 0.25),
                (px + dice.between(-16, 16), py - height * 0.34),
            ],
            1.2,
            shade((110, 70, 50), dark),
        )


def _windows(c: Canvas, x: float, y: float, s: float, w: float, broken: bool, dice: Dice, lit: bool) -> None:
    for side in (-0.29, 0.29):
        wx, wy, half = x + side * w, y - 0.62 * s, 0.12 * s
        c.rectangle(wx - half * 1.25, wy - half * 1.25, wx + half * 1.25, wy + half * 1.25, (240, 238, 230))
        glass = (250, 214, 120) if lit else GLASS
        c.rectangle(wx - half, wy - half, wx + half, wy + half, DARK if broken else glass)
        if broken:
            c.polygon([(wx - half, wy - half), (wx, wy - half), (wx - half, wy + half * 0.3)], GLASS)
            c.polygon([(wx + half, wy + half), (wx + half * 0.2, wy + half), (wx + half, wy)], GLASS)
        else:
            c.line([(wx, wy - half), (wx, wy + half)], 1, (240, 238, 230))
            c.line([(wx - half, wy), (wx + half, wy)], 1, (240, 238, 230))


def _roof(c: Canvas, x: float, y: float, s: float, w: float, style: str, colour: Colour) -> None:
    top = y - s
    if style == "flat":
        c.rectangle(x - w * 0.54, top - s * 0.12, x + w * 0.54, top + 1, colour)
        c.rectangle(x - w * 0.54, top - s * 0.12, x + w * 0.54, top - s * 0.07, shade(colour, 1.25))
    elif style == "dome":
        c.rectangle(x - w * 0.53, top - s * 0.06, x + w * 0.53, top + 1, shade(colour, 0.8))
        c.half_ellipse(x, top - s * 0.05, w * 0.4, s * 0.62, colour)
        c.ellipse(x - w * 0.14, top - s * 0.34, w * 0.1, s * 0.17, shade(colour, 1.15))
        c.line([(x, top - s * 0.64), (x, top - s * 0.84)], 2, shade(colour, 0.7))
    elif style == "steep":
        c.polygon(
            [(x - w * 0.58, top + s * 0.25), (x, top - s * 0.95), (x + w * 0.58, top + s * 0.25)], colour
        )
        c.line([(x, top - s * 0.95), (x + w * 0.58, top + s * 0.25)], 2, shade(colour, 0.7))
    else:
        c.polygon(
            [
                (x - w * 0.6, top + 2),
                (x - w * 0.36, top - s * 0.5),
                (x + w * 0.36, top - s * 0.5),
                (x + w * 0.6, top + 2),
            ],
            colour,
        )
        for row in range(1, 4):
            ry = top - s * 0.5 + row * s * 0.13
            half = w * (0.36 + 0.24 * row * 0.26)
            c.line([(x - half, ry), (x + half, ry)], 1, shade(colour, 0.8))


def house(
    c: Canvas,
    x: float,
    y: float,
    s: float,
    dice: Dice,
    style: str,
    wall: Colour,
    roof: Colour,
    *,
    broken_glass: bool = False,
    lit: bool = False,
) -> None:
    """A whole house: walls `s` high and 1.5 `s` wide, roof above."""
    w = 1.5 * s
    if style == "gable":
        c.rectangle(x + w * 0.2, y - s * 1.65, x + w * 0.3, y - s * 1.2, shade(roof, 0.75))
    c.rectangle(x - w / 2, y - s, x + w / 2, y, wall)
    c.rectangle(x + w * 0.36, y - s, x + w / 2, y, shade(wall, 0.85))
    _windows(c, x, y, s, w, broken_glass, dice, lit)
    c.rectangle(x - 0.13 * s, y - 0.52 * s, x + 0.13 * s, y, shade(roof, 0.6))
    c.disc(x + 0.08 * s, y - 0.25 * s, max(0.8, 0.02 * s), (230, 210, 120))
    _roof(c, x, y, s, w, style, roof)


def cracks(c: Canvas, x: float, y: float, s: float, dice: Dice, many: int) -> None:
    """Dark zigzag cracks over a wall of a house drawn at the same place."""
    for _ in range(many):
        px, py = x + dice.between(-0.6, 0.6) * s, y - dice.between(0.85, 1.0) * s
        path: list[Point] = [(px, py)]
        for _ in range(5):
            px += dice.between(-0.14, 0.14) * s
            py += dice.between(0.1, 0.17) * s
            path.append((px, min(py, y)))
        c.line(path, max(1.6, 0.035 * s), DARK)


def roofless_house(c: Canvas, x: float, y: float, s: float, dice: Dice, wall: Colour, roof: Colour) -> None:
    """Walls still up with a jagged rim; beams bare; half the roof lies beside the house."""
    w = 1.5 * s
    rim: list[Point] = [(x - w / 2, y)]
    steps = 10
    for n in range(steps + 1):
        rim.append((x - w / 2 + n * w / steps, y - s * dice.between(0.72, 1.08)))
    rim.append((x + w / 2, y))
    for beam in range(6):
        bx = x - w * 0.42 + beam * w * 0.17
        c.line(
            [(bx, y - s * 0.9), (bx + dice.between(0.05, 0.3) * s, y - s * dice.between(1.25, 1.6))],
            max(2, 0.045 * s),
            (122, 86, 56),
        )
    c.line(
        [(x - w * 0.45, y - s * 1.2), (x + w * 0.4, y - s * dice.between(1.2, 1.4))],
        max(2, 0.04 * s),
        (104, 72, 46),
    )
    c.polygon(rim, wall)
    _windows(c, x, y, s, w, True, dice, False)
    c.rectangle(x - 0.13 * s, y - 0.52 * s, x + 0.13 * s, y, DARK)
    side = dice.sign()
    px = x + side * w * 0.62
    c.polygon(
        turned(
            [
                (px - 0.55 * s, y - 0.12 * s),
                (px + 0.55 * s, y - 0.12 * s),
                (px + 0.4 * s, y - 0.5 * s),
                (px - 0.4 * s, y - 0.5 * s),
            ],
            (px, y - 0.2 * s),
            side * dice.between(18, 35),
        ),
        roof,
    )
    for _ in range(9):
        bx, by = x + dice.between(-0.9, 0.9) * w * 0.7, y + dice.between(-0.02, 0.14) * s
        c.polygon(
            turned(
                [
                    (bx - 0.16 * s, by - 2),
                    (bx + 0.16 * s, by - 2),
                    (bx + 0.16 * s, by + 2),
                    (bx - 0.16 * s, by + 2),
                ],
                (bx, by),
                dice.between(-50, 50),
            ),
            shade((140, 100, 64), dice.between(0.7, 1.1)),
        )


def collapsed_house(c: Canvas, x: float, y: float, s: float, dice: Dice, wall: Colour, roof: Colour) -> None:
    """One wall with a window still stands; the rest is a heap with the roof slab tilted on it."""
    w, side = 1.5 * s, dice.sign()
    edge = x - side * w * 0.5
    inner = x - side * w * dice.between(-0.02, 0.15)
    c.polygon(
        [
            (edge, y),
            (edge, y - s),
            (edge + side * w * 0.1, y - s * 1.05),
            (edge + side * w * 0.17, y - s * 0.82),
            (edge + side * w * 0.26, y - s * 0.9),
            (edge + side * w * 0.31, y - s * 0.55),
            (inner, y - s * 0.4),
            (inner, y),
        ],
        wall,
    )
    wx, wy, half = edge + side * w * 0.16, y - 0.5 * s, 0.12 * s
    c.rectangle(wx - half, wy - half, wx + half, wy + half, DARK)
    heap = x + side * w * 0.14
    rubble(c, heap, y + 0.05 * s, w * 1.15, s * 0.55, dice)
    cx, cy = heap, y - s * 0.5
    c.polygon(
        turned(
            [
                (cx - 0.62 * s, cy - 0.1 * s),
                (cx + 0.62 * s, cy - 0.1 * s),
                (cx + 0.62 * s, cy + 0.06 * s),
                (cx - 0.62 * s, cy + 0.06 * s),
            ],
            (cx, cy),
            side * dice.between(20, 34),
        ),
        roof,
    )
    rubble(c, heap + side * 0.1 * s, y + 0.1 * s, w * 0.95, s * 0.3, dice)
    cracks(c, edge + side * w * 0.15, y, s * 0.7, dice, 2)


def burnt_house(c: Canvas, x: float, y: float, s: float, dice: Dice) -> None:
    """A black shell: empty holes, soot above them, bare rafters, embers and smoke."""
    w = 1.5 * s
    for n in range(7):
        smoke_x = x + dice.between(-0.4, 0.4) * w
        c.disc(smoke_x, y - s * (1.1 + n * 0.14), s * (0.16 + 0.05 * n), see_through((96, 92, 92), 80))
    for beam in range(5):
        bx = x - w * 0.48 + beam * w * 0.12
        c.line([(bx, y - s * 0.95), (x, y - s * 1.5)], max(2, 0.05 * s), (20, 18, 18))
        c.line([(2 * x - bx, y - s * 0.95), (x, y - s * 1.5)], max(2, 0.05 * s), (20, 18, 18))
    rim: list[Point] = [(x - w / 2, y)]
    for n in range(9):
        rim.append((x - w / 2 + n * w / 8, y - s * dice.between(0.82, 1.02)))
    rim.append((x + w / 2, y))
    c.polygon(rim, SOOT)
    for patch in range(5):
        px = x + (patch - 2) * 0.2 * w
        c.ellipse(px, y - s * dice.between(0.1, 0.3), 0.12 * w, 0.14 * s, see_through((120, 108, 98), 90))
    for side in (-0.29, 0.0, 0.29):
        half = 0.12 * s
        wx, wy = x + side * w, y - (0.6 if side else 0.27) * s
        c.rectangle(
            wx - half,
            wy - half,
            wx + half,
            wy + (half if side else 0.27 * s),
            (232, 116, 34) if dice.chance(0.45) else (12, 11, 11),
        )
    for _ in range(8):
        c.ellipse(
            x + dice.between(-0.6, 0.6) * w, y + dice.between(0, 0.1) * s, 0.1 * s, 0.04 * s, (26, 24, 24)
        )


def flames(c: Canvas, x: float, y: float, s: float, dice: Dice) -> None:
    for colour, size in (((226, 84, 22), 1.0), ((246, 150, 32), 0.7), ((255, 226, 110), 0.4)):
        for offset in (-0.35, 0.0, 0.35):
            h = s * size * dice.between(0.75, 1.1) * (1.2 if offset == 0 else 0.8)
            bx = x + offset * s * 0.8
            half = 0.26 * s * size + 0.05 * s
            c.polygon(
                [
                    (bx - half, y),
                    (bx - half * 0.7, y - h * 0.45),
                    (bx + half * 0.1, y - h),
                    (bx + half * 0.5, y - h * 0.5),
                    (bx + half, y),
                ],
                colour,
            )


def _arch(c: Canvas, x0: float, x1: float, y: float, foot: float, colour: Colour) -> None:
    """One span of a stone bridge: the deck at `y`, two half piers down to `foot`, an arch between them."""
    mid, rx, top = (x0 + x1) / 2, (x1 - x0) * 0.38, y + (foot - y) * 0.34
    curve: list[Point] = []
    for n in range(13):
        angle = math.pi * n / 12
        curve.append((mid + rx * math.cos(angle), foot - (foot - top) * math.sin(angle)))
    c.polygon([(x0, y), (x1, y), (x1, foot), *curve, (x0, foot)], colour)
    inner = [(px - 0.05 * rx, py) for px, py in curve[5:]]
    c.line(inner, 3, shade(colour, 0.6))
    c.rectangle(x0, y - 3, x1, y + 3, shade(colour, 1.2))
    for k in range(4):
        px = x0 + (x1 - x0) * (k + 0.5) / 4
        c.line([(px, y - 3), (px, y - 13)], 2, shade(colour, 0.75))
    c.line([(x0, y - 13), (x1, y - 13)], 2.5, shade(colour, 0.75))


def broken_bridge(c: Canvas, y: float, foot: float, colour: Colour, dice: Dice) -> tuple[float, float]:
    """A stone bridge whose middle span has fallen into the water at `foot`. Gives the gap's two ends."""
    wide = c.width * dice.between(0.36, 0.42)
    left = (c.width - wide) / 2 + dice.between(-0.06, 0.06) * c.width
    right = left + wide
    for start, step in ((left, -wide), (right, wide)):
        for k in range(2):
            x0, x1 = sorted((start + k * step, start + (k + 1) * step))
            _arch(c, x0, x1, y, foot, shade(colour, 1 - 0.03 * k))
    deep = foot - y
    for edge, inward in ((left, 1), (right, -1)):
        stump: list[Point] = [(edge, y - 3)]
        for n in range(1, 6):
            stump.append((edge + inward * dice.between(0.02, 0.13) * wide, y + deep * 0.12 * n))
        c.polygon([*stump, (edge, y + deep * 0.6)], shade(colour, 0.8))
        for n in range(3):
            tip = edge + inward * dice.between(0.1, 0.2) * wide
            c.line([(edge, y + 4 + 7 * n), (tip, y + 6 + 9 * n)], 1.4, (110, 70, 50))
        end = edge + inward * wide * 0.42
        slab = [
            (edge + inward * 0.06 * wide, y + deep * 0.5),
            (end, foot + 12),
            (end - inward * 6, foot + 26),
        ]
        c.polygon([*slab, (edge - inward * 0.02 * wide, y + deep * 0.68)], shade(colour, 1.1))
        c.ellipse(end, foot + 20, 0.16 * wide, 6, see_through((240, 246, 248), 170))
    for _ in range(7):
        px, py = left + dice.between(0.15, 0.85) * wide, foot + dice.between(10, 26)
        c.polygon(
            [(px - 8, py), (px - 3, py - 9), (px + 7, py - 6), (px + 9, py + 2)],
            shade(colour, dice.between(0.7, 1.0)),
        )
    return left, right


def road(c: Canvas, y: float, bottom: float, x: float, colour: Colour) -> None:
    """A road that runs away from the viewer to the point (x, y)."""
    w = c.width
    c.polygon([(x - w * 0.03, y), (x + w * 0.03, y), (w * 0.88, bottom), (w * 0.12, bottom)], colour)
    steps = 6
    for n in range(steps):
        near, far = (n / steps) ** 1.6, ((n + 0.5) / steps) ** 1.6
        ya, yb = y + (bottom - y) * near, y + (bottom - y) * far
        xa, xb = x + (w / 2 - x) * near, x + (w / 2 - x) * far
        c.polygon(
            [
                (xa - 1 - 3 * near, ya),
                (xa + 1 + 3 * near, ya),
                (xb + 1 + 3 * far, yb),
                (xb - 1 - 3 * far, yb),
            ],
            (235, 232, 214),
        )


def road_crack(c: Canvas, x: float, y: float, width: float, s: float, dice: Dice) -> None:
    """A wide black gap across a road, its lower lip raised."""
    top: list[Point] = []
    low: list[Point] = []
    steps = 10
    for n in range(steps + 1):
        px = x - width / 2 + width * n / steps
        py = y + dice.between(-0.14, 0.14) * s
        open_by = s * (0.06 + 0.3 * (1 - abs(2 * n / steps - 1)))
        top.append((px, py))
        low.append((px + dice.between(-3, 3), py + open_by))
    c.polygon(top + low[::-1], (22, 19, 18))
    lip = [(px, py + 0.1 * s) for px, py in low]
    c.polygon(low + lip[::-1], (196, 188, 176))
    for end, reach in ((top[0], -0.4), (top[-1], 0.4)):
        c.line(
            [end, (end[0] + reach * 0.4 * s, end[1] + 0.12 * s), (end[0] + reach * s, end[1] - 0.06 * s)],
            2,
            (22, 19, 18),
        )


def power_pole(c: Canvas, x: float, y: float, s: float, lean: float) -> None:
    """A pole of height `s` leaning by `lean` degrees, with torn wires when it leans much."""
    foot: Point = (x, y)
    trunk = turned(
        [(x - 0.025 * s, y), (x + 0.025 * s, y), (x + 0.02 * s, y - s), (x - 0.02 * s, y - s)], foot, lean
    )
    c.polygon(trunk, (92, 68, 48))
    for up in (0.78, 0.9):
        arm = turned([(x - 0.2 * s, y - up * s), (x + 0.2 * s, y - up * s)], foot, lean)
        c.line(arm, max(2, 0.03 * s), (92, 68, 48))
        for end in arm:
            c.disc(end[0], end[1] - 2, max(1.5, 0.02 * s), (210, 214, 216))
    tips = turned([(x - 0.2 * s, y - 0.9 * s), (x + 0.2 * s, y - 0.9 * s)], foot, lean)
    if abs(lean) > 20:
        for tip in tips:
            c.line(
                [
                    tip,
                    (tip[0] + 0.1 * s, tip[1] + 0.25 * s),
                    (tip[0] + 0.02 * s, min(y + 4, tip[1] + 0.6 * s)),
                    (tip[0] + 0.25 * s, y + 5),
                ],
                1.3,
                (30, 30, 30),
            )
    else:
        for tip in tips:
            c.line([tip, (tip[0] - c.width, tip[1] + 6)], 1, (40, 40, 40))
            c.line([tip, (tip[0] + c.width, tip[1] + 8)], 1, (40, 40, 40))


def tent(c: Canvas, x: float, y: float, s: float, colour: Colour) -> None:
    """A ridge tent with its door open."""
    c.polygon(
        [(x - 0.9 * s, y), (x - 0.25 * s, y - s * 0.9), (x + 0.55 * s, y - s * 0.9), (x + 1.1 * s, y)],
        shade(colour, 0.82),
    )
    c.polygon([(x - 0.9 * s, y), (x - 0.25 * s, y - s * 0.9), (x + 0.4 * s, y)], colour)
    c.polygon([(x - 0.42 * s, y), (x - 0.25 * s, y - s * 0.7), (x - 0.05 * s, y)], mix(colour, DARK, 0.8))
    c.line([(x - 0.25 * s, y - s * 0.9), (x - 1.15 * s, y + 2)], 1, (90, 90, 90))


def skyline(c: Canvas, y: float, s: float, dice: Dice, colour: Colour, lit: bool) -> None:
    """A far row of buildings along the horizon."""
    x = -dice.between(0, 20)
    while x < c.width:
        w, h = s * dice.between(0.3, 0.7), s * dice.between(0.3, 1.1)
        tone = shade(colour, dice.between(0.85, 1.12))
        c.rectangle(x, y - h, x + w, y + 1, tone)
        if dice.chance(0.4):
            c.polygon([(x, y - h), (x + w / 2, y - h - 0.2 * s), (x + w, y - h)], shade(tone, 0.85))
        for k in range(int(h / 7)):
            for part in (0.25, 0.65):
                if dice.chance(0.6):
                    c.rectangle(
                        x + part * w,
                        y - h + 3 + 7 * k,
                        x + part * w + 2,
                        y - h + 6 + 7 * k,
                        (248, 214, 120) if lit else shade(tone, 0.7),
                    )
        x += w + dice.between(0, 4)
