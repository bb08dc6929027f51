"""The raters' page: one file that opens from disk and asks for nothing else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from markupsafe import Markup

from crisisweave.datasets.text import model_words
from crisisweave.reporting.site import templates
from crisisweave.study.key import ANSWERS_FORMAT
from crisisweave.study.pictures import data_address


@dataclass(frozen=True)
class Shown:
    """One item as raters see it."""

    text: str
    target: str
    """The class that is explained."""
    left: bytes
    """JPEG."""
    right: bytes


def render_page(items: Sequence[Shown], study: str, private_to: str | None) -> str:
    """The page's HTML.

    It holds what raters see and nothing else: neither names nor places of extractors, nor which items are
    checks. Its policy allows its own script and style, by their hashes, and images that stand in it.
    """
    report = resources.files("crisisweave.reporting") / "templates"
    own = resources.files("crisisweave.study") / "templates"
    style = _read(report / "style.css") + _read(own / "study.css")
    script = _read(own / "study.js")
    return (
        templates("crisisweave.study")
        .get_template("study.html")
        .render(
            items=[
                {
                    # Names of people are none of the raters' business, and addresses lead away.
                    "words": model_words(item.text),
                    "target": item.target.replace("_", " "),
                    "left": data_address(item.left),
                    "right": data_address(item.right),
                }
                for item in items
            ],
            study=study,
            answers_format=ANSWERS_FORMAT,
            private_to=private_to,
            # Written by us, and hashed as they stand: escaping would change what the policy allows.
            style=Markup(style),  # noqa: S704
            style_sha256=_sha256(style),
            script=Markup(script),  # noqa: S704
            script_sha256=_sha256(script),
        )
    )


def _read(file: resources.abc.Traversable) -> str:
    return file.read_text(encoding="utf-8")


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
