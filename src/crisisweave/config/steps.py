"""Versions of the steps.

A step's results go stale when its inputs, its part of the config or its version changes. Raise a step's
version in the commit that changes what the step computes; leave it for anything else (comments, messages,
speed), so that nobody's finished work is thrown away for nothing.
"""

from __future__ import annotations

STEP_VERSIONS = {
    "demo": 1,
    "prepare": 1,
    "images": 1,
    "audit": 1,
    "features": 1,
    "captioner": 1,
    "captions": 1,
    "train": 1,
    "predict": 1,
    "transfer": 1,
    "combine": 1,
    "evaluate": 1,
    "aggregate": 1,
    "report": 1,
}
