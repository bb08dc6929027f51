"""Weights from a hub: a local server speaks what its client needs, and serves a tiny generated model."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from web_server import Request, Server, gives

from crisisweave.config.strict import read_yaml
from tiny_hub_model import REPOSITORY, REVISION, load, make

ROOT = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).parent / "crisisweave")


class Hub(Server):
    """A model hub with one repository at one commit; weights are large files, the rest is plain git."""

    def __init__(self, files: dict[str, bytes], commit: str = REVISION, repository: str = REPOSITORY):
        super().__init__()
        self.files, self.commit = files, commit
        self.altered: dict[str, bytes] = {}
        for revision in (REVISION, "main"):
            self.answers[f"/api/models/{repository}/revision/{revision}"] = self._info
            self.answers[f"/api/models/{repository}/tree/{revision}"] = self._tree
            for name in files:
                self.answers[f"/{repository}/resolve/{revision}/{name}"] = self._file
        self.answers[f"/api/models/{repository}"] = self._info

    def _sibling(self, name: str) -> dict[str, Any]:
        data = self.files[name]
        git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
        sibling: dict[str, Any] = {"rfilename": name, "size": len(data), "blobId": git}
        if name.endswith(".safetensors"):
            sha256 = hashlib.sha256(data).hexdigest()
            sibling["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 130}
        return sibling

    def _info(self, request: Request) -> None:
        siblings = [self._sibling(name) for name in self.files]
        body = {"_id": "1", "id": REPOSITORY, "sha": self.commit, "siblings": siblings, "tags": []}
        request.reply(200, json.dumps(body).encode(), Content_Type="application/json")

    def _tree(self, request: Request) -> None:
        entries = []
        for name in self.files:
            sibling = self._sibling(name)
            entry = {"type": "file", "path": name, "size": sibling["size"], "oid": sibling["blobId"]}
            if lfs := sibling.get("lfs"):
                entry["lfs"] = {"oid": lfs["sha256"], "size": lfs["size"], "pointerSize": 130}
            entries.append(entry)
        request.reply(200, json.dumps(entries).encode(), Content_Type="application/json")

    def _file(self, request: Request) -> None:
        name = request.path.split("/resolve/")[1].partition("/")[2]
        sibling = self._sibling(name)
        etag = sibling["lfs"]["sha256"] if "lfs" in sibling else sibling["blobId"]
        data = self.altered.get(name, self.files[name])
        request.reply(200, data, ETag=f'"{etag}"', X_Repo_Commit=self.commit)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a tiny BERT, and some that nobody reads."""
    folder = tmp_path_factory.mktemp("model")
    make("bert", folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    return {**files, "README.md": b"# Tiny", "pytorch_model.bin": b"pickled", "onnx/model.onnx": b"x"}


@pytest.fixture
def profile(tmp_path: Path) -> Iterator[Path]:
    """A profile in which one method reads the hub's model."""
    values = {
        "name": "p",
        "override": {"text": {"text": {"name": f"hub:{REPOSITORY}@{REVISION}"}}},
        "experiments": [{"dataset": "demo", "task": "informative", "methods": ["text"], "seeds": [1]}],
    }
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def run(*arguments: str, cache: Path, hub: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("CRISISWEAVE_", "HF_"))}
    environment |= {"HF_HUB_CACHE": str(cache), "HF_ENDPOINT": hub, "HF_HUB_DISABLE_TELEMETRY": "1", **more}
    return subprocess.run(
        [COMMAND, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def test_what_is_fetched_is_loaded_offline(tmp_path: Path, profile: Path, model: dict[str, bytes]) -> None:
    cache = tmp_path / "cache"
    with Hub(model) as hub:
        before = run("data", "status", "--profile", str(profile), cache=cache, hub=hub.url)
        assert before.returncode == 1
        assert hub.seen == [], "only fetch goes to the network"
        done = run("fetch", "--profile", str(profile), cache=cache, hub=hub.url)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"hub:{REPOSITORY}@{REVISION}: fetched and verified" in done.stdout
        asked = len(hub.seen)
        again = run("fetch", "--profile", str(profile), cache=cache, hub=hub.url)
        assert f"hub:{REPOSITORY}@{REVISION}: is here" in again.stdout
        assert len(hub.seen) == asked
    snapshot = cache / "models--somebody--tiny" / "snapshots" / REVISION
    read = {path.name for path in snapshot.iterdir()}
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= read
    assert not read & {"README.md", "pytorch_model.bin", "onnx"}
    assert load(cache)["tokens"] == ["[CLS]", "the", "bridge", "is", "down", "[SEP]"]
    after = run("data", "status", "--profile", str(profile), cache=cache, hub="http://127.0.0.1:1")
    assert after.returncode == 0
    (snapshot / "model.safetensors").resolve().write_bytes(b"rotten")
    rotten = run("data", "status", "--profile", str(profile), "--verify", cache=cache, hub=hub.url)
    assert rotten.returncode == 1
    assert "model.safetensors (expected" in rotten.stdout


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 2, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return next(line for line in done.stdout.splitlines() if "MISSING. " in line)


def test_a_moved_revision_is_refused(tmp_path: Path, profile: Path, model: dict[str, bytes]) -> None:
    with Hub(model, commit="f" * 40) as hub:
        done = run("fetch", "--profile", str(profile), cache=tmp_path / "cache", hub=hub.url)
    assert f"the hub answers with revision {'f' * 40}, not the pinned one" in refusal(done)


def test_an_unknown_revision_is_refused(tmp_path: Path, profile: Path, model: dict[str, bytes]) -> None:
    with Hub(model) as hub:
        hub.answers[f"/api/models/{REPOSITORY}/revision/{REVISION}"] = lambda request: request.reply(
            404, b'{"error": "Invalid rev id"}', X_Error_Code="RevisionNotFound"
        )
        done = run("fetch", "--profile", str(profile), cache=tmp_path / "cache", hub=hub.url)
    assert "the hub has no such revision; correct it" in refusal(done)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_an_altered_file_is_thrown_away(
    tmp_path: Path, profile: Path, model: dict[str, bytes], name: str
) -> None:
    cache = tmp_path / "cache"
    with Hub(model) as hub:
        hub.altered[name] = model[name][:-1] + b"?"
        done = run("fetch", "--profile", str(profile), cache=cache, hub=hub.url)
        assert f"{name} has hash" in refusal(done)
        assert run("data", "status", "--profile", str(profile), cache=cache, hub=hub.url).returncode == 1
        hub.altered.clear()
        assert run("fetch", "--profile", str(profile), cache=cache, hub=hub.url).returncode == 0


def test_a_repository_without_safetensors_is_refused(
    tmp_path: Path, profile: Path, model: dict[str, bytes]
) -> None:
    files = {name: data for name, data in model.items() if not name.endswith(".safetensors")}
    with Hub(files) as hub:
        done = run("fetch", "--profile", str(profile), cache=tmp_path / "cache", hub=hub.url)
    assert "that revision has no safetensors weights" in refusal(done)


def test_a_full_cache_disk_is_one_sentence(tmp_path: Path, profile: Path, model: dict[str, bytes]) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    large = {**model, "model.safetensors": bytes(500_000)}
    with Hub(large) as hub:
        script = (
            f"mount -t tmpfs -o size=256k none {disk} && export HF_HUB_CACHE={disk} HF_ENDPOINT={hub.url} "
            f"&& exec {COMMAND} fetch --profile {profile}"
        )
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: cannot write")
    assert "the disk is full; free some space" in last


def test_an_unreachable_hub_is_one_sentence(tmp_path: Path, profile: Path) -> None:
    done = run("fetch", "--profile", str(profile), cache=tmp_path / "cache", hub="http://127.0.0.1:1")
    assert "http://127.0.0.1:1 could not be reached or refused" in refusal(done)


def test_an_offline_switch_is_not_overridden(tmp_path: Path, profile: Path) -> None:
    done = run(
        "fetch",
        "--profile",
        str(profile),
        cache=tmp_path / "cache",
        hub="http://127.0.0.1:1",
        HF_HUB_OFFLINE="1",
    )
    assert "HF_HUB_OFFLINE is set, so nothing can be fetched" in refusal(done)


def test_all_revisions_that_are_to_be_filled_in_are_told_at_once(tmp_path: Path) -> None:
    experiment = {"dataset": "demo", "task": "informative", "methods": ["lxmert", "vilt"], "seeds": [1]}
    profile = tmp_path / "p.yaml"
    profile.write_text(yaml.safe_dump({"name": "p", "experiments": [experiment]}))
    arguments = ("--profile", str(profile))
    status = run("data", "status", *arguments, cache=tmp_path / "cache", hub="http://127.0.0.1:1")
    assert status.returncode == 1, "as for everything that is not here"
    fetched = run("fetch", *arguments, cache=tmp_path / "cache", hub="http://127.0.0.1:1")
    assert fetched.returncode == 2
    models = "unc-nlp/lxmert-base-uncased; facebook/detr-resnet-50; dandelin/vilt-b32-mlm"
    assert f"3 of 3 are still missing: {models} (reasons above)" in fetched.stderr
    for said in (status.stdout, fetched.stdout):
        for place in (
            "config/methods/lxmert.yaml: lxmert.hub",
            "config/methods/lxmert.yaml: regions.detector",
            "config/joint/vilt_b32_mlm.yaml: hub",
        ):
            assert f"fill in the commit hash that its page on the hub shows as revision of {place}\n" in said


def captioner_profile(folder: Path, server: Server, pinned: dict[str, dict[str, Any]]) -> Path:
    """A copy of the config in which captioner clip_cc's files lie on the server, and a profile with it."""
    shutil.copytree(ROOT / "config", folder / "config")
    path = folder / "config" / "captioners" / "clip_cc.yaml"
    values = read_yaml(path)
    values["published"]["checkpoint"] |= pinned.get("checkpoint", {})
    values["published"]["tokenizer"] |= {"url": f"{server.url}/tokenizer.json", **pinned["tokenizer"]}
    values["scorer"]["weights"] |= {"url": f"{server.url}/clip", **pinned["scorer"]}
    values["image"]["encoder"] = "tiny:conv"
    path.write_text(yaml.safe_dump(values))
    profile = {
        "name": "p",
        "override": {"cmb": {"text": {"name": "tiny:bert"}}},
        "experiments": [{"dataset": "demo", "task": "informative", "methods": ["cmb"], "seeds": [1]}],
    }
    (folder / "p.yaml").write_text(yaml.safe_dump(profile))
    return folder / "p.yaml"


def test_published_files_of_a_captioner_are_fetched_by_hash_and_the_rest_is_told(tmp_path: Path) -> None:
    good, clip = b"tokens", b"weights"
    with Server({"/tokenizer.json": gives(good), "/clip": gives(clip)}) as server:
        pinned = {
            "tokenizer": {"sha256": hashlib.sha256(good).hexdigest()},
            "scorer": {"sha256": hashlib.sha256(b"other").hexdigest()},
        }
        captioner_profile(tmp_path, server, pinned)
        done = subprocess.run(
            [COMMAND, "fetch", "--profile", "p.yaml", "--weights", "w"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    lines = done.stdout.splitlines()
    assert lines[0].startswith("captioner clip_cc, clipcap/conceptual_weights.pt: MISSING.")
    assert "has to be obtained by hand: The link 'Conceptual Captions pretrained model'" in lines[0]
    assert lines[1] == "captioner clip_cc, gpt2/tokenizer.json: fetched and verified"
    assert f"expected {hashlib.sha256(b'other').hexdigest()} (config/captioners/clip_cc.yaml)" in lines[2]
    assert [path.name for path in (tmp_path / "w").rglob("*") if path.is_file()] == ["tokenizer.json"]


def test_an_unpinned_model_is_fetched_by_its_own_library(tmp_path: Path) -> None:
    make_weights = (
        "import sys\n"
        "from crisisweave.encoders.torchvision_compat import prepare_torchvision\n"
        "prepare_torchvision()\n"
        "import timm\n"
        "from safetensors.torch import save_file\n"
        "model = timm.create_model('test_vit.r160_in1k', pretrained=False)\n"
        "save_file(model.state_dict(), sys.argv[1])\n"
    )
    weights = tmp_path / "model.safetensors"
    subprocess.run([sys.executable, "-c", make_weights, str(weights)], check=True, capture_output=True)
    values = {
        "name": "p",
        "override": {"image": {"image": {"name": "timm:test_vit.r160_in1k", "size": 160}}},
        "experiments": [{"dataset": "demo", "task": "informative", "methods": ["image"], "seeds": [1]}],
    }
    path = tmp_path / "p.yaml"
    path.write_text(yaml.safe_dump(values))
    cache = tmp_path / "cache"
    files = {"model.safetensors": weights.read_bytes(), "config.json": b"{}"}
    with Hub(files, repository="timm/test_vit.r160_in1k") as hub:
        done = run("fetch", "--profile", str(path), cache=cache, hub=hub.url)
        assert "timm:test_vit.r160_in1k: fetched and verified" in done.stdout, done.stdout + done.stderr
    status = run("data", "status", "--profile", str(path), cache=cache, hub="http://127.0.0.1:1")
    assert status.returncode == 0, status.stdout
    code = (
        "from crisisweave.encoders.image import load_image_encoder\n"
        "load_image_encoder('timm:test_vit.r160_in1k')"
    )
    environment = {**os.environ, "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": "1"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True)
