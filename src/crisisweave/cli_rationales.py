"""`crisisweave rationales …`: labels from human tables, taggers, language models or a generator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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

if TYPE_CHECKING:
    import pandas as pd

rationales_app = typer.Typer(
    help="Rationale labels: which words of a tweet carry its class.", no_args_is_help=True
)
TAGGERS = DATA / "taggers"
DEFAULT_TAGGER = "nepal_tagger"
LabelSource = Annotated[str, typer.Option("--source", help="A file in config/rationales/.")]
TaggerSource = Annotated[str, typer.Option("--source", help="A file in config/rationales/ of kind 'silver'.")]
TaggerFolder = Annotated[Path, typer.Option("--tagger", help="Folder of a trained tagger.")]
AsJson = Annotated[bool, typer.Option("--json", help="The same as JSON.")]
Out = Annotated[Path, typer.Option("--out", help="The JSONL to write; a report is written beside it.")]


def _show(value: Any, lines: list[str], as_json: bool) -> None:
    print(json.dumps(value, indent=2) if as_json else "\n".join(lines))


def _instances(dataset: str, task: str) -> pd.DataFrame:
    from crisisweave.datasets.tables import read_instances
    from crisisweave.layout import Sources

    return read_instances(Sources(dataset, task).prepared)[0]


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
    from crisisweave.seeding import seed_everything

    resolved = Profile(profile)
    seed_everything(0, resolved.config.threads)
    described = make_labels(
        load_rationale_source(source, resolved.config_dir),
        prepared=Sources(dataset, task).prepared,
        truth=DATA / resolved.dataset(dataset).folder / "truth" / "tweets.jsonl",
        taggers=TAGGERS,
        data_root=data_root,
        out=DATA / "rationales" / dataset / task / f"{source}.jsonl",
    )
    print("\n".join(as_lines(described)))


@rationales_app.command()
def describe(
    file: Annotated[Path, typer.Argument(help="A JSONL of rationale labels.")], as_json: AsJson = False
) -> None:
    """Say what a file of labels holds: shares of words per class, and what their length gives away."""
    from crisisweave.rationales.describe import as_lines
    from crisisweave.rationales.describe import describe as described_as
    from crisisweave.rationales.labels import read_labels

    described = described_as(read_labels(file))
    _show(described, as_lines(described), as_json)


@rationales_app.command("import")
def import_table(
    table: Annotated[Path, typer.Argument(help="A CSV with verbatim snippets (docs/rationale_labels.md).")],
    out: Out,
    source: TaggerSource = DEFAULT_TAGGER,
    annotator: Annotated[str, typer.Option(help="Who marked the words.")] = "human",
) -> None:
    """Turn a table of human rationales into labels; snippets that do not match are reported beside them."""
    from crisisweave.config.rationales import load_tagger_config
    from crisisweave.files import write_json
    from crisisweave.rationales.importer import as_labels, import_report, read_rationale_table
    from crisisweave.rationales.labels import write_labels

    tweets = read_rationale_table(table)
    classes = load_tagger_config(source).table.classes
    write_labels(out, as_labels(table, tweets, classes, annotator, "human"))
    report = import_report(tweets)
    write_json(out.with_suffix(".json"), report)
    print(
        f"{report['with_gold']} of {report['tweets']} tweets with a rationale: {out}\n"
        f"{report['without_rationale']} without one; {report['with_unmatched_snippets']} left out for "
        f"{report['snippets_unmatched']} of {report['snippets']} snippets that are not verbatim "
        f"({report['snippets_unmatched_share']:.1%}): {out.with_suffix('.json')}"
    )


@rationales_app.command()
def agreement(
    files: Annotated[
        list[Path], typer.Argument(help="One JSONL of labels or CSV of snippets per annotator.")
    ],
    as_json: AsJson = False,
) -> None:
    """Agreement between annotators: Cohen, Fleiss, Krippendorff; word scores of each pair."""
    from crisisweave.rationales.agreement import as_lines, compare_files

    result = compare_files(files)
    _show(result, as_lines(result), as_json)


@rationales_app.command("train-tagger")
def train_tagger(
    source: TaggerSource, profile: ProfilePath = DEFAULT_PROFILE, data_root: DataRoot = DEFAULT_ROOT
) -> None:
    """Train a tagger on a table of human rationales, and cross-validate it."""
    from crisisweave.config.profile import Profile
    from crisisweave.config.rationales import load_tagger_config
    from crisisweave.rationales.tagger_folder import make_tagger
    from crisisweave.rationales.tagger_scores import as_table
    from crisisweave.seeding import seed_everything

    resolved = Profile(profile)
    seed_everything(0, resolved.config.threads)
    config = load_tagger_config(source, resolved.config_dir)
    validation = make_tagger(config, data_root, TAGGERS / source)
    print("\n".join(as_table(validation["answers"])))


@rationales_app.command()
def tag(
    text: Annotated[str, typer.Option(help="The text of one tweet.")],
    label: Annotated[str | None, typer.Option("--class", help="Its class, if it is known.")] = None,
    tagger: TaggerFolder = TAGGERS / DEFAULT_TAGGER,
    as_json: AsJson = False,
) -> None:
    """Mark the words of one tweet with a trained tagger."""
    from crisisweave.datasets.text import words
    from crisisweave.rationales.tagger_folder import load_tagger
    from crisisweave.rationales.tagger_scores import marked_text

    text_words = words(text)
    tagged = load_tagger(tagger).mark([text_words], [label])[0]
    value = {
        "words": text_words,
        "span": tagged.span,
        "scores": [round(s, 4) for s in tagged.scores.tolist()],
    }
    _show(value, [marked_text(text_words, tagged.span)], as_json)


@rationales_app.command()
def score(
    gold: Annotated[Path, typer.Option(help="A CSV of human rationales, as for `import`.")],
    tagger: TaggerFolder = TAGGERS / DEFAULT_TAGGER,
    as_json: AsJson = False,
) -> None:
    """Score a trained tagger against human rationales of another event."""
    from crisisweave.rationales.score import as_lines
    from crisisweave.rationales.score import score as scored
    from crisisweave.rationales.tagger_folder import load_tagger

    result = scored(load_tagger(tagger), gold)
    _show(result, as_lines(result), as_json)


@rationales_app.command()
def prompts(
    dataset: DatasetName,
    task: TaskName,
    out: Annotated[Path, typer.Option("--out", help="The JSONL to write.")],
) -> None:
    """Write one prompt per instance of a prepared task, for a language model that is run elsewhere."""
    from crisisweave.rationales.prompts import write_prompts

    print(f"{write_prompts(_instances(dataset, task), out)} prompts: {out}")


@rationales_app.command()
def answers(
    file: Annotated[Path, typer.Argument(help="The JSONL of answers (docs/rationale_labels.md).")],
    dataset: DatasetName,
    task: TaskName,
    out: Out,
) -> None:
    """Check a language model's answers to the prompts, and turn those that are verbatim into labels."""
    from crisisweave.files import write_json
    from crisisweave.rationales.labels import write_labels
    from crisisweave.rationales.prompts import read_answers

    made, report = read_answers(file, _instances(dataset, task))
    write_labels(out, made)
    write_json(out.with_suffix(".json"), report)
    print(
        f"{report['labels']} of {report['answers']} answers became labels: {out}\n"
        f"left out: {report['refused']} refused, {report['unreadable']} not the JSON that was asked for, "
        f"{report['unmatched']} with a snippet that is not verbatim; "
        f"{report['unanswered']} instances without an answer: {out.with_suffix('.json')}"
    )
