"""A profile is one YAML that says what is run: data sets × tasks × methods × seeds, and transfers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, model_validator

from crisisweave.config.captioner import CaptionerConfig, load_captioner
from crisisweave.config.dataset import DatasetConfig, Split, dataset_values
from crisisweave.config.joint import JointConfig, load_joint
from crisisweave.config.method import MethodConfig
from crisisweave.config.run import DESCRIPTIVE
from crisisweave.config.similarity import SimilarityConfig, load_similarity
from crisisweave.config.strict import StrictModel, merged, nearest, read_yaml, validate
from crisisweave.errors import ConfigError

CONFIG_DIR = Path("config")


class TransferConfig(StrictModel):
    """A target on which trained runs are scored without training: `config/transfers/<name>.yaml`."""

    name: str
    dataset: str
    task: str
    splits: list[Split] = Field(min_length=1)
    class_map: dict[str, str | None]
    """Target label → class of the trained task; null leaves rows of that label out. Every label is listed."""

    def audited_with(self, dataset: str, task: str) -> bool:
        """Whether the audit of a trained task also looked for twins of the target's rows.

        It does so within a data set and task: for held-out events of the same one.
        """
        return (self.dataset, self.task) == (dataset, task)


class Experiment(StrictModel):
    """One data set and task with its methods and seeds."""

    dataset: str
    task: str
    methods: list[str] = Field(min_length=1)
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    transfers: list[str] = []
    override: dict[str, dict[str, Any]] = {}
    """Method → changed keys, on top of the profile's own `override`."""


class ReportConfig(StrictModel):
    """What the pages may show."""

    redact: bool | None = None
    """Leave tweets, captions and images out; null: of the data sets that are not `redistributable`."""
    baselines: dict[str, list[str]] = {}
    """Method → those beside which its successes and failures are shown, wherever all of them are run."""


class SimilarityUse(StrictModel):
    """Pairs of text and image whose similarity the data pages show."""

    scorer: str
    """Name of a file in config/similarity/."""
    tasks: dict[str, str] = Field(min_length=1)
    """Data set → the task whose rows are paired and whose labels say which pairs are concordant."""


class ProfileConfig(StrictModel):
    """What one run of the workflow does."""

    name: str
    threads: int = Field(default=1, ge=1)
    """Threads of one training job. Part of the result: sums are taken in another order with more."""
    demo_tweets: int = Field(default=2000, ge=40)
    """Size of the embedded demo data set, where the profile uses it."""
    dataset_override: dict[str, dict[str, Any]] = {}
    """Data set → changed keys."""
    captioner_override: dict[str, dict[str, Any]] = {}
    """Captioner → changed keys."""
    joint_override: dict[str, dict[str, Any]] = {}
    """Joint encoder → changed keys."""
    override: dict[str, dict[str, Any]] = {}
    """Method → changed keys; `*` stands for every method that is trained."""
    similarity: SimilarityUse | None = None
    report: ReportConfig = ReportConfig()
    experiments: list[Experiment] = Field(min_length=1)

    @model_validator(mode="after")
    def _each_once(self) -> ProfileConfig:
        seen = set()
        for experiment in self.experiments:
            key = (experiment.dataset, experiment.task)
            if key in seen:
                raise ValueError(f"data set {key[0]}, task {key[1]} is listed twice: merge the two entries")
            seen.add(key)
            if len(set(experiment.methods)) != len(experiment.methods):
                raise ValueError(f"a method is listed twice for {key[0]}/{key[1]}")
            if len(set(experiment.seeds)) != len(experiment.seeds):
                raise ValueError(f"a seed is listed twice for {key[0]}/{key[1]}")
        return self


class Run(NamedTuple):
    """One cell of the experiment matrix."""

    dataset: str
    task: str
    method: str
    seed: int

    @property
    def folder(self) -> Path:
        """The run's folder, relative to the project's root."""
        return Path("results") / self.dataset / self.task / self.method / f"seed-{self.seed}"


def _named(kind: str, name: str, model: type[Any], config_dir: Path) -> Any:
    """Read `<config_dir>/<kind>/<name>.yaml`; its `name` must be its file name."""
    path = config_dir / kind / f"{name}.yaml"
    if not path.is_file():
        known = [p.stem for p in sorted((config_dir / kind).glob("*.yaml"))]
        hint = nearest(name, known) if known else f"add {path}"
        raise ConfigError(f"{path}: there is no entry '{name}' in {kind}; {hint}")
    if model is DatasetConfig:
        values = dataset_values(path, config_dir)
    elif model is MethodConfig:
        values = method_values(name, config_dir)
    else:
        values = read_yaml(path)
    config = validate(model, values, str(path))
    if config.name != name:
        raise ConfigError(f"{path}: name is '{config.name}'; it must be the file's name, '{name}'")
    return config


def method_values(
    name: str,
    config_dir: Path,
    layers: Sequence[Mapping[str, Mapping[str, Any]]] = (),
    variants: tuple[str, ...] = (),
) -> dict[str, Any]:
    """The values of a method's file, with changes laid over them.

    With `like: <other>`, a file says only where it differs from another one; what is changed of that one is
    changed here too, so that variants of a method stay variants of it.

    Args:
        name: of the method.
        config_dir: holds `methods/`.
        layers: method → changed keys; `*` stands for every method that is trained.
        variants: methods that are like this one.

    Raises:
        ConfigError: a file is missing or broken, or is like one that is not there or is like itself.
    """
    path = config_dir / "methods" / f"{name}.yaml"
    own = read_yaml(path)
    like = own.pop("like", None)
    values: dict[str, Any] = {}
    if like is not None:
        seen = (*variants, name)
        if not (config_dir / "methods" / f"{like}.yaml").is_file() or like in seen:
            raise ConfigError(f"{path}: there is no other method '{like}' to be like; name one")
        values = method_values(like, config_dir, layers, seen)
    values = merged(values, own)
    for layer in layers:
        if like is None and not values.get("members") and not values.get("model_of"):
            # '*' speaks to whatever a method has: a change to an encoder it lacks is not for it.
            parts = {"text", "image", "captioner", "joint", "rationales", "fusion_layers", "convolution"}
            lacking = parts - set(values)
            common = layer.get("*", {})
            values = merged(values, {k: v for k, v in common.items() if k not in lacking})
        values = merged(values, layer.get(name, {}))
    return values


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested values by dotted key."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def load_transfer(name: str, config_dir: Path = CONFIG_DIR) -> TransferConfig:
    """Read config/transfers/<name>.yaml."""
    config: TransferConfig = _named("transfers", name, TransferConfig, config_dir)
    return config


class Profile:
    """A profile with everything that it names, resolved and checked.

    Raises:
        ConfigError: a name is unknown, a key is wrong, or an experiment cannot be run as asked.
    """

    def __init__(self, path: str | Path, config_dir: Path = CONFIG_DIR):
        self.path = Path(path)
        self.config_dir = config_dir
        self.config = validate(ProfileConfig, read_yaml(self.path), str(self.path))
        self._experiments = {(e.dataset, e.task): e for e in self.config.experiments}
        self._methods: dict[tuple[str, str, str], MethodConfig] = {}
        self._datasets: dict[str, DatasetConfig] = {}
        self._transfers: dict[str, TransferConfig] = {}
        self._captioners: dict[str, CaptionerConfig] = {}
        self._joints: dict[str, JointConfig] = {}
        self._check_names("override", self.config.override, ["*", *self._known("methods")])
        self._check_names("dataset_override", self.config.dataset_override, self._known("datasets"))
        self._check_names("captioner_override", self.config.captioner_override, self._known("captioners"))
        self._check_names("joint_override", self.config.joint_override, self._known("joint"))
        self.similarity: SimilarityConfig | None = None
        for experiment in self.config.experiments:
            self._check(experiment)
        if self.config.similarity is not None:
            self.similarity = self._checked_similarity(self.config.similarity)

    def _check(self, experiment: Experiment) -> None:
        dataset = self.dataset(experiment.dataset)
        if experiment.task not in dataset.tasks:
            hint = nearest(experiment.task, list(dataset.tasks))
            raise ConfigError(f"{self.path}: data set {dataset.name} has no task '{experiment.task}'; {hint}")
        names = self.methods(experiment.dataset, experiment.task)
        self._check_names("override", experiment.override, ["*", *names])
        for name in self.methods(experiment.dataset, experiment.task):
            method = self.method(experiment.dataset, experiment.task, name)
            if "image" not in dataset.modalities and {"image", "caption"} & set(method.inputs):
                raise ConfigError(
                    f"{self.path}: method '{name}' reads images, but data set {dataset.name} is used "
                    f"with text alone; take the method out or add image to its modalities"
                )
            if method.captioner is not None:
                self._check_captioner(method.captioner, experiment)
            if method.model_of is not None:
                self._check_partial(method, self.method(experiment.dataset, experiment.task, method.model_of))
            for scorer in method.scorers:
                self._check_scorer(method, self.method(experiment.dataset, experiment.task, scorer))
            if method.rule in ("or", "and") and len(dataset.tasks[experiment.task].classes) != 2:
                raise ConfigError(
                    f"{self.path}: '{name}' is defined for two classes, but {experiment.task} of "
                    f"{dataset.name} has more; use decision_mean or decision_max"
                )
        for name in experiment.transfers:
            self._check_transfer(experiment, self.transfer(name))

    def _check_names(self, key: str, override: dict[str, Any], valid: list[str]) -> None:
        for name in override:
            if name not in valid:
                raise ConfigError(
                    f"{self.path}: {key} names '{name}', which is not there; {nearest(name, valid)}"
                )
        for name in override.get("*", {}):
            if name not in MethodConfig.model_fields:
                hint = nearest(name, list(MethodConfig.model_fields))
                raise ConfigError(f"{self.path}: {key} of '*' has the unknown key '{name}'; {hint}")

    def _known(self, kind: str) -> list[str]:
        return [path.stem for path in sorted((self.config_dir / kind).glob("*.yaml"))]

    def _check_scorer(self, method: MethodConfig, scorer: MethodConfig) -> None:
        """A model that never saw full inputs, or masked ones, says nothing of them."""
        if not 0 < scorer.masking < 1:
            raise ConfigError(
                f"{self.path}: method '{scorer.name}' cannot score the rationales of '{method.name}', "
                "because it is not trained on both full and masked inputs; set its 'masking' between 0 and 1"
            )

    def _check_partial(self, method: MethodConfig, whole: MethodConfig) -> None:
        """Text or caption can be left out where they were read side by side as one text."""
        pair = whole.family == method.family and sorted(whole.inputs) == ["caption", "text"]
        if not pair or method.inputs not in (["text"], ["caption"]):
            raise ConfigError(
                f"{self.path}: method '{method.name}' shows {' and '.join(method.inputs)} to the model of "
                f"'{whole.name}', which reads {' and '.join(whole.inputs)}; a partial reading shows the text "
                f"or the caption to a method of the same family that reads both and nothing else"
            )

    def _checked_similarity(self, use: SimilarityUse) -> SimilarityConfig:
        config = load_similarity(use.scorer, self.config_dir)
        for name, task in use.tasks.items():
            if name not in self.datasets():
                raise ConfigError(
                    f"{self.path}: similarity.tasks names data set '{name}', on which nothing is run; "
                    f"{nearest(name, self.datasets())}"
                )
            dataset = self.dataset(name)
            if task not in dataset.tasks:
                hint = nearest(task, list(dataset.tasks))
                raise ConfigError(f"{self.path}: similarity: data set {name} has no task '{task}'; {hint}")
            if "image" not in dataset.modalities:
                raise ConfigError(
                    f"{self.path}: similarity: data set {name} is used with text alone; take it out"
                )
        if config.captioner is not None and self.captioner(config.captioner).training is None:
            raise ConfigError(
                f"{self.config_dir / 'similarity' / config.name}.yaml: captioner '{config.captioner}' is not "
                f"trained by the workflow; name one that is, or use 'clip'"
            )
        return config

    def similarity_task(self, dataset: str) -> str | None:
        """The task whose pairs of text and image are compared; None where none are."""
        use = self.config.similarity
        return None if use is None else use.tasks.get(dataset)

    def _check_captioner(self, name: str, experiment: Experiment) -> None:
        training = self.captioner(name).training
        if training is None:
            return
        where = self.config_dir / "captioners" / f"{name}.yaml"
        source = self.dataset(training.dataset)
        if not source.generated:
            raise ConfigError(
                f"{where}: training.dataset is {source.name}, which has no reference captions; "
                f"name a generated data set or use a published captioner"
            )
        if source.name == experiment.dataset and experiment.task not in training.tasks:
            raise ConfigError(
                f"{where}: training.tasks lacks '{experiment.task}', on which {self.path} reads its "
                f"captions; add it, or the captioner may learn from images that the task is tested on"
            )
        for task in training.tasks:
            if task not in source.tasks:
                hint = nearest(task, list(source.tasks))
                raise ConfigError(f"{where}: data set {source.name} has no task '{task}'; {hint}")

    def _check_transfer(self, experiment: Experiment, transfer: TransferConfig) -> None:
        where = self.config_dir / "transfers" / f"{transfer.name}.yaml"
        target = self.dataset(transfer.dataset)
        if transfer.task not in target.tasks:
            hint = nearest(transfer.task, list(target.tasks))
            raise ConfigError(f"{where}: data set {target.name} has no task '{transfer.task}'; {hint}")
        labels = target.tasks[transfer.task].classes
        classes = self.dataset(experiment.dataset).tasks[experiment.task].classes
        for label in labels:
            if label not in transfer.class_map:
                raise ConfigError(
                    f"{where}: class_map does not say what becomes of '{label}'; give a class or null"
                )
        for label, mapped in transfer.class_map.items():
            if label not in labels:
                raise ConfigError(
                    f"{where}: class_map names '{label}', no class of {target.name}; {nearest(label, labels)}"
                )
            if mapped is not None and mapped not in classes:
                raise ConfigError(
                    f"{where}: class_map sends '{label}' to '{mapped}', no class of {experiment.dataset}/"
                    f"{experiment.task}; {nearest(mapped, classes)}"
                )

    def dataset(self, name: str) -> DatasetConfig:
        """The data set's config."""
        if name not in self._datasets:
            path = self.config_dir / "datasets" / f"{name}.yaml"
            _named("datasets", name, DatasetConfig, self.config_dir)
            change = self.config.dataset_override.get(name, {})
            values = merged(dataset_values(path, self.config_dir), change)
            self._datasets[name] = validate(DatasetConfig, values, f"{path} with the changes of {self.path}")
        return self._datasets[name]

    def redacts(self, dataset: str) -> bool:
        """Whether the report leaves out a data set's tweets, captions and images."""
        asked = self.config.report.redact
        return not self.dataset(dataset).redistributable if asked is None else asked

    def transfer(self, name: str) -> TransferConfig:
        """The transfer target's config."""
        if name not in self._transfers:
            self._transfers[name] = load_transfer(name, self.config_dir)
        return self._transfers[name]

    def captioner(self, name: str) -> CaptionerConfig:
        """The captioner's config with the profile's changes."""
        if name not in self._captioners:
            changes = self.config.captioner_override.get(name, {})
            self._captioners[name] = load_captioner(name, self.config_dir, changes)
        return self._captioners[name]

    def joint(self, name: str) -> JointConfig:
        """The joint encoder's config with the profile's changes."""
        if name not in self._joints:
            changes = self.config.joint_override.get(name, {})
            self._joints[name] = load_joint(name, self.config_dir, changes)
        return self._joints[name]

    def joints(self) -> list[str]:
        """Joint encoders that some run reads with."""
        methods = [self.method(run.dataset, run.task, run.method) for run in self.runs()]
        return list(dict.fromkeys(method.joint for method in methods if method.joint is not None))

    def experiment(self, dataset: str, task: str) -> Experiment:
        """The experiment of a data set and task."""
        if (dataset, task) not in self._experiments:
            known = [f"{d}/{t}" for d, t in self._experiments]
            raise ConfigError(
                f"{self.path}: nothing is run on {dataset}/{task}; {nearest(f'{dataset}/{task}', known)}"
            )
        return self._experiments[dataset, task]

    def method(self, dataset: str, task: str, name: str) -> MethodConfig:
        """The method's config with the profile's and the experiment's changes laid over it."""
        key = (dataset, task, name)
        if key not in self._methods:
            _named("methods", name, MethodConfig, self.config_dir)
            layers = (self.config.override, self.experiment(dataset, task).override)
            values = method_values(name, self.config_dir, layers)
            where = f"{self.config_dir / 'methods' / name}.yaml with the changes of {self.path}"
            self._methods[key] = validate(MethodConfig, values, where)
        return self._methods[key]

    def changes(self, dataset: str, task: str, name: str) -> list[tuple[str, Any, Any]]:
        """What the profile changes of a method's file: dotted key, the file's value, the value in force."""
        base: MethodConfig = _named("methods", name, MethodConfig, self.config_dir)
        before, after = (
            flat(config.model_dump(mode="json", exclude=DESCRIPTIVE))
            for config in (base, self.method(dataset, task, name))
        )
        return [
            (key, before.get(key), after.get(key))
            for key in {**before, **after}
            if before.get(key) != after.get(key)
        ]

    def methods(self, dataset: str, task: str) -> list[str]:
        """Methods of an experiment; members of decision fusions and scorers of rationales come first."""
        names: list[str] = []
        for name in self.experiment(dataset, task).methods:
            method = self.method(dataset, task, name)
            for needed in [*method.needs_methods, name]:
                if needed not in names:
                    names.append(needed)
        return names

    def tasks_of(self, dataset: str) -> list[str]:
        """Tasks of a data set that the profile touches, as an experiment or as a transfer target."""
        tasks = [e.task for e in self.config.experiments if e.dataset == dataset]
        for experiment in self.config.experiments:
            for transfer in map(self.transfer, experiment.transfers):
                if transfer.dataset == dataset:
                    tasks.append(transfer.task)
        return list(dict.fromkeys(tasks))

    def datasets(self) -> list[str]:
        """Data sets that the profile touches."""
        names = [e.dataset for e in self.config.experiments]
        for experiment in self.config.experiments:
            names += [self.transfer(name).dataset for name in experiment.transfers]
        return list(dict.fromkeys(names))

    def captioners_of(self, dataset: str) -> list[str]:
        """Captioners whose captions of a data set some run reads, or that are compared with texts."""
        names = []
        if self.similarity is not None and self.similarity_task(dataset) is not None:
            names += [name for name in (self.similarity.captioner,) if name is not None]
        for run in self.runs():
            name = self.method(run.dataset, run.task, run.method).captioner
            targets = [self.transfer(t).dataset for t in self.transfers_of(run)]
            if name is not None and dataset in [run.dataset, *targets]:
                names.append(name)
        return list(dict.fromkeys(names))

    def scored_caption_tasks(self, dataset: str, captioner: str) -> list[str]:
        """Tasks whose splits say where a captioner's captions of a generated data set are scored."""
        training = self.captioner(captioner).training
        if training is not None and training.dataset == dataset:
            return training.tasks
        return self.tasks_of(dataset)

    def has_gold_words(self, run: Run, target: str | None) -> bool:
        """Whether a run's source of rationale labels speaks of the rows on which its rationales are scored.

        It is one of the run's own data set and task: held-out events of the same one are in it.
        """
        return target is None or self.transfer(target).audited_with(run.dataset, run.task)

    def runs(self) -> Iterator[Run]:
        """Every cell of the matrix, in the order of the file."""
        for experiment in self.config.experiments:
            for method in self.methods(experiment.dataset, experiment.task):
                for seed in experiment.seeds:
                    yield Run(experiment.dataset, experiment.task, method, seed)

    def transfers_of(self, run: Run) -> list[str]:
        """The targets on which a run is scored: those that have the modalities that its method reads."""
        result = []
        for name in self.experiment(run.dataset, run.task).transfers:
            modalities = self.dataset(self.transfer(name).dataset).modalities
            inputs = self.method(run.dataset, run.task, run.method).inputs
            if "image" in modalities or not {"image", "caption"} & set(inputs):
                result.append(name)
        return result
