"""What reruns and what does not: the real Snakemake on a finished run, and the exact set of jobs."""

from __future__ import annotations

import fcntl
import os
import random
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from checkout import Checkout, raised_version

pytestmark = pytest.mark.slow

TABLES = {"Gather the scores of tiny and compare methods", "Render the report"}
TRAINED = ("text", "image", "concat", "cmb")
HUMANITARIAN = (*TRAINED, "decision_mean")
Edit = Callable[[Checkout], AbstractContextManager[None]]


def evaluated(method: str, seed: int) -> set[str]:
    """The jobs that score a method on the humanitarian task and on the held-out events."""
    return {
        f"Evaluate {method} on demo/humanitarian, seed {seed}",
        f"Evaluate {method} of demo/humanitarian on demo_heldout, seed {seed}",
    }


def run(method: str, seed: int) -> set[str]:
    """All jobs of one trained run on the humanitarian task."""
    measured = f"Measure the use of modalities by {method} on demo/humanitarian, seed {seed}"
    return {
        *([measured] if method == "concat" else []),
        f"Train {method} on demo/humanitarian, seed {seed}",
        f"Predict dev and test with {method} on demo/humanitarian, seed {seed}",
        f"Transfer {method} of demo/humanitarian, seed {seed}, to demo_heldout",
        *evaluated(method, seed),
    }


def combined(method: str, seed: int) -> set[str]:
    """All jobs of one decision fusion on the humanitarian task."""
    return {
        f"Combine decisions by {method} on demo/humanitarian, seed {seed}",
        f"Combine decisions by {method} of demo/humanitarian on demo_heldout, seed {seed}",
        *evaluated(method, seed),
    }


def every(
    jobs: Callable[[str, int], set[str]], methods: Iterable[str], seeds: Iterable[int] = (1, 2)
) -> set[str]:
    """The jobs of some methods and seeds."""
    return {job for method in methods for seed in seeds for job in jobs(method, seed)}


def transferred(method: str, seed: int) -> set[str]:
    """What a change of a transfer's target alone runs again."""
    how = (
        f"Combine decisions by {method} of demo/humanitarian on demo_heldout, seed {seed}"
        if method.startswith("decision")
        else f"Transfer {method} of demo/humanitarian, seed {seed}, to demo_heldout"
    )
    return {how, f"Evaluate {method} of demo/humanitarian on demo_heldout, seed {seed}"}


INFORMATIVE_EVALUATED = {
    f"Evaluate {m} on demo/informative, seed 1" for m in ("text", "image", "decision_or")
}


def change(file: str, old: str, new: str) -> Edit:
    """An edit that replaces a string in a file."""
    return lambda checkout: checkout.edited(file, old, new)


def both(*edits: Edit) -> Edit:
    """Several edits at once."""

    @contextmanager
    def edit(checkout: Checkout) -> Iterator[None]:
        with ExitStack() as stack:
            for one in edits:
                stack.enter_context(one(checkout))
            yield

    return edit


def a_copy(source: str, target: str, old: str, new: str) -> Edit:
    """A new config file, made from another."""

    @contextmanager
    def edit(checkout: Checkout) -> Iterator[None]:
        text = (checkout.folder / source).read_text(encoding="utf-8")
        assert old in text
        (checkout.folder / target).write_text(text.replace(old, new), encoding="utf-8")
        yield
        (checkout.folder / target).unlink()

    return edit


@contextmanager
def reordered(checkout: Checkout) -> Iterator[None]:
    """Every YAML of the config without comments and with its keys in another order."""
    before = {path: path.read_bytes() for path in checkout.folder.glob("config/**/*.yaml")}
    for path, content in before.items():
        path.write_text(yaml.safe_dump(_backwards(yaml.safe_load(content)), sort_keys=False))
    yield
    for path, content in before.items():
        path.write_bytes(content)


def _backwards(value: object) -> object:
    if isinstance(value, dict):
        return {key: _backwards(value[key]) for key in reversed(value)}
    return [_backwards(item) for item in value] if isinstance(value, list) else value


@contextmanager
def touched(checkout: Checkout) -> Iterator[None]:
    """Every file with another modification time, in no order at all."""
    times = random.Random(1)
    before = {}
    for path in sorted(checkout.folder.rglob("*")):
        if path.is_file() and ".snakemake" not in path.parts:
            before[path] = path.stat().st_mtime_ns
            seconds = times.randrange(1_500_000_000, 1_900_000_000)
            os.utime(path, (seconds, seconds))
    assert len(before) > 400
    yield
    for path, time in before.items():
        os.utime(path, ns=(time, time))


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(touched, id="new modification times"),
        pytest.param(reordered, id="reordered keys and no comments"),
        pytest.param(
            change("config/tiny.yaml", "# The demo with", "# A demo with"), id="a comment in a YAML"
        ),
        pytest.param(
            change("config/tiny.yaml", "experiments:", "report: {redact: false}\nexperiments:"),
            id="asking to see what is shown anyway",
        ),
        pytest.param(
            change("config/published/tables.yaml", "# The published", "# All published"),
            id="a comment on the published tables",
        ),
        pytest.param(
            change("config/captioners/demo_prefix.yaml", "title: Prefix", "title: A prefix"),
            id="a captioner's title",
        ),
        pytest.param(
            change("src/crisisweave/training/loop.py", '"""', '"""Another docstring. '), id="a docstring"
        ),
        pytest.param(
            change("workflow/rules/train.smk", "rule train:", "# A comment.\n\n\nrule train:"),
            id="a comment and moved lines in a rule file",
        ),
        pytest.param(
            change("workflow/rules/train.smk", "mem_mb=grows(3000)", "mem_mb=grows(4000)"), id="a resource"
        ),
        pytest.param(
            change("envs/requirements.lock", "snakefmt==", "snakefmt==9"), id="a tool's release in the lock"
        ),
        pytest.param(
            change(
                "config/tiny.yaml", "decoding: {method: greedy,", "decoding: {batch_size: 7, method: greedy,"
            ),
            id="a batch size that changes no caption",
        ),
        pytest.param(
            change("config/methods/concat.yaml", "name: concat", "name: concat\nrows: concordant"),
            id="a key that says the default",
        ),
    ],
)
def test_what_cannot_change_a_result_reruns_nothing(finished: Checkout, edit: Edit) -> None:
    with edit(finished):
        assert finished.stale() == set()


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(
            change("config/tiny.yaml", "cmb: {training: {lr: 1.0e-3", "cmb: {training: {lr: 2.0e-3"),
            every(run, ["cmb"]) | TABLES,
            id="one method's learning rate",
        ),
        pytest.param(
            change("config/tiny.yaml", "seeds: [1, 2]", "seeds: [1, 2, 3]"),
            every(run, TRAINED, [3]) | every(combined, ["decision_mean"], [3]) | TABLES,
            id="one seed added",
        ),
        pytest.param(
            change("config/tiny.yaml", "concat, cmb]", "concat]"),
            TABLES,
            id="a method taken out",
        ),
        pytest.param(
            both(
                a_copy(
                    "config/captioners/demo_prefix.yaml",
                    "config/captioners/second.yaml",
                    "name: demo_prefix",
                    "name: second",
                ),
                a_copy(
                    "config/methods/cmb.yaml", "config/methods/cmb_two.yaml", "name: cmb", "name: cmb_two"
                ),
                change("config/tiny.yaml", "concat, cmb]", "concat, cmb, cmb_two]"),
                change("config/tiny.yaml", "captioner_override:", "captioner_override:\n  second: &tiny"),
                change("config/tiny.yaml", "  demo_prefix:\n", ""),
                change("config/tiny.yaml", "experiments:", "  demo_prefix: *tiny\nexperiments:"),
                change(
                    "config/tiny.yaml",
                    "  concat: {training",
                    "  cmb_two: {captioner: second}\n  concat: {training",
                ),
            ),
            {"Make the captioner second", "Caption the images of demo with second"}
            | every(run, ["cmb_two"])
            | TABLES,
            id="one captioner added",
        ),
        pytest.param(
            change("config/tiny.yaml", "{method: greedy, candidates: 1,", "{method: beam, candidates: 2,"),
            {"Caption the images of demo with demo_prefix"} | every(run, ["cmb"]) | TABLES,
            id="another decoding",
        ),
        pytest.param(
            change(
                "config/transfers/demo_heldout.yaml",
                "not_humanitarian: not_humanitarian",
                "not_humanitarian: null",
            ),
            every(transferred, HUMANITARIAN) | TABLES,
            id="a class map of one transfer target",
        ),
        pytest.param(
            change("src/crisisweave/reporting/templates/base.html", "Skip to the content", "Skip"),
            {"Render the report"},
            id="a report template",
        ),
        pytest.param(
            change("config/published/thesis_3.3.csv", "86.70,86.70", "86.71,86.71"),
            {"Render the report"},
            id="a published value",
        ),
        pytest.param(
            change(*raised_version("evaluate")),
            every(evaluated, HUMANITARIAN) | INFORMATIVE_EVALUATED | TABLES,
            id="a step's declared version",
        ),
        pytest.param(
            change("src/crisisweave/config/steps.py", '"concat": 1', '"concat": 2'),
            every(run, ["concat"]) | TABLES,
            id="a method family's declared version",
        ),
        pytest.param(
            change("envs/requirements.lock", "jinja2==", "jinja2==9"),
            {"Render the report"},
            id="a library's release in the lock",
        ),
        pytest.param(
            change("config/datasets/demo.yaml", "title: Embedded demo", "title: The embedded demo"),
            {"Render the report"},
            id="a data set's title, which the pages show",
        ),
        pytest.param(
            change("config/methods/cmb.yaml", "title: Caption-based", "title: Captions"),
            {"Render the report"},
            id="a method's title, which the pages show",
        ),
        pytest.param(
            change("config/tiny.yaml", "experiments:", "report: {redact: true}\nexperiments:"),
            {"Render the report"},
            id="tweets and images left out of the report",
        ),
    ],
)
def test_a_change_reruns_exactly_its_dependents(finished: Checkout, edit: Edit, expected: set[str]) -> None:
    with edit(finished):
        assert finished.stale() == expected


def test_a_moved_checkout_and_another_home_rerun_nothing(
    finished: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on another machine with the same lock: everything lies elsewhere, with times of no order."""
    moved = Checkout(tmp_path / "elsewhere" / "checkout", finished.profile)
    shutil.copytree(finished.folder, moved.folder, symlinks=True, copy_function=shutil.copyfile)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert moved.stale() == set()
    with moved.edited(*raised_version("aggregate")):
        assert moved.stale() == TABLES


# ── Data that is given rather than generated ───────────────────────────────────────

GIVEN_PROFILE = """
name: given
threads: 1
demo_tweets: 300
override:
  text: {text: {name: "tiny:bert", pooling: mean}, max_tokens: 32}
  image: {image: {name: "tiny:conv", tuned: false, size: 64}}
  "*": {training: {lr: 1.0e-3, batch_size: 32, epochs: 1}}
experiments:
  - {dataset: given, task: humanitarian, methods: [text, image], seeds: [1]}
  - {dataset: given, task: informative, methods: [text], seeds: [1]}
"""


@pytest.fixture(scope="module")
def given(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A finished run on raw files that a person laid down: a copy of the demo's, in data/raw/given."""
    checkout = Checkout.copy(tmp_path_factory.mktemp("given") / "project", profile="given")
    config = yaml.safe_load((checkout.folder / "config/datasets/demo.yaml").read_text())
    config |= {"name": "given", "folder": "given", "generated": False}
    (checkout.folder / "config/datasets/given.yaml").write_text(yaml.safe_dump(config))
    (checkout.folder / "config/given.yaml").write_text(GIVEN_PROFILE)
    shutil.copytree(finished.folder / "data/demo", checkout.folder / "data/raw/given")
    checkout.run()
    assert checkout.stale() == set()
    return checkout


def _given_run(method: str, task: str) -> set[str]:
    return {
        f"Train {method} on given/{task}, seed 1",
        f"Predict dev and test with {method} on given/{task}, seed 1",
        f"Evaluate {method} on given/{task}, seed 1",
    }


GIVEN_TABLES = {"Gather the scores of given and compare methods", "Render the report"}
AUDIT = "Audit given for leaks between splits and tasks"
TRAIN_TABLE = (
    "data/raw/given/crisismmd_datasplit_agreed_label/task_humanitarian_text_img_agreed_lab_train.tsv"
)


def test_one_changed_row_of_text_reruns_its_task_and_no_image_work(given: Checkout) -> None:
    path = given.folder / TRAIN_TABLE
    before = path.read_bytes()
    header, first, *rest = before.decode().split("\n")
    fields = first.split("\t")
    text = header.split("\t").index("tweet_text")
    fields[text] += " indeed"
    path.write_bytes("\n".join([header, "\t".join(fields), *rest]).encode())
    try:
        assert given.stale() == {
            "Prepare given/humanitarian",
            AUDIT,
            *_given_run("text", "humanitarian"),
            *_given_run("image", "humanitarian"),
            # Twins are looked for among all tasks, so the other task is scored again and not trained again.
            "Evaluate text on given/informative, seed 1",
            *GIVEN_TABLES,
        }
    finally:
        path.write_bytes(before)
    assert given.stale() == set()


def test_a_replaced_image_reruns_what_looks_at_images(given: Checkout) -> None:
    path = next((given.folder / "data/raw/given/data_image").rglob("*.jpg"))
    before = path.read_bytes()
    path.write_bytes(before + b"\0")
    try:
        assert given.stale() == {
            "Decode the images of given",
            AUDIT,
            "Encode the images of given with tiny:conv",
            *_given_run("image", "humanitarian"),
            "Evaluate text on given/humanitarian, seed 1",
            "Evaluate text on given/informative, seed 1",
            *GIVEN_TABLES,
        }
    finally:
        path.write_bytes(before)


def test_raw_data_that_lies_elsewhere_reruns_nothing(given: Checkout, tmp_path: Path) -> None:
    shutil.copytree(given.folder / "data/raw/given", tmp_path / "archive" / "given")
    (given.folder / "data/raw/given").rename(given.folder / "data/raw/away")
    try:
        assert given.stale("--config", f"data_root={tmp_path / 'archive'}") == set()
        missing = given.snakemake("-n")
        assert missing.returncode != 0
        said = missing.stdout + missing.stderr
        assert "data set 'given': no folder data/raw/given; run `crisisweave fetch`, obtain it from" in said
    finally:
        (given.folder / "data/raw/away").rename(given.folder / "data/raw/given")


# ── Two at once ───────────────────────────────────────


def test_a_second_run_in_the_same_folder_is_refused_and_looking_is_not(finished: Checkout) -> None:
    index = finished.folder / "reports/index.html"
    content = index.read_bytes()
    index.unlink()
    try:
        with (finished.folder / ".snakemake/run.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            refused = finished.snakemake("--cores", "1")
            assert refused.returncode != 0
            said = refused.stdout + refused.stderr
            assert (
                f"another run is active in {finished.folder}: wait for it, or work in another clone" in said
            )
            assert not index.exists()
            assert finished.stale() == {"Render the report"}
    finally:
        index.write_bytes(content)
    assert finished.stale() == set()


def test_the_rules_are_linted_clean(finished: Checkout) -> None:
    done = finished.call("snakemake", "--lint")
    assert done.returncode == 0, done.stdout + done.stderr
