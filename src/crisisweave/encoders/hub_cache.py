"""Models of the hub, read from this machine's cache alone: steps never download."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from crisisweave.encoders.names import EncoderName
from crisisweave.errors import WeightsError


@contextmanager
def from_hub_cache(name: EncoderName) -> Iterator[dict[str, Any]]:
    """What every `from_pretrained` of this model takes: its pinned revision, and no network.

    Raises:
        WeightsError: the model is not in the cache.
    """
    try:
        yield {"revision": name.detail, "local_files_only": True}
    except OSError as error:
        from huggingface_hub.constants import HF_HUB_CACHE

        raise WeightsError(
            f"encoder '{name}' is not in this machine's model cache ({HF_HUB_CACHE}); on a machine with "
            f"internet run 'crisisweave fetch' with the same profile"
        ) from error
