"""Options and folders that the commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crisisweave.invocation import DATA_ROOT, PROFILE

ProfilePath = Annotated[
    Path, typer.Option("--profile", envvar=PROFILE, help="The YAML that says what is run.")
]
DatasetName = Annotated[str, typer.Option("--dataset", help="A file in config/datasets/.")]
TaskName = Annotated[str, typer.Option("--task", help="A task of the data set.")]
MethodName = Annotated[str, typer.Option("--method", help="A file in config/methods/.")]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the run.")]
DataRoot = Annotated[
    Path,
    typer.Option("--data-root", envvar=DATA_ROOT, help="Folder that holds the raw data sets' folders."),
]
Weights = Annotated[
    Path, typer.Option("--weights", envvar="CRISISWEAVE_WEIGHTS", help="Folder with published checkpoints.")
]
SourceNames = Annotated[
    list[str] | None, typer.Option("--source", help="A file in config/sources/; may be given several times.")
]
Target = Annotated[str, typer.Option("--target", help="A file in config/transfers/.")]
JointName = Annotated[str, typer.Option("--joint", help="A file in config/joint/.")]
CaptionerName = Annotated[str, typer.Option("--captioner", help="A file in config/captioners/.")]
DEFAULT_PROFILE = Path("config/default.yaml")
DATA = Path("data")
DEFAULT_ROOT = DATA / "raw"
RESULTS = Path("results")
TABLES = RESULTS / "tables"
DEFAULT_WEIGHTS = Path("weights")
CONFIG_DIR = Path("config")
