"""The model card of an exported folder: what the run says of data, scores, limits and licences."""

from __future__ import annotations

import html
import importlib.metadata
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

import crisisweave
from crisisweave.config.captioner import CaptionerConfig
from crisisweave.config.dataset import DatasetConfig, dataset_values
from crisisweave.config.regions import weights_of
from crisisweave.config.run import RunConfig
from crisisweave.config.strict import validate
from crisisweave.encoders import packages
from crisisweave.encoders.names import parse
from crisisweave.errors import DataError
from crisisweave.files import read_json, sha256_file
from crisisweave.layout import Sources
from crisisweave.prediction.network import Fusion, Network, Trained
from crisisweave.prediction.predictor import NEEDED

_SPECIAL = re.compile(r"([\\`*_\[\]#|~$])")
FEW = 30
"""Test rows below which a class's scores are called uncertain."""
_SCORES = (("accuracy", "accuracy"), ("f1_weighted", "weighted F1"), ("f1_macro", "macro F1"))


def model_card(run: Path, project: Path, network: Network, name: str) -> str:
    """The card in Markdown.

    Args:
        run: the run's folder.
        project: the root of its project, where the data set's config and prepared table lie.
        network: the run's network.
        name: name of the exported folder.

    Raises:
        DataError: the run has not been evaluated, or its data set is not prepared.
    """
    config = network.config
    metrics = _needed(run / "metrics.json", "evaluate")
    prepared = _needed(
        Sources(config.dataset, config.task, project / "data").prepared / "dataset.json", "prepare"
    )
    path = project / "config" / "datasets" / f"{config.dataset}.yaml"
    dataset = validate(DatasetConfig, dataset_values(path, project / "config"), str(path))
    sections = [
        _front_matter(config, dataset),
        _title(config, dataset),
        _use(network, name),
        _data(network, dataset, prepared),
        _scores(metrics),
        _limits(config, dataset, prepared, metrics),
        _licences(network, dataset),
        _provenance(run, network),
    ]
    return "\n\n".join(sections) + "\n"


def _needed(path: Path, step: str) -> Any:
    if not path.is_file():
        raise DataError(f"{path}: no such file, and the model card needs it; run `crisisweave {step}` first")
    return read_json(path)


def plain(value: object) -> str:
    """A value as Markdown text on one line: nothing in it is markup."""
    return _SPECIAL.sub(r"\\\1", html.escape(" ".join(str(value).split()), quote=False))


def _table(header: list[str], rows: list[list[object]]) -> str:
    lines = [header, ["---"] * len(header), *([plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def _front_matter(config: RunConfig, dataset: DatasetConfig) -> str:
    values = {
        "library_name": "crisisweave",
        "license": "other",
        "license_name": dataset.licence,
        "tags": ["crisis", "tweets", "classification", config.method.family],
    }
    return f"---\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}---"


def _title(config: RunConfig, dataset: DatasetConfig) -> str:
    method = config.method
    source = f"{method.source.document}, section {method.source.section}"
    lines = [
        f"# {plain(method.title)}: {plain(config.task)} of {plain(dataset.title)}",
        "",
        plain(method.idea),
        "",
        f"Method `{method.name}`, seed {config.seed}. Source: {plain(source)}.",
    ]
    if method.deviations:
        lines += ["Departures from the source:", "", *(f"- {plain(each)}" for each in method.deviations)]
    return "\n".join(lines)


def _use(network: Network, name: str) -> str:
    given = {"text": 'text="The bridge is down, families need help"', "image": 'image="photo.jpg"'}
    arguments = ", ".join(given[each] for each in NEEDED if each in network.needs)
    reads = " and ".join(each for each in NEEDED if each in network.needs)
    captions = " The image is read as a caption, which the answer shows." if network.makes_captions else ""
    explains = network.config.method.rationales is not None
    parts = "words" if network.config.method.joint is None else "words and the patches of the image"
    rationales = f" The answer also names the {parts} on which alone it was decided." if explains else ""
    classes = "\n".join(f"{i}. {plain(each)}" for i, each in enumerate(network.config.classes, start=1))
    return f"""## Use

Three lines, with crisisweave {crisisweave.__version__} installed; everything else lies in this folder:

```python
from crisisweave.prediction import load
model = load({json.dumps(name, ensure_ascii=False)})
print(model.predict({arguments}))
```

`crisisweave predict --run {_shell(name)} …` does the same, also for whole tables.
The method reads {reads} and needs {"both" if len(network.needs) > 1 else "it"}.{captions}{rationales}

Classes, in the order of the probabilities:

{classes}"""


def _shell(name: str) -> str:
    return name if re.fullmatch(r"[\w.\-]+", name, re.ASCII) else "FOLDER"


def _data(network: Network, dataset: DatasetConfig, prepared: dict[str, Any]) -> str:
    splits = list(prepared["rows"])
    rows: list[list[object]] = [
        [name, *(prepared["counts"][split].get(name, 0) for split in splits)]
        for name in network.config.classes
    ]
    rows.append(["all rows", *(prepared["rows"][split] for split in splits)])
    where = f"{plain(dataset.source)}. Reference: {plain(dataset.citation)}."
    all_rows = any(part.config.method.rows == "all" for part in _parts(network))
    learned = "all train rows" if all_rows else "the train rows on whose label text and image agree"
    return (
        f"## Data\n\n{plain(dataset.title)}: {where} Licence: {plain(dataset.licence)}.\n\n"
        f"{_table(['class', *splits], rows)}\n\n"
        f"Trained on {learned}; dev chose the epoch; test was never seen in training."
    )


def _scores(metrics: dict[str, Any]) -> str:
    lines = ["## Scores", "", "In percent, with 95 % intervals (bootstrap over tweets).", ""]
    rows: list[list[object]] = []
    for split, found in metrics["splits"].items():
        rows.append([split, found["n"], *(_with_interval(found, key) for key, _ in _SCORES)])
        twins = found.get("deduplicated")
        if twins:
            scores = [_with_interval(twins, key) for key, _ in _SCORES]
            rows.append([f"{split}, without twins of training rows", twins["n"], *scores])
    lines += [_table(["split", "rows", *(label for _, label in _SCORES)], rows), ""]
    test = metrics["splits"].get("test")
    if test:
        per_class: list[list[object]] = [
            [name, *(_percent(own[key]) for key in ("precision", "recall", "f1")), own["support"]]
            for name, own in test["per_class"].items()
        ]
        lines += ["By class, on test:", "", _table(["class", "precision", "recall", "F1", "rows"], per_class)]
    return "\n".join(lines)


def _with_interval(found: dict[str, Any], key: str) -> str:
    if found[key] is None:  # no row is left
        return "–"
    interval = (found["ci"] or {}).get(key)
    between = f" ({_percent(interval[0])} to {_percent(interval[1])})" if interval else ""
    return f"{_percent(found[key])}{between}"


def _limits(
    config: RunConfig, dataset: DatasetConfig, prepared: dict[str, Any], metrics: dict[str, Any]
) -> str:
    lines = []
    if dataset.generated:
        lines.append(
            "The data set is artificial: texts come from a grammar and images are drawn. The scores show "
            "that the workflow works; they say nothing about real tweets."
        )
    lines.append(
        f"The model knows {len(config.classes)} classes and gives one of them to anything, also to tweets "
        f"that have nothing to do with a crisis. Other events, languages and times than those of the data "
        f"set may be read much worse than the scores say."
    )
    test = metrics["splits"].get("test")
    if test:
        rare = [name for name, own in test["per_class"].items() if own["support"] < FEW]
        if rare:
            lines.append(
                f"Fewer than {FEW} test rows stand behind the scores of "
                f"{', '.join(plain(name) for name in rare)}: they are uncertain."
            )
        lines.append(
            f"Probabilities are not calibrated: on test the expected calibration error is "
            f"{_percent(test['ece'])} points."
        )
        events = test.get("per_event") or {}
        if events:
            lines.append(f"Tested on the events {', '.join(plain(name) for name in sorted(events))}.")
    if sum(prepared.get("discordant", {}).values()):
        lines.append("Rows on which text and image carry different labels were not scored.")
    lines.append("Made for research. A person has to judge before anybody's safety depends on a prediction.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in lines)


def _licences(network: Network, dataset: DatasetConfig) -> str:
    used = dict.fromkeys(_encoders(network))
    rows: list[list[object]] = [[name, _terms(name)] for name in used]
    rows += [
        [f"captioner {each.name}", "trained by the workflow" if each.training else each.source.document]
        for each in _captioners(network)
    ]
    rows += [
        [f"joint encoder {each.name}", "trained by the workflow" if each.training else each.source.document]
        for each in (part.config.joint for part in _parts(network))
        if each is not None
    ]
    return (
        f"## Licence\n\nThe weights were learned from {plain(dataset.title)}, licence "
        f"{plain(dataset.licence)}; whoever passes them on has to keep to its terms, and to those of the "
        f"weights they started from:\n\n"
        f"{_table(['weights', 'terms'], rows)}\n\nNo tweet and no image of the data set is in this folder."
    )


def _parts(network: Network) -> Iterator[Trained]:
    if isinstance(network, Fusion):
        for member in network.members.values():
            yield from _parts(member)
    else:
        yield network


def _encoders(network: Network) -> Iterator[str]:
    for part in _parts(network):
        yield from (use.name for use in (part.config.method.text, part.config.method.image) if use)
        method = part.config.method
        if method.lxmert is not None and method.regions is not None:
            yield from weights_of(method.lxmert, method.regions, f"config/methods/{method.name}.yaml")
        if part.captioner is not None:
            yield from (name for name, _, _ in part.captioner.config.encodings)
        if part.config.joint is not None:
            joint = part.config.joint
            started_from = (joint.patches.encoder, joint.transformer and joint.transformer.words)
            yield from (name for name in started_from if name)


def _captioners(network: Network) -> Iterator[CaptionerConfig]:
    yield from (part.captioner.config for part in _parts(network) if part.captioner is not None)


def _terms(name: str) -> str:
    encoder = parse(name)
    if encoder.kind == "tiny":
        return "no published weights: starts from nothing"
    if encoder.kind != "package":
        return "as its publisher states"
    package = packages.FILES[encoder.model][0].distribution
    stated = importlib.metadata.metadata(package.split("==")[0]).json.get("license")
    return f"package {package}, which states {stated if stated not in (None, 'UNKNOWN') else 'none'}"


def _provenance(run: Path, network: Network) -> str:
    record = read_json(run / "run.json") if (run / "run.json").is_file() else {}
    rows: list[list[object]] = [["config (SHA-256)", network.config.digest()]]
    if (run / "model.safetensors").is_file():
        rows.append(["weights of the run (SHA-256)", sha256_file(run / "model.safetensors")])
    if "data_sha256" in record:
        rows.append(["inputs of training (SHA-256)", record["data_sha256"]])
    if "command" in record:
        rows.append(["command", record["command"]])
    if "parameters" in record:
        count = record["parameters"]
        rows.append(["parameters", f"{count['total']:,}, of which trained {count['trained']:,}"])
    rows += [[f"version of {name}", version] for name, version in record.get("versions", {}).items()]
    return f"## Provenance\n\n{_table(['what', 'value'], rows)}"
