"""Cars whole and wrecked, an ambulance, a lorry, boats, a helicopter; (x, y) is the bottom centre."""

from __future__ import annotations

from crisisweave.datasets.demo.canvas import Canvas, Colour, Point, see_through, shade, turned
from crisisweave.datasets.demo.dice import Dice

TYRE: Colour = (28, 28, 30)
GLASS: Colour = (168, 200, 218)
RED: Colour = (206, 36, 36)
WHITE: Colour = (244, 244, 242)


def _wheel(c: Canvas, x: float, y: float, r: float) -> None:
    c.disc(x, y, r, TYRE)
    c.disc(x, y, r * 0.5, (176, 178, 182))


def car(c: Canvas, x: float, y: float, s: float, colour: Colour, flip: int = 1) -> None:
    """A whole car, 2 `s` long, seen from the side."""

    def at(dx: float, dy: float) -> Point:
        return x + flip * dx * s, y - dy * s

    c.ellipse(x, y, s * 1.05, s * 0.07, see_through((0, 0, 0), 90))
    c.polygon(
        [
            at(-1, 0.18),
            at(-1, 0.5),
            at(-0.9, 0.58),
            at(-0.62, 0.62),
            at(-0.4, 0.96),
            at(0.3, 0.96),
            at(0.58, 0.62),
            at(0.92, 0.54),
            at(1, 0.42),
            at(1, 0.18),
        ],
        colour,
    )
    c.polygon([at(-0.52, 0.62), at(-0.34, 0.88), at(-0.06, 0.88), at(-0.06, 0.62)], GLASS)
    c.polygon([at(0.0, 0.62), at(0.0, 0.88), at(0.26, 0.88), at(0.46, 0.62)], GLASS)
    c.polygon([at(-1, 0.18), at(-1, 0.3), at(1, 0.3), at(1, 0.18)], shade(colour, 0.7))
    c.line([at(-0.03, 0.62), at(-0.03, 0.2)], 1.2, shade(colour, 0.6))
    c.rectangle(*at(-0.22, 0.54), *at(-0.12, 0.51), shade(colour, 0.5))
    c.disc(*at(0.93, 0.46), 0.06 * s, (255, 244, 190))
    c.rectangle(*at(-1, 0.5), *at(-0.94, 0.42), (200, 30, 30))
    _wheel(c, *at(-0.58, 0.18), 0.2 * s)
    _wheel(c, *at(0.6, 0.18), 0.2 * s)


def crushed_car(
    c: Canvas, x: float, y: float, s: float, colour: Colour, dice: Dice, flip: int, mild: bool
) -> None:
    """A car with a dented roof or bonnet, broken windows, a wheel askew; badly: flattened and leaning."""

    def at(dx: float, dy: float) -> Point:
        return x + flip * dx * s, y - dy * s

    c.ellipse(x, y, s * 1.1, s * 0.08, see_through((0, 0, 0), 90))
    if mild:
        body = [
            at(-1, 0.18),
            at(-1, 0.5),
            at(-0.62, 0.62),
            at(-0.4, 0.96),
            at(0.2, 0.96),
            at(0.5, 0.62),
            at(0.6, 0.48),
            at(0.68, 0.62),
            at(0.76, 0.4),
            at(0.86, 0.46),
            at(0.84, 0.18),
        ]
    else:
        body = [
            at(-1, 0.18),
            at(-0.98, 0.46),
            at(-0.7, 0.58),
            at(-0.46, 0.84),
            at(-0.2, 0.52),
            at(0, 0.6),
            at(0.18, 0.46),
            at(0.4, 0.62),
            at(0.55, 0.5),
            at(0.7, 0.6),
            at(0.78, 0.38),
            at(0.9, 0.44),
            at(0.86, 0.16),
        ]
    tilt = 0.0 if mild else flip * dice.between(-7, 3)
    c.polygon(turned(body, (x, y), tilt), colour)
    c.polygon(
        turned([at(-1, 0.18), at(-0.98, 0.3), at(0.85, 0.28), at(0.84, 0.18)], (x, y), tilt),
        shade(colour, 0.6),
    )
    if mild:
        c.polygon([at(-0.52, 0.62), at(-0.34, 0.88), at(-0.06, 0.88), at(-0.06, 0.62)], GLASS)
        c.polygon([at(0.0, 0.62), at(0.0, 0.88), at(0.18, 0.88), at(0.36, 0.62)], (40, 42, 46))
    else:
        c.polygon(turned([at(-0.54, 0.56), at(-0.44, 0.74), at(-0.24, 0.5)], (x, y), tilt), (40, 42, 46))
        c.polygon(
            turned([at(-0.12, 0.5), at(0.02, 0.54), at(0.14, 0.42), at(0, 0.38)], (x, y), tilt), (40, 42, 46)
        )
        c.polygon(
            turned([at(0.3, 0.5), at(0.4, 0.56), at(0.5, 0.44), at(0.36, 0.4)], (x, y), tilt), (40, 42, 46)
        )
    for _ in range(7 if mild else 16):
        px, py = at(dice.between(0.3 if mild else -0.9, 0.85), dice.between(0.2, 0.5))
        c.line(
            [(px, py), (px + dice.between(-0.12, 0.12) * s, py + dice.between(-0.1, 0.1) * s)],
            1.6,
            dice.pick((shade(colour, 0.45), (150, 150, 150), (110, 74, 50))),
        )
    _wheel(c, *at(-0.58, 0.18), 0.2 * s)
    wx, wy = at(0.62, 0.14)
    c.ellipse(wx, wy, 0.2 * s, (0.2 if mild else 0.1) * s, TYRE)
    for _ in range(14):
        px, py = x + dice.between(-1.2, 1.2) * s, y + dice.between(-0.02, 0.1) * s
        c.polygon(
            [(px, py), (px + 3, py - 2), (px + 4, py + 1)],
            dice.pick((GLASS, shade(colour, 0.8), (210, 220, 224))),
        )


def burnt_car(c: Canvas, x: float, y: float, s: float, dice: Dice, flip: int) -> None:
    """The bare shell of a car: rust and soot, no glass, wheels down to the rims."""

    def at(dx: float, dy: float) -> Point:
        return x + flip * dx * s, y - dy * s

    for n in range(5):
        c.disc(
            x + dice.between(-0.4, 0.4) * s,
            y - s * (0.9 + 0.16 * n),
            s * (0.14 + 0.05 * n),
            see_through((90, 88, 88), 90),
        )
    c.ellipse(x, y, s * 1.3, s * 0.14, (30, 27, 26))
    c.polygon(
        [
            at(-1, 0.1),
            at(-1, 0.46),
            at(-0.62, 0.56),
            at(-0.42, 0.92),
            at(0.3, 0.9),
            at(0.56, 0.54),
            at(1, 0.42),
            at(1, 0.1),
        ],
        (84, 58, 44),
    )
    c.polygon([at(-0.52, 0.56), at(-0.35, 0.82), at(-0.06, 0.82), at(-0.06, 0.54)], (18, 16, 16))
    c.polygon([at(0.0, 0.54), at(0.0, 0.82), at(0.25, 0.8), at(0.44, 0.54)], (18, 16, 16))
    for _ in range(16):
        px, py = at(dice.between(-0.95, 0.9), dice.between(0.12, 0.5))
        c.ellipse(
            px,
            py,
            dice.between(0.04, 0.13) * s,
            dice.between(0.03, 0.07) * s,
            see_through(dice.pick(((26, 24, 24), (140, 84, 50), (60, 52, 48), (168, 160, 152))), 190),
        )
    for dx in (-0.58, 0.6):
        c.disc(*at(dx, 0.12), 0.14 * s, (20, 19, 19))
        c.ring(*at(dx, 0.12), 0.1 * s, 0.1 * s, 2, (120, 112, 106))


def cross(c: Canvas, x: float, y: float, r: float, colour: Colour) -> None:
    c.rectangle(x - r, y - r * 0.34, x + r, y + r * 0.34, colour)
    c.rectangle(x - r * 0.34, y - r, x + r * 0.34, y + r, colour)


def ambulance(c: Canvas, x: float, y: float, s: float, flip: int = 1, flashing: bool = False) -> None:
    """A white van with a red stripe, a red cross and a blue light, 2.2 `s` long."""

    def at(dx: float, dy: float) -> Point:
        return x + flip * dx * s, y - dy * s

    c.ellipse(x, y, s * 1.15, s * 0.07, see_through((0, 0, 0), 90))
    c.polygon(
        [
            at(-1.1, 0.18),
            at(-1.1, 1.25),
            at(0.55, 1.25),
            at(0.62, 1.02),
            at(0.86, 0.66),
            at(1.1, 0.56),
            at(1.1, 0.18),
        ],
        WHITE,
    )
    c.polygon([at(0.6, 0.66), at(0.6, 0.98), at(0.68, 0.96), at(0.84, 0.66)], GLASS)
    c.rectangle(*at(0.5, 0.95), *at(0.3, 0.68), GLASS)
    c.rectangle(*at(-1.1, 0.56), *at(1.08, 0.4), RED)
    c.rectangle(*at(-1.1, 0.28), *at(1.1, 0.18), (120, 122, 126))
    cross(c, *at(-0.4, 0.9), 0.22 * s, RED)
    c.rectangle(*at(0.28, 1.25), *at(0.5, 1.38), (40, 110, 240))
    if flashing:
        c.disc(*at(0.39, 1.34), 0.3 * s, see_through((120, 170, 255), 110))
    _wheel(c, *at(-0.66, 0.18), 0.22 * s)
    _wheel(c, *at(0.66, 0.18), 0.22 * s)


def lorry(c: Canvas, x: float, y: float, s: float, colour: Colour, flip: int = 1) -> tuple[float, float]:
    """A lorry with an open bed, 2.8 `s` long. Gives the middle of the bed's floor."""

    def at(dx: float, dy: float) -> Point:
        return x + flip * dx * s, y - dy * s

    c.ellipse(x, y, s * 1.45, s * 0.07, see_through((0, 0, 0), 90))
    c.rectangle(*at(-1.4, 0.5), *at(0.55, 0.34), (70, 70, 74))
    c.rectangle(*at(-1.4, 0.66), *at(0.5, 0.48), shade(colour, 0.75))
    c.polygon(
        [at(0.62, 0.3), at(0.62, 1.3), at(1.1, 1.3), at(1.28, 0.84), at(1.4, 0.78), at(1.4, 0.3)], colour
    )
    c.polygon([at(0.78, 0.86), at(0.78, 1.2), at(1.04, 1.2), at(1.18, 0.86)], GLASS)
    c.rectangle(*at(1.3, 0.52), *at(1.4, 0.42), (255, 244, 190))
    for dx in (-1.0, -0.5, 1.0):
        _wheel(c, *at(dx, 0.2), 0.22 * s)
    return at(-0.45, 0.66)


def rescue_boat(c: Canvas, x: float, y: float, s: float, colour: Colour, flip: int = 1) -> None:
    """An inflatable with an outboard motor; (x, y) is the water line; 2.6 `s` long."""

    def at(dx: float, dy: float) -> Point:
        return x + flip * dx * s, y - dy * s

    c.polygon(
        [at(-1.2, 0.42), at(1.0, 0.42), at(1.32, 0.62), at(1.2, 0.22), at(0.95, -0.02), at(-1.05, -0.02)],
        colour,
    )
    c.polygon(
        [at(-1.2, 0.42), at(1.0, 0.42), at(1.32, 0.62), at(1.26, 0.38), at(1.0, 0.28), at(-1.16, 0.28)],
        shade(colour, 1.25),
    )
    c.line([at(-1.1, 0.2), at(1.1, 0.2)], 1.5, WHITE)
    c.rectangle(*at(-1.36, 0.66), *at(-1.18, 0.2), (40, 40, 44))
    c.ellipse(*at(0, -0.04), 1.35 * s, 0.1 * s, see_through((235, 235, 225), 110))


def sailing_boat(c: Canvas, x: float, y: float, s: float, colour: Colour) -> None:
    c.polygon(
        [(x - 0.7 * s, y - 0.25 * s), (x + 0.75 * s, y - 0.25 * s), (x + 0.5 * s, y), (x - 0.5 * s, y)],
        colour,
    )
    c.line([(x, y - 0.25 * s), (x, y - 2.1 * s)], 2, (110, 84, 60))
    c.polygon([(x + 0.05 * s, y - 2.05 * s), (x + 0.05 * s, y - 0.4 * s), (x + 0.75 * s, y - 0.4 * s)], WHITE)
    c.polygon(
        [(x - 0.05 * s, y - 1.8 * s), (x - 0.05 * s, y - 0.4 * s), (x - 0.6 * s, y - 0.4 * s)],
        (232, 226, 214),
    )


def helicopter(c: Canvas, x: float, y: float, s: float, colour: Colour, flip: int = 1) -> None:
    """A helicopter about (x, y), the middle of its cabin."""

    def at(dx: float, dy: float) -> Point:
        return x + flip * dx * s, y - dy * s

    c.polygon([at(-0.3, 0.22), at(-1.7, 0.3), at(-1.7, 0.16), at(-0.3, -0.2)], shade(colour, 0.85))
    c.polygon([at(-1.55, 0.2), at(-1.85, 0.66), at(-1.65, 0.66), at(-1.4, 0.24)], shade(colour, 0.85))
    c.ellipse(x, y, 0.75 * s, 0.42 * s, colour)
    c.polygon([at(0.2, 0.3), at(0.25, -0.1), at(0.72, -0.08), at(0.56, 0.22)], GLASS)
    c.rectangle(*at(-0.3, 0.2), *at(0.1, -0.18), (50, 52, 58))
    cross(c, *at(-0.5, 0.0), 0.12 * s, WHITE)
    c.line([at(-0.05, 0.4), at(-0.05, 0.58)], 3, (60, 60, 64))
    c.line([at(-1.5, 0.62), at(1.45, 0.56)], 3, (40, 40, 44))
    c.line([at(-0.6, -0.6), at(0.6, -0.6)], 2.5, (60, 60, 64))
    for dx in (-0.3, 0.3):
        c.line([at(dx, -0.38), at(dx, -0.6)], 2, (60, 60, 64))
