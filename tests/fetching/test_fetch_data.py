"""`crisisweave fetch` and `crisisweave data status` by their command line, against a local web server."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from web_server import Server, gives

from crisisweave.config.strict import read_yaml

ROOT = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).parent / "crisisweave")
TABLE = b"tweet_id\ttweet_text\tclass_label\n1\thelp\tnot_humanitarian\n"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


class Project:
    """A folder with the shipped config, whose sources a test replaces, and a server that has their files."""

    def __init__(self, folder: Path, server: Server):
        self.folder, self.server = folder, server
        shutil.copytree(ROOT / "config", folder / "config")

    def source(self, name: str, *parts: dict[str, Any], accept: bool = False, folder: str = "set") -> None:
        """Write a source; a part's url may be a path on the server."""
        parts = tuple(
            {**p, "url": self.server.url + p["url"]} if p.get("url", "").startswith("/") else p for p in parts
        )
        values = {
            "name": name,
            "title": "A set",
            "address": "https://example.org",
            "version": None,
            "licence": {"name": "CC BY-NC 4.0", "address": "https://example.org/terms", "accept": accept},
            "citation": "Someone",
            "folder": folder,
            "parts": list(parts),
        }
        (self.folder / "config" / "sources" / f"{name}.yaml").write_text(yaml.safe_dump(values))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("CRISISWEAVE_", "HF_"))}
        return subprocess.run(
            [COMMAND, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def raw(self) -> dict[str, bytes]:
        """Every file below the data root."""
        root = self.folder / "data" / "raw"
        return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with Server() as server:
        yield Project(tmp_path, server)


def file_part(project: Project, path: str, data: bytes, **changes: Any) -> dict[str, Any]:
    project.server.answers[f"/{path}"] = gives(data)
    name = path.replace(".", "_")
    return {"name": name, "url": f"/{path}", "sha256": sha(data), "files": [{"path": path}], **changes}


def archive_part(project: Project, archive: bytes, **changes: Any) -> dict[str, Any]:
    project.server.answers["/a"] = gives(archive)
    check = {"path": "tables/a.tsv", "sha256": sha(TABLE)}
    part = {"name": "tables", "url": "/a", "sha256": sha(archive), "take": {"top/tables": "tables"}}
    return {**part, "files": [check], **changes}


def test_files_and_archives_come_to_their_places_and_not_a_second_time(project: Project) -> None:
    archive = tar_of({"top/tables/a.tsv": TABLE, "top/tables/b.tsv": b"", "top/not_wanted": b"x"})
    project.source("s", archive_part(project, archive), file_part(project, "readme.txt", b"read me"))
    done = project.run("fetch", "--source", "s")
    assert done.returncode == 0, done.stderr
    assert project.raw() == {"set/tables/a.tsv": TABLE, "set/tables/b.tsv": b"", "set/readme.txt": b"read me"}
    assert not (project.folder / "data/raw/set/.fetch").exists()
    asked = len(project.server.seen)
    again = project.run("fetch", "--source", "s")
    assert again.stdout.splitlines() == [
        "s, part tables: is here",
        "s, part readme_txt: is here",
        "everything that is needed is here",
    ]
    assert len(project.server.seen) == asked


def test_a_licence_must_be_accepted_by_name(project: Project) -> None:
    project.source("s", file_part(project, "f.txt", b"x"), accept=True)
    done = project.run("fetch", "--source", "s")
    assert done.returncode == 2
    assert "its licence is 'CC BY-NC 4.0' (https://example.org/terms); read the terms" in done.stdout
    assert "add --accept-licence s" in done.stdout
    assert project.server.seen == []
    assert project.run("fetch", "--source", "s", "--accept-licence", "s").returncode == 0
    # What is here needs no second agreement.
    assert project.run("fetch", "--source", "s").returncode == 0
    unknown = project.run("fetch", "--source", "s", "--accept-licence", "humaidd")
    assert "--accept-licence names 'humaidd', which is no source; did you mean 'humaid'?" in unknown.stderr


def test_what_cannot_be_had_is_told_and_the_rest_goes_on(project: Project) -> None:
    form = {"name": "form", "obtain": "fill in the form, put it into {folder}", "files": [{"path": "x"}]}
    lost = file_part(project, "lost.txt", b"y", url="/nowhere")
    project.source("s", form, lost, file_part(project, "good.txt", b"x"))
    done = project.run("fetch", "--source", "s")
    assert done.returncode == 2
    assert "fill in the form, put it into data/raw/set" in done.stdout
    assert "answers 404" in done.stdout
    assert "s, part good_txt: fetched and verified" in done.stdout
    assert done.stderr.splitlines()[-1] == (
        "error: 2 of 3 are still missing: s, part form; s, part lost_txt (reasons above)"
    )
    assert project.raw() == {"set/good.txt": b"x"}


def test_without_a_hash_it_is_refused_until_the_hash_is_entered(project: Project) -> None:
    archive = zip_of({"top/tables/a.tsv": TABLE})
    part = archive_part(project, archive)
    project.source("s", {**part, "sha256": None})
    done = project.run("fetch", "--source", "s")
    assert done.returncode == 2
    assert f"enter 'sha256: {sha(archive)}' in config/sources/s.yaml (part tables)" in done.stdout
    assert not (project.folder / "data/raw/set/tables").exists()
    project.source("s", part)
    assert project.run("fetch", "--source", "s").returncode == 0
    assert project.raw() == {"set/tables/a.tsv": TABLE}
    assert project.server.seen == ["GET /a"], "what had come was used"


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (tar_of({"top/../../../escaped": b"x"}), "climbs out of the folder"),
        (tar_of({"elsewhere/a.tsv": TABLE}), "holds no 'top/tables' but elsewhere"),
        (tar_of({"top/tables/a.tsv": b"other"}), "was downloaded, but data/raw/set/tables/a.tsv is wrong"),
        (b"<html>", "is neither a zip nor a tar archive"),
    ],
)
def test_an_archive_that_is_not_what_it_should_be(project: Project, archive: bytes, message: str) -> None:
    project.source("s", archive_part(project, archive))
    done = project.run("fetch", "--source", "s")
    assert done.returncode == 2
    assert message in done.stdout
    assert not list(project.folder.rglob("escaped"))
    assert not list(project.folder.rglob("*.unpacked"))


def test_nothing_that_is_there_is_replaced(project: Project) -> None:
    archive = tar_of({"top/tables/a.tsv": TABLE})
    project.source("s", archive_part(project, archive))
    tables = project.folder / "data/raw/set/tables"
    tables.mkdir(parents=True)
    (tables / "mine.tsv").write_text("my own")
    done = project.run("fetch", "--source", "s")
    assert "data/raw/set/tables is there but not complete and in the way; move it away" in done.stdout
    (tables / "a.tsv").write_text("edited")
    done = project.run("fetch", "--source", "s")
    assert f"a.tsv is wrong (expected {sha(TABLE)}, found {sha(b'edited')}) and in the way" in done.stdout
    assert (tables / "mine.tsv").read_text() == "my own"
    assert project.server.seen == []


def test_a_fetch_that_was_killed_before_the_last_rename_is_repaired(project: Project) -> None:
    archive = tar_of({"top/tables/a.tsv": TABLE})
    project.source("s", archive_part(project, archive))
    work = project.folder / "data/raw/set/.fetch"
    (work / "tables.unpacked" / "top").mkdir(parents=True)
    (work / "tables.unpacked" / "top" / "half").write_text("half")
    (work / "tables-a").write_bytes(archive)
    assert project.run("fetch", "--source", "s").returncode == 0
    assert project.raw() == {"set/tables/a.tsv": TABLE}
    assert project.server.seen == []


def test_a_fetch_that_was_killed_between_two_renames_places_the_rest(project: Project) -> None:
    archive = tar_of({"a/1.txt": b"one", "b/2.txt": b"two"})
    project.server.answers["/a"] = gives(archive)
    checks = [{"path": "a/1.txt", "sha256": sha(b"one")}, {"path": "b/2.txt", "sha256": sha(b"two")}]
    part = {
        "name": "both",
        "url": "/a",
        "sha256": sha(archive),
        "take": {"a": "a", "b": "b"},
        "files": checks,
    }
    project.source("s", part)
    (project.folder / "data/raw/set/a").mkdir(parents=True)
    (project.folder / "data/raw/set/a/1.txt").write_bytes(b"one")
    assert project.run("fetch", "--source", "s").returncode == 0
    assert project.raw() == {"set/a/1.txt": b"one", "set/b/2.txt": b"two"}


def test_two_fetches_at_once_do_not_meet(project: Project) -> None:
    import fcntl

    project.source("s", file_part(project, "f.txt", b"x"))
    work = project.folder / "data/raw/set/.fetch"
    work.mkdir(parents=True)
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = project.run("fetch", "--source", "s")
    assert "data/raw/set: another fetch is at work there; wait until it has ended" in done.stdout


def test_a_profile_fetches_only_what_it_needs(project: Project) -> None:
    values = read_yaml(ROOT / "config/sources/humaid.yaml")
    files = {check["path"]: TABLE + check["path"].encode() for p in values["parts"] for check in p["files"]}
    checks = [
        {"path": path, "alternative": Path(path).name, "sha256": sha(data)} for path, data in files.items()
    ]
    archive = zip_of(files)
    project.server.answers["/h.zip"] = gives(archive)
    take = {event: event for event in sorted({path.split("/")[0] for path in files})}
    whole = {"name": "tables", "url": "/h.zip", "sha256": sha(archive), "take": take, "files": checks}
    project.source("humaid", {"name": "p", "obtain": "ask", "files": [{"path": "x.tsv"}]}, folder="humaid")
    unneeded = {"name": "pictures", "obtain": "ask", "images": True, "folders": [{"path": "p"}]}
    project.source("dmd", file_part(project, "test.csv", b"t"), folder="dmd")
    profile = {
        "name": "p",
        "experiments": [{"dataset": "humaid", "task": "humanitarian10", "methods": ["text"], "seeds": [1]}],
        "override": {"text": {"text": {"name": "package:minilm"}}},
    }
    (project.folder / "p.yaml").write_text(yaml.safe_dump(profile))
    lacking = project.run("data", "status", "--profile", "p.yaml")
    assert "which no part of source 'humaid' gives; add it to the part's files" in lacking.stderr
    project.source("humaid", whole, unneeded, folder="humaid")
    before = project.run("data", "status", "--profile", "p.yaml")
    assert before.returncode == 1
    assert "humaid is missing. To obtain it: `crisisweave fetch --source humaid`" in before.stdout
    done = project.run("fetch", "--profile", "p.yaml")
    assert done.returncode == 0, done.stdout
    assert project.server.seen == ["GET /h.zip"]
    assert set(project.raw()) == {f"humaid/{path}" for path in files}
    assert project.run("data", "status", "--profile", "p.yaml").returncode == 0


def test_status_says_what_is_here_missing_and_wrong(project: Project) -> None:
    zipped = gzip.compress(b"digits", 1)
    content = {"path": "d.gz", "content": True, "sha256": sha(b"digits"), "bytes": 6}
    parts = [
        file_part(project, "good.txt", b"good"),
        file_part(project, "bad.txt", b"bad"),
        file_part(project, "gone.txt", b"gone"),
        {"name": "gz", "url": "/d.gz", "sha256": sha(gzip.compress(b"digits", 9)), "files": [content]},
    ]
    project.source("s", *parts)
    folder = project.folder / "data/raw/set"
    folder.mkdir(parents=True)
    (folder / "good.txt").write_bytes(b"good")
    (folder / "bad.txt").write_bytes(b"altered")
    (folder / "d.gz").write_bytes(zipped)
    done = project.run("data", "status", "--json")
    assert done.returncode == 0, "without a profile it only informs"
    row = next(row for row in json.loads(done.stdout) if row["name"] == "s")
    assert row["state"] == "wrong"
    assert {Path(f["path"]).name: f["state"] for f in row["findings"]} == {
        "good.txt": "here",
        "bad.txt": "wrong",
        "gone.txt": "missing",
        "d.gz": "here",
    }
    text = project.run("data", "status").stdout
    assert f"  wrong: data/raw/set/bad.txt (expected {sha(b'bad')}, found {sha(b'altered')})" in text
    assert "  missing: data/raw/set/gone.txt" in text


def test_hashes_are_remembered_until_a_file_changes_or_verify_is_asked(project: Project) -> None:
    project.source("s", file_part(project, "f.txt", b"abc"))
    assert project.run("fetch", "--source", "s").returncode == 0

    def state(*arguments: str) -> str:
        rows = json.loads(project.run("data", "status", "--json", *arguments).stdout)
        return str(next(row["state"] for row in rows if row["name"] == "s"))

    path = project.folder / "data/raw/set/f.txt"
    assert state() == "here"
    status = path.stat()
    path.write_bytes(b"xyz")
    time.sleep(0.01)
    assert state() == "wrong", "another modification time is noticed"
    path.write_bytes(b"abc")
    assert state() == "here"
    path.write_bytes(b"xyz")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    remembered = json.loads((project.folder / ".cache/hashes.json").read_text())
    remembered[str(path)][1] = status.st_mtime_ns
    (project.folder / ".cache/hashes.json").write_text(json.dumps(remembered))
    assert state() == "here", "same size and time: not read again"
    assert state("--verify") == "wrong"


def test_images_are_judged_by_what_the_tables_name(project: Project) -> None:
    header = "event_name\ttweet_id\timage_id\ttweet_text\timage\tlabel\tlabel_text\tlabel_image"
    folder = "crisismmd_datasplit_agreed_label"
    tables = {
        f"{folder}/task_informative_text_img_agreed_lab_{split}.tsv": (
            f"{header}\nfire\t1\t1_{split}\ttext\tdata_image/{split}.jpg\tinformative\tinformative\tinformative\n"
        ).encode()
        for split in ("train", "dev", "test")
    }
    checks = [{"path": path, "sha256": sha(data)} for path, data in tables.items()]
    archive = zip_of(tables)
    project.server.answers["/t.zip"] = gives(archive)
    project.source(
        "crisismmd",
        {
            "name": "agreed",
            "url": "/t.zip",
            "sha256": sha(archive),
            "take": {folder: folder},
            "files": checks,
        },
        {"name": "images", "obtain": "ask", "images": True, "folders": [{"path": "data_image"}]},
        folder="C",
    )
    profile = {
        "name": "p",
        "override": {"image": {"image": {"name": "package:efficientnet_lite0"}}},
        "experiments": [{"dataset": "crisismmd", "task": "informative", "methods": ["image"], "seeds": [1]}],
    }
    path = project.folder / "p.yaml"
    path.write_text(yaml.safe_dump(profile))
    assert project.run("fetch", "--profile", "p.yaml").returncode == 2
    images = project.folder / "data/raw/C/data_image"
    images.mkdir()
    (images / "train.jpg").write_bytes(b"x")
    some = project.run("data", "status", "--profile", "p.yaml")
    assert some.returncode == 1
    assert "(expected 3 images that the tables name, found 1 of them)" in some.stdout
    path.write_text(
        yaml.safe_dump({**profile, "dataset_override": {"crisismmd": {"missing_images": "drop"}}})
    )
    assert project.run("data", "status", "--profile", "p.yaml").returncode == 0
    path.write_text(yaml.safe_dump(profile))
    for split in ("dev", "test"):
        (images / f"{split}.jpg").write_bytes(b"x")
    assert project.run("data", "status", "--profile", "p.yaml").returncode == 0


def test_a_full_disk_ends_the_fetch_with_one_sentence(project: Project, tmp_path: Path) -> None:
    project.source("s", file_part(project, "f.bin", bytes(200_000)))
    disk = tmp_path / "disk"
    disk.mkdir()
    script = (
        f"mount -t tmpfs -o size=64k none {disk} && {COMMAND} fetch --source s --data-root {disk}; "
        f"echo $?; find {disk} -type f -size +0"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "bash", "-c", script],
        cwd=project.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["2"]
    assert done.stderr.splitlines()[-1].startswith("error: cannot write")
    assert "are free; free some space" in done.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parts": [{"name": "p", "files": [{"path": "x"}]}]}, "give either 'url' or 'obtain'"),
        ({"lisence": {}}, "unknown key 'lisence'; did you mean 'licence'?"),
        ({"parts": [{"name": "p", "obtain": "ask", "files": [{"path": "../x"}]}]}, "stays inside the folder"),
        ({"parts": [{"name": "p", "obtain": "ask"}]}, "what must be there for the part to count as present"),
        (
            {"parts": [{"name": "p", "url": "file:///x", "files": [{"path": "x"}]}]},
            "key 'parts.0.url' has the value 'file:///x'",
        ),
        (
            {"parts": [{"name": "p", "url": "http://x", "sha256": "1", "files": [{"path": "x"}]}]},
            "key 'parts.0.sha256' has the value '1'",
        ),
    ],
)
def test_a_wrong_entry_is_explained(project: Project, change: dict[str, Any], message: str) -> None:
    project.source("s", {"name": "p", "obtain": "ask", "files": [{"path": "x"}]})
    path = project.folder / "config/sources/s.yaml"
    path.write_text(yaml.safe_dump({**read_yaml(path), **change}))
    done = project.run("data", "status")
    assert done.returncode == 2
    assert message in done.stderr


def test_an_unknown_source_gets_the_nearest(project: Project) -> None:
    done = project.run("fetch", "--source", "crisimmd")
    assert "there is no source 'crisimmd'; did you mean 'crisismmd'?" in done.stderr
