"""A canvas to draw parts on: twice the written size, coordinates in written pixels, extents recorded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int] | tuple[int, int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]

_OVER = 2  # supersampling: edges come out smooth when the canvas is reduced


def shade(colour: Colour, factor: float) -> Colour:
    """The colour made darker (factor < 1) or lighter (factor > 1)."""
    r, g, b = (max(0, min(255, int(v * factor))) for v in colour[:3])
    return r, g, b


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """`share` of the second colour in the first."""
    r, g, b = (int(a + (z - a) * share) for a, z in zip(first[:3], second[:3], strict=True))
    return r, g, b


def see_through(colour: Colour, alpha: int) -> Colour:
    return colour[0], colour[1], colour[2], alpha


def turned(points: Sequence[Point], centre: Point, degrees: float) -> list[Point]:
    """Points turned clockwise (y points down) about a centre."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    cx, cy = centre
    return [(cx + (x - cx) * cos - (y - cy) * sin, cy + (x - cx) * sin + (y - cy) * cos) for x, y in points]


@lru_cache(maxsize=64)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)  # ships inside Pillow: no font of the machine is needed
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font


class Canvas:
    """An RGB picture of `width` × `height` pixels; y grows downward."""

    def __init__(self, width: int, height: int, colour: Colour = (128, 128, 128)) -> None:
        self.width, self.height = width, height
        self._image = Image.new("RGB", (width * _OVER, height * _OVER), colour)
        self._draw = ImageDraw.Draw(self._image, "RGBA")
        self._open: list[list[float]] = []

    def finished(self) -> Image.Image:
        """The picture at its written size."""
        return self._image.reduce(_OVER)

    @contextmanager
    def extent(self) -> Iterator[list[float]]:
        """Collect [x0, y0, x1, y1] of whatever is drawn inside the block."""
        box = [math.inf, math.inf, -math.inf, -math.inf]
        self._open.append(box)
        try:
            yield box
        finally:
            self._open.pop()

    def _seen(self, x0: float, y0: float, x1: float, y1: float) -> None:
        for box in self._open:
            if x0 < box[0]:
                box[0] = x0
            if y0 < box[1]:
                box[1] = y0
            if x1 > box[2]:
                box[2] = x1
            if y1 > box[3]:
                box[3] = y1

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        self._draw.polygon([(x * _OVER, y * _OVER) for x, y in points], fill=fill)
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        self._seen(min(xs), min(ys), max(xs), max(ys))

    def rectangle(self, x0: float, y0: float, x1: float, y1: float, fill: Colour) -> None:
        x0, x1 = min(x0, x1), max(x0, x1)
        y0, y1 = min(y0, y1), max(y0, y1)
        self._draw.rectangle((x0 * _OVER, y0 * _OVER, x1 * _OVER, y1 * _OVER), fill=fill)
        self._seen(x0, y0, x1, y1)

    def rounded(self, x0: float, y0: float, x1: float, y1: float, radius: float, fill: Colour) -> None:
        self._draw.rounded_rectangle(
            (x0 * _OVER, y0 * _OVER, x1 * _OVER, y1 * _OVER), radius * _OVER, fill=fill
        )
        self._seen(x0, y0, x1, y1)

    def ellipse(self, cx: float, cy: float, rx: float, ry: float, fill: Colour) -> None:
        self._draw.ellipse(
            ((cx - rx) * _OVER, (cy - ry) * _OVER, (cx + rx) * _OVER, (cy + ry) * _OVER), fill=fill
        )
        self._seen(cx - rx, cy - ry, cx + rx, cy + ry)

    def half_ellipse(self, cx: float, cy: float, rx: float, ry: float, fill: Colour) -> None:
        """The upper half of an ellipse about (cx, cy)."""
        x0, y0, x1, y1 = cx - rx, cy - ry, cx + rx, cy + ry
        self._draw.pieslice((x0 * _OVER, y0 * _OVER, x1 * _OVER, y1 * _OVER), 180, 360, fill=fill)
        self._seen(x0, y0, x1, cy)

    def disc(self, cx: float, cy: float, radius: float, fill: Colour) -> None:
        self.ellipse(cx, cy, radius, radius, fill)

    def ring(self, cx: float, cy: float, rx: float, ry: float, width: float, fill: Colour) -> None:
        self._draw.ellipse(
            ((cx - rx) * _OVER, (cy - ry) * _OVER, (cx + rx) * _OVER, (cy + ry) * _OVER),
            outline=fill,
            width=max(1, round(width * _OVER)),
        )
        self._seen(cx - rx, cy - ry, cx + rx, cy + ry)

    def line(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        self._draw.line(
            [(x * _OVER, y * _OVER) for x, y in points],
            fill=fill,
            width=max(1, round(width * _OVER)),
            joint="curve" if width > 1.5 and len(points) > 2 else None,
        )
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        half = width / 2
        self._seen(min(xs) - half, min(ys) - half, max(xs) + half, max(ys) + half)

    def text(self, cx: float, cy: float, words: str, size: float, fill: Colour) -> None:
        """Words centred on a point; `size` is the height of the letters' line."""
        font = _font(max(6, round(size * _OVER)))
        x0, y0, x1, y1 = font.getbbox(words)
        self._draw.text((cx * _OVER - (x0 + x1) / 2, cy * _OVER - (y0 + y1) / 2), words, font=font, fill=fill)
        half_w, half_h = (x1 - x0) / 2 / _OVER, (y1 - y0) / 2 / _OVER
        self._seen(cx - half_w, cy - half_h, cx + half_w, cy + half_h)

    def text_width(self, words: str, size: float) -> float:
        return float(_font(max(6, round(size * _OVER))).getlength(words)) / _OVER

    def gradient(self, y0: float, y1: float, top: Colour, bottom: Colour) -> None:
        """Fill the full width between two heights with a vertical run of colour."""
        first, last = max(0, round(y0 * _OVER)), min(self._image.height, round(y1 * _OVER))
        if last <= first:
            return
        share = np.linspace(0, 1, last - first)[:, None]
        column = np.asarray(top[:3]) * (1 - share) + np.asarray(bottom[:3]) * share
        strip = Image.fromarray(column.astype(np.uint8)[:, None, :])
        self._image.paste(
            strip.resize((self._image.width, last - first), Image.Resampling.NEAREST), (0, first)
        )
        self._seen(0, y0, self.width, y1)
