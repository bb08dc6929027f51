"""Where every number comes from: versions, data, weights, commands, and what the runs cost."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from crisisweave.encoders import packages
from crisisweave.encoders.names import parse
from crisisweave.reporting.site import Page

Record = dict[str, Any]
COSTS = ("wall_s", "peak_memory_mb", "energy_wh")
_PROFILE = re.compile(r"\bCRISISWEAVE_PROFILE=(\S+)")


def provenance_page(results: Mapping[str, Any], details: Sequence[Mapping[str, Any]]) -> Page:
    """The page `pages/provenance.html`.

    Args:
        results: what `aggregate` wrote as `tables.json`.
        details: records of single methods, which hold the configs in force.
    """
    cost = {
        (row["dataset"], row["task"], row["method"], row["seed"]): {name: row[name] for name in COSTS}
        for row in results["runs"]
        if not row["target"]
    }
    records: list[Record] = [
        {**record, **cost[record["dataset"], record["task"], record["method"], record["seed"]]}
        for record in results["provenance"]
    ]
    return Page(
        file="pages/provenance.html",
        template="provenance.html",
        title="Provenance",
        nav="Provenance",
        values={
            "records": records,
            "profiles": _distinct(_profile(record["command"]) for record in records),
            "environments": _environments(records),
            "devices": [
                (device, threads, n)
                for (device, threads), n in sorted(
                    Counter((record["device"], record["threads"] or 1) for record in records).items()
                )
            ],
            "energy": _distinct(record["energy_assumes"] for record in records),
            "totals": {name: _total(records, name) for name in ("wall_s", "energy_wh")},
            "most_memory": max((r["peak_memory_mb"] for r in records if r["peak_memory_mb"]), default=None),
            "data": _data(records),
            "weights": _weights(details),
        },
    )


def _profile(command: str | None) -> str | None:
    """The profile that a command was given by the workflow; None where it was called in another way."""
    found = _PROFILE.search(command or "")
    return found[1] if found else None


def _distinct(values: Iterator[Any]) -> list[Any]:
    """Values that are not null, each once, sorted by their JSON."""
    return [json.loads(text) for text in sorted({json.dumps(v, sort_keys=True) for v in values if v})]


def _environments(records: Sequence[Record]) -> Record:
    """Names of what has a version, and each set of versions with its number of runs."""
    texts = Counter(json.dumps(record["versions"] or {}, sort_keys=True) for record in records)
    sets = [(json.loads(text), n) for text, n in sorted(texts.items())]
    return {"names": sorted({name for versions, _ in sets for name in versions}), "sets": sets}


def _total(records: Sequence[Record], name: str) -> float | None:
    """The sum over all runs; None where one run does not say."""
    values = [record[name] for record in records]
    return None if None in values else sum(values)


def _data(records: Sequence[Record]) -> list[Record]:
    """Data set and task, with the hash of what each of its methods reads."""
    hashes: dict[tuple[str, str, str], set[str]] = {}
    for record in records:
        if record["data_sha256"]:
            key = (record["dataset"], record["task"], record["data_sha256"])
            hashes.setdefault(key, set()).add(record["method"])
    return [
        {"dataset": dataset, "task": task, "sha256": digest, "methods": sorted(methods)}
        for (dataset, task, digest), methods in sorted(hashes.items())
    ]


_PINNED_BY = {
    "package": "files of a locked package, whose SHA-256 is checked whenever they are read",
    "hub": "the revision in its name",
    "open_clip": "its name and the locked version of open-clip-torch",
    "timm": "its name and the locked version of timm",
    "tiny": "starts untrained",
    "given": "its features, made elsewhere, by their files' names and sizes",
}


def _weights(details: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Every encoder and published captioner: what pins it, its files, and the methods that start from it."""
    found: dict[str, Record] = {}
    for record in details:
        for name, pinned_by, files in _starts(record["config"]):
            entry = found.setdefault(name, {"name": name, "by": pinned_by, "files": files, "methods": set()})
            entry["methods"].add(record["method"])
    return [{**found[name], "methods": sorted(found[name]["methods"])} for name in sorted(found)]


def _starts(config: Mapping[str, Any]) -> Iterator[tuple[str, str, list[tuple[str, str | None]]]]:
    """Name, what pins it, and (file, SHA-256) of all that a method starts from; captions are its inputs."""
    captioning, joint = config["captioning"], config["joint_encoder"]
    encoders = [use["name"] for use in (config["text"], config["image"]) if use]
    if captioning:
        read = [captioning["image"], captioning["scorer"].get("image")]
        encoders += [image["encoder"] for image in read if image]
        hub = captioning["generator"]
        encoders += [f"hub:{hub['repository']}@{hub['revision']}"] if hub else []
    for part in (config.get("lxmert"), config.get("regions")):
        for key in ("hub", "language", "detector", "encoder"):
            model = (part or {}).get(key)
            encoders.append(
                f"hub:{model['repository']}@{model['revision']}" if isinstance(model, Mapping) else model
            )
    if joint and joint["hub"]:
        encoders.append(f"hub:{joint['hub']['repository']}@{joint['hub']['revision']}")
    if joint:
        encoders += [joint["patches"]["encoder"], (joint["transformer"] or {}).get("words")]
    for name in filter(None, encoders):
        encoder = parse(name)
        packaged = packages.FILES[encoder.model] if encoder.kind == "package" else ()
        files: list[tuple[str, str | None]] = [(f"{f.distribution}, {f.path}", f.sha256) for f in packaged]
        yield name, _PINNED_BY[encoder.kind], files
    if captioning and captioning["published"]:
        pinned = [*captioning["published"].values(), captioning["scorer"].get("weights")]
        files = [(file["file"], file["sha256"]) for file in pinned if file]
        yield f"captioner {captioning['name']}", "SHA-256, where its source states one", files
