"""`dvc repro`, push and pull, experiments: with the real DVC on a finished run of the tiny variant."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from checkout import FOUR_RUNS, ROOT, Checkout, raised_version

pytestmark = pytest.mark.slow

TRACKED = ["dvc.yaml", "params.yaml", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore"]
STAGES = ["prepare", "encode", "caption", "joint", "run", "report"]
UP_TO_DATE = "Data and pipelines are up to date."


def _git(checkout: Checkout, *arguments: str) -> None:
    who = ["-c", "user.name=Nobody", "-c", "user.email=nobody@example.org"]
    done = checkout.call("git", *who, *arguments)
    assert done.returncode == 0, done.stderr


def _dvc(checkout: Checkout, *arguments: str) -> str:
    done = checkout.call("dvc", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _as_repository(checkout: Checkout) -> None:
    """Make a checkout a Git and DVC repository whose `dvc repro` runs the checkout's profile."""
    for name in (*TRACKED, "data/raw/README.md"):
        (checkout.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout.folder / name)
    params = checkout.folder / "params.yaml"
    params.write_text(params.read_text().replace("config/default.yaml", f"config/{checkout.profile}.yaml"))
    _git(checkout, "init", "--quiet")
    _commit(checkout, "start")


def _commit(checkout: Checkout, message: str) -> None:
    _git(checkout, "add", "--all")
    _git(checkout, "commit", "--quiet", "--message", message)


def _clone(checkout: Checkout, folder: Path) -> Checkout:
    _git(checkout, "clone", "--quiet", str(checkout.folder), str(folder))
    return Checkout(folder, checkout.profile)


def _skipped(output: str) -> list[str]:
    return [stage for stage in STAGES if f"Stage '{stage}' didn't change, skipping" in output]


def _damaged(cache: Path) -> list[str]:
    """Objects of a cache or remote whose content is not what their name says."""
    objects = [path for path in (cache / "files/md5").glob("*/*") if path.is_file()]
    assert len(objects) > 200
    return [
        str(path)
        for path in objects
        if hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        != (path.parent.name + path.name).removesuffix(".dir")
    ]


def _without_git(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True)


@pytest.fixture(scope="module")
def tracked(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A repository in which `snakemake` has run before and `dvc repro` after it; pushed to a local remote."""
    checkout = Checkout(tmp_path_factory.mktemp("tracked") / "project", finished.profile)
    _without_git(finished.folder, checkout.folder)
    _as_repository(checkout)
    said = _dvc(checkout, "repro")
    # What Snakemake has done DVC takes as it is: five calls with nothing to do.
    assert "Finished jobid" not in said.replace("(Rule: prepare_all)", "")
    assert said.count("Nothing to be done") == len(STAGES)
    _dvc(checkout, "remote", "add", "--default", "store", str(checkout.folder.parent / "remote"))
    _commit(checkout, "run")
    _dvc(checkout, "push")
    return checkout


def test_neither_entry_point_thinks_that_the_other_left_something_stale(tracked: Checkout) -> None:
    assert UP_TO_DATE in _dvc(tracked, "status")
    assert _skipped(_dvc(tracked, "repro")) == STAGES
    assert tracked.stale() == set()


def test_a_fresh_clone_with_pulled_files_has_nothing_to_do(tracked: Checkout, tmp_path: Path) -> None:
    clone = _clone(tracked, tmp_path / "clone")
    _dvc(clone, "pull")
    assert UP_TO_DATE in _dvc(clone, "status")
    assert clone.stale() == set()
    # And with a dvc.lock of another config both see what is stale: the records came along.
    with clone.edited("config/tiny.yaml", "cmb: {training: {lr: 1.0e-3", "cmb: {training: {lr: 2.0e-3"):
        _dvc(clone, "pull")
        assert len(clone.stale()) == 12
        assert "run:" in _dvc(clone, "status")


def test_one_hyper_parameter_as_an_experiment(tracked: Checkout, tmp_path: Path) -> None:
    clone = _clone(tracked, tmp_path / "clone")
    _dvc(clone, "pull")
    _git(clone, "config", "user.name", "Nobody")
    _git(clone, "config", "user.email", "nobody@example.org")
    key = "config/tiny.yaml:override.text.training.lr"
    said = _dvc(clone, "exp", "run", "--set-param", f"{key}=0.005")
    # text itself and the decision fusion that reads it, on all seeds, also of the informative task.
    trained = {line for line in said.splitlines() if ": Train " in line}
    assert sorted(line.split(": ", 1)[1] for line in trained) == [
        "Train text on demo/humanitarian, seed 1",
        "Train text on demo/humanitarian, seed 2",
        "Train text on demo/informative, seed 1",
    ]
    difference = json.loads(_dvc(clone, "metrics", "diff", "--json").splitlines()[-1])
    changed = {Path(path).stem: scores for path, scores in difference.items()}
    assert "text" in changed and set(changed) <= {"text", "decision_mean", "decision_or"}
    assert any(abs(value["diff"]) > 0.01 for scores in changed.values() for value in scores.values())
    # Snakemake agrees with what DVC has run.
    assert clone.stale() == set()
    assert UP_TO_DATE in _dvc(clone, "status")


def test_metrics_and_plots_show_what_the_report_shows(tracked: Checkout, tmp_path: Path) -> None:
    shown = json.loads(_dvc(tracked, "metrics", "show", "--json"))
    scores = shown[""]["data"]["results/tables/metrics/demo/humanitarian/test/cmb.json"]["data"]
    of_seeds = [
        json.loads((tracked.folder / f"results/demo/humanitarian/cmb/seed-{seed}/metrics.json").read_text())
        for seed in (1, 2)
    ]
    mean = sum(of["splits"]["test"]["f1_macro"] for of in of_seeds) / 2
    assert scores["f1_macro"] == pytest.approx(mean)
    plots = json.loads(_dvc(tracked, "plots", "show", "--json", "--out", str(tmp_path)).splitlines()[-1])
    text = json.dumps(plots)
    for name in ("scores/demo-humanitarian-test.csv", "learning/demo-humanitarian-cmb.csv"):
        assert f"results/tables/plots/{name}" in text
    _dvc(tracked, "plots", "show", "--out", str(tmp_path))
    assert "vega" in (tmp_path / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["reflink,copy", "hardlink", "symlink"])
def test_two_clones_that_share_a_cache_and_a_remote_do_no_harm(
    tracked: Checkout, tmp_path: Path, kind: str
) -> None:
    """Both change something and run at once; through a link, a record would be written into the cache."""
    remote = tmp_path / "remote"
    clones = [_clone(tracked, tmp_path / name) for name in ("one", "two")]
    for clone in clones:
        _dvc(clone, "config", "--local", "cache.type", kind)
        _dvc(clone, "config", "--local", "cache.dir", str(tmp_path / "shared"))
        _dvc(clone, "pull")
        _dvc(clone, "config", "--local", "remote.store.url", str(remote))
    if kind != "reflink,copy":
        records = list((clones[0].folder / ".snakemake/metadata").rglob("*"))
        assert any(r.is_symlink() or r.stat().st_nlink > 1 for r in records)
    with (
        clones[0].edited(*raised_version("aggregate")),
        clones[1].edited("src/crisisweave/reporting/templates/base.html", "Skip to the content", "Skip"),
    ):
        with ThreadPoolExecutor() as both:
            said = list(both.map(lambda clone: _dvc(clone, "repro"), clones))
        # The tables came out as they were, so the next phase leaves the report as it is.
        assert "Gather the scores" in said[0] and "Render the report" not in said[0]
        assert "Gather the scores" not in said[1] and "Render the report" in said[1]
        with ThreadPoolExecutor() as both:
            list(both.map(lambda clone: _dvc(clone, "push"), clones))
        for clone in clones:
            assert UP_TO_DATE in _dvc(clone, "status")
            assert clone.stale() == set()
    assert _damaged(tmp_path / "shared") == []
    assert _damaged(remote) == []


def test_pulling_from_a_half_pushed_remote_names_what_lacks_and_a_second_push_completes_it(
    tracked: Checkout, tmp_path: Path
) -> None:
    remote = tmp_path / "remote"
    shutil.copytree(tracked.folder.parent / "remote", remote)
    table = tracked.folder / "results/tables/tables.json"
    digest = hashlib.md5(table.read_bytes(), usedforsecurity=False).hexdigest()
    objects = remote / "files/md5"
    (objects / digest[:2] / digest[2:]).unlink()
    # DVC pushes a folder's listing after its files, and takes it as proof that they are all there.
    (listing,) = (path for path in objects.glob("*/*.dir") if digest in path.read_text())
    listing.unlink()
    clone = _clone(tracked, tmp_path / "clone")
    _dvc(clone, "config", "--local", "remote.store.url", str(remote))
    done = clone.call("dvc", "pull")
    assert done.returncode != 0
    assert "Checkout failed for following targets:\nresults\n" in done.stderr
    assert not (clone.folder / "results").exists()
    _dvc(tracked, "remote", "add", "--local", "half", str(remote))
    _dvc(tracked, "push", "--remote", "half")
    _dvc(clone, "pull")
    assert clone.stale() == set()


def test_a_missing_remote_is_one_sentence(tracked: Checkout, tmp_path: Path) -> None:
    clone = _clone(tracked, tmp_path / "clone")
    _dvc(clone, "config", "--local", "remote.store.url", str(tmp_path / "nowhere"))
    done = clone.call("dvc", "pull")
    assert done.returncode != 0
    assert "ERROR" in done.stdout + done.stderr
    assert not (clone.folder / "results").exists()


def test_an_interrupted_repro_loses_no_finished_job(tmp_path: Path) -> None:
    """Ctrl-C in the middle of training: what was finished is not done again."""
    checkout = Checkout.copy(tmp_path / "project", profile="small")
    (checkout.folder / "config/small.yaml").write_text(FOUR_RUNS)
    _as_repository(checkout)
    runs = checkout.folder / "results/demo/informative/text"
    process = subprocess.Popen(
        ["dvc", "repro"],
        cwd=checkout.folder,
        env=checkout.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # A shell starts what it puts into the background with Ctrl-C ignored, and all that comes of it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 240
    # Whichever seed comes first: Snakemake's order is its own.
    while not (done := list(runs.glob("seed-*/predictions.parquet"))):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(timeout=120) != 0
    trained = done[0].with_name("model.safetensors")
    seed = done[0].parent.name.removeprefix("seed-")
    before = trained.stat().st_mtime_ns
    left = checkout.stale()
    assert left and f"Train text on demo/informative, seed {seed}" not in left
    _dvc(checkout, "repro")
    assert trained.stat().st_mtime_ns == before
    assert UP_TO_DATE in _dvc(checkout, "status")
    assert checkout.stale() == set()
