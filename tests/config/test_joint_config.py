"""Configs of joint encoders."""

import pytest
from pydantic import ValidationError

from crisisweave.config.joint import Transformer


def test_word_embeddings_that_would_differ_at_each_reading_are_refused() -> None:
    assert Transformer(words="package:minilm", width=8, layers=1, heads=1).words == "package:minilm"
    with pytest.raises(ValidationError, match="'tiny:bert' are random"):
        Transformer(words="tiny:bert", width=8, layers=1, heads=1)
