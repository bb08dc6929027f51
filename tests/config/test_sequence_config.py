"""What a method that reads sequences may be given."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from toy import TINY_IMAGE, TINY_TEXT, tiny_method

FROZEN = {**TINY_IMAGE, "tuned": False}


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("concat", {"fusion_layers": {}}, "'fusion_layers' and family: transformer_fusion belong together"),
        (
            "transformer_fusion",
            {"fusion_layers": None},
            "'fusion_layers' and family: transformer_fusion belong together",
        ),
        ("text", {"convolution": {}}, "'convolution' and family: text_cnn belong together"),
        (
            "transformer_fusion",
            {"text": {**TINY_TEXT, "tuned": False}},
            "reads word by word: set text.tuned to true",
        ),
        ("text_cnn", {"text": {**TINY_TEXT, "tuned": False}}, "reads word by word: set text.tuned to true"),
        ("transformer_fusion", {"image": FROZEN}, "one vector and no sequence: set image.grid above 1"),
        ("transformer_fusion", {"image": {**TINY_IMAGE, "grid": 2}}, "for frozen encoders of methods that"),
        ("concat", {"image": {**FROZEN, "grid": 2}}, "of methods that read sequences: set it to 1"),
    ],
)
def test_what_does_not_fit_together_is_explained(name: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        tiny_method(name, **changes)
