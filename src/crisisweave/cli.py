"""The command line: parses, calls, prints.

Every rule of the workflow is one of these commands. Each imports what it needs when it runs, so that
`crisisweave --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from crisisweave.cli_options import (
    CONFIG_DIR,
    DATA,
    DEFAULT_PROFILE,
    DEFAULT_ROOT,
    DEFAULT_WEIGHTS,
    RESULTS,
    TABLES,
    CaptionerName,
    DataRoot,
    DatasetName,
    JointName,
    MethodName,
    ProfilePath,
    Seed,
    SourceNames,
    Target,
    TaskName,
    Weights,
)
from crisisweave.cli_rationales import rationales_app
from crisisweave.cli_study import study_app
from crisisweave.errors import CrisisWeaveError
from crisisweave.invocation import DATA_ROOT, PROFILE, command_line

if TYPE_CHECKING:
    import pandas as pd

    from crisisweave.config.dataset import DatasetConfig
    from crisisweave.config.profile import Profile, Run, TransferConfig
    from crisisweave.config.run import RunConfig
    from crisisweave.layout import Sources

app = typer.Typer(
    name="crisisweave",
    help="Classify crisis tweets with images, reproducibly. Each command is one step of the workflow.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="What raw data and weights are here.", no_args_is_help=True)
app.add_typer(data_app, name="data")
app.add_typer(rationales_app, name="rationales")
app.add_typer(study_app, name="study")


def _profile(path: Path) -> Profile:
    from crisisweave.config.profile import Profile

    return Profile(path)


def _root(config: DatasetConfig, data_root: Path) -> Path:
    """Generated data lies in the project, wherever the user's own data is."""
    return DATA if config.generated else data_root


def _run(profile: Profile, dataset: str, task: str, method: str, seed: int) -> tuple[Run, RunConfig]:
    """A run of the profile with its resolved config.

    Raises:
        ConfigError: the profile does not contain it.
    """
    from crisisweave.config.profile import Run
    from crisisweave.config.run import RunConfig
    from crisisweave.config.strict import nearest
    from crisisweave.errors import ConfigError

    experiment = profile.experiment(dataset, task)
    names = profile.methods(dataset, task)
    if method not in names:
        raise ConfigError(
            f"{profile.path}: method '{method}' is not run on {dataset}/{task}; {nearest(method, names)}"
        )
    if seed not in experiment.seeds:
        raise ConfigError(
            f"{profile.path}: seed {seed} is not run on {dataset}/{task}; its seeds are {experiment.seeds}"
        )
    resolved = profile.method(dataset, task, method)
    source = profile.dataset(dataset)
    config = RunConfig(
        dataset=dataset,
        task=task,
        classes=source.tasks[task].classes,
        seed=seed,
        threads=profile.config.threads,
        method=resolved,
        shorter_side=source.shorter_side if resolved.opens_images else None,
        captioner=profile.captioner(resolved.captioner) if resolved.captioner else None,
        joint=profile.joint(resolved.joint) if resolved.joint else None,
    )
    return Run(dataset, task, method, seed), config


def _must_be_trained(config: RunConfig) -> None:
    from crisisweave.errors import ConfigError

    if not config.method.is_trained:
        step = "combine" if config.method.is_decision else "read-partly"
        raise ConfigError(
            f"method '{config.method.name}' has no weights of its own; use `crisisweave {step}` for it"
        )


def _target(profile: Profile, run: Run, name: str) -> TransferConfig:
    """A transfer target of the run.

    Raises:
        ConfigError: the profile does not score this run on it.
    """
    from crisisweave.config.strict import nearest
    from crisisweave.errors import ConfigError

    known = profile.transfers_of(run)
    if name not in known:
        hint = nearest(name, known) if known else "it has none"
        raise ConfigError(
            f"{profile.path}: method '{run.method}' of {run.dataset}/{run.task} has no transfer target "
            f"'{name}'; {hint}"
        )
    return profile.transfer(name)


@app.command()
def demo(
    profile: ProfilePath = DEFAULT_PROFILE,
    out: Annotated[Path, typer.Option(help="Folder to write.")] = DATA / "demo",
) -> None:
    """Generate the embedded demo data set in CrisisMMD's on-disk format."""
    from crisisweave.datasets.demo import generate

    generate(out, seed=0, tweets=_profile(profile).config.demo_tweets)


@app.command()
def prepare(
    dataset: DatasetName,
    task: TaskName,
    profile: ProfilePath = DEFAULT_PROFILE,
    data_root: DataRoot = DEFAULT_ROOT,
) -> None:
    """Read and check a data set's tables: one row per tweet and image."""
    from crisisweave.datasets.prepare import prepare as step
    from crisisweave.layout import Sources

    config = _profile(profile).dataset(dataset)
    step(config=config, task=task, data_root=_root(config, data_root), out=Sources(dataset, task).prepared)


@app.command()
def images(
    dataset: DatasetName, profile: ProfilePath = DEFAULT_PROFILE, data_root: DataRoot = DEFAULT_ROOT
) -> None:
    """Decode every image of a data set once, into one memory-mapped store."""
    from crisisweave.images.store import build_store

    config = _profile(profile).dataset(dataset)
    build_store(config=config, data_root=_root(config, data_root), out=DATA / "images" / dataset)


@app.command()
def views(
    dataset: DatasetName,
    task: TaskName,
    profile: ProfilePath = DEFAULT_PROFILE,
    data_root: DataRoot = DEFAULT_ROOT,
) -> None:
    """Make the two views of every row of a data set of views."""
    from crisisweave.datasets.views import build_views
    from crisisweave.layout import Sources

    config, sources = _profile(profile).dataset(dataset), Sources(dataset, task)
    build_views(config, task, _root(config, data_root), sources.prepared, sources.views)


@app.command()
def media_views(
    dataset: DatasetName,
    task: TaskName,
    profile: ProfilePath = DEFAULT_PROFILE,
    data_root: DataRoot = DEFAULT_ROOT,
) -> None:
    """Decode sound and pictures of every row of a data set of views."""
    from crisisweave.datasets.media_views import build_media_views
    from crisisweave.layout import Sources

    config, sources = _profile(profile).dataset(dataset), Sources(dataset, task)
    build_media_views(config, task, _root(config, data_root), sources.prepared, sources.views)


@app.command()
def audit(dataset: DatasetName, profile: ProfilePath = DEFAULT_PROFILE) -> None:
    """Find what leaks between splits and between tasks."""
    from crisisweave.evaluation.leakage import audit as step
    from crisisweave.layout import Sources

    resolved = _profile(profile)
    prepared = {task: Sources(dataset, task).prepared for task in resolved.tasks_of(dataset)}
    has_images = "image" in resolved.dataset(dataset).modalities
    index = DATA / "images" / dataset / "index.parquet" if has_images else None
    step(prepared=prepared, index=index, out=DATA / "audit" / dataset)


@app.command()
def features(
    dataset: DatasetName,
    encoder: Annotated[str, typer.Option(help="An image encoder's name.")],
    size: Annotated[int, typer.Option(help="Pixels of the square input.")],
    grid: Annotated[int, typer.Option(help="Cells along a side; 1 is one vector per image.")] = 1,
    profile: ProfilePath = DEFAULT_PROFILE,
    data_root: DataRoot = DEFAULT_ROOT,
) -> None:
    """Encode every image once with a frozen encoder, or put features together that were made elsewhere."""
    from crisisweave.encoders.features import encode_images, gather_given
    from crisisweave.encoders.given import given_folder
    from crisisweave.encoders.names import parse
    from crisisweave.images.store import ImageStore
    from crisisweave.layout import Sources
    from crisisweave.seeding import seed_everything

    seed_everything(0, _profile(profile).config.threads)
    out = Sources(dataset, "").image_features(encoder, size, grid)
    store, name = ImageStore(DATA / "images" / dataset), parse(encoder)
    if name.kind == "given":
        gather_given(store, encoder, size, grid, given_folder(name, dataset, data_root), out)
    else:
        encode_images(store, encoder, size, grid, out)


@app.command("patch-features")
def patch_features(dataset: DatasetName, joint: JointName, profile: ProfilePath = DEFAULT_PROFILE) -> None:
    """Encode every patch of every image once, each alone, as a joint encoder reads them."""
    from crisisweave.encoders.features import encode_patches
    from crisisweave.errors import ConfigError
    from crisisweave.images.store import ImageStore
    from crisisweave.layout import Sources
    from crisisweave.seeding import seed_everything

    resolved = _profile(profile)
    patches = resolved.joint(joint).patches
    if patches.encoder is None:
        raise ConfigError(f"joint encoder '{joint}' reads pixels, so there is nothing to encode")
    seed_everything(0, resolved.config.threads)
    sources = Sources(dataset, "")
    encode_patches(ImageStore(sources.images), patches, sources.patch_features(patches))


@app.command("region-features")
def region_features(
    dataset: DatasetName,
    method: MethodName,
    run_dataset: Annotated[str | None, typer.Option(help="Where the method is run; default: here.")] = None,
    run_task: Annotated[str | None, typer.Option(help="Where the method is run.")] = None,
    profile: ProfilePath = DEFAULT_PROFILE,
) -> None:
    """Find the regions of every image once, as a method reads them; goes on from where it was cut off."""
    from crisisweave.encoders.region_step import find_regions
    from crisisweave.errors import ConfigError
    from crisisweave.layout import Sources
    from crisisweave.seeding import seed_everything

    resolved = _profile(profile)
    where = run_dataset or dataset
    task = run_task or resolved.tasks_of(where)[0]
    regions = resolved.method(where, task, method).regions
    if regions is None or regions.detector is None:
        raise ConfigError(f"method '{method}' reads no regions of a detector, so there is nothing to find")
    seed_everything(0, resolved.config.threads)
    sources = Sources(dataset, "")
    find_regions(sources.images, regions, sources.regions(regions))


@app.command("text-features")
def text_features(
    dataset: DatasetName,
    task: TaskName,
    method: MethodName,
    run_dataset: Annotated[str | None, typer.Option(help="Where the method is run; default: here.")] = None,
    run_task: Annotated[str | None, typer.Option(help="Where the method is run; default: here.")] = None,
    profile: ProfilePath = DEFAULT_PROFILE,
) -> None:
    """Encode every text of a task once with a method's frozen text encoder."""
    from crisisweave.datasets.tables import read_instances
    from crisisweave.datasets.text import model_words
    from crisisweave.encoders.features import encode_texts
    from crisisweave.errors import ConfigError
    from crisisweave.layout import Sources
    from crisisweave.seeding import seed_everything

    resolved = _profile(profile)
    config = resolved.method(run_dataset or dataset, run_task or task, method)
    if config.text is None or config.text.tuned:
        raise ConfigError(f"method '{method}' has no frozen text encoder, so there is nothing to encode")
    seed_everything(0, resolved.config.threads)
    sources = Sources(dataset, task)
    frame, _ = read_instances(sources.prepared)
    words = [model_words(text) for text in frame["text"]]
    encode_texts(words, config.text, config.max_tokens, sources.text_features(config))


@app.command()
def captioner(
    captioner: CaptionerName,
    profile: ProfilePath = DEFAULT_PROFILE,
    weights: Weights = DEFAULT_WEIGHTS,
) -> None:
    """Train a captioner, or import a published one."""
    from crisisweave.captioning.inputs import read_splits
    from crisisweave.captioning.published import import_published
    from crisisweave.captioning.train import train_captioner
    from crisisweave.layout import Sources, captioner_folder

    resolved = _profile(profile)
    config = resolved.captioner(captioner)
    out = captioner_folder(captioner)
    if config.training is None:
        import_published(config, weights=weights, out=out)
        return
    source = resolved.dataset(config.training.dataset)
    sources = [Sources(source.name, task) for task in config.training.tasks]
    train_captioner(
        config,
        features=sources[0].image_features(*config.encodings[0]) / "features.npy",
        index=sources[0].images / "index.parquet",
        truth=DATA / source.folder / "truth" / "images.jsonl",
        splits=read_splits(s.prepared / "instances.parquet" for s in sources),
        seed=0,
        out=out,
        threads=resolved.config.threads,
    )


@app.command()
def joint(joint: JointName, profile: ProfilePath = DEFAULT_PROFILE) -> None:
    """Train a joint encoder of words and patches, or take a published one from the model cache."""
    from crisisweave.captioning.inputs import read_splits
    from crisisweave.layout import Sources, joint_folder
    from crisisweave.pretraining.published import import_hub
    from crisisweave.pretraining.train import train_joint

    resolved = _profile(profile)
    config = resolved.joint(joint)
    out = joint_folder(joint)
    if config.training is None:
        import_hub(config, out)
        return
    source = resolved.dataset(config.training.dataset)
    sources = [Sources(source.name, task) for task in config.training.tasks]
    tables = [s.prepared / "instances.parquet" for s in sources]
    train_joint(
        config,
        images=sources[0],
        instances=tables,
        truth=DATA / source.folder / "truth" / "images.jsonl",
        splits=read_splits(tables),
        seed=0,
        out=out,
        threads=resolved.config.threads,
    )


@app.command()
def captions(dataset: DatasetName, captioner: CaptionerName, profile: ProfilePath = DEFAULT_PROFILE) -> None:
    """Caption every image of a data set: five candidates, the one nearest to the image chosen."""
    from crisisweave.captioning.caption import caption
    from crisisweave.captioning.inputs import read_splits
    from crisisweave.layout import Sources, captioner_folder

    resolved = _profile(profile)
    config = resolved.captioner(captioner)
    source = resolved.dataset(dataset)
    sources = Sources(dataset, "")
    truth, splits = None, None
    if source.generated:
        truth = DATA / source.folder / "truth" / "images.jsonl"
        tasks = resolved.scored_caption_tasks(dataset, captioner)
        splits = read_splits(Sources(dataset, t).prepared / "instances.parquet" for t in tasks)
    read = [sources.image_features(*encoding) / "features.npy" for encoding in config.encodings]
    caption(
        config,
        captioner=captioner_folder(captioner),
        features=None if config.image is None else read[0],
        index=sources.images / "index.parquet",
        out=sources.captions(captioner),
        scorer_features=None if config.scorer_image is None else read[-1],
        truth=truth,
        splits=splits,
        threads=resolved.config.threads,
    )


@app.command()
def similarity(dataset: DatasetName, profile: ProfilePath = DEFAULT_PROFILE) -> None:
    """Measure how near texts and images of a data set are: own pairs, and pairs drawn at random."""
    from crisisweave.captioning.text_image import caption_reader, clip_reader, text_image_similarity
    from crisisweave.encoders.text import load_text_encoder
    from crisisweave.errors import ConfigError
    from crisisweave.layout import Sources
    from crisisweave.seeding import seed_everything

    resolved = _profile(profile)
    config, task = resolved.similarity, resolved.similarity_task(dataset)
    if config is None or task is None:
        raise ConfigError(f"{profile}: similarity.tasks does not name data set '{dataset}'; add it")
    seed_everything(0, resolved.config.threads)
    sources = Sources(dataset, task)
    if config.clip is not None:
        features = sources.image_features(config.clip, config.size)
        reader = clip_reader(load_text_encoder(config.clip), features, sources.images)
    else:
        assert config.captioner is not None
        assert config.encoder is not None
        reader = caption_reader(load_text_encoder(config.encoder), sources.captions(config.captioner))
    text_image_similarity(config, sources=sources, reader=reader, out=sources.similarity(config.name))


@app.command()
def train(
    dataset: DatasetName,
    task: TaskName,
    method: MethodName,
    seed: Seed,
    profile: ProfilePath = DEFAULT_PROFILE,
    checkpoint_every: Annotated[
        float,
        typer.Option(envvar="CRISISWEAVE_CHECKPOINT_EVERY", help="Seconds between two checkpoints."),
    ] = 120.0,
) -> None:
    """Train one method on one data set and task with one seed; goes on from a checkpoint if there is one."""
    from crisisweave.layout import Sources
    from crisisweave.training.train import train as step

    run, config = _run(_profile(profile), dataset, task, method, seed)
    step(config, Sources(dataset, task), run.folder, checkpoint_every)


@app.command("predict-splits")
def predict_splits(
    dataset: DatasetName,
    task: TaskName,
    method: MethodName,
    seed: Seed,
    profile: ProfilePath = DEFAULT_PROFILE,
) -> None:
    """Score a trained run on dev and test."""
    from crisisweave.layout import Sources
    from crisisweave.training.predict import predict as step

    run, config = _run(_profile(profile), dataset, task, method, seed)
    _must_be_trained(config)
    step(run.folder, Sources(dataset, task))


@app.command()
def balance(
    dataset: DatasetName,
    task: TaskName,
    method: MethodName,
    seed: Seed,
    profile: ProfilePath = DEFAULT_PROFILE,
) -> None:
    """Measure how a trained run uses each of its modalities on test."""
    from crisisweave.layout import Sources
    from crisisweave.training.balance import measure

    run, config = _run(_profile(profile), dataset, task, method, seed)
    _must_be_trained(config)
    measure(run.folder, Sources(dataset, task))


@app.command()
def predict(
    run: Annotated[Path, typer.Option("--run", help="A run's folder, or an exported one.")],
    text: Annotated[str | None, typer.Option(help="The text of one tweet.")] = None,
    image: Annotated[Path | None, typer.Option(help="The image file of one tweet.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    html: Annotated[Path | None, typer.Option(help="Also write a one-page card.")] = None,
    table: Annotated[
        Path | None,
        typer.Option(help="Many tweets: a CSV or Parquet file with the columns text, image and (if any) id."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="With --table: the Parquet file to write.")] = None,
    image_root: Annotated[
        Path | None,
        typer.Option(help="With --table: the folder that its image paths start from; default: the table's."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="With --table: stop at the first row that cannot be predicted.")
    ] = False,
) -> None:
    """Predict the class of new tweets with a trained run."""
    from crisisweave.errors import ConfigError

    single = [text, image, html, as_json or None]
    many = [out, image_root, strict or None]
    if table is None and any(option is not None for option in many):
        raise ConfigError("--out, --image-root and --strict belong to --table; give a table as well")
    if table is not None and any(option is not None for option in single):
        raise ConfigError("--text, --image, --json and --html are for one tweet; leave them out with --table")
    if table is None:
        _predict_one(run, text, image, as_json, html)
    elif out is None:
        raise ConfigError("--table needs --out, the Parquet file to write")
    else:
        _predict_many(run, table, out, image_root, strict)


def _predict_one(run: Path, text: str | None, image: Path | None, as_json: bool, html: Path | None) -> None:
    import json

    from crisisweave.prediction import load
    from crisisweave.prediction.card import write_card

    model = load(run)
    prediction = model.predict(text=text, image=image)
    if html is not None:
        write_card(model, prediction, html)
    print(json.dumps(prediction.as_json(), indent=2) if as_json else prediction)


def _predict_many(run: Path, table: Path, out: Path, image_root: Path | None, strict: bool) -> None:
    from crisisweave.prediction import load
    from crisisweave.prediction.many import predict_table
    from crisisweave.reporting.numbers import several
    from crisisweave.seeding import seed_everything

    model = load(run)
    # The threads of the run's training: the same table gives the same bytes.
    seed_everything(model.config.seed, model.config.threads)
    done = predict_table(model, table, out, image_root, strict)
    print(f"{done.predicted} of {done.rows} rows predicted: {out}")
    if done.bad:
        print(f"{several(done.bad, 'row')} left out, each with its reason: {done.bad_rows}")


@app.command()
def export(
    run: Annotated[Path, typer.Argument(help="A run's folder.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write; default: exports/<data set>-<task>-<method>-<seed>.")
    ] = None,
) -> None:
    """Put everything that a trained run needs into one folder, with a model card."""
    from crisisweave.prediction.export import export as step

    print(step(run, out))


@app.command()
def transfer(
    dataset: DatasetName,
    task: TaskName,
    method: MethodName,
    seed: Seed,
    target: Target,
    profile: ProfilePath = DEFAULT_PROFILE,
) -> None:
    """Score a trained run on another data set or held-out events, without training."""
    from crisisweave.layout import Sources
    from crisisweave.training.predict import transfer as step

    resolved = _profile(profile)
    run, run_config = _run(resolved, dataset, task, method, seed)
    _must_be_trained(run_config)
    config = _target(resolved, run, target)
    step(run.folder, config, Sources(config.dataset, config.task), run.folder / "transfer" / target)


@app.command()
def explain(
    dataset: DatasetName,
    task: TaskName,
    method: MethodName,
    seed: Seed,
    profile: ProfilePath = DEFAULT_PROFILE,
    target: Annotated[str | None, typer.Option(help="Explain the rows of a transfer target.")] = None,
) -> None:
    """Say which words and patches a run decided on, beside what other extractors say of the same run."""
    from crisisweave.explaining.explain import explain as step

    resolved = _profile(profile)
    run, config = _run(resolved, dataset, task, method, seed)
    _must_explain(config)
    rows, sources = _explained_rows(resolved, run, config, target)
    if target is None:
        step(run.folder, rows, sources, run.folder)
    else:
        step(run.folder, rows, sources, run.folder / "transfer" / target, compared_on=None)


@app.command("evaluate-rationales")
def evaluate_rationales(
    dataset: DatasetName,
    task: TaskName,
    method: MethodName,
    seed: Seed,
    profile: ProfilePath = DEFAULT_PROFILE,
    target: Annotated[str | None, typer.Option(help="Score the rationales on a transfer target.")] = None,
) -> None:
    """Score what `explain` found: agreement with gold words and boxes, faithfulness, stability."""
    from crisisweave.explaining.evaluate import evaluate_rationales as step
    from crisisweave.explaining.known import known_rationales

    resolved = _profile(profile)
    run, config = _run(resolved, dataset, task, method, seed)
    _must_explain(config)
    rows, sources = _explained_rows(resolved, run, config, target)
    source = resolved.dataset(sources.dataset)
    assert config.method.rationales is not None
    boxes = source.generated and config.method.opens_images
    known = known_rationales(
        rows,
        labels=sources.rationales(config.method.rationales.labels)
        if resolved.has_gold_words(run, target)
        else None,
        truth=DATA / source.folder / "truth" / "images.jsonl" if boxes else None,
        index=sources.images / "index.parquet" if boxes else None,
    )
    folder = run.folder / "transfer" / target if target else run.folder
    step(run.folder, folder, rows, sources, known, target)


def _must_explain(config: RunConfig) -> None:
    from crisisweave.errors import ConfigError

    if config.method.rationales is None:
        raise ConfigError(
            f"method '{config.method.name}' has no rationales of its own; explain one of family rationale"
        )


def _explained_rows(
    profile: Profile, run: Run, config: RunConfig, target: str | None
) -> tuple[pd.DataFrame, Sources]:
    """The labelled rows on which a run is scored, on dev and test or on a transfer's target."""
    from crisisweave.datasets.tables import read_instances
    from crisisweave.layout import Sources
    from crisisweave.training.predict import SCORED_SPLITS, transfer_rows

    if target is None:
        sources = Sources(run.dataset, run.task)
        frame, _ = read_instances(sources.prepared, SCORED_SPLITS)
        return frame[frame["label"].notna()], sources
    aimed = _target(profile, run, target)
    sources = Sources(aimed.dataset, aimed.task)
    frame, _ = read_instances(sources.prepared, aimed.splits)
    return transfer_rows(frame, aimed, config.classes), sources


@app.command()
def combine(
    dataset: DatasetName,
    task: TaskName,
    method: MethodName,
    seed: Seed,
    profile: ProfilePath = DEFAULT_PROFILE,
    target: Annotated[str | None, typer.Option(help="Combine predictions on a transfer target.")] = None,
) -> None:
    """Fuse the decisions of a text run and an image run; nothing is trained."""
    from crisisweave.config.profile import Run
    from crisisweave.errors import ConfigError
    from crisisweave.training.combine import combine as step

    resolved = _profile(profile)
    run, config = _run(resolved, dataset, task, method, seed)
    if not config.method.is_decision:
        raise ConfigError(f"method '{method}' is trained; use `crisisweave predict-splits` for it")
    if target is not None:
        _target(resolved, run, target)
    place = Path("transfer") / target if target else Path()
    text, image = (
        Run(dataset, task, config.method.members[m], seed).folder / place / "predictions.parquet"
        for m in ("text", "image")
    )
    step(config, text, image, run.folder / place, write_config=target is None)


@app.command("read-partly")
def read_partly(
    dataset: DatasetName,
    task: TaskName,
    method: MethodName,
    seed: Seed,
    profile: ProfilePath = DEFAULT_PROFILE,
    target: Annotated[str | None, typer.Option(help="Read the rows of a transfer target.")] = None,
) -> None:
    """Score a trained model that reads tweet and caption on one of the two alone; nothing is trained."""
    from crisisweave.config.profile import Run
    from crisisweave.errors import ConfigError
    from crisisweave.layout import Sources
    from crisisweave.training.partial import read_partly as step

    resolved = _profile(profile)
    run, config = _run(resolved, dataset, task, method, seed)
    if config.method.model_of is None:
        raise ConfigError(f"method '{method}' is no partial reading of another method's model")
    whole = Run(dataset, task, config.method.model_of, seed).folder
    if target is None:
        step(config, whole, Sources(dataset, task), run.folder)
        return
    scored = _target(resolved, run, target)
    step(config, whole, Sources(scored.dataset, scored.task), run.folder / "transfer" / target, scored)


@app.command()
def evaluate(
    dataset: DatasetName,
    task: TaskName,
    method: MethodName,
    seed: Seed,
    profile: ProfilePath = DEFAULT_PROFILE,
    target: Annotated[str | None, typer.Option(help="Score the predictions on a transfer target.")] = None,
) -> None:
    """Turn predictions into scores with intervals: metrics.json."""
    from crisisweave.evaluation.evaluate import evaluate as step

    resolved = _profile(profile)
    run, _ = _run(resolved, dataset, task, method, seed)
    folder = run.folder / "transfer" / target if target else run.folder
    audited = target is None or _target(resolved, run, target).audited_with(dataset, task)
    step(
        predictions=folder / "predictions.parquet",
        duplicates=DATA / "audit" / dataset / "duplicates.parquet" if audited else None,
        out=folder / "metrics.json",
        dataset=dataset,
        task=task,
        method=method,
        seed=seed,
        target=target,
    )


@app.command()
def aggregate(profile: ProfilePath = DEFAULT_PROFILE) -> None:
    """Gather the scores of all runs of the profile into tables, and compare methods."""
    from crisisweave.evaluation.aggregate import aggregate as step

    resolved = _profile(profile)
    folders = []
    histories = []
    explained = []
    for run in resolved.runs():
        method = resolved.method(run.dataset, run.task, run.method)
        scored = [run.folder]
        scored += [run.folder / "transfer" / target for target in resolved.transfers_of(run)]
        folders += scored
        if method.is_trained:
            histories.append(run.folder / "history.csv")
        if method.rationales is not None:
            explained += scored
    step(folders, TABLES, histories, explained)


@app.command()
def report(
    profile: ProfilePath = DEFAULT_PROFILE,
    out: Annotated[Path, typer.Option(help="Folder of the pages.")] = Path("reports"),
) -> None:
    """Render the HTML report from the tables; pages open from disk, without network."""
    from crisisweave.config.published import load_published
    from crisisweave.layout import Sources
    from crisisweave.orphans import orphans
    from crisisweave.reporting.datasets import About
    from crisisweave.reporting.explained import Explained
    from crisisweave.reporting.methods import Description
    from crisisweave.reporting.pages import report as step

    resolved = _profile(profile)
    names = resolved.datasets()
    configs = {name: resolved.dataset(name) for name in names}
    # Highest seeds first: the lowest stays.
    explained = {
        run[:3]: Explained(run.seed, run.folder / "rationales.parquet")
        for run in sorted(resolved.runs(), reverse=True)
        if resolved.method(*run[:3]).rationales is not None
    }
    for folder in orphans(resolved, RESULTS):
        print(f"left out, no run of {profile}: {folder} (crisisweave prune)", file=sys.stderr)
    step(
        TABLES,
        out,
        datasets=[Sources(n, task).prepared for n in names for task in resolved.tasks_of(n)],
        audits=[DATA / "audit" / n for n in names],
        stores=[Sources(n, "").images for n in names if "image" in configs[n].modalities],
        captions=[Sources(n, "").captions(c) for n in names for c in resolved.captioners_of(n)],
        similarities=[
            Sources(n, task).similarity(resolved.similarity.name)
            for n in names
            if resolved.similarity is not None and (task := resolved.similarity_task(n)) is not None
        ],
        about={
            n: About(
                config.title,
                config.licence,
                redact=resolved.redacts(n),
                redistributable=config.redistributable,
                source=config.registry,
                colours={task: one.colours for task, one in config.tasks.items() if one.colours is not None},
            )
            for n, config in configs.items()
        },
        descriptions={
            key: Description.of(resolved.method(*key), resolved.changes(*key))
            for key in dict.fromkeys(run[:3] for run in resolved.runs())
        },
        published=load_published(resolved.config_dir),
        ceilings={
            n: DATA / configs[n].folder / "truth" / "ceilings.json" for n in names if configs[n].generated
        },
        explained=explained,
        truths={
            n: DATA / configs[n].folder / "truth"
            for n in sorted({key[0] for key in explained})
            if configs[n].generated
        },
        baselines=resolved.config.report.baselines,
        balances=[run.folder for run in resolved.runs() if resolved.method(*run[:3]).n_branches],
    )


@app.command()
def fetch(
    profile: ProfilePath = DEFAULT_PROFILE,
    source: SourceNames = None,
    accept_licence: Annotated[
        list[str] | None, typer.Option(help="A source whose licence you have read and agree to.")
    ] = None,
    data_root: DataRoot = DEFAULT_ROOT,
    weights: Weights = DEFAULT_WEIGHTS,
) -> None:
    """Download and verify what a profile needs, or single sources: the only command that uses the network."""
    from crisisweave.config.source import known_sources
    from crisisweave.config.strict import nearest
    from crisisweave.errors import ConfigError
    from crisisweave.fetching.fetch import fetch_all
    from crisisweave.fetching.needs import needs_of_profile, needs_of_sources

    known = known_sources(CONFIG_DIR)
    for name in accept_licence or []:
        if name not in known:
            raise ConfigError(f"--accept-licence names '{name}', which is no source; {nearest(name, known)}")
    if source:
        needs = needs_of_sources(source, data_root, CONFIG_DIR)
    else:
        needs = needs_of_profile(_profile(profile), data_root)
    fetch_all(needs, set(accept_licence or []), weights, CONFIG_DIR)


@data_app.command("status")
def data_status(
    profile: Annotated[
        Path | None,
        typer.Option(help="Only what this profile needs; exit status 1 if any of it is not here."),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read and hash every file again, also unchanged ones.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    data_root: DataRoot = DEFAULT_ROOT,
    weights: Weights = DEFAULT_WEIGHTS,
) -> None:
    """Show which raw data (and, with a profile, weights) are here, missing or wrong."""
    import json

    from crisisweave.config.source import known_sources
    from crisisweave.fetching.needs import needs_of_profile, needs_of_sources
    from crisisweave.fetching.presence import Hashes
    from crisisweave.fetching.status import as_table, status

    if profile is None:
        needs = needs_of_sources(known_sources(CONFIG_DIR), data_root, CONFIG_DIR)
    else:
        needs = needs_of_profile(_profile(profile), data_root)
    rows = status(needs, weights, Hashes(fresh=verify), verify)
    print(json.dumps([row.as_json() for row in rows], indent=2) if as_json else as_table(rows))
    if profile is not None and any(row.state != "here" for row in rows):
        raise typer.Exit(1)


@data_app.command("list")
def data_list() -> None:
    """Print the registry of data sources as a Markdown table."""
    from crisisweave.fetching.status import registry_table

    print(registry_table(CONFIG_DIR), end="")


@app.command()
def prune(
    profile: ProfilePath = DEFAULT_PROFILE,
    delete: Annotated[
        bool, typer.Option("--delete", help="Remove them; without it they are listed.")
    ] = False,
) -> None:
    """List or remove results that no run of the profile made: a method or seed was taken out of it."""
    from crisisweave.orphans import orphans, remove

    found = orphans(_profile(profile), RESULTS)
    if not found:
        print(f"Nothing in {RESULTS}/ but what {profile} runs.")
        return
    print("\n".join(str(folder) for folder in found))
    if delete:
        remove(found, RESULTS)
    print(
        f"{len(found)} folders {'removed' if delete else f'are no part of {profile}; --delete removes them'}."
    )


def main() -> None:
    """Run the command line; an error of the user's is one sentence and exit status 2."""
    # Steps never go to the network: a model that is not in the cache is an error at once, not a download.
    if sys.argv[1:2] != ["fetch"]:
        os.environ["HF_HUB_OFFLINE"] = "1"
    if len(sys.argv) > 2:
        print("+", command_line(PROFILE, DATA_ROOT), file=sys.stderr)
    try:
        app()
    except CrisisWeaveError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
