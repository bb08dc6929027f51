"""Pairs of rows that the leakage audit found: a row that is not in train, and its twin in train."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crisisweave.errors import DataError

SHOWN = 24
"""Pairs on a page."""


def pairs(audit: Path, kinds: Mapping[str, str]) -> dict[str, Any]:
    """The pairs of an audit, each once whatever tasks and kinds it is found by; the doubtful come first.

    Args:
        audit: folder with `duplicates.parquet`.
        kinds: kind → how a person would call it.

    Returns:
        `n` (pairs), `by_kind` (name → pairs) and `shown` (at most `SHOWN` records: instance_id, twin, where,
        found_by, and bits, which is None where no images were found alike).

    Raises:
        DataError: the audit has no list.
    """
    import pandas as pd

    path = audit / "duplicates.parquet"
    if not path.is_file():
        raise DataError(f"{path}: no such file; run `crisisweave audit` before the report")
    found = pd.read_parquet(path)
    near = found[found["kind"] == "image_near"]
    bits = dict(
        zip(zip(near["instance_id"], near["twin_instance_id"], strict=True), near["distance"], strict=True)
    )
    records: list[dict[str, Any]] = []
    for (instance, twin), part in found.groupby(["instance_id", "twin_instance_id"]):
        of_pair = set(part["kind"])
        records.append(
            {
                "instance_id": instance,
                "twin": twin,
                "where": sorted(set(part["task"] + ", " + part["split"])),
                "found_by": [name for kind, name in kinds.items() if kind in of_pair],
                "bits": int(bits[instance, twin]) if (instance, twin) in bits else None,
            }
        )
    # The least alike of the near-duplicates first: if any is none, it is among these.
    records.sort(key=lambda r: -1 if r["bits"] is None else r["bits"], reverse=True)
    return {
        "n": len(records),
        "by_kind": {name: sum(name in record["found_by"] for record in records) for name in kinds.values()},
        "shown": records[:SHOWN],
    }
