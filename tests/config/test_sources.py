"""The registry that ships: complete, honest about what is not known, and the same as its documentation."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisisweave.config.profile import Profile
from crisisweave.config.source import SourceConfig, known_sources, load_source
from crisisweave.config.strict import read_yaml
from crisisweave.errors import ConfigError
from crisisweave.fetching.needs import needs_of_profile
from crisisweave.fetching.status import registry_table

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
SOURCES = [
    "crema_d",
    "crisislex_t26",
    "crisismmd",
    "dmd",
    "humaid",
    "m_catnat",
    "megl",
    "mnist",
    "modelnet40",
]

UNPINNED = {
    "unc-nlp/lxmert-base-uncased": "config/methods/lxmert.yaml: lxmert.hub",
    "facebook/detr-resnet-50": "config/methods/lxmert.yaml: regions.detector",
    "dandelin/vilt-b32-mlm": "config/joint/vilt_b32_mlm.yaml: hub",
    "Salesforce/blip2-opt-2.7b": "config/captioners/blip2.yaml: generator",
}


def test_every_data_set_of_the_literature_is_in_the_registry() -> None:
    assert known_sources(CONFIG) == SOURCES


@pytest.mark.parametrize("name", SOURCES)
def test_an_entry_says_where_its_values_come_from(name: str) -> None:
    assert load_source(name, CONFIG).citation
    assert (CONFIG / "sources" / f"{name}.yaml").read_text(encoding="utf-8").startswith("# ")


def test_the_documentation_holds_the_registrys_table() -> None:
    assert registry_table(CONFIG) in (ROOT / "docs" / "data.md").read_text(encoding="utf-8"), (
        "put the output of `crisisweave data list` into docs/data.md"
    )


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_every_profile_needs_can_be_told(path: Path, tmp_path: Path) -> None:
    # An entry that lacks a table which a data set reads would be an error here.
    needs = needs_of_profile(Profile(path, CONFIG), tmp_path)
    # Models of the hub whose commit is the user's to choose.
    unpinned = {model.repository: model.places[0] for model in needs.unpinned}
    assert unpinned == (UNPINNED if path.stem == "paper" else {})


@pytest.mark.parametrize("name", ["crisismmd", "crisismmd_text", "humaid", "dmd"])
def test_every_table_of_every_task_is_in_the_registry(name: str, tmp_path: Path) -> None:
    tasks = list(read_yaml(CONFIG / "datasets" / f"{name}.yaml")["tasks"])
    profile = tmp_path / "p.yaml"
    experiments = "".join(
        f"\n- {{dataset: {name}, task: {task}, methods: [text], seeds: [1]}}" for task in tasks
    )
    profile.write_text(f"name: p\nexperiments: {experiments}\n")
    assert needs_of_profile(Profile(profile, CONFIG), tmp_path).parts


def test_a_data_set_does_not_say_again_what_its_source_says(tmp_path: Path) -> None:
    from crisisweave.config.dataset import dataset_values

    path = tmp_path / "humaid.yaml"
    path.write_text((CONFIG / "datasets" / "humaid.yaml").read_text() + "licence: mine\n")
    with pytest.raises(ConfigError, match="'licence' is said by source 'humaid'; remove it here"):
        dataset_values(path, CONFIG)


def test_the_hash_of_a_plain_download_is_that_of_its_file() -> None:
    source: SourceConfig = load_source("m_catnat", CONFIG)
    (check,) = source.parts[0].checks()
    assert check.sha256 == source.parts[0].sha256 is not None
    digits = load_source("mnist", CONFIG).parts[0]
    assert digits.checks()[0].sha256 != digits.sha256, "judged by content"
