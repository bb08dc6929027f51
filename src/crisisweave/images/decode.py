"""Decoding one image file that nobody vouches for into 8-bit RGB, or a sentence that says why not."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from crisisweave.errors import DataError

FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP")
MAX_PIXELS = 50_000_000
"""Limit on width x height, checked on the header before a pixel is decoded: 150 MB as RGB."""
MAX_BYTES = 100_000_000
"""Limit on the file's size."""
_EXIF_ORIENTATION = 0x0112
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Decoded:
    """An image as RGB, and what its file was."""

    rgb: Image.Image
    format: str
    mode: str
    """Pillow's mode of the source: RGB, L, CMYK, P, I;16, …"""
    width: int
    """Of the source, as its header says (before orientation and any reduction)."""
    height: int


def read_bytes(path: Path) -> bytes:
    """The content of an image file.

    Raises:
        DataError: it is missing, unreadable, empty or larger than `MAX_BYTES`.
    """
    try:
        if not path.is_file():
            raise DataError(f"{path}: no such image file")
        size = path.stat().st_size
        if size == 0:
            raise DataError(f"{path}: the image file is empty (0 bytes); obtain it again")
        if size > MAX_BYTES:
            raise DataError(
                f"{path}: the image file has {size} bytes, over the limit of {MAX_BYTES}; shrink it"
            )
        return path.read_bytes()
    except OSError as error:  # also a name that is too long for the file system
        raise DataError(f"{path!s:.200}: the image file cannot be read: {error.strerror}") from error


def load_rgb(path: str | Path) -> Image.Image:
    """The image of a file as 8-bit RGB, upright; see `decode` for the conversions and errors."""
    path = Path(path)
    return decode(read_bytes(path), path).rgb


def decode(data: bytes, path: Path, at_least: int | None = None) -> Decoded:
    """The image in `data` as 8-bit RGB, upright.

    The format is judged by the content, never by the file's name. CMYK is converted without its colour
    profile (JPEG in Adobe's inverted convention); 16 bits are scaled to 8, not clipped; transparency is laid
    on white, as the platform shows it; an animation gives its first frame; the EXIF orientation is applied,
    and an unreadable EXIF block counts as none.

    Args:
        data: the file's content.
        path: its name, for messages only.
        at_least: a JPEG may be decoded at a half, quarter or eighth of its size as long as both sides keep
            this many pixels. None decodes in full.

    Raises:
        DataError: truncated, too large, not an image, or not one of `FORMATS`; names the file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow only warns of what the limit below refuses
            source = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise DataError(_too_large(path)) from error
    except Exception as error:  # a hostile header makes Pillow's parsers raise nearly anything
        raise DataError(
            f"{path}: not a readable image of the formats {', '.join(FORMATS)}; obtain it again or convert it"
        ) from error
    width, height = source.size
    if width * height > MAX_PIXELS:
        raise DataError(_too_large(path))
    mode, format_name = source.mode, str(source.format)
    try:
        if at_least is not None:
            source.draft(None, (at_least, at_least))
        source.load()
        rgb = _upright(_rgb8(source), _orientation(source))
    except Exception as error:  # likewise their decoders
        raise DataError(f"{path}: the image is truncated or damaged ({error}); obtain it again") from error
    return Decoded(rgb=rgb, format=format_name, mode=mode, width=width, height=height)


def _too_large(path: Path) -> str:
    return (
        f"{path}: the image's header claims more than {MAX_PIXELS} pixels, which looks like a decompression "
        "bomb; shrink the image or remove it"
    )


def _rgb8(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # Pillow clips 16-bit grey at 255 instead of scaling it.
        grey = (np.asarray(image, dtype=np.uint32) * 255 + 32_767) // 65_535
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # damaged metadata says nothing about the pixels; every viewer ignores it
        return 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    method = _TO_UPRIGHT.get(orientation)
    return image if method is None else image.transpose(method)
