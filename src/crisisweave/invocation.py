"""How this process was called, as a person would type it again."""

from __future__ import annotations

import os
import shlex
import sys

PROFILE = "CRISISWEAVE_PROFILE"
DATA_ROOT = "CRISISWEAVE_DATA"
"""Environment variables by which the workflow says what the rules' command lines leave open: a change of
either alone is no reason to run a step again."""


def command_line(*settings: str) -> str:
    """The command with those of the environment's `settings` that are set."""
    given = [f"{name}={os.environ[name]}" for name in settings if name in os.environ]
    return shlex.join([*given, "crisisweave", *sys.argv[1:]])
