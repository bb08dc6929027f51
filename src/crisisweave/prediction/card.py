"""One prediction as a page of its own: it opens from disk, needs no network, and runs no script."""

from __future__ import annotations

import base64
import hashlib
import io
from importlib import resources
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from crisisweave.files import write_text
from crisisweave.images.decode import load_rgb
from crisisweave.prediction.predictor import Prediction, Predictor
from crisisweave.reporting.marks import overlay, phrases
from crisisweave.reporting.site import templates

BOX = (640, 480)
"""Largest width and height of the image on the card, in pixels."""
QUALITY = 80


def write_card(model: Predictor, prediction: Prediction, out: Path) -> None:
    """Write the card.

    The image is drawn anew from its pixels, so that nothing of the file but what is seen gets into the page.
    Style and image stand in the page; its content policy allows exactly this style, images of its own, and
    nothing else.
    """
    style = _style()
    given, rationale = prediction.inputs.get("image"), prediction.rationale
    image = None if given is None else _thumbnail(Path(given))
    view = None
    if image is not None and rationale is not None and rationale.grid is not None:
        # The centre square of what the image store keeps is that of the whole image.
        view = overlay(*image.size, rationale.grid, rationale.patch_selected)
    template = templates("crisisweave.prediction").get_template("card.html")
    write_text(
        out,
        template.render(
            config=model.config,
            prediction=prediction,
            ranked=sorted(prediction.probabilities.items(), key=lambda pair: -pair[1]),
            image=None if image is None else _inlined(image),
            marked_words=None
            if rationale is None
            else phrases(rationale.words, rationale.word_scores, rationale.word_selected),
            overlay=view,
            # Written by us, and hashed as it stands: escaping would change what the policy allows.
            style=Markup(style),  # noqa: S704
            style_sha256=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
            read=_listed(list(prediction.inputs)),
        ),
    )


def _listed(names: list[str]) -> str:
    return " and ".join(each for each in (", ".join(names[:-1]), names[-1]) if each)


def _style() -> str:
    report = resources.files("crisisweave.reporting") / "templates" / "style.css"
    own = resources.files("crisisweave.prediction") / "templates" / "card.css"
    return f"\n{report.read_text(encoding='utf-8')}{own.read_text(encoding='utf-8')}"


def _thumbnail(path: Path) -> Image.Image:
    image = load_rgb(path)
    image.thumbnail(BOX, Image.Resampling.LANCZOS)
    return image


def _inlined(image: Image.Image) -> str:
    """A JPEG in a `data:` address."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
