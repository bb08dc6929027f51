"""`crisisweave rationales …`: labels from human tables, taggers, language models or a generator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crisisweave.cli_options import (
    DATA,
    DEFAULT_PROFILE,
    DEFAULT_ROOT,
    DataRoot,
    DatasetName,
    ProfilePath,
    TaskName,
)

rationales_app = typer.Typer(
    help="Rationale labels: which words of a tweet carry its class.", no_args_is_help=True
)
LabelSource = Annotated[str, typer.Option("--source", help="A file in config/rationales/.")]


@rationales_app.command()
def labels(
    dataset: DatasetName,
    task: TaskName,
    source: LabelSource,
    profile: ProfilePath = DEFAULT_PROFILE,
    data_root: DataRoot = DEFAULT_ROOT,
) -> None:
    """Make the rationale labels of a prepared task from one source, and describe them."""
    from crisisweave.config.profile import Profile
    from crisisweave.config.rationales import load_rationale_source
    from crisisweave.layout import Sources
    from crisisweave.rationales.describe import as_lines
    from crisisweave.rationales.sources import make_labels

    data_folder = Profile(profile).dataset(dataset).folder
    described = make_labels(
        load_rationale_source(source),
        prepared=Sources(dataset, task).prepared,
        truth=DATA / data_folder / "truth" / "tweets.jsonl",
        data_root=data_root,
        out=DATA / "rationales" / dataset / task / f"{source}.jsonl",
    )
    print("\n".join(as_lines(described)))


@rationales_app.command()
def describe(
    file: Annotated[Path, typer.Argument(help="A JSONL of rationale labels.")],
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Say what a file of labels holds: shares of words per class, and what their length gives away."""
    import json

    from crisisweave.rationales.describe import as_lines
    from crisisweave.rationales.describe import describe as described_as
    from crisisweave.rationales.labels import read_labels

    described = described_as(read_labels(file))
    print(json.dumps(described, indent=2) if as_json else "\n".join(as_lines(described)))
