# What each job needs, as functions of its wildcards: input files, and the part of the config on which its
# result depends. A change to any other part reruns nothing.
import hashlib


from crisisweave.config.published import load_published
from crisisweave.config.rationales import load_rationale_source, load_tagger_config
from crisisweave.config.run import DESCRIPTIVE
from crisisweave.datasets.loaders import dataset_folder, has_media
from crisisweave.datasets.raw import (
    images_digest,
    media_digest,
    task_digest,
    view_digest,
)
from crisisweave.encoders.given import given_digest, given_folder
from crisisweave.encoders.names import parse as encoder_name
from crisisweave.files import sha256_file
from crisisweave.layout import image_slug, patch_slug, region_slug, text_slug

TEMPLATES = Path(workflow.basedir) / "src/crisisweave/reporting/templates"

# Said here rather than by the first function that misses it: one sentence, before the DAG is built.
for name in [] if "fetch" in sys.argv else PROFILE.datasets():
    if not PROFILE.dataset(name).generated:
        try:
            dataset_folder(PROFILE.dataset(name), Path(DATA_ROOT))
        except CrisisWeaveError as error:
            raise WorkflowError(str(error))


def stated(model, **which):
    """What a part of the config says beyond defaults, which code holds: a new key with a default is no change."""
    return model.model_dump(mode="json", exclude_defaults=True, **which)


def accepted_licences():
    """`--config accept_licence=a,b`: sources whose terms the user has read and agrees to."""
    names = str(config.get("accept_licence") or "").split(",")
    return [f"--accept-licence {name}" for name in names if name]


def raw_manifest(dataset):
    """The manifest of a generated data set, with the hashes of all its files; given data has none."""
    settings = PROFILE.dataset(dataset)
    return [f"data/{settings.folder}/manifest.json"] if settings.generated else []


def raw_table_digest(wildcards):
    """What the given raw tables of a task say; null for generated data, whose manifest is an input."""
    settings = PROFILE.dataset(wildcards.dataset)
    if settings.generated:
        return None
    return task_digest(settings, wildcards.task, Path(DATA_ROOT))


def raw_image_digest(wildcards):
    """Which raw images are there; null for generated data, whose manifest is an input."""
    settings = PROFILE.dataset(wildcards.dataset)
    return None if settings.generated else images_digest(settings, Path(DATA_ROOT))


def raw_views_digest(wildcards):
    """What the given raw files of views say."""
    settings = PROFILE.dataset(wildcards.dataset)
    return view_digest(settings, wildcards.task, Path(DATA_ROOT))


def raw_media_digest(wildcards):
    """Which raw files of sound and pictures are there."""
    settings = PROFILE.dataset(wildcards.dataset)
    return media_digest(settings, wildcards.task, Path(DATA_ROOT))


def dataset_config(wildcards):
    """The part of a data set's config on which its prepared tasks depend."""
    settings = PROFILE.dataset(wildcards.dataset)
    task = stated(settings.tasks[wildcards.task])
    keys = [
        "loader",
        "folder",
        "modalities",
        "missing_images",
        "held_out_events",
        "events",
    ]
    return {**stated(settings, include=set(keys)), "task": task}


def store_config(wildcards):
    """The part of a data set's config on which its image store depends."""
    keys = {"shorter_side", "missing_images"}
    return stated(PROFILE.dataset(wildcards.dataset), include=keys)


def prepared(dataset, tasks):
    """The prepared tables of some tasks."""
    return [f"data/prepared/{dataset}/{task}/instances.parquet" for task in tasks]


def audit_inputs(wildcards):
    """The tables of all tasks that the profile touches, and the images' hashes where there are images."""
    dataset = wildcards.dataset
    inputs = {"instances": prepared(dataset, PROFILE.tasks_of(dataset))}
    if "image" in PROFILE.dataset(dataset).modalities:
        inputs["index"] = f"data/images/{dataset}/index.parquet"
    return inputs


def audit_of(wildcards):
    """The audit's list of test rows with a twin in train."""
    return f"data/audit/{wildcards.dataset}/duplicates.parquet"


def audit_of_transfer(wildcards):
    """The same for a transfer's target, where the audit covers it."""
    target = PROFILE.transfer(wildcards.target)
    audited = target.audited_with(wildcards.dataset, wildcards.task)
    return audit_of(wildcards) if audited else []


def method_of(wildcards):
    """The resolved method of a run."""
    return PROFILE.method(wildcards.dataset, wildcards.task, wildcards.method)


def method_config(wildcards):
    """The resolved config of a run's method without what it says to the reader, and its family's version."""
    method = method_of(wildcards)
    config = stated(method, exclude=DESCRIPTIVE)
    return {**config, "family_version": family_version(method.family)}


def joint_of_run(wildcards):
    """The joint encoder of a run's method; null where it has none."""
    name = method_of(wildcards).joint
    return None if name is None else stated(PROFILE.joint(name), exclude=DESCRIPTIVE)


def image_side(wildcards):
    """The size of the images that a run's method reads; null where it reads none."""
    settings = PROFILE.dataset(wildcards.dataset)
    return settings.shorter_side if method_of(wildcards).opens_images else None


def captioner_of_run(wildcards):
    """What the captions of a run's method are made from; null where it reads none."""
    name = method_of(wildcards).captioner
    if name is None:
        return None
    return {**captioner_itself(name), "decoding": decoding_of(name)}


def version_of_family(wildcards):
    """The version of a run's method family."""
    return family_version(method_of(wildcards).family)


def versions_of_families(wildcards):
    """The versions of the families of a run's method and of its scorer."""
    method = method_of(wildcards)
    scorers = [
        PROFILE.method(wildcards.dataset, wildcards.task, name)
        for name in method.scorers
    ]
    return [family_version(one.family) for one in [method, *scorers]]


def classes_of(wildcards):
    """The fixed class list of a task."""
    return PROFILE.dataset(wildcards.dataset).tasks[wildcards.task].classes


def target_config(wildcards):
    """A transfer's target with its class map."""
    return stated(PROFILE.transfer(wildcards.target))


def captioner_itself(name):
    """A captioner without its decoding and what it says to the reader."""
    return stated(PROFILE.captioner(name), exclude=DESCRIPTIVE | {"decoding"})


def decoding_of(name):
    """What of a captioner's decoding can change a caption."""
    return stated(PROFILE.captioner(name).decoding, exclude={"batch_size"})


def captioner_config(wildcards):
    """What a captioner's weights depend on: of the decoding, only the longest caption."""
    longest = PROFILE.captioner(wildcards.captioner).decoding.max_tokens
    return {**captioner_itself(wildcards.captioner), "max_tokens": longest}


def captions_config(wildcards):
    """What captions depend on besides the captioner's weights."""
    return decoding_of(wildcards.captioner)


def captioner_inputs(wildcards):
    """What a captioner that is trained by the workflow learns from; a published one is imported."""
    settings = PROFILE.captioner(wildcards.captioner)
    if settings.training is None:
        return {}
    source = settings.training.dataset
    slug = image_slug(*settings.encodings[0])
    return {
        "truth": f"data/{PROFILE.dataset(source).folder}/truth/images.jsonl",
        "features": f"data/features/{source}/{slug}/features.npy",
        "index": f"data/images/{source}/index.parquet",
        "instances": prepared(source, settings.training.tasks),
    }


def joint_config(wildcards):
    """A joint encoder without what it says to the reader."""
    return stated(PROFILE.joint(wildcards.joint), exclude=DESCRIPTIVE)


def joint_inputs(wildcards):
    """What a joint encoder that is trained by the workflow learns from; a published one is imported."""
    settings = PROFILE.joint(wildcards.joint)
    if settings.training is None:
        return {}
    source = settings.training.dataset
    return {
        "truth": f"data/{PROFILE.dataset(source).folder}/truth/images.jsonl",
        "instances": prepared(source, settings.training.tasks),
        **patch_inputs(settings.patches, source),
    }


def patch_inputs(patches, dataset):
    """What a joint encoder reads of a data set's images."""
    index = f"data/images/{dataset}/index.parquet"
    if patches.encoder is None:
        return {"images": index, "pixels": f"data/images/{dataset}/pixels.u8"}
    slug = patch_slug(patches)
    return {
        "images": index,
        "patches": f"data/patch-features/{dataset}/{slug}/features.npy",
    }


def patch_feature_sets():
    """Every encoding of patches of the profile: (data set, slug) → a joint encoder that reads it."""
    sets = {}
    for run in RUNS:
        name = PROFILE.method(run.dataset, run.task, run.method).joint
        if name is None or PROFILE.joint(name).patches.encoder is None:
            continue
        settings = PROFILE.joint(name)
        targets = [PROFILE.transfer(t).dataset for t in PROFILE.transfers_of(run)]
        for dataset in [run.dataset, *targets]:
            sets[dataset, patch_slug(settings.patches)] = name
        if settings.training is not None:
            sets[settings.training.dataset, patch_slug(settings.patches)] = name
    return sets


PATCH_FEATURES = patch_feature_sets()


def joint_of_patches(wildcards):
    """A joint encoder that reads an encoding of patches."""
    return PATCH_FEATURES[wildcards.dataset, wildcards.slug]


def patches_of(wildcards):
    """How images are cut up for it, whichever encoder says so."""
    return stated(PROFILE.joint(joint_of_patches(wildcards)).patches)


def caption_inputs(wildcards):
    """Images to caption, and the truth to score against where there is one."""
    settings = PROFILE.captioner(wildcards.captioner)
    dataset = wildcards.dataset
    inputs = {
        "captioner": f"data/captioners/{wildcards.captioner}/model.safetensors",
        "features": [
            f"data/features/{dataset}/{image_slug(*encoding)}/features.npy"
            for encoding in settings.encodings
        ],
        "index": f"data/images/{dataset}/index.parquet",
    }
    if settings.generator is not None:
        inputs["pixels"] = f"data/images/{dataset}/pixels.u8"
    if PROFILE.dataset(dataset).generated:
        folder = PROFILE.dataset(dataset).folder
        inputs["truth"] = f"data/{folder}/truth/images.jsonl"
        tasks = PROFILE.scored_caption_tasks(dataset, wildcards.captioner)
        inputs["instances"] = prepared(dataset, tasks)
    return inputs


def similarity_tasks():
    """(data set, task) whose texts and images are compared."""
    asked = PROFILE.config.similarity
    return [] if asked is None else list(asked.tasks.items())


def similarity_config(wildcards):
    """What measures the similarity of texts and images, without what it says to the reader."""
    return stated(PROFILE.similarity, exclude=DESCRIPTIVE)


def similarity_encodings():
    """Encoder, size and grid of the image features from which texts and images are compared."""
    settings = PROFILE.similarity
    if settings.captioner is not None:
        return PROFILE.captioner(settings.captioner).encodings
    return [(settings.clip, settings.size, 1)]


def similarity_inputs(wildcards):
    """Texts, and the image features or captions that they are compared with."""
    settings, dataset = PROFILE.similarity, wildcards.dataset
    texts = {"instances": prepared(dataset, [wildcards.task])}
    if settings.captioner is not None:
        folder = f"data/captions/{dataset}/{settings.captioner}"
        return {**texts, "captions": f"{folder}/captions.parquet"}
    slug = image_slug(*similarity_encodings()[0])
    return {
        **texts,
        "features": f"data/features/{dataset}/{slug}/features.npy",
        "index": f"data/images/{dataset}/index.parquet",
    }


def run_inputs(wildcards):
    """What a run's method reads of its data set and task."""
    dataset, task = wildcards.dataset, wildcards.task
    return {
        "instances": f"data/prepared/{dataset}/{task}/instances.parquet",
        **modality_inputs(method_of(wildcards), dataset, task),
        **learned_rationales(method_of(wildcards), dataset, task),
    }


def learned_rationales(settings, dataset, task):
    """The text rationales that a method learns from."""
    if settings.rationales is None or not settings.rationales.alpha:
        return {}
    source = settings.rationales.labels
    return {"rationale_labels": f"data/rationales/{dataset}/{task}/{source}.jsonl"}


def transfer_inputs(wildcards):
    """What a run's method reads of the transfer target."""
    target = PROFILE.transfer(wildcards.target)
    return {
        "instances": f"data/prepared/{target.dataset}/{target.task}/instances.parquet",
        **modality_inputs(method_of(wildcards), target.dataset, target.task),
    }


def scored_on(wildcards):
    """The data set and task whose rows a run is scored on: its own, or those of a transfer's target."""
    if wildcards.get("target") is None:
        return wildcards.dataset, wildcards.task
    target = PROFILE.transfer(wildcards.target)
    return target.dataset, target.task


def scorer_inputs(wildcards):
    """The run that scores the faithfulness of a run's rationales, and what it reads; none where none is named."""
    inputs = {}
    for name in method_of(wildcards).scorers:
        folder = Run(wildcards.dataset, wildcards.task, name, wildcards.seed).folder
        method = PROFILE.method(wildcards.dataset, wildcards.task, name)
        inputs["scorer"] = str(folder / "model.safetensors")
        inputs["scorer_config"] = str(folder / "config.yaml")
        read = modality_inputs(method, *scored_on(wildcards))
        inputs |= {f"scorer_{key}": path for key, path in read.items()}
    return inputs


def label_inputs(wildcards):
    """The instances to be labelled, and whoever marks their words."""
    source = load_rationale_source(wildcards.source, PROFILE.config_dir)
    inputs = {"instances": prepared(wildcards.dataset, [wildcards.task])}
    if source.kind == "truth":
        inputs["truth"] = raw_manifest(wildcards.dataset)
    if source.kind == "silver":
        inputs["tagger"] = f"data/taggers/{source.name}/model.safetensors"
    return inputs


def label_config(wildcards):
    """What labels depend on besides their inputs; a tagger's training is that of its weights."""
    source = load_rationale_source(wildcards.source, PROFILE.config_dir)
    given = None if source.tagger is None else source.tagger.class_given
    return {"kind": source.kind, "class_given": given}


def label_file_digest(wildcards):
    """What a given file of labels says; null for other sources."""
    source = load_rationale_source(wildcards.source, PROFILE.config_dir)
    return None if source.file is None else given_file_digest(source.file)


def tagger_config(wildcards):
    """The part of a source on which its tagger's weights depend; what its table says is known by digest."""
    config = load_tagger_config(wildcards.source, PROFILE.config_dir)
    return stated(config, exclude={"class_given": True, "table": {"file"}})


def human_table_digest(wildcards):
    """What a tagger's table of human rationales says."""
    config = load_tagger_config(wildcards.source, PROFILE.config_dir)
    return given_file_digest(config.table.file)


def given_file_digest(name):
    """SHA-256 of a given file below the data root: moved or touched, it reruns nothing."""
    path = Path(DATA_ROOT) / name
    if not path.is_file():
        raise CrisisWeaveError(
            f"{path}: no such file; docs/rationale_labels.md says what it must hold"
        )
    return sha256_file(path)


def known_rationales(wildcards):
    """The words and boxes that are known to carry the label of the rows that a run is scored on."""
    method = method_of(wildcards)
    dataset, task = scored_on(wildcards)
    run = Run(wildcards.dataset, wildcards.task, wildcards.method, wildcards.seed)
    inputs = {}
    if PROFILE.has_gold_words(run, wildcards.get("target")):
        source = method.rationales.labels
        inputs["gold_words"] = f"data/rationales/{dataset}/{task}/{source}.jsonl"
    if PROFILE.dataset(dataset).generated and method.opens_images:
        folder = PROFILE.dataset(dataset).folder
        inputs["gold_boxes"] = f"data/{folder}/truth/images.jsonl"
        inputs["index"] = f"data/images/{dataset}/index.parquet"
    return inputs


def partial_inputs(wildcards):
    """The model that a partial reading reads with, and what is shown to it of the scored rows."""
    method = method_of(wildcards)
    whole = PROFILE.method(wildcards.dataset, wildcards.task, method.model_of)
    folder = Run(wildcards.dataset, wildcards.task, whole.name, wildcards.seed).folder
    dataset, task = scored_on(wildcards)
    inputs = {
        "model": str(folder / "model.safetensors"),
        "config": str(folder / "config.yaml"),
        "instances": f"data/prepared/{dataset}/{task}/instances.parquet",
    }
    if "caption" in method.inputs:
        inputs["captions"] = (
            f"data/captions/{dataset}/{whole.captioner}/captions.parquet"
        )
    return inputs


def member_predictions(wildcards):
    """The predictions that a decision fusion combines: on its data set, or on a transfer's target."""
    folders = [
        Run(wildcards.dataset, wildcards.task, member, wildcards.seed).folder
        for member in method_of(wildcards).members.values()
    ]
    target = wildcards.get("target")
    if target is not None:
        folders = [folder / "transfer" / target for folder in folders]
    return [str(folder / "predictions.parquet") for folder in folders]


def modality_inputs(settings, dataset, task):
    """Images, features and captions that a method needs, on the run's own data set or on a transfer target."""
    inputs = {}
    if settings.image is not None:
        inputs["images"] = f"data/images/{dataset}/index.parquet"
        if settings.image.tuned:
            inputs["pixels"] = f"data/images/{dataset}/pixels.u8"
        else:
            slug = image_slug(
                settings.image.name, settings.image.size, settings.image.grid
            )
            inputs["image_features"] = f"data/features/{dataset}/{slug}/features.npy"
    if settings.views is not None:
        folder = f"data/views/{dataset}/{task}"
        if not has_media(PROFILE.dataset(dataset)):
            inputs["grey_views"] = f"{folder}/grey.npy"
            inputs["colour_views"] = f"{folder}/colour.npy"
        inputs["views"] = f"{folder}/views.json"
    if settings.joint is not None:
        inputs["joint"] = f"data/joint/{settings.joint}/model.safetensors"
        inputs |= patch_inputs(PROFILE.joint(settings.joint).patches, dataset)
    if settings.regions is not None:
        inputs["images"] = f"data/images/{dataset}/index.parquet"
        inputs["regions"] = region_file(settings.regions, dataset)
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


def region_file(regions, dataset):
    """The vectors of a data set's regions: found by a detector, or those of a grid's cells."""
    if regions.encoder is None:
        slug = region_slug(regions)
        return f"data/region-features/{dataset}/{slug}/features.npy"
    slug = image_slug(regions.encoder, regions.size, regions.cells)
    return f"data/features/{dataset}/{slug}/features.npy"


def region_feature_sets():
    """Every set of regions of the profile that a detector finds: (data set, slug) → a run's method that reads it."""
    sets = {}
    for run in RUNS:
        regions = PROFILE.method(run.dataset, run.task, run.method).regions
        if regions is None or regions.encoder is not None:
            continue
        targets = [PROFILE.transfer(t).dataset for t in PROFILE.transfers_of(run)]
        for dataset in [run.dataset, *targets]:
            sets[dataset, region_slug(regions)] = run[:3]
    return sets


REGION_FEATURES = region_feature_sets()


def regions_of(wildcards):
    """What the regions of a data set depend on besides its images."""
    method = PROFILE.method(*REGION_FEATURES[wildcards.dataset, wildcards.slug])
    return stated(method.regions)


def image_feature_sets():
    """Every frozen image encoding of the profile: (data set, slug) → (encoder, size, grid)."""
    sets = {}
    for run in RUNS:
        settings = PROFILE.method(run.dataset, run.task, run.method)
        targets = [PROFILE.transfer(t).dataset for t in PROFILE.transfers_of(run)]
        for dataset in [run.dataset, *targets]:
            if settings.image is not None and not settings.image.tuned:
                image = settings.image
                encoding = (image.name, image.size, image.grid)
                sets[dataset, image_slug(*encoding)] = encoding
            regions = settings.regions
            if regions is not None and regions.encoder is not None:
                encoding = (regions.encoder, regions.size, regions.cells)
                sets[dataset, image_slug(*encoding)] = encoding
            if settings.captioner is not None:
                captioner = PROFILE.captioner(settings.captioner)
                for encoding in captioner.encodings:
                    sets[dataset, image_slug(*encoding)] = encoding
                    if captioner.training is not None:
                        source = captioner.training.dataset
                        sets[source, image_slug(*encoding)] = encoding
    for dataset, _ in similarity_tasks():
        for encoding in similarity_encodings():
            sets[dataset, image_slug(*encoding)] = encoding
    return sets


IMAGE_FEATURES = image_feature_sets()


def image_encoding(wildcards):
    """The encoder, input size and grid of a frozen image encoding."""
    return IMAGE_FEATURES[wildcards.dataset, wildcards.slug]


def image_encoding_of_record(wildcards):
    """The same, and which files are given for features that were made elsewhere."""
    encoding = image_encoding(wildcards)
    name = encoder_name(encoding[0])
    if name.kind != "given":
        return encoding
    folder = given_folder(name, wildcards.dataset, Path(DATA_ROOT))
    return [*encoding, given_digest(folder)]


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


def text_feature_run(wildcards):
    """The run whose method defines a text encoding."""
    return TEXT_FEATURES[wildcards.dataset, wildcards.task, wildcards.slug]


def text_encoding(wildcards):
    """What frozen text features depend on: the encoder's use and the longest text, whichever run says so."""
    method = PROFILE.method(*text_feature_run(wildcards))
    return [method.text.name, method.text.pooling, method.max_tokens]


def run_files(name):
    """A file of every run, and of every transfer of every run."""
    files = [run.folder / name for run in RUNS]
    files += [run.folder / "transfer" / target / name for run, target in TRANSFERS]
    return [str(file) for file in files]


def explained_files(name):
    """A file of every run with rationales, and of every transfer of such a run."""
    files = [run.folder / name for run in EXPLAINED]
    files += [
        run.folder / "transfer" / target / name
        for run, target in TRANSFERS
        if run in EXPLAINED
    ]
    return [str(file) for file in files]


def task_files(name):
    """A prepared file of every task of the profile: what the report says of the data."""
    return [
        f"data/prepared/{dataset}/{task}/{name}"
        for dataset in PROFILE.datasets()
        for task in PROFILE.tasks_of(dataset)
    ]


def report_inputs(wildcards):
    """All that the pages show."""
    names = PROFILE.datasets()
    generated = [n for n in names if PROFILE.dataset(n).generated]
    return {
        "tables": TABLES,
        "instances": task_files("instances.parquet"),
        "descriptions": task_files("dataset.json"),
        "audits": [f"data/audit/{n}/audit.json" for n in names],
        "images": IMAGE_STORES,
        "captions": CAPTIONS,
        "similarities": SIMILARITIES,
        "ceilings": [
            f"data/{PROFILE.dataset(n).folder}/truth/ceilings.json" for n in generated
        ],
        "balances": [str(run.folder / "balance.json") for run in SEVERAL_BRANCHES],
        "balance_histories": [
            str(run.folder / "history.csv") for run in SEVERAL_BRANCHES
        ],
        **shown_rationales(),
    }


def shown_rationales():
    """Rationales of the lowest seed of each method that has some, and the truth beside which they stand."""
    first = {}
    for run in EXPLAINED:
        first[run[:3]] = min(run, first.get(run[:3], run), key=lambda r: r.seed)
    datasets = sorted({run.dataset for run in EXPLAINED})
    return {
        "rationales": [
            str(run.folder / "rationales.parquet") for run in first.values()
        ],
        "truths": [path for n in datasets for path in raw_manifest(n)],
    }


def report_config(wildcards):
    """What the pages show besides their inputs: which texts and images may stand in them, and the templates."""
    digest = hashlib.sha256()
    for path in sorted(TEMPLATES.iterdir()):
        digest.update(b"%s\0%s\0" % (path.name.encode(), path.read_bytes()))
    methods = {
        "/".join(key): [
            stated(PROFILE.method(*key), include=DESCRIPTIVE),
            PROFILE.changes(*key),
        ]
        for key in dict.fromkeys(run[:3] for run in RUNS)
    }
    said = json.dumps(methods, sort_keys=True).encode()
    shown = {"title", "licence", "redistributable", "registry"}
    return {
        "about": {
            n: stated(PROFILE.dataset(n), include=shown) for n in PROFILE.datasets()
        },
        "colours": {
            f"{n}/{task}": stated(of_task.colours)
            for n in PROFILE.datasets()
            for task, of_task in PROFILE.dataset(n).tasks.items()
            if of_task.colours is not None
        },
        "redacted": [n for n in PROFILE.datasets() if PROFILE.redacts(n)],
        "baselines": PROFILE.config.report.baselines,
        "methods": hashlib.sha256(said).hexdigest(),
        "templates": digest.hexdigest(),
        "published": published_digest(),
    }


def published_digest():
    """What other works report, which stands beside our scores."""
    try:
        return load_published(PROFILE.config_dir).digest()
    except CrisisWeaveError as error:
        raise WorkflowError(str(error))


TABLES = [
    f"results/tables/{name}"
    for name in [
        "runs.csv",
        "methods.csv",
        "classes.csv",
        "comparisons.csv",
        "tables.json",
        "details.json",
        "answers.parquet",
        "rationales.csv",
        "rationales.json",
    ]
]


def captioner_tasks():
    """(data set, task) of the tables from which captioners learn or on which captions are scored."""
    tasks = []
    for dataset in PROFILE.datasets():
        for name in PROFILE.captioners_of(dataset):
            training = PROFILE.captioner(name).training
            if training is not None:
                tasks += [(training.dataset, task) for task in training.tasks]
            if PROFILE.dataset(dataset).generated:
                scored = PROFILE.scored_caption_tasks(dataset, name)
                tasks += [(dataset, task) for task in scored]
    return tasks


PREPARED = [
    f"data/prepared/{dataset}/{task}/instances.parquet"
    for dataset, task in dict.fromkeys(
        [
            *((n, task) for n in PROFILE.datasets() for task in PROFILE.tasks_of(n)),
            *captioner_tasks(),
            *similarity_tasks(),
        ]
    )
]
IMAGE_STORES = [
    f"data/images/{n}/images.json"
    for n in PROFILE.datasets()
    if "image" in PROFILE.dataset(n).modalities
]
IMAGE_ENCODINGS = [
    f"data/features/{n}/{slug}/features.npy" for n, slug in IMAGE_FEATURES
]
PATCH_ENCODINGS = [
    f"data/patch-features/{n}/{slug}/features.npy" for n, slug in PATCH_FEATURES
]
REGION_ENCODINGS = [
    f"data/region-features/{n}/{slug}/features.npy" for n, slug in REGION_FEATURES
]
TEXT_ENCODINGS = [
    f"data/text-features/{n}/{task}/{slug}/features.npy"
    for n, task, slug in TEXT_FEATURES
]
VIEWS = [
    f"data/views/{dataset}/{task}/views.json"
    for dataset, task in dict.fromkeys(
        (r.dataset, r.task)
        for r in RUNS
        if PROFILE.method(r.dataset, r.task, r.method).views is not None
    )
]
CAPTIONS = [
    f"data/captions/{n}/{captioner}/captions.json"
    for n in PROFILE.datasets()
    for captioner in PROFILE.captioners_of(n)
]
SIMILARITIES = [
    f"data/similarity/{dataset}/{task}/{PROFILE.similarity.name}/similarity.json"
    for dataset, task in similarity_tasks()
]
JOINT_ENCODERS = [f"data/joint/{name}/model.safetensors" for name in PROFILE.joints()]
RATIONALE_LABELS = list(
    dict.fromkeys(
        f"data/rationales/{run.dataset}/{run.task}/"
        f"{PROFILE.method(run.dataset, run.task, run.method).rationales.labels}.jsonl"
        for run in EXPLAINED
    )
)
