"""One new tweet as a model reads it, from a text and an image file that nobody vouches for."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crisisweave.datasets.text import repair_mojibake
from crisisweave.errors import DataError
from crisisweave.images.decode import read_bytes
from crisisweave.images.store import decode_small


class Given(NamedTuple):
    """What is known of one tweet; what the model does not read is None.

    Attributes:
        text: repaired as `prepare` repairs a data set's texts.
        image: pixels as the image store keeps them, (height, width, 3) uint8.
        name: seeds the sampling of captions, where a captioner samples.
    """

    text: str | None
    image: NDArray[np.uint8] | None
    name: str


def _is_unicode(text: str) -> bool:
    """False for half characters, which bytes that are not UTF-8 become on a command line."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_given(
    text: str | None,
    image: Path | None,
    needs: Collection[str],
    shorter_side: int | None,
    name: str | None = None,
) -> Given:
    """Read what a model needs, the way the steps `prepare` and `images` read a data set.

    Args:
        text: the tweet.
        image: its image file.
        needs: `text`, `image` or both; anything else that is given is not looked at.
        shorter_side: pixels of the shorter side in the image store of the model's data set.
        name: the image's id, where it has one; the content of the file stands in for it.

    Raises:
        DataError: something that is needed is missing, or the image cannot be read.
    """
    if "text" in needs and text is None:
        raise DataError("no text is given, and the method reads it")
    if "text" in needs and not str(text).strip():
        raise DataError("the text is empty")
    if "text" in needs and not _is_unicode(str(text)):
        raise DataError("the text is not valid Unicode; save it as UTF-8")
    if "image" in needs and image is None:
        raise DataError("no image is given, and the method reads it")
    pixels = None
    if "image" in needs:
        assert image is not None
        assert shorter_side is not None
        data = read_bytes(image)
        name = name or hashlib.sha256(data).hexdigest()
        pixels = np.asarray(decode_small(data, image, shorter_side)[1])
    return Given(repair_mojibake(str(text)) if "text" in needs else None, pixels, name or "")
