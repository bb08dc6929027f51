# Reads the profile with its typed models, so that a wrong key stops here, before anything runs, and holds
# the functions that say what each job needs.
#
# Rules state the part of the config that their result depends on as `params`; a change to any other part
# reruns nothing. Formatting, comments and the order of keys never count: params hold parsed values.
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

from crisisweave.config.profile import Profile
from crisisweave.config.run import DESCRIPTIVE
from crisisweave.config.steps import STEP_VERSIONS
from crisisweave.layout import image_slug, text_slug
from crisisweave.errors import CrisisWeaveError

# Jobs find the `crisisweave` command of the environment that runs Snakemake, activated or not.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def relative(path):
    """The path as a person would type it from the project's root."""
    path = Path(path).resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if len(workflow.overwrite_configfiles) > 1:
    raise WorkflowError(
        "give one --configfile: a profile is one file and says everything that is run"
    )
profile_file = relative([*workflow.overwrite_configfiles, "config/default.yaml"][0])

try:
    PROFILE = Profile(profile_file)
    RUNS = list(PROFILE.runs())
except CrisisWeaveError as error:
    raise WorkflowError(str(error))

THREADS = PROFILE.config.threads
TRAINED = sorted(
    {
        r.method
        for r in RUNS
        if not PROFILE.method(r.dataset, r.task, r.method).is_decision
    }
)
DECISIONS = sorted({r.method for r in RUNS} - set(TRAINED))
TRANSFERS = [(run, target) for run in RUNS for target in PROFILE.transfers_of(run)]


wildcard_constraints:
    dataset="[a-z0-9_]+",
    task="[a-z0-9_]+",
    method="[a-z0-9_]+",
    captioner="[a-z0-9_]+",
    target="[a-z0-9_]+",
    seed=r"\d+",


def one_of(names):
    """A wildcard constraint: exactly these names."""
    return "|".join(names) if names else "none_in_this_profile"


# The commands read this variable themselves: where raw data lies on one machine is no part of any result.
DATA_ROOT = str(
    config.get("data_root") or os.environ.get("CRISISWEAVE_DATA") or "data/raw"
)
os.environ["CRISISWEAVE_DATA"] = DATA_ROOT


def raw_tables(dataset, task):
    """The raw files that `prepare` reads. A generated data set's manifest holds the hashes of all of them."""
    settings = PROFILE.dataset(dataset)
    if settings.generated:
        return [str(Path("data/raw") / settings.folder / "manifest.json")]
    folder = Path(DATA_ROOT) / settings.folder
    from crisisweave.datasets.prepare import table_files

    try:
        files = table_files(settings, task, folder)
    except CrisisWeaveError as error:
        raise WorkflowError(str(error))
    return [str(file) for split in files.values() for file in split]


def all_tables(dataset):
    """The raw files of all tasks of a data set, as far as they are there: a task that is not run may lack some."""
    tasks = PROFILE.dataset(dataset).tasks
    files = {file for task in tasks for file in raw_tables(dataset, task)}
    generated = PROFILE.dataset(dataset).generated
    return sorted(file for file in files if generated or Path(file).is_file())


def method_config(wildcards):
    """The resolved config of a run's method without what it says to the reader."""
    method = PROFILE.method(wildcards.dataset, wildcards.task, wildcards.method)
    return method.model_dump(mode="json", exclude=DESCRIPTIVE)


def captioner_config(wildcards):
    """What a captioner's weights depend on: of the decoding, only the longest caption."""
    settings = PROFILE.captioner(wildcards.captioner)
    made = settings.model_dump(mode="json", exclude=DESCRIPTIVE | {"decoding"})
    return {**made, "max_tokens": settings.decoding.max_tokens}


def captions_config(wildcards):
    """What captions depend on besides the captioner's weights."""
    settings = PROFILE.captioner(wildcards.captioner)
    return settings.decoding.model_dump(mode="json", exclude={"batch_size"})


def dataset_config(wildcards):
    """The part of a data set's config on which its prepared tasks depend."""
    settings = PROFILE.dataset(wildcards.dataset)
    task = settings.tasks[wildcards.task].model_dump(mode="json")
    keys = [
        "loader",
        "folder",
        "modalities",
        "missing_images",
        "held_out_events",
        "events",
    ]
    return {**settings.model_dump(mode="json", include=set(keys)), "task": task}


def inputs_of(dataset, task, method):
    """What a method reads of a data set and task."""
    settings = PROFILE.method(dataset, task, method)
    return {
        "instances": f"data/prepared/{dataset}/{task}/instances.parquet",
        **modality_inputs(settings, dataset, task),
    }


def modality_inputs(settings, dataset, task):
    """Images, features and captions that a method needs, on the run's own data set or on a transfer target."""
    inputs = {}
    if settings.image is not None:
        inputs["images"] = f"data/images/{dataset}/index.parquet"
        if settings.image.tuned:
            inputs["pixels"] = f"data/images/{dataset}/pixels.u8"
        else:
            slug = image_slug(settings.image.name, settings.image.size)
            inputs["image_features"] = f"data/features/{dataset}/{slug}/features.npy"
    if settings.text is not None and not settings.text.tuned:
        slug = text_slug(settings.text, settings.max_tokens)
        inputs["text_features"] = (
            f"data/text-features/{dataset}/{task}/{slug}/features.npy"
        )
    if settings.captioner is not None:
        inputs["captions"] = (
            f"data/captions/{dataset}/{settings.captioner}/captions.parquet"
        )
    return inputs


def image_feature_sets():
    """Every frozen image encoding of the profile: (data set, slug) → (encoder, size, grid)."""
    sets = {}
    for run in RUNS:
        settings = PROFILE.method(run.dataset, run.task, run.method)
        targets = [PROFILE.transfer(t).dataset for t in PROFILE.transfers_of(run)]
        for dataset in [run.dataset, *targets]:
            if settings.image is not None and not settings.image.tuned:
                encoding = (settings.image.name, settings.image.size, 1)
                sets[dataset, image_slug(*encoding)] = encoding
            if settings.captioner is not None:
                captioner = PROFILE.captioner(settings.captioner)
                encoding = (
                    captioner.image.encoder,
                    captioner.image.size,
                    captioner.image.grid,
                )
                sets[dataset, image_slug(*encoding)] = encoding
                if captioner.training is not None:
                    sets[captioner.training.dataset, image_slug(*encoding)] = encoding
    return sets


IMAGE_FEATURES = image_feature_sets()


def text_feature_methods():
    """Every frozen text encoding of the profile: (data set, task, slug) → a run's method that defines it."""
    sets = {}
    for run in RUNS:
        settings = PROFILE.method(run.dataset, run.task, run.method)
        if settings.text is not None and not settings.text.tuned:
            slug = text_slug(settings.text, settings.max_tokens)
            sets[run.dataset, run.task, slug] = (run.dataset, run.task, run.method)
            for target in map(PROFILE.transfer, PROFILE.transfers_of(run)):
                sets[target.dataset, target.task, slug] = (
                    run.dataset,
                    run.task,
                    run.method,
                )
    return sets


TEXT_FEATURES = text_feature_methods()


def run_files(name):
    """A file of every run, and of every transfer of every run."""
    files = [run.folder / name for run in RUNS]
    files += [run.folder / "transfer" / target / name for run, target in TRANSFERS]
    return [str(file) for file in files]


def final_output():
    """What a bare `snakemake` makes."""
    return ["reports/index.html"]
