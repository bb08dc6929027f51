"""Nature, animals, food, signs and screens; (x, y) is the bottom centre unless said otherwise."""

from __future__ import annotations

import math

from crisisweave.datasets.demo.canvas import Canvas, Colour, Point, mix, see_through, shade, turned
from crisisweave.datasets.demo.dice import Dice

WHITE: Colour = (246, 246, 242)
RED: Colour = (206, 36, 36)
LAND: Colour = (122, 148, 92)


def tree(
    c: Canvas,
    x: float,
    y: float,
    s: float,
    dice: Dice,
    *,
    palm: bool = False,
    burnt: bool = False,
    fallen: int = 0,
) -> None:
    """A tree `s` high: leafy, a palm, black and bare, or fallen to one side (`fallen` = ±1)."""
    angle = 78 * fallen

    def at(dx: float, dy: float) -> Point:
        return turned([(x + dx * s, y - dy * s)], (x, y), angle)[0]

    bark: Colour = (30, 26, 24) if burnt else (98, 70, 46)
    c.polygon([at(-0.05, 0), at(0.05, 0), at(0.03, 0.55), at(-0.03, 0.55)], bark)
    if burnt:
        for dx, dy in ((-0.22, 0.9), (0.2, 0.95), (0.0, 1.05), (-0.26, 0.62), (0.26, 0.66)):
            c.line([at(0, 0.45), at(dx * 0.5, dy * 0.7), at(dx, dy)], max(1.5, 0.03 * s), bark)
    elif palm:
        c.polygon([at(-0.03, 0), at(0.03, 0), at(0.03, 0.85), at(-0.01, 0.85)], bark)
        for degrees in (200, 235, 270, 305, 340, 170, 10):
            dx, dy = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
            mid, tip = at(dx * 0.2, 0.88 - dy * 0.14), at(dx * 0.42, 0.82 - dy * 0.06)
            c.line([at(0, 0.86), mid, tip], max(2, 0.05 * s), (58, 122, 58))
    else:
        green = shade((66, 118, 54), dice.between(0.8, 1.2))
        for dx, dy, r in (
            (-0.2, 0.6, 0.22),
            (0.2, 0.6, 0.22),
            (0, 0.78, 0.27),
            (-0.1, 0.68, 0.2),
            (0.12, 0.82, 0.17),
        ):
            px, py = at(dx, dy)
            c.disc(px, py, r * s, shade(green, 0.8 + dy * 0.35))
    if fallen:
        for dx in (-0.14, -0.07, 0.02, 0.1):
            c.line([at(0, 0), at(dx, -0.14)], max(1.5, 0.03 * s), (80, 56, 38))


def ripples(c: Canvas, y0: float, y1: float, dice: Dice, colour: Colour, many: int = 26) -> None:
    """Short light and dark strokes over water between two heights, longer and thicker when near."""
    for _ in range(many):
        near = dice.between(0, 1)
        y, x = y0 + (y1 - y0) * near, dice.between(0, c.width)
        length = 8 + 34 * near
        tone = see_through(shade(colour, 1.25 if dice.chance(0.6) else 0.78), 130)
        c.line([(x - length / 2, y), (x, y - 1.2), (x + length / 2, y)], 1 + 1.4 * near, tone)


def cat(c: Canvas, x: float, y: float, s: float, dice: Dice, coat: Colour) -> None:
    """A cat sitting, `s` high, looking at the viewer."""
    dark = shade(coat, 0.66)
    side = dice.sign()
    c.line(
        [
            (x + side * 0.24 * s, y - 0.06 * s),
            (x + side * 0.46 * s, y - 0.1 * s),
            (x + side * 0.5 * s, y - 0.34 * s),
            (x + side * 0.42 * s, y - 0.44 * s),
        ],
        0.085 * s,
        dark,
    )
    c.ellipse(x, y - 0.26 * s, 0.27 * s, 0.27 * s, coat)
    c.ellipse(x, y - 0.2 * s, 0.13 * s, 0.2 * s, shade(coat, 1.28))
    for dx in (-0.11, 0.11):
        c.line([(x + dx * s, y - 0.3 * s), (x + dx * s, y - 0.03 * s)], 0.1 * s, coat)
        c.ellipse(x + dx * s, y - 0.035 * s, 0.075 * s, 0.04 * s, shade(coat, 1.3))
    hx, hy, r = x, y - 0.66 * s, 0.235 * s
    for dx in (-1, 1):
        c.polygon(
            [
                (hx + dx * r * 0.95, hy - r * 0.1),
                (hx + dx * r * 0.9, hy - r * 1.45),
                (hx + dx * r * 0.18, hy - r * 0.75),
            ],
            coat,
        )
        c.polygon(
            [
                (hx + dx * r * 0.82, hy - r * 0.35),
                (hx + dx * r * 0.8, hy - r * 1.15),
                (hx + dx * r * 0.35, hy - r * 0.72),
            ],
            (226, 160, 150),
        )
    c.ellipse(hx, hy, r * 1.1, r * 0.95, coat)
    for dx in (-0.35, 0.0, 0.35):
        c.line([(hx + dx * r, hy - r * 0.9), (hx + dx * r * 0.8, hy - r * 0.5)], max(1.5, 0.025 * s), dark)
    for dx in (-1, 1):
        c.ellipse(hx + dx * r * 0.45, hy - r * 0.08, r * 0.25, r * 0.25, (176, 206, 80))
        c.ellipse(hx + dx * r * 0.45, hy - r * 0.08, r * 0.09, r * 0.23, (16, 16, 14))
        for k in (-1, 0, 1):
            c.line(
                [(hx + dx * r * 0.25, hy + r * 0.45), (hx + dx * r * 1.5, hy + r * (0.4 + 0.22 * k))],
                1,
                (240, 240, 236),
            )
    c.ellipse(hx, hy + r * 0.5, r * 0.36, r * 0.26, shade(coat, 1.3))
    c.polygon(
        [(hx - r * 0.12, hy + r * 0.26), (hx + r * 0.12, hy + r * 0.26), (hx, hy + r * 0.42)], (220, 120, 120)
    )
    c.line(
        [(hx - r * 0.2, hy + r * 0.62), (hx, hy + r * 0.48), (hx + r * 0.2, hy + r * 0.62)], 1.2, (80, 50, 44)
    )


def dog(c: Canvas, x: float, y: float, s: float, coat: Colour, flip: int) -> None:
    """A dog standing, about `s` high, seen from the side."""
    dark = shade(coat, 0.7)
    for dx in (-0.42, -0.26, 0.24, 0.38):
        c.line([(x + dx * s, y - 0.36 * s), (x + dx * s, y)], 0.1 * s, dark if dx in (-0.26, 0.24) else coat)
    c.ellipse(x, y - 0.45 * s, 0.52 * s, 0.2 * s, coat)
    c.line([(x - flip * 0.48 * s, y - 0.5 * s), (x - flip * 0.66 * s, y - 0.8 * s)], 0.07 * s, coat)
    hx, hy = x + flip * 0.55 * s, y - 0.74 * s
    c.line([(x + flip * 0.38 * s, y - 0.5 * s), (hx, hy)], 0.2 * s, coat)
    c.disc(hx, hy, 0.17 * s, coat)
    c.ellipse(hx + flip * 0.18 * s, hy + 0.04 * s, 0.14 * s, 0.09 * s, shade(coat, 1.15))
    c.disc(hx + flip * 0.3 * s, hy + 0.01 * s, 0.04 * s, (20, 18, 18))
    c.disc(hx + flip * 0.06 * s, hy - 0.05 * s, 0.03 * s, (20, 18, 18))
    c.ellipse(hx - flip * 0.1 * s, hy + 0.04 * s, 0.07 * s, 0.16 * s, dark)
    c.rectangle(hx - 0.12 * s, hy + 0.12 * s, hx + 0.1 * s, hy + 0.17 * s, RED)


def pizza(c: Canvas, x: float, y: float, r: float, dice: Dice) -> None:
    """A pizza on a plate seen from above; (x, y) is its middle."""
    c.disc(x + 2, y + 4, r * 1.2, see_through((0, 0, 0), 70))
    c.disc(x, y, r * 1.2, WHITE)
    c.ring(x, y, r * 1.12, r * 1.12, 1.5, (206, 206, 200))
    c.disc(x, y, r, (204, 146, 76))
    c.disc(x, y, r * 0.88, (238, 190, 84))
    for n in range(9):
        angle, far = n * 2.4 + dice.between(0, 0.5), r * (0.25 + 0.5 * ((n * 5) % 9) / 9)
        px, py = x + far * math.cos(angle), y + far * math.sin(angle)
        c.disc(px, py, r * 0.15, (190, 44, 32))
        c.disc(px, py, r * 0.1, (212, 74, 52))
    for n in range(6):
        angle, far = n * 1.1 + dice.between(0, 0.6), r * dice.between(0.2, 0.75)
        c.ellipse(x + far * math.cos(angle), y + far * math.sin(angle), r * 0.1, r * 0.06, (66, 128, 52))
    for n in range(4):
        angle = n * math.pi / 4 + 0.2
        dx, dy = r * math.cos(angle), r * math.sin(angle)
        c.line([(x - dx, y - dy), (x + dx, y + dy)], 1.2, (176, 116, 52))


def burger(c: Canvas, x: float, y: float, s: float, dice: Dice) -> None:
    """A burger and chips on a plate."""
    c.ellipse(x, y, s * 1.05, s * 0.26, WHITE)
    c.ellipse(x, y - 0.03 * s, s * 0.85, s * 0.19, (226, 226, 222))
    for n in range(9):
        cx = x + 0.5 * s + dice.between(-0.15, 0.3) * s
        c.polygon(
            turned(
                [(cx, y), (cx + 0.06 * s, y), (cx + 0.06 * s, y - 0.4 * s), (cx, y - 0.4 * s)],
                (cx, y),
                (n - 4) * 8,
            ),
            (244, 204, 92),
        )
    bx = x - 0.22 * s
    c.rounded(bx - 0.45 * s, y - 0.24 * s, bx + 0.45 * s, y, 0.08 * s, (208, 144, 74))
    c.rounded(bx - 0.48 * s, y - 0.4 * s, bx + 0.48 * s, y - 0.22 * s, 0.07 * s, (96, 56, 36))
    c.polygon(
        [
            (bx - 0.5 * s, y - 0.4 * s),
            (bx + 0.5 * s, y - 0.4 * s),
            (bx + 0.3 * s, y - 0.26 * s),
            (bx + 0.05 * s, y - 0.38 * s),
            (bx - 0.25 * s, y - 0.28 * s),
        ],
        (250, 200, 50),
    )
    for n in range(7):
        c.disc(bx + (n - 3) * 0.15 * s, y - 0.44 * s, 0.08 * s, (112, 178, 68))
    c.rectangle(bx - 0.44 * s, y - 0.52 * s, bx + 0.44 * s, y - 0.46 * s, (204, 52, 40))
    c.ellipse(bx, y - 0.54 * s, 0.46 * s, 0.3 * s, (222, 158, 84))
    c.rectangle(bx - 0.46 * s, y - 0.54 * s, bx + 0.46 * s, y - 0.5 * s, (222, 158, 84))
    for _ in range(14):
        c.ellipse(
            bx + dice.between(-0.32, 0.32) * s,
            y - dice.between(0.6, 0.78) * s,
            0.025 * s,
            0.015 * s,
            (252, 238, 206),
        )


def noodles(c: Canvas, x: float, y: float, s: float, dice: Dice) -> None:
    """A bowl of noodle soup with an egg and chopsticks."""
    bowl = dice.pick(((180, 44, 40), (44, 76, 130), (50, 50, 54)))
    c.ellipse(x, y, 0.7 * s, 0.1 * s, see_through((0, 0, 0), 80))
    c.polygon(
        [(x - 0.8 * s, y - 0.55 * s), (x + 0.8 * s, y - 0.55 * s), (x + 0.4 * s, y), (x - 0.4 * s, y)], bowl
    )
    c.ellipse(x, y - 0.55 * s, 0.8 * s, 0.25 * s, shade(bowl, 1.3))
    c.ellipse(x, y - 0.55 * s, 0.72 * s, 0.2 * s, (210, 140, 66))
    for _ in range(12):
        px, py = x + dice.between(-0.45, 0.35) * s, y - 0.55 * s + dice.between(-0.1, 0.1) * s
        c.line([(px, py), (px + 0.1 * s, py - 0.05 * s), (px + 0.2 * s, py + 0.03 * s)], 2, (248, 222, 150))
    c.ellipse(x + 0.3 * s, y - 0.58 * s, 0.17 * s, 0.1 * s, WHITE)
    c.ellipse(x + 0.3 * s, y - 0.58 * s, 0.08 * s, 0.055 * s, (246, 176, 40))
    c.ellipse(x - 0.3 * s, y - 0.5 * s, 0.12 * s, 0.06 * s, (76, 140, 60))
    for k in (0, 1):
        c.line([(x - 0.1 * s, y - 0.5 * s), (x + (0.75 + 0.1 * k) * s, y - 1.25 * s)], 3, (142, 88, 48))


def ball(c: Canvas, x: float, y: float, r: float) -> None:
    """A football; (x, y) is its middle."""
    c.disc(x, y, r, WHITE)
    c.polygon(
        [(x + 0.42 * r * math.cos(a), y + 0.42 * r * math.sin(a)) for a in (-1.57, -0.31, 0.94, 2.2, 3.46)],
        (24, 24, 26),
    )
    for a in (-1.57, -0.31, 0.94, 2.2, 3.46):
        c.disc(x + 0.86 * r * math.cos(a), y + 0.86 * r * math.sin(a), 0.2 * r, (24, 24, 26))
    c.ring(x, y, r, r, 1, (120, 120, 120))


def goal(c: Canvas, x: float, y: float, s: float) -> None:
    for k in range(11):
        c.line([(x - s + k * s / 5, y - s), (x - s + k * s / 5, y)], 0.6, (225, 230, 230, 150))
    for k in range(6):
        c.line([(x - s, y - k * s / 5), (x + s, y - k * s / 5)], 0.6, (225, 230, 230, 150))
    c.line([(x - s, y), (x - s, y - s), (x + s, y - s), (x + s, y)], 4, WHITE)


def barrier(c: Canvas, x: float, y: float, s: float, words: str) -> None:
    """A striped barrier across a road with a sign above it."""
    for dx in (-0.8, 0.8):
        c.rectangle(x + dx * s - 3, y - 0.75 * s, x + dx * s + 3, y, (80, 80, 84))
    c.rectangle(x - s, y - 0.62 * s, x + s, y - 0.38 * s, WHITE)
    k = -1.0
    while k < 0.95:
        left, right = x + k * s, x + min(k + 0.17, 1.0) * s
        c.polygon(
            [
                (left, y - 0.38 * s),
                (right, y - 0.38 * s),
                (min(right + 0.12 * s, x + s), y - 0.62 * s),
                (left + 0.12 * s, y - 0.62 * s),
            ],
            RED,
        )
        k += 0.34
    lines = words.split("|")
    size = 0.26 * s
    half = max(0.45 * s, max(c.text_width(w, size) for w in lines) / 2 + 0.1 * s)
    top = y - 0.72 * s - (0.18 + 0.3 * len(lines)) * s
    c.rounded(x - half - 2, top - 2, x + half + 2, y - 0.7 * s + 2, 5, (30, 30, 32))
    c.rounded(x - half, top, x + half, y - 0.7 * s, 4, (250, 190, 30))
    for n, word in enumerate(lines):
        c.text(x, top + (0.24 + 0.3 * n) * s, word, size, (20, 20, 20))


def sun(c: Canvas, x: float, y: float, r: float) -> None:
    for k in range(4):
        c.disc(x, y, r * (1.9 - 0.25 * k), (255, 226, 130, 40))
    c.disc(x, y, r, (255, 236, 160))


def cloud(c: Canvas, x: float, y: float, s: float, colour: Colour) -> None:
    for dx, dy, r in ((-0.6, 0.05, 0.35), (-0.2, -0.12, 0.45), (0.25, -0.05, 0.42), (0.65, 0.08, 0.3)):
        c.ellipse(x + dx * s, y + dy * s, r * s, r * 0.6 * s, colour)


def caption_bar(c: Canvas, words: str, colour: Colour, *, top: bool = False) -> None:
    """A television-like bar with words over the full width."""
    h = c.height * 0.14
    y0 = 0.0 if top else c.height - h
    c.rectangle(0, y0, c.width, y0 + h, colour)
    size = h * 0.6
    wide = c.text_width(words, size)
    if wide > c.width * 0.92:
        size *= c.width * 0.92 / wide
    c.text(c.width / 2, y0 + h / 2, words, size, WHITE)


def coast(c: Canvas, dice: Dice, land: Colour, side: int) -> None:
    """Land along one side of the picture and a few islands."""
    w, h = c.width, c.height
    edge: list[Point] = []
    x = 0.3 * w
    for n in range(13):
        x += dice.between(-0.05, 0.05) * w
        x = min(max(x, 0.16 * w), 0.42 * w)
        edge.append((x if side < 0 else w - x, n * h / 12))
    corner = 0.0 if side < 0 else float(w)
    c.polygon([(corner, 0), *edge, (corner, h)], land)
    c.line(edge, 1.2, shade(land, 0.6))
    for _ in range(3):
        ix, iy = w / 2 - side * dice.between(0.0, 0.42) * w, dice.between(0.1, 0.8) * h
        c.ellipse(ix, iy, dice.between(6, 14), dice.between(4, 8), land)


def swirl(c: Canvas, x: float, y: float, r: float, turn: float, dense: bool = True) -> None:
    """A storm from above: spiral arms of cloud about an eye."""
    for k in range(3):
        c.disc(x, y, r * (0.78 - 0.16 * k), (236, 240, 244, 70))
    for arm in range(4):
        for n in range(44):
            out = n / 43
            angle = turn + arm * math.pi / 2 + out * 3.4
            far = r * (0.14 + 0.95 * out)
            px, py = x + far * math.cos(angle), y + far * math.sin(angle) * 0.86
            c.disc(px, py, r * (0.22 - 0.15 * out), (248, 250, 252, 170 if dense else 110))
    c.disc(x, y, r * 0.22, (252, 252, 254, 230))
    c.disc(x, y, r * 0.09, (28, 60, 96))


def track(c: Canvas, points: list[Point], spread: float) -> None:
    """The forecast path of a storm: a widening cone, a dashed line and dots."""
    (x0, y0), (x1, y1) = points[0], points[-1]
    c.polygon(
        [(x0, y0), (x1 - spread, y1 - spread * 0.5), (x1 + spread * 0.4, y1 + spread)], (255, 250, 210, 120)
    )
    c.line(points, 2, (200, 30, 30))
    for px, py in points:
        c.disc(px, py, 4.5, (200, 30, 30))
        c.disc(px, py, 2.5, (255, 220, 60))


def meme_face(c: Canvas, x: float, y: float, r: float, mood: str) -> None:
    """A yellow face about (x, y): laugh, wink or grin."""
    c.disc(x, y, r, (252, 206, 60))
    c.ring(x, y, r, r, max(1.5, r * 0.05), (200, 140, 20))
    for dx in (-1, 1):
        if mood == "laugh":
            c.line(
                [
                    (x + dx * r * 0.55, y - r * 0.05),
                    (x + dx * r * 0.36, y - r * 0.3),
                    (x + dx * r * 0.15, y - r * 0.05),
                ],
                r * 0.09,
                (60, 40, 20),
            )
            c.ellipse(x + dx * r * 0.78, y + r * 0.15, r * 0.14, r * 0.22, (90, 170, 240))
        elif mood == "wink" and dx > 0:
            c.line([(x + r * 0.15, y - r * 0.15), (x + r * 0.5, y - r * 0.15)], r * 0.09, (60, 40, 20))
        else:
            c.ellipse(x + dx * r * 0.35, y - r * 0.2, r * 0.12, r * 0.18, (60, 40, 20))
    c.polygon(
        [
            (x - r * 0.6, y + r * 0.15),
            (x + r * 0.6, y + r * 0.15),
            (x + r * 0.38, y + r * 0.62),
            (x, y + r * 0.75),
            (x - r * 0.38, y + r * 0.62),
        ],
        (120, 40, 30),
    )
    c.rectangle(x - r * 0.48, y + r * 0.17, x + r * 0.48, y + r * 0.3, WHITE)


def phone(c: Canvas, x: float, y: float, s: float, screen: Colour) -> None:
    """A mobile phone on display, `s` high."""
    c.ellipse(x, y, 0.4 * s, 0.05 * s, see_through((0, 0, 0), 80))
    c.rounded(x - 0.27 * s, y - s, x + 0.27 * s, y, 0.06 * s, (24, 24, 28))
    c.rounded(x - 0.24 * s, y - 0.95 * s, x + 0.24 * s, y - 0.05 * s, 0.04 * s, screen)
    for row in range(4):
        for col in range(3):
            c.rounded(
                x + (col - 1) * 0.15 * s - 0.05 * s,
                y - (0.8 - row * 0.17) * s,
                x + (col - 1) * 0.15 * s + 0.05 * s,
                y - (0.7 - row * 0.17) * s,
                0.02 * s,
                mix(screen, ((252, 100, 90), (250, 220, 80), (110, 220, 140))[(row + col) % 3], 0.8),
            )


def shoe(c: Canvas, x: float, y: float, s: float, colour: Colour, flip: int) -> None:
    """A sports shoe, 1.6 `s` long."""

    def at(dx: float, dy: float) -> Point:
        return x + flip * dx * s, y - dy * s

    c.ellipse(x, y + 2, 0.85 * s, 0.06 * s, see_through((0, 0, 0), 80))
    c.polygon(
        [
            at(-0.8, 0.12),
            at(-0.82, 0.62),
            at(-0.6, 0.7),
            at(-0.34, 0.62),
            at(0.1, 0.4),
            at(0.5, 0.34),
            at(0.8, 0.22),
            at(0.82, 0.12),
        ],
        colour,
    )
    c.polygon([at(-0.84, 0.14), at(0.84, 0.14), at(0.8, 0), at(-0.8, 0)], WHITE)
    c.polygon([at(-0.5, 0.16), at(-0.1, 0.2), at(0.05, 0.36), at(-0.05, 0.4)], shade(colour, 1.5))
    for k in range(4):
        c.line([at(-0.3 + 0.13 * k, 0.62 - 0.07 * k), at(-0.16 + 0.13 * k, 0.46 - 0.05 * k)], 2.5, WHITE)


def balloon(c: Canvas, x: float, y: float, s: float, colour: Colour) -> None:
    c.line([(x, y), (x + 0.1 * s, y + s), (x - 0.05 * s, y + 1.8 * s)], 1, (90, 90, 90))
    c.ellipse(x, y, 0.42 * s, 0.52 * s, colour)
    c.ellipse(x - 0.14 * s, y - 0.18 * s, 0.09 * s, 0.14 * s, shade(colour, 1.4))
