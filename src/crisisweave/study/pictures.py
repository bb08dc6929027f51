"""A rationale as a picture: its patches as they are, the rest grey and faint."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 336
"""Pixels of a picture's side: whole patches for grids of 6, 7, 8, 12, 14, 16, 21 and 24."""
QUALITY = 80
FAINT = 0.3
"""How much of its brightness a hidden patch keeps: enough to see where one is, too little to draw the eye."""
GREY = 128.0
LINE = (255, 214, 0)
"""Colour of the line around shown patches: without it, smoke and ash would not tell shown from hidden."""
LINE_WIDTH = 2


def rationale_picture(square: NDArray[np.uint8], selected: NDArray[np.bool_]) -> bytes:
    """JPEG bytes, `SIDE` × `SIDE`, drawn from pixels: nothing of the source file but what is seen.

    Args:
        square: (s, s, 3) uint8, the image's centre square.
        selected: (h, w) bool, the patches that are shown.
    """
    image = Image.fromarray(square).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    shown = np.asarray(image, dtype=np.float32)
    brightness = np.asarray(image.convert("L"), dtype=np.float32)[..., None]
    hidden = GREY + FAINT * (brightness - GREY)
    mask = _per_pixel(selected)
    drawn = np.where(mask[..., None], shown, hidden)
    drawn[_outline(mask)] = LINE
    buffer = io.BytesIO()
    Image.fromarray(drawn.round().astype(np.uint8)).save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return buffer.getvalue()


def _per_pixel(selected: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(h, w) patches → (`SIDE`, `SIDE`) pixels: pixel y lies in row ⌊y·h / `SIDE`⌋."""
    height, width = selected.shape
    pixels = np.arange(SIDE)
    return selected[np.ix_(pixels * height // SIDE, pixels * width // SIDE)]


def _outline(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Hidden pixels that touch a shown one: the line covers nothing that is shown."""
    near = mask.copy()
    for _ in range(LINE_WIDTH):
        grown = near.copy()
        grown[1:] |= near[:-1]
        grown[:-1] |= near[1:]
        grown[:, 1:] |= near[:, :-1]
        grown[:, :-1] |= near[:, 1:]
        near = grown
    return near & ~mask


def data_address(jpeg: bytes) -> str:
    """JPEG bytes as a `data:` address."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
