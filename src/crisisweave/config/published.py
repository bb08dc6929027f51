"""Published values: `config/published/*.csv`, in the tables and the order of `config/published/tables.yaml`.

A row of a CSV is one cell of a published table. `printed` is what the source prints, to the letter; `value`
and `sd` say the same as numbers (scores in percent), and the reader checks that they agree.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_core import to_jsonable_python

from crisisweave.config.method import MethodConfig
from crisisweave.config.profile import method_values
from crisisweave.config.strict import StrictModel, nearest, read_yaml, validate
from crisisweave.errors import ConfigError

CONFIG_DIR = Path("config")
FOLDER = "published"

COMPARABLE = ("accuracy", "f1_macro", "f1_weighted")
"""Metrics that our tables hold under the same name and definition."""
SHARES = ("right_share", "wrong_share")
"""Of the rows on which one modality alone is right (`details.json`, `one_half_right`)."""
BOUNDS = ("accuracy_above", "accuracy_below")
"""An accuracy of which the source says only that it lies above or below a value."""
INSIDE = ("inside_0", "inside_1")
"""Accuracies of one modality alone inside the model (`balance.json`)."""
UNCLEAR = ("recall", "precision", "f1", "unstated")
"""Scores of which the source does not say how they average over classes, or what they are."""
_PERCENT = (*COMPARABLE, *BOUNDS, *INSIDE, *UNCLEAR, "right_share", "wrong_share", "alignment", "gain")
_EMPTY = ("", "-")
"""What is printed in a cell that holds nothing; `""` is one that cannot be read, and its note says why."""


class PublishedCell(StrictModel):
    """One cell of a published table."""

    source: str = Field(min_length=1)
    """The document, named as in `config/methods/`."""
    table: str = Field(min_length=1)
    dataset: str
    """The entry of `config/sources/`; empty: the source does not say."""
    task: str
    """Our name of the task; empty: the data set has one task, or none is meant."""
    row: str = Field(min_length=1)
    """As printed, with the headings that it stands under."""
    column: str = Field(min_length=1)
    """As printed, with the headings that it stands under."""
    metric: Literal[
        "accuracy",
        "accuracy_above",
        "accuracy_below",
        "inside_0",
        "inside_1",
        "f1_macro",
        "f1_weighted",
        "recall",
        "precision",
        "f1",
        "unstated",
        "right_share",
        "wrong_share",
        "alignment",
        "gain",
        "fleiss_kappa",
        "parameters_millions",
        "setting",
        "range",
    ]
    printed: str
    value: float | None
    """Percent; kappa as printed; parameters in millions. Null: the cell holds no number."""
    sd: float | None = Field(ge=0)
    """Standard deviation over runs, in the unit of `value`."""
    n: int | None = Field(ge=1)
    """Test rows; null: not stated, and not known from the splits that the source says it used."""
    runs: int | None = Field(ge=1)
    train: Literal["", "concordant", "all", "balanced", "other"]
    """Training rows; empty: none, or not stated."""
    test: Literal["", "concordant", "balanced", "other"]
    """Test rows; empty: not stated."""
    protocol: str
    backbone: str
    method: str
    """The file of `config/methods/` that reproduces the row; empty: none."""
    note: str

    @field_validator("value", "sd", "n", "runs", mode="before")
    @classmethod
    def _empty_is_null(cls, text: object) -> object:
        return None if text == "" else text

    @property
    def place(self) -> str:
        """Where in the source the cell stands: a table by its number, anything else as it is called."""
        return f"table {self.table}" if self.table[0].isdigit() else self.table

    @model_validator(mode="after")
    def _sound(self) -> PublishedCell:
        if self.printed == "" and not self.note:
            raise ValueError("nothing is printed: say in 'note' why the cell cannot be read")
        if self.value is None:
            if self.printed not in _EMPTY and self.metric not in ("setting", "range"):
                raise ValueError(f"'value' is empty, but '{self.printed}' is printed")
            return self
        if self.metric in _PERCENT and not 0 <= self.value <= 100:
            raise ValueError(f"'value' is {self.value:g}, but {self.metric} lies between 0 and 100")
        if self.metric == "fleiss_kappa" and not -1 <= self.value <= 1:
            raise ValueError(f"'value' is {self.value:g}, but kappa lies between -1 and 1")
        if (self.value, self.sd) not in _readings(self.printed):
            raise ValueError(f"'value' and 'sd' do not say what is printed, '{self.printed}'")
        return self


def _readings(printed: str) -> list[tuple[float, float | None]]:
    """Value and standard deviation that a printed number may stand for: as it is, or a share as percent."""
    match = re.match(r"(?:> |under )?(\d*\.?\d+)(?:±(\d*\.?\d+))?%?(?: \(\d+\))?$", printed)
    if match is None:
        return []
    value, sd = float(match[1]), None if match[2] is None else float(match[2])
    # Rounded: 100 · 0.8691 is not 86.91 in binary.
    share = (round(100 * value, 4), None if sd is None else round(100 * sd, 4))
    return [(value, sd), share] if value <= 1 else [(value, sd)]


class _TableEntry(StrictModel):
    file: str = Field(pattern=r"^[a-z0-9_.]+\.csv$")
    title: str
    about: str
    """What a reader must know of the table, in a sentence or two."""
    needs: str
    """What it takes to run its rows that have not been run."""


class PublishedFigure(StrictModel):
    """A published figure."""

    title: str
    about: str
    """What it shows in the source."""
    needs: str
    """What it takes to make it."""
    ours: str = ""
    """Where the report shows its counterpart, when what it takes was run; empty: nowhere yet."""


class _Contents(StrictModel):
    tables: list[_TableEntry] = Field(min_length=1)
    figures: list[PublishedFigure] = []


@dataclass(frozen=True)
class PublishedTable:
    """A published table with its cells in the source's order."""

    name: str
    """The file's name without its ending."""
    title: str
    about: str
    needs: str
    cells: tuple[PublishedCell, ...]


@dataclass(frozen=True)
class Published:
    """All published values, and the method files that reproduce them."""

    tables: tuple[PublishedTable, ...]
    figures: tuple[PublishedFigure, ...]
    methods: dict[str, MethodConfig]
    """Method, members of decision fusions included → its file as it stands, without any profile's changes."""

    def digest(self) -> str:
        """SHA-256 of what is said here; comments and the order of keys in the files are no part of it."""
        content = json.dumps(to_jsonable_python(self), sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()


def load_published(config_dir: Path = CONFIG_DIR) -> Published:
    """Read config/published/.

    Raises:
        ConfigError: a file is missing or not listed, or a line is wrong; names file and line.
    """
    folder = config_dir / FOLDER
    path = folder / "tables.yaml"
    contents = validate(_Contents, read_yaml(path), str(path))
    listed = [entry.file for entry in contents.tables]
    for found in sorted(folder.glob("*.csv")):
        if found.name not in listed:
            raise ConfigError(f"{found}: {path} does not list this file; add it there")
    if len(set(listed)) != len(listed):
        raise ConfigError(f"{path}: a file is listed twice; list each once")
    known = sorted(file.stem for file in (config_dir / "methods").glob("*.yaml"))
    seen: dict[tuple[str, ...], str] = {}
    tables = []
    for entry in contents.tables:
        cells = _read_cells(folder / entry.file, known, seen)
        name = Path(entry.file).stem
        tables.append(PublishedTable(name, entry.title, entry.about, entry.needs, tuple(cells)))
    named = {cell.method for table in tables for cell in table.cells if cell.method}
    return Published(tuple(tables), tuple(contents.figures), _methods(named, config_dir))


def _methods(names: set[str], config_dir: Path) -> dict[str, MethodConfig]:
    methods: dict[str, MethodConfig] = {}
    for name in sorted(names):
        file = config_dir / "methods" / f"{name}.yaml"
        methods[name] = validate(MethodConfig, method_values(name, config_dir), str(file))
        members = set(methods[name].members.values())
        methods.update(_methods(members - set(methods), config_dir))
    return methods


def _read_cells(path: Path, methods: list[str], seen: dict[tuple[str, ...], str]) -> list[PublishedCell]:
    """The cells of one file; `seen` holds where each cell of all files was met."""
    if not path.is_file():
        raise ConfigError(f"{path}: no such file, but tables.yaml lists it; add it or take it out there")
    columns = list(PublishedCell.model_fields)
    cells = []
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            reader = csv.reader(handle, strict=True)
            header = next(reader, [])
            if header != columns:
                raise ConfigError(f"{path}, line 1: the columns must be {','.join(columns)}")
            for fields in reader:
                where = f"{path}, line {reader.line_num}"
                if len(fields) != len(columns):
                    raise ConfigError(f"{where}: has {len(fields)} fields; it must have {len(columns)}")
                cell = _cell(dict(zip(columns, fields, strict=True)), where)
                if cell.method and cell.method not in methods:
                    raise ConfigError(
                        f"{where}: there is no method '{cell.method}'; {nearest(cell.method, methods)}"
                    )
                key = (cell.source, cell.table, cell.dataset, cell.task, cell.row, cell.column)
                if key in seen:
                    raise ConfigError(f"{where}: says the cell of {seen[key]} again; remove one")
                seen[key] = where
                cells.append(cell)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path}: is not a CSV file in UTF-8 ({error}); save it as one") from error
    if not cells:
        raise ConfigError(f"{path}: holds no cells; add them or take the file out of tables.yaml")
    return cells


def _cell(values: dict[str, str], where: str) -> PublishedCell:
    try:
        return PublishedCell.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        message = first["msg"].removeprefix("Value error, ")
        if not first["loc"]:
            raise ConfigError(f"{where}: {message}") from error
        name = str(first["loc"][0])
        raise ConfigError(f"{where}: '{name}' is '{values[name]}': {message}") from error
