"""`crisisweave study …`: people compare the image rationales of two extractors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from crisisweave.cli_options import DEFAULT_PROFILE, ProfilePath

study_app = typer.Typer(
    help="Human evaluation: people compare the image rationales of two extractors.", no_args_is_help=True
)


@study_app.command()
def make(
    run: Annotated[Path, typer.Option("--run", help="A run's folder that holds rationales.parquet.")],
    a: Annotated[str, typer.Option("--a", help="The extractor whose preference is measured.")],
    b: Annotated[str, typer.Option("--b", help="The extractor it is compared with.")],
    items: Annotated[int, typer.Option(min=2, help="Pairs to compare; two attention checks join them.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of the drawing of tweets, sides and places.")] = 0,
    out: Annotated[Path, typer.Option(help="Folder to write.")] = Path("study"),
    profile: ProfilePath = DEFAULT_PROFILE,
) -> None:
    """Write the raters' page (study.html) and the researcher's key (key.json)."""
    from crisisweave.config.profile import Profile
    from crisisweave.config.run import read_run_config
    from crisisweave.study.make import make_study

    dataset = Profile(profile).dataset(read_run_config(run).dataset)
    private_to = None if dataset.redistributable else f"{dataset.title} ({dataset.licence})"
    key = make_study(run, a, b, items, seed, out, private_to)
    print(
        f"{out / 'study.html'}: {items} pairs and {len(key.checks)} attention checks; give it to the raters"
    )
    print(f"{out / 'key.json'}: says which side is which; keep it from the raters and for the scoring")
    drawn = f"drawn from {key.eligible} test tweets"
    other, same = key.left_out["other_class"], key.left_out["same_patches"]
    print(f"{drawn}; left out: {other} explained for different classes, {same} with the same patches")
    if private_to is not None:
        print(
            f"The page holds tweets and images of {private_to}: it may go to raters only; do not publish it."
        )


@study_app.command()
def score(
    answers: Annotated[list[Path], typer.Argument(help="The files that raters saved.")],
    key: Annotated[Path, typer.Option("--key", help="The study's key.json.")],
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """Say which extractor the raters prefer, with intervals, and how far they agree."""
    import json

    from crisisweave.study.score import score_study
    from crisisweave.study.summary import as_lines

    result = score_study(key, answers)
    print(json.dumps(result, indent=2, ensure_ascii=False) if as_json else "\n".join(as_lines(result)))
