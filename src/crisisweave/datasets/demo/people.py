"""People in a few poses, and what they hold; (x, y) is the ground below them, `h` their standing height."""

from __future__ import annotations

from typing import Literal

from crisisweave.datasets.demo.canvas import Canvas, Colour, Point, shade, turned
from crisisweave.datasets.demo.dice import Dice
from crisisweave.datasets.demo.vehicles import RED, WHITE, cross

SKIN: tuple[Colour, ...] = ((238, 200, 168), (214, 164, 124), (172, 118, 82), (122, 80, 56), (90, 60, 44))
HAIR: tuple[Colour, ...] = ((38, 30, 26), (70, 46, 30), (120, 84, 48), (150, 150, 150), (24, 22, 24))
VEST: Colour = (246, 118, 22)
BAND: Colour = (240, 240, 170)
CARDBOARD: Colour = (190, 146, 96)
BANDAGE: Colour = (246, 244, 240)

Pose = Literal["stand", "walk", "reach", "cheer", "run"]


def _head(
    c: Canvas, x: float, y: float, r: float, skin: Colour, dice: Dice, helmet: bool, bandaged: bool
) -> None:
    hair = dice.pick(HAIR)
    if dice.chance(0.4) and not helmet:
        c.ellipse(x, y + r * 0.05, r * 1.18, r * 1.1, hair)  # long hair behind the face
    c.disc(x, y, r, skin)
    if helmet:
        c.ellipse(x, y - r * 0.45, r * 1.1, r * 0.75, (240, 196, 30))
        c.rectangle(x - r * 1.25, y - r * 0.35, x + r * 1.25, y - r * 0.1, (240, 196, 30))
    else:
        c.ellipse(x, y - r * 0.5, r * 1.02, r * 0.62, hair)
    if r > 4:
        c.disc(x - r * 0.35, y + r * 0.1, r * 0.11, (30, 26, 24))
        c.disc(x + r * 0.35, y + r * 0.1, r * 0.11, (30, 26, 24))
    if bandaged:
        c.rectangle(x - r * 0.98, y - r * 0.74, x + r * 0.98, y - r * 0.28, BANDAGE)
        c.disc(x + r * 0.4, y - r * 0.52, r * 0.2, RED)


def person(
    c: Canvas,
    x: float,
    y: float,
    h: float,
    dice: Dice,
    cloth: Colour,
    *,
    pose: Pose = "stand",
    vest: bool = False,
    face: int = 1,
    bandaged: bool = False,
) -> None:
    """A person upright. `face` is +1 to the right, -1 to the left; a vest comes with a helmet."""
    skin, trousers = dice.pick(SKIN), dice.pick(((46, 54, 80), (60, 58, 56), (92, 78, 60), (36, 38, 42)))
    hip, neck, w = y - 0.46 * h, y - 0.82 * h, 0.13 * h
    limb = max(2.0, 0.085 * h)
    torso = VEST if vest else cloth
    stride = {"walk": 0.13, "run": 0.26, "stand": 0.05, "reach": 0.08, "cheer": 0.08}[pose] * h
    c.line([(x - 0.03 * h, hip), (x - stride, y)], limb, trousers)
    if pose == "run":
        c.line(
            [(x + 0.03 * h, hip), (x + stride * 0.8, y - 0.24 * h), (x + stride * 0.5, y - 0.08 * h)],
            limb,
            trousers,
        )
    else:
        c.line([(x + 0.03 * h, hip), (x + stride, y)], limb, trousers)
    c.polygon(
        [(x - w, neck), (x + w, neck), (x + w * 0.9, hip + 0.02 * h), (x - w * 0.9, hip + 0.02 * h)], torso
    )
    if vest:
        c.rectangle(x - w * 0.95, neck + 0.2 * h, x + w * 0.95, neck + 0.25 * h, BAND)
        c.line([(x - w * 0.5, neck), (x - w * 0.5, neck + 0.2 * h)], 0.03 * h, BAND)
        c.line([(x + w * 0.5, neck), (x + w * 0.5, neck + 0.2 * h)], 0.03 * h, BAND)
    sleeve = shade(torso, 0.8)
    shoulder = neck + 0.05 * h
    arms: dict[Pose, list[list[Point]]] = {
        "stand": [[(x - w, shoulder), (x - w * 1.35, hip)], [(x + w, shoulder), (x + w * 1.35, hip)]],
        "walk": [
            [(x - w, shoulder), (x - w * 1.8, hip - 0.04 * h)],
            [(x + w, shoulder), (x + w * 1.8, hip - 0.06 * h)],
        ],
        "run": [
            [(x - w, shoulder), (x - w * 2, shoulder + 0.1 * h), (x - w * 2.2, shoulder - 0.05 * h)],
            [(x + w, shoulder), (x + w * 2, shoulder + 0.14 * h), (x + w * 2.6, shoulder)],
        ],
        "reach": [
            [(x + face * w * 0.5, shoulder), (x + face * 0.34 * h, shoulder + 0.16 * h)],
            [(x + face * w, shoulder), (x + face * 0.36 * h, shoulder + 0.1 * h)],
        ],
        "cheer": [
            [(x - w, shoulder), (x - 0.26 * h, neck - 0.22 * h)],
            [(x + w, shoulder), (x + 0.26 * h, neck - 0.22 * h)],
        ],
    }
    for arm in arms[pose]:
        c.line(arm, limb * 0.8, sleeve)
        c.disc(*arm[-1], limb * 0.45, skin)
    _head(c, x, y - 0.91 * h, 0.085 * h, skin, dice, vest, bandaged)


def bundle(c: Canvas, x: float, y: float, s: float, colour: Colour) -> None:
    """A knotted sack."""
    c.ellipse(x, y - 0.45 * s, 0.55 * s, 0.48 * s, colour)
    c.polygon(
        [
            (x - 0.16 * s, y - 1.08 * s),
            (x + 0.16 * s, y - 1.08 * s),
            (x + 0.08 * s, y - 0.8 * s),
            (x - 0.08 * s, y - 0.8 * s),
        ],
        shade(colour, 0.75),
    )
    c.line(
        [(x - 0.3 * s, y - 0.5 * s), (x, y - 0.8 * s), (x + 0.32 * s, y - 0.4 * s)], 1.3, shade(colour, 0.65)
    )


def sitting(
    c: Canvas,
    x: float,
    y: float,
    h: float,
    dice: Dice,
    cloth: Colour,
    *,
    blanket: bool,
    bandaged: bool = False,
) -> None:
    """A person on the ground with the knees drawn up, perhaps in a blanket."""
    skin, face = dice.pick(SKIN), dice.sign()
    c.line(
        [(x, y - 0.05 * h), (x + face * 0.2 * h, y - 0.26 * h), (x + face * 0.28 * h, y)],
        0.1 * h,
        (52, 54, 66),
    )
    c.ellipse(x, y - 0.2 * h, 0.16 * h, 0.22 * h, cloth)
    c.line([(x, y - 0.3 * h), (x + face * 0.2 * h, y - 0.24 * h)], 0.07 * h, shade(cloth, 0.8))
    if bandaged:  # an arm in a sling
        c.line(
            [(x - 0.1 * h, y - 0.4 * h), (x + face * 0.08 * h, y - 0.14 * h), (x + 0.1 * h, y - 0.4 * h)],
            0.035 * h,
            BANDAGE,
        )
        c.ellipse(x + face * 0.06 * h, y - 0.17 * h, 0.11 * h, 0.055 * h, BANDAGE)
    if blanket:
        c.polygon(
            [(x - 0.08 * h, y - 0.44 * h), (x + 0.1 * h, y - 0.42 * h), (x + 0.24 * h, y), (x - 0.26 * h, y)],
            (196, 200, 206),
        )
        c.line([(x + 0.02 * h, y - 0.4 * h), (x + 0.04 * h, y)], 1.3, (140, 146, 156))
    _head(c, x + face * 0.03 * h, y - 0.5 * h, 0.095 * h, skin, dice, False, bandaged)


def lying(
    c: Canvas, x: float, y: float, h: float, dice: Dice, cloth: Colour, flip: int, covered: bool
) -> None:
    """A person flat on the back, 1 `h` long, head towards `flip`, with a bandaged head and blood."""
    skin = dice.pick(SKIN)
    c.line([(x - flip * 0.45 * h, y - 0.05 * h), (x - flip * 0.05 * h, y - 0.08 * h)], 0.12 * h, (52, 56, 74))
    c.line([(x - flip * 0.05 * h, y - 0.1 * h), (x + flip * 0.3 * h, y - 0.11 * h)], 0.19 * h, cloth)
    c.line([(x + flip * 0.26 * h, y - 0.1 * h), (x + flip * 0.02 * h, y - 0.01 * h)], 0.06 * h, skin)
    if covered:
        c.polygon(
            [
                (x - flip * 0.48 * h, y),
                (x - flip * 0.46 * h, y - 0.14 * h),
                (x + flip * 0.14 * h, y - 0.25 * h),
                (x + flip * 0.18 * h, y),
            ],
            (226, 228, 230),
        )
        c.line(
            [(x - flip * 0.4 * h, y - 0.06 * h), (x + flip * 0.12 * h, y - 0.12 * h)], 1.2, (170, 176, 184)
        )
    c.disc(x + flip * 0.41 * h, y - 0.11 * h, 0.09 * h, skin)
    c.rectangle(x + flip * 0.43 * h, y - 0.2 * h, x + flip * 0.49 * h, y - 0.02 * h, BANDAGE)
    c.disc(x + flip * 0.46 * h, y - 0.13 * h, 0.03 * h, RED)
    c.ellipse(x + flip * 0.2 * h, y - 0.14 * h, 0.06 * h, 0.03 * h, RED)


def stretcher(c: Canvas, x: float, y: float, h: float, dice: Dice, cloth: Colour, flip: int) -> None:
    """A stretcher at height y with a hurt person on it, 1.3 `h` long."""
    c.rectangle(x - 0.52 * h, y - 0.03 * h, x + 0.52 * h, y + 0.03 * h, (224, 120, 30))
    lying(c, x, y - 0.02 * h, 0.95 * h, dice, cloth, flip, covered=True)
    c.line([(x - 0.75 * h, y + 0.02 * h), (x + 0.75 * h, y + 0.02 * h)], max(2, 0.03 * h), (70, 70, 74))


def kneeling(
    c: Canvas, x: float, y: float, h: float, dice: Dice, face: int, *, vest: bool, cloth: Colour
) -> None:
    """A helper on one knee bending towards `face`."""
    skin = dice.pick(SKIN)
    torso = VEST if vest else cloth
    c.line(
        [(x, y - 0.24 * h), (x + face * 0.14 * h, y - 0.2 * h), (x + face * 0.12 * h, y)],
        0.09 * h,
        (44, 48, 62),
    )
    c.line(
        [(x, y - 0.24 * h), (x - face * 0.06 * h, y - 0.03 * h), (x - face * 0.24 * h, y - 0.02 * h)],
        0.09 * h,
        (44, 48, 62),
    )
    body = turned(
        [
            (x - 0.12 * h, y - 0.58 * h),
            (x + 0.12 * h, y - 0.58 * h),
            (x + 0.1 * h, y - 0.2 * h),
            (x - 0.1 * h, y - 0.2 * h),
        ],
        (x, y - 0.2 * h),
        face * 22,
    )
    c.polygon(body, torso)
    if vest:
        c.line([body[0], body[2]], 0.04 * h, BAND)
    c.line(
        [(x + face * 0.12 * h, y - 0.5 * h), (x + face * 0.36 * h, y - 0.2 * h)], 0.07 * h, shade(torso, 0.8)
    )
    _head(c, x + face * 0.2 * h, y - 0.66 * h, 0.09 * h, skin, dice, vest, False)


def crate(c: Canvas, x: float, y: float, s: float, mark: str, colour: Colour = CARDBOARD) -> None:
    """A cardboard box `s` wide with tape and a mark: heart, cross, AID or none."""
    h = 0.78 * s
    c.rectangle(x - s / 2, y - h, x + s / 2, y, colour)
    c.polygon(
        [(x - s / 2, y - h), (x - s * 0.38, y - h * 1.22), (x + s * 0.62, y - h * 1.22), (x + s / 2, y - h)],
        shade(colour, 1.18),
    )
    c.polygon(
        [(x + s / 2, y - h), (x + s * 0.62, y - h * 1.22), (x + s * 0.62, y - h * 0.22), (x + s / 2, y)],
        shade(colour, 0.72),
    )
    c.rectangle(x - s * 0.06, y - h, x + s * 0.06, y - h * 0.8, (226, 206, 160))
    my = y - h * 0.42
    if mark == "heart":
        r = 0.13 * s
        c.disc(x - r * 0.8, my - r * 0.5, r, RED)
        c.disc(x + r * 0.8, my - r * 0.5, r, RED)
        c.polygon([(x - r * 1.75, my - r * 0.2), (x + r * 1.75, my - r * 0.2), (x, my + r * 1.9)], RED)
    elif mark == "cross":
        c.rectangle(x - s * 0.26, my - s * 0.26, x + s * 0.26, my + s * 0.26, WHITE)
        cross(c, x, my, 0.2 * s, RED)
    elif mark:
        c.text(x, my, mark, 0.34 * s, (60, 40, 26))


def portrait(c: Canvas, x: float, y: float, s: float, dice: Dice, cloth: Colour, *, smile: bool) -> None:
    """Head and shoulders, 1 `s` high, standing on y."""
    skin, hair = dice.pick(SKIN), dice.pick(HAIR)
    c.ellipse(x, y, 0.42 * s, 0.34 * s, cloth)
    c.rectangle(x - 0.08 * s, y - 0.45 * s, x + 0.08 * s, y - 0.25 * s, shade(skin, 0.85))
    if dice.chance(0.5):
        c.ellipse(x, y - 0.52 * s, 0.3 * s, 0.42 * s, hair)
    c.ellipse(x, y - 0.6 * s, 0.22 * s, 0.28 * s, skin)
    c.polygon(
        [
            (x - 0.24 * s, y - 0.62 * s),
            (x - 0.2 * s, y - 0.88 * s),
            (x, y - 0.95 * s),
            (x + 0.2 * s, y - 0.88 * s),
            (x + 0.24 * s, y - 0.62 * s),
            (x + 0.14 * s, y - 0.76 * s),
            (x - 0.12 * s, y - 0.78 * s),
        ],
        hair,
    )
    for side in (-1, 1):
        c.ellipse(x + side * 0.09 * s, y - 0.62 * s, 0.035 * s, 0.03 * s, WHITE)
        c.disc(x + side * 0.09 * s, y - 0.62 * s, 0.018 * s, (30, 24, 20))
    c.line([(x, y - 0.58 * s), (x + 0.02 * s, y - 0.5 * s)], 1.2, shade(skin, 0.7))
    if smile:
        c.polygon(
            [(x - 0.1 * s, y - 0.46 * s), (x + 0.1 * s, y - 0.46 * s), (x, y - 0.39 * s)], (250, 246, 244)
        )
        c.line(
            [(x - 0.1 * s, y - 0.46 * s), (x, y - 0.385 * s), (x + 0.1 * s, y - 0.46 * s)], 1.6, (150, 50, 50)
        )
    else:
        c.line([(x - 0.06 * s, y - 0.43 * s), (x + 0.06 * s, y - 0.43 * s)], 1.6, (130, 60, 56))


def podium(c: Canvas, x: float, y: float, s: float, dice: Dice) -> None:
    """An official in a dark suit behind a lectern with microphones."""
    skin = dice.pick(SKIN)
    c.polygon(
        [
            (x - 0.34 * s, y),
            (x - 0.3 * s, y - 0.72 * s),
            (x - 0.12 * s, y - 0.8 * s),
            (x + 0.12 * s, y - 0.8 * s),
            (x + 0.3 * s, y - 0.72 * s),
            (x + 0.34 * s, y),
        ],
        (40, 44, 60),
    )
    c.polygon([(x - 0.07 * s, y - 0.8 * s), (x + 0.07 * s, y - 0.8 * s), (x, y - 0.5 * s)], WHITE)
    c.polygon([(x - 0.02 * s, y - 0.76 * s), (x + 0.02 * s, y - 0.76 * s), (x, y - 0.52 * s)], RED)
    _head(c, x, y - 0.96 * s, 0.16 * s, skin, dice, False, False)
    c.polygon(
        [
            (x - 0.46 * s, y - 0.42 * s),
            (x + 0.46 * s, y - 0.42 * s),
            (x + 0.36 * s, y + 0.5 * s),
            (x - 0.36 * s, y + 0.5 * s),
        ],
        (120, 78, 46),
    )
    c.rectangle(x - 0.5 * s, y - 0.48 * s, x + 0.5 * s, y - 0.38 * s, (146, 98, 60))
    c.disc(x, y - 0.1 * s, 0.16 * s, (214, 178, 90))
    for dx in (-0.3, -0.14, 0.14, 0.3):
        c.line([(x + dx * s, y - 0.46 * s), (x + dx * 0.5 * s, y - 0.64 * s)], 2, (30, 30, 32))
        c.disc(x + dx * 0.5 * s, y - 0.66 * s, 0.035 * s, (24, 24, 26))
