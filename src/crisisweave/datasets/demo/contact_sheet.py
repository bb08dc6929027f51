"""One small picture of every scene, grouped by label: docs/images/demo-contact-sheet.png."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from crisisweave.datasets.demo import labels, scenes
from crisisweave.files import atomic_path

_COLUMNS = 8
_CELL = (112, 100)
_PICTURE = (106, 80)
_MARGIN, _HEADING = 8, 18
_COLOURS = 160


def contact_sheet(folder: Path, out: Path) -> None:
    """Draw the sheet of a generated demo as a PNG of few colours; scenes that do not occur are left out."""
    groups = _one_of_each(folder)
    height = _MARGIN + sum(_HEADING + _CELL[1] * -(-len(lines) // _COLUMNS) for _, lines in groups)
    sheet = Image.new("RGB", (2 * _MARGIN + _COLUMNS * _CELL[0], height + _MARGIN), "white")
    draw = ImageDraw.Draw(sheet)
    y = _MARGIN
    for title, lines in groups:
        draw.text((_MARGIN, y), title.replace("_", " "), fill=(20, 40, 90), font=ImageFont.load_default(13))
        y += _HEADING
        for n, line in enumerate(lines):
            x, top = _MARGIN + n % _COLUMNS * _CELL[0], y + n // _COLUMNS * _CELL[1]
            picture = Image.open(folder / line["image_path"]).filter(ImageFilter.MedianFilter(3))
            picture.thumbnail(_PICTURE, Image.Resampling.LANCZOS)
            sheet.paste(picture, (x, top))
            name = line["scene"].replace("_", " ")
            draw.text((x, top + picture.height + 1), name, fill=(60, 60, 60), font=ImageFont.load_default(10))
        y += _CELL[1] * -(-len(lines) // _COLUMNS)
    reduced = sheet.quantize(_COLOURS, dither=Image.Dither.NONE)
    with atomic_path(out) as temporary:
        reduced.save(temporary, "PNG", optimize=True)


def _one_of_each(folder: Path) -> list[tuple[str, list[dict[str, Any]]]]:
    """(title, truth lines) by class in fixed order, the worst damage of a scene first; ambiguous last."""
    text = (folder / "truth/images.jsonl").read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    lines = [line for line in lines if line["copy_of"] is None]
    rank = {name: n for n, name in enumerate(labels.SEVERITIES)}
    lines.sort(key=lambda line: -rank.get(line["severity"], 0))
    wide_first = sorted(lines, key=lambda line: _is_upright(folder / line["image_path"]))
    first: dict[str, dict[str, Any]] = {}
    for line in wide_first:
        first.setdefault(line["scene"], line)
    groups = [(name, [scene.name for scene in of]) for name, of in scenes.SCENES.items()]
    groups.append(("ambiguous: any of several labels", list(scenes.AMBIGUOUS)))
    return [(title, [first[name] for name in names if name in first]) for title, names in groups]


def _is_upright(path: Path) -> bool:
    with Image.open(path) as image:
        return image.width < 1.2 * image.height
