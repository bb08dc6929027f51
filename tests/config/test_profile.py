"""Profiles: what is wrong is said with file, key and remedy."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from crisisweave.config.profile import Profile, Run
from crisisweave.errors import ConfigError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project's config folder, as working directory."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _edited(project: Path, name: str, edit: object) -> Profile:
    path = project / "config" / f"{name}.yaml"
    values = yaml.safe_load(path.read_text())
    edit(values)  # type: ignore[operator]
    path.write_text(yaml.safe_dump(values))
    return Profile(Path("config/default.yaml"))


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda p: p.stem)
def test_every_shipped_profile_is_valid(path: Path, project: Path) -> None:
    assert list(Profile(Path("config") / path.name).runs())


def test_decision_members_are_run_before_the_decision(project: Path) -> None:
    profile = Profile(Path("config/tiny.yaml"))
    assert profile.methods("demo", "informative") == ["text", "image", "decision_or"]
    assert Run("demo", "informative", "text", 1) in list(profile.runs())


@pytest.mark.parametrize(
    ("said", "demo", "real"),
    [({}, False, True), ({"redact": True}, True, True), ({"redact": False}, False, False)],
)
def test_the_report_leaves_out_what_may_not_be_passed_on_unless_the_profile_says(
    said: dict[str, bool], demo: bool, real: bool, project: Path
) -> None:
    profile = _edited(project, "default", lambda values: values.update(report=said))
    assert (profile.redacts("demo"), profile.redacts("crisismmd")) == (demo, real)


def test_what_the_profile_changes_of_a_method_is_known_by_key(project: Path) -> None:
    profile = Profile(Path("config/tiny.yaml"))
    changes = {key: values for key, *values in profile.changes("demo", "humanitarian", "cmb")}
    assert changes["training.lr"] == [5e-5, 1e-3]
    assert changes["captioner"] == ["clip_cc", "demo_prefix"]
    assert "head.hidden" not in changes
    assert profile.changes("demo", "humanitarian", "decision_mean") == []


def test_overrides_are_laid_over_the_published_config(project: Path) -> None:
    profile = Profile(Path("config/default.yaml"))
    method = profile.method("demo", "humanitarian", "cmb")
    assert method.text is not None
    assert method.text.name == "package:minilm"
    assert method.head.hidden == 256, "what is not overridden stays as published"


def test_text_only_targets_are_left_to_methods_that_read_text_alone(project: Path) -> None:
    profile = Profile(Path("config/crisismmd_local.yaml"))
    assert profile.transfers_of(Run("crisismmd_text", "humanitarian", "text", 1)) == ["humaid", "dmd"]

    def with_humaid(values: dict) -> None:
        values["experiments"][0]["transfers"] = ["demo_heldout", "humaid"]

    demo = _edited(project, "default", with_humaid)
    assert demo.transfers_of(Run("demo", "humanitarian", "text", 1)) == ["demo_heldout", "humaid"]
    assert demo.transfers_of(Run("demo", "humanitarian", "cmb", 1)) == ["demo_heldout"]


def _set(*path: object, value: object) -> object:
    def edit(values: dict) -> None:
        for key in path[:-1]:
            values = values[key]
        values[path[-1]] = value

    return edit


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("default", _set("sedes", value=1), "unknown key 'sedes'; did you mean"),
        ("default", _set("override", "text", "traning", value={}), "did you mean 'training'"),
        (
            "default",
            _set("override", "text", "training", "learning_rate", value=1),
            "unknown key 'training.learning_rate'",
        ),
        ("default", _set("experiments", 0, "dataset", value="dmeo"), "did you mean 'demo'"),
        ("default", _set("experiments", 0, "task", value="humanitarin"), "did you mean 'humanitarian'"),
        ("default", _set("experiments", 0, "methods", value=["cmbb"]), "did you mean 'cmb'"),
        ("default", _set("experiments", 0, "methods", value=["decision_or"]), "defined for two classes"),
        (
            "default",
            _set("experiments", 0, "transfers", value=["dem_heldout"]),
            "did you mean 'demo_heldout'",
        ),
        ("default", _set("experiments", 0, "seeds", value=[1, 1]), "a seed is listed twice"),
        ("default", _set("experiments", 1, "task", value="humanitarian"), "is listed twice: merge"),
        ("default", _set("experiments", 0, "override", value={"cbm": {}}), "override names 'cbm'"),
        (
            "default",
            _set("override", "txet", value={}),
            "names 'txet', which is not there; did you mean 'text'",
        ),
        ("default", _set("override", "*", "traning", value={}), "unknown key 'traning'; did you mean"),
        ("default", _set("dataset_override", value={"dmeo": {}}), "dataset_override names 'dmeo'"),
        ("default", _set("captioner_override", value={"demo_prefx": {}}), "did you mean 'demo_prefix'"),
        ("default", _set("experiments", 0, "seeds", value=[-1]), "greater than or equal to 0"),
        (
            "captioners/demo_prefix",
            _set("training", "tasks", value=["humanitarian_all"]),
            "training.tasks lacks 'humanitarian'",
        ),
        ("methods/text", _set("training", "lr", value=-1), r"key 'training.lr' has the value -1"),
        ("methods/text", _set("inputs", value=["text", "caption"]), "'captioner' belong together"),
        ("methods/text", _set("rows", value="all"), "rows: all needs target"),
        ("methods/decision_mean", _set("rule", value=None), "'rule' and 'members' belong together"),
        (
            "transfers/demo_heldout",
            _set("class_map", value={}),
            "does not say what becomes of 'affected_individuals'",
        ),
        (
            "transfers/demo_heldout",
            _set("class_map", "not_humanitarian", value="not_human"),
            "sends 'not_humanitarian' to 'not_human'",
        ),
        ("captioners/demo_prefix", _set("training", "dataset", value="crisismmd"), "no reference captions"),
        ("default", _set("similarity", "scorer", value="clip_b23"), "did you mean 'clip_b32'"),
        ("default", _set("similarity", "tasks", value={"humaid": "x"}), "'humaid', on which nothing is run"),
        (
            "default",
            _set("similarity", "tasks", value={"demo": "humanitarin"}),
            "did you mean 'humanitarian'",
        ),
        ("similarity/demo_captions", _set("captioner", value="clip_cc"), "is not trained by the workflow"),
        (
            "similarity/demo_captions",
            _set("encoder", value=None),
            "'captioner' and 'encoder' belong together",
        ),
        (
            "default",
            _set("dataset_override", value={"demo": {"modalities": ["text"]}}),
            "data set demo is used",
        ),
    ],
)
def test_a_mistake_is_explained(project: Path, name: str, edit: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _edited(project, name, edit)


LXMERT = {"hub": None, "language": "tiny:bert"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"lxmert": {"layers": 1}}, "unknown key 'lxmert.layers'"),
        ({"lxmert": {"language": "tiny:bert"}}, "give either 'hub' or 'language'"),
        ({"regions": {"encoder": "tiny:conv"}}, "give either 'detector' or, for a grid, 'encoder'"),
        ({"regions": None}, "'lxmert', 'regions' and family: lxmert belong together"),
        ({"family": "concat"}, "'lxmert', 'regions' and family: lxmert belong together"),
        ({"inputs": ["text"]}, "'lxmert' reads words and regions itself"),
    ],
)
def test_a_mistake_in_lxmert_is_explained(project: Path, changes: dict, message: str) -> None:
    def with_lxmert(values: dict) -> None:
        values["experiments"][0]["methods"] = ["lxmert"]
        values["override"]["lxmert"] = changes

    with pytest.raises(ConfigError, match=message):
        _edited(project, "default", with_lxmert)


def test_a_variant_on_a_grid_follows_what_is_changed_of_lxmert(project: Path) -> None:
    def with_both(values: dict) -> None:
        values["experiments"][0]["methods"] = ["lxmert", "lxmert_grid"]
        values["override"]["lxmert"] = {"lxmert": LXMERT, "regions": {"boxes": 8}}

    profile = _edited(project, "default", with_both)
    found, grid = (profile.method("demo", "humanitarian", name) for name in ("lxmert", "lxmert_grid"))
    assert found.regions.count == 8
    assert found.regions.detector.repository == "facebook/detr-resnet-50"
    assert (grid.lxmert, grid.regions.detector, grid.regions.count) == (found.lxmert, None, 36)


def test_a_change_for_every_method_reaches_keys_that_a_file_leaves_at_their_default(project: Path) -> None:
    def with_dropout(values: dict) -> None:
        values["override"]["*"]["head"] = {"dropout": 0.5}

    profile = _edited(project, "default", with_dropout)
    assert profile.method("demo", "humanitarian", "text").head.dropout == 0.5
    assert profile.method("demo", "humanitarian", "cmb").head.dropout == 0.5


def test_a_missing_profile_and_broken_yaml_are_named(project: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.yaml: no such config file"):
        Profile(Path("config/nowhere.yaml"))
    (project / "config" / "broken.yaml").write_text("a: [1,")
    with pytest.raises(ConfigError, match=r"broken.yaml: not valid YAML"):
        Profile(Path("config/broken.yaml"))


def test_text_only_data_sets_refuse_methods_that_read_images(project: Path) -> None:
    path = project / "config" / "crisismmd_local.yaml"
    values = yaml.safe_load(path.read_text())
    values["experiments"][0]["methods"] = ["text", "concat"]
    path.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match="'concat' reads images, but data set crisismmd_text"):
        Profile(Path("config/crisismmd_local.yaml"))
