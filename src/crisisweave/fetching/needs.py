"""What a profile needs from outside: parts of sources, images, weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from crisisweave.config.captioner import Clip, PinnedFile
from crisisweave.config.dataset import DatasetConfig
from crisisweave.config.hub import HubModel
from crisisweave.config.profile import Profile
from crisisweave.config.regions import models_of
from crisisweave.config.source import FileCheck, Part, SourceConfig, known_sources, load_source
from crisisweave.config.strict import nearest
from crisisweave.datasets.loaders import has_media, listed_images, table_files, view_files
from crisisweave.encoders.names import parse
from crisisweave.encoders.packages import comes_with_environment
from crisisweave.errors import ConfigError
from crisisweave.fetching.presence import Finding, Hashes, State, look


@dataclass
class NeededPart:
    """A part of a source, and how much of it must be there."""

    source: SourceConfig
    part: Part
    folder: Path
    """The source's folder on this machine."""
    files: list[FileCheck]
    datasets: list[tuple[DatasetConfig, list[str]]] = field(default_factory=list)
    """For images: the data sets and their tasks whose tables say which images must be there."""

    def look(self, hashes: Hashes) -> list[Finding]:
        """What is found of it."""
        if not self.datasets:
            return look(self.folder, self.files, self.part.folders, hashes)
        return [self._images(config, tasks) for config, tasks in self.datasets]

    def is_here(self, hashes: Hashes) -> bool:
        """Whether all that is needed is there and right."""
        return all(finding.state == "here" for finding in self.look(hashes))

    def _images(self, config: DatasetConfig, tasks: list[str]) -> Finding:
        names: set[str] = set()
        for task in tasks:
            for tables in table_files(config, task, self.folder).values():
                names = names.union(*(listed_images(config, table) for table in tables if table.is_file()))
        place = self.folder / self.part.folders[0].path
        sizes = [path.stat().st_size for name in names if (path := self.folder / name).is_file()]
        enough = len(sizes) == len(names) or (config.missing_images == "drop" and bool(sizes))
        state: State = "here" if enough and sizes else "wrong" if sizes else "missing"
        expected = f"{len(names):,} images that the tables name" if names else "images"
        if config.missing_images == "drop":
            expected += " (some may be missing: missing_images is drop)"
        return Finding(place, state, expected, f"{len(sizes):,} of them", sum(sizes))


class Unpinned(NamedTuple):
    """A hub model whose commit is still to be chosen, and the files and keys that name it."""

    repository: str
    places: list[str]

    @property
    def remedy(self) -> str:
        """What a person has to do."""
        first, *others = self.places
        also = f" (others may inherit it: {'; '.join(others)})" if others else ""
        return f"fill in the commit hash that its page on the hub shows as revision of {first}{also}"


@dataclass
class Needs:
    """Everything that must be brought to this machine before the offline steps can run."""

    parts: list[NeededPart]
    encoders: list[str] = field(default_factory=list)
    """Names of encoders whose weights are no part of the environment."""
    files: list[tuple[str, PinnedFile]] = field(default_factory=list)
    """Captioner → a file of its published checkpoint."""
    unpinned: list[Unpinned] = field(default_factory=list)


def needs_of_profile(profile: Profile, data_root: Path) -> Needs:
    """What the profile's data sets, methods and captioners need."""
    parts: dict[tuple[str, str, Path], NeededPart] = {}
    for name in profile.datasets():
        config = profile.dataset(name)
        if config.registry is not None:
            source = load_source(config.registry, profile.config_dir)
            compared = profile.similarity_task(name)
            tasks = [*profile.tasks_of(name), *([] if compared is None else [compared])]
            for needed in _parts_for(config, source, list(dict.fromkeys(tasks)), data_root):
                _join(parts, needed)
    encoders: list[str] = []
    hub: list[tuple[HubModel, str]] = []
    files: list[tuple[str, PinnedFile]] = []
    if profile.similarity is not None:
        encoders.append(str(profile.similarity.clip or profile.similarity.encoder))
    for run in profile.runs():
        method = profile.method(run.dataset, run.task, run.method)
        encoders += [use.name for use in (method.text, method.image) if use is not None]
        if method.lxmert is not None and method.regions is not None:
            models = models_of(method.lxmert, method.regions, f"config/methods/{method.name}.yaml")
            encoders += [model for model, _ in models if isinstance(model, str)]
            hub += [(model, place) for model, place in models if isinstance(model, HubModel)]
        if method.joint is not None:
            joint = profile.joint(method.joint)
            if joint.patches.encoder is not None:
                encoders.append(joint.patches.encoder)
            if joint.hub is not None:
                hub.append((joint.hub, f"config/joint/{joint.name}.yaml: hub"))
        if method.captioner is not None:
            captioner = profile.captioner(method.captioner)
            encoders += [name for name, _, _ in captioner.encodings]
            if captioner.generator is not None:
                hub.append((captioner.generator, f"config/captioners/{captioner.name}.yaml: generator"))
            if captioner.published is not None:
                files += [(captioner.name, captioner.published.checkpoint)]
                files += [(captioner.name, captioner.published.tokenizer)]
            if isinstance(captioner.scorer, Clip):
                files.append((captioner.name, captioner.scorer.weights))
    encoders += [model.encoder_name(place) for model, place in hub if model.revision is not None]
    unpinned: dict[str, list[str]] = {}
    for repository, place in dict.fromkeys((m.repository, where) for m, where in hub if m.revision is None):
        unpinned.setdefault(repository, []).append(place)
    remote = [name for name in dict.fromkeys(encoders) if not _is_at_hand(name)]
    return Needs(list(parts.values()), remote, _once(files), [Unpinned(*each) for each in unpinned.items()])


def _is_at_hand(name: str) -> bool:
    """Whether an encoder needs nothing but the environment and the given data."""
    encoder = parse(name)
    return encoder.kind in ("tiny", "given") or (
        encoder.kind == "package" and comes_with_environment(encoder.model)
    )


def needs_of_sources(names: Iterable[str], data_root: Path, config_dir: Path) -> Needs:
    """All parts of the named sources.

    Raises:
        ConfigError: there is no such source.
    """
    known = known_sources(config_dir)
    parts = []
    for name in names:
        if name not in known:
            raise ConfigError(f"there is no source '{name}'; {nearest(name, known)}")
        source = load_source(name, config_dir)
        folder = data_root / source.folder
        parts += [NeededPart(source, part, folder, part.checks()) for part in source.parts]
    return Needs(parts)


def _parts_for(
    config: DatasetConfig, source: SourceConfig, tasks: list[str], data_root: Path
) -> Iterable[NeededPart]:
    folder = data_root / config.folder
    tables = {
        table.relative_to(folder).as_posix()
        for task in tasks
        for split in table_files(config, task, folder).values()
        for table in split
    }
    if "views" in config.modalities:
        made_from = [file for task in tasks for file in view_files(config, task, folder)]
        tables |= {file.relative_to(folder).as_posix() for file in made_from}
    given = {place for part in source.parts for c in part.checks() for place in (c.path, c.alternative)}
    # A loader without lists has a folder for its table.
    given |= {folder.path for part in source.parts for folder in part.folders}
    if lacking := sorted(tables - given):
        raise ConfigError(
            f"data set '{config.name}' reads {lacking[0]}, which no part of source '{source.name}' gives; "
            f"add it to the part's files"
        )
    for part in source.parts:
        files = [check for check in part.checks() if {check.path, check.alternative} & tables]
        if part.images and "image" in config.modalities:
            yield NeededPart(source, part, folder, files, [(config, tasks)])
        elif files or (part.images and has_media(config)):
            yield NeededPart(source, part, folder, files)


def _join(parts: dict[tuple[str, str, Path], NeededPart], needed: NeededPart) -> None:
    """Two data sets may read the same part: then all that either needs must be there."""
    key = (needed.source.name, needed.part.name, needed.folder)
    if key not in parts:
        parts[key] = needed
        return
    earlier = parts[key]
    earlier.files += [check for check in needed.files if check not in earlier.files]
    earlier.datasets += needed.datasets


def _once(files: list[tuple[str, PinnedFile]]) -> list[tuple[str, PinnedFile]]:
    """One entry for each path: captioners share their tokenizer and scorer."""
    return list({pinned.file: (captioner, pinned) for captioner, pinned in files}.values())
