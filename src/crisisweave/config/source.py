"""The data registry: where a data set comes from, `config/sources/<name>.yaml`.

Values that the project could not verify are null and say so in a comment; nothing is guessed. A download
without a SHA-256 is refused until somebody has checked the file and entered its hash.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from crisisweave.config.strict import StrictModel, nearest, read_yaml, validate
from crisisweave.errors import ConfigError

CONFIG_DIR = Path("config")


def _plain(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        raise ValueError("a path is relative and stays inside the folder: no leading '/', no '..'")
    return path


RelativePath = Annotated[str, AfterValidator(_plain)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Bytes = Annotated[int, Field(ge=0)]


class Licence(StrictModel):
    """Under which terms a source is given."""

    name: str
    address: str | None = None
    """Where the terms are to be read."""
    accept: bool
    """Whether a person must agree before the download (`--accept-licence`): the terms restrict use, or none
    are stated, so that the user has to judge."""


class FileCheck(StrictModel):
    """A file that must be there."""

    path: RelativePath
    alternative: RelativePath | None = None
    """Another place at which the loader accepts the same file."""
    sha256: Sha256 | None = None
    bytes: Bytes | None = None
    content: bool = False
    """The file is gzip, and hash and size are those of what it holds: mirrors compress it differently."""


class FolderCheck(StrictModel):
    """A folder that must be there."""

    path: RelativePath
    files: int | None = Field(default=None, ge=1)
    """How many files it holds at least, sub-folders included."""


class Part(StrictModel):
    """One piece of a source: either downloaded (`url`) or obtained by a person (`obtain`)."""

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    url: str | None = Field(default=None, pattern=r"^https?://")
    sha256: Sha256 | None = None
    """Of the download."""
    bytes: Bytes | None = None
    """Of the download."""
    obtain: str | None = None
    """Where a form, a login or another tool is needed: what a person has to do, in one sentence; `{folder}`
    stands for the source's folder."""
    take: dict[str, RelativePath] = {}
    """The download is an archive: path inside it → path below the source's folder. Empty: it is the file."""
    unpacked_bytes: Bytes | None = None
    """Most bytes that the archive may unpack to; null: judged by its own size."""
    images: bool = False
    """This part holds the images: data sets that are used as texts alone do not need it."""
    files: list[FileCheck] = []
    folders: list[FolderCheck] = []

    @model_validator(mode="after")
    def _consistent(self) -> Part:
        if (self.url is None) == (self.obtain is None):
            raise ValueError("give either 'url' or 'obtain'")
        if not self.files and not self.folders:
            raise ValueError("give 'files' or 'folders': what must be there for the part to count as present")
        if self.url is None and (self.take or self.sha256 or self.bytes is not None):
            raise ValueError("'take', 'sha256' and 'bytes' belong to a download: give 'url' or remove them")
        if self.url is not None and not self.take and (len(self.files) != 1 or self.folders):
            raise ValueError("a download that is no archive ('take') is exactly one entry of 'files'")
        return self

    def checks(self) -> list[FileCheck]:
        """The files that must be there; a plain download's own hash and size are those of its file."""
        if self.url is None or self.take or self.files[0].content:
            return self.files
        own = {"sha256": self.sha256, "bytes": self.bytes}
        return [self.files[0].model_copy(update=own)]


class SourceConfig(StrictModel):
    """One entry of the registry."""

    name: str
    title: str
    address: str = Field(pattern=r"^https?://")
    """The official page."""
    version: str | None
    """Null where the authors give none."""
    licence: Licence
    citation: str
    folder: RelativePath
    """Folder below the data root."""
    note: str | None = None
    """What else a user must know, in one or two sentences."""
    parts: list[Part] = Field(min_length=1)

    @model_validator(mode="after")
    def _parts_once(self) -> SourceConfig:
        names = [part.name for part in self.parts]
        if len(set(names)) != len(names):
            raise ValueError("two parts have the same name")
        return self


def by_hand(part: Part, folder: Path | str) -> str:
    """What a person has to do to obtain a part."""
    return (part.obtain or "").replace("{folder}", str(folder))


def known_sources(config_dir: Path = CONFIG_DIR) -> list[str]:
    """Names of all entries, sorted."""
    return sorted(path.stem for path in (config_dir / "sources").glob("*.yaml"))


def load_source(name: str, config_dir: Path = CONFIG_DIR) -> SourceConfig:
    """Read config/sources/<name>.yaml.

    Raises:
        ConfigError: there is no such entry (the nearest is given), or a key or value is wrong.
    """
    path = config_dir / "sources" / f"{name}.yaml"
    if not path.is_file():
        known = known_sources(config_dir)
        raise ConfigError(f"{path}: there is no source '{name}'; {nearest(name, known)}")
    config = validate(SourceConfig, read_yaml(path), str(path))
    if config.name != name:
        raise ConfigError(f"{path}: name is '{config.name}'; it must be the file's name, '{name}'")
    return config
