"""Encoder names: `kind:what`, one grammar for all of them."""

from __future__ import annotations

import re
from typing import NamedTuple

from crisisweave.config.strict import nearest
from crisisweave.errors import ConfigError

KINDS = ("hub", "open_clip", "timm", "package", "tiny", "given")


class EncoderName(NamedTuple):
    """A parsed encoder name.

    `detail` is the revision of a hub repository or the pretraining tag of an open_clip model, else "".
    """

    kind: str
    model: str
    detail: str

    def __str__(self) -> str:
        separator = {"hub": "@", "open_clip": "/"}.get(self.kind, "")
        return f"{self.kind}:{self.model}{separator}{self.detail}"

    @property
    def slug(self) -> str:
        """The name as part of a file name."""
        return re.sub(r"[^A-Za-z0-9_.]+", "-", str(self))


def parse(name: str) -> EncoderName:
    """Parse an encoder name.

    Raises:
        ConfigError: unknown kind, or a hub name without a pinned revision.
    """
    kind, colon, rest = name.partition(":")
    if not colon or kind not in KINDS or not rest:
        raise ConfigError(
            f"encoder '{name}': a name is kind:model, where kind is one of {', '.join(KINDS)}; "
            f"{nearest(kind, list(KINDS))}"
        )
    if kind == "hub":
        model, at, revision = rest.partition("@")
        if not at or not re.fullmatch(r"[0-9a-f]{40}", revision):
            raise ConfigError(
                f"encoder '{name}': a hub model needs its revision, hub:<repo>@<40 hex digits>, "
                f"so that the same name always means the same weights"
            )
        return EncoderName(kind, model, revision)
    if kind == "open_clip":
        model, slash, tag = rest.partition("/")
        if not slash or not tag:
            raise ConfigError(f"encoder '{name}': write open_clip:<model>/<pretraining tag>")
        return EncoderName(kind, model, tag)
    return EncoderName(kind, rest, "")
