"""The step `prepare` from raw files to the table of the contract."""

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from crisismmd_files import config, humanitarian, row, write_splits

from crisisweave.datasets.prepare import prepare
from crisisweave.datasets.tables import read_instances
from crisisweave.errors import ConfigError, CrisisWeaveError, DataError


def description(folder: Path) -> dict:
    return json.loads((folder / "dataset.json").read_text())


def test_the_table_of_the_contract(tmp_path: Path) -> None:
    humanitarian(tmp_path)
    prepare(config(), "humanitarian", tmp_path, tmp_path / "out")
    frame, dataset = read_instances(tmp_path / "out")
    assert list(frame["instance_id"]) == ["1_0", "1_1", "2_0", "3_0", "4_0", "5_0"]
    assert list(frame["split"]) == ["train"] * 3 + ["dev"] + ["test"] * 2
    assert list(frame.columns) == [
        *["instance_id", "tweet_id", "event", "split", "text", "image_path"],
        *["label", "label_text", "label_image", "concordant"],
    ]
    assert list(frame["label"].cat.categories) == ["affected_individuals", "not_humanitarian"]
    assert list(frame["label"].cat.codes) == [0, 1, 1, 1, 0, 1]
    assert frame["concordant"].all()
    assert dataset["rows"] == {"train": 3, "dev": 1, "test": 2}
    assert dataset["counts"]["test"] == {"affected_individuals": 1, "not_humanitarian": 1}
    assert dataset["dropped"] == []
    assert len(dataset["sources"]) == 3


def test_a_split_is_read_without_the_others_and_keeps_the_class_list(tmp_path: Path) -> None:
    humanitarian(tmp_path)
    prepare(config(), "humanitarian", tmp_path, tmp_path / "out")
    dev, _ = read_instances(tmp_path / "out", ["dev"])
    assert list(dev["instance_id"]) == ["3_0"]
    assert list(dev["label"].cat.categories) == ["affected_individuals", "not_humanitarian"]
    with pytest.raises(DataError, match="has no split 'heldout'"):
        read_instances(tmp_path / "out", ["heldout"])


def test_nothing_prepared_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no prepared task"):
        read_instances(tmp_path)


def test_discordant_rows_keep_both_modality_labels_and_no_label(tmp_path: Path) -> None:
    both = [
        row("1_0", "x", "affected_individuals", "injured_or_dead_people"),
        row("2_0", "x", "not_humanitarian", "not_humanitarian"),
        row("3_0", "x", "not_humanitarian", "affected_individuals"),
    ]
    write_splits(
        tmp_path,
        "all",
        "humanitarian",
        {
            "train": both,
            "dev": [row("4_0", "x", *["not_humanitarian"] * 2)],
            "test": [row("5_0", "x", "not_humanitarian", "affected_individuals")],
        },
    )
    prepare(config(), "humanitarian_all", tmp_path, tmp_path / "out")
    frame, dataset = read_instances(tmp_path / "out")
    assert list(frame["label"].isna()) == [False, False, True, False, True]
    assert list(frame["concordant"]) == [True, True, False, True, False]
    assert dataset["discordant"] == {"train": 1, "dev": 0, "test": 1}


def test_same_input_same_bytes(tmp_path: Path) -> None:
    humanitarian(tmp_path)
    for name in ("a", "b"):
        prepare(config(), "humanitarian", tmp_path, tmp_path / name)
    for file in ("instances.parquet", "dataset.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_held_out_events_leave_every_split(tmp_path: Path) -> None:
    humanitarian(tmp_path)
    prepare(config(held_out_events=["quake"]), "humanitarian", tmp_path, tmp_path / "out")
    frame, dataset = read_instances(tmp_path / "out")
    assert dataset["rows"] == {"train": 2, "dev": 1, "test": 1, "heldout": 2}
    assert list(frame.loc[frame["split"] == "heldout", "instance_id"]) == ["2_0", "5_0"]
    assert set(frame.loc[frame["split"] != "heldout", "event"]) == {"flood"}


def test_an_unknown_held_out_event_is_a_typing_error(tmp_path: Path) -> None:
    humanitarian(tmp_path)
    with pytest.raises(ConfigError, match="did you mean 'quake'"):
        prepare(config(held_out_events=["quakes"]), "humanitarian", tmp_path, tmp_path / "out")


def test_mojibake_is_repaired_and_counted_and_quotes_stay(tmp_path: Path) -> None:
    file = humanitarian(tmp_path)["test"]
    text = file.read_text().replace("text of 4_0", 'itâ€™s "so').replace("text of 5_0", "fish &amp; “chips”")
    file.write_text(text)
    prepare(config(), "humanitarian", tmp_path, tmp_path / "out")
    frame, dataset = read_instances(tmp_path / "out", ["test"])
    assert list(frame["text"]) == ['it’s "so', "fish &amp; “chips”"]
    assert dataset["repaired_mojibake"] == 1


class TestMissingImages:
    def test_stop_is_the_default(self, tmp_path: Path) -> None:
        humanitarian(tmp_path)
        (tmp_path / "small/data_image/1_1.png").unlink()
        with pytest.raises(DataError, match=r"1 of 6 images are not there, the first is data_image/1_1\.png"):
            prepare(config(), "humanitarian", tmp_path, tmp_path / "out")
        assert not (tmp_path / "out").exists()

    def test_drop_leaves_the_rows_out_and_counts_them(self, tmp_path: Path) -> None:
        humanitarian(tmp_path)
        (tmp_path / "small/data_image/1_1.png").unlink()
        prepare(config(missing_images="drop"), "humanitarian", tmp_path, tmp_path / "out")
        dataset = description(tmp_path / "out")
        assert dataset["rows"] == {"train": 2, "dev": 1, "test": 2}
        assert dataset["missing_images"] == 1
        assert dataset["dropped"] == [{"reason": "image missing", "n": 1, "examples": ["1_1"]}]

    def test_text_only_use_does_not_look_at_images(self, tmp_path: Path) -> None:
        humanitarian(tmp_path)
        for image in (tmp_path / "small/data_image").iterdir():
            image.unlink()
        prepare(config(modalities=["text"]), "humanitarian", tmp_path, tmp_path / "out")
        frame, dataset = read_instances(tmp_path / "out")
        assert dataset["missing_images"] == 0
        assert frame["image_path"].notna().all()

    def test_dropping_may_not_empty_a_split_in_silence(self, tmp_path: Path) -> None:
        humanitarian(tmp_path)
        (tmp_path / "small/data_image/3_0.png").unlink()
        with pytest.raises(DataError, match=r"split 'dev' is empty \(1 rows were dropped: image missing\)"):
            prepare(config(missing_images="drop"), "humanitarian", tmp_path, tmp_path / "out")


def _empty_split(files: dict[str, Path]) -> None:
    files["dev"].write_text(files["dev"].read_text().splitlines()[0] + "\n")


def _class_absent(files: dict[str, Path]) -> None:
    lines = files["train"].read_text().splitlines()
    files["train"].write_text("\n".join([lines[0], *lines[2:]]) + "\n")


def _duplicate(files: dict[str, Path]) -> None:
    files["test"].write_text(files["test"].read_text() + files["train"].read_text().splitlines()[2] + "\n")


def _absent_table(files: dict[str, Path]) -> None:
    files["train"].unlink()


def _nul(files: dict[str, Path]) -> None:
    files["train"].write_bytes(files["train"].read_bytes().replace(b"text of 1_1", b"text\0of"))


def _outside_link(files: dict[str, Path]) -> None:
    image = files["train"].parents[1] / "data_image/1_0.png"
    image.unlink()
    image.symlink_to("/etc/hostname")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_empty_split, "split 'dev' is empty"),
        (_class_absent, "class 'affected_individuals' has no row in train"),
        (_duplicate, r"test\.tsv, line 4: instance id '1_1' is already in .*train\.tsv, line 3"),
        (_absent_table, "no such table"),
        (_nul, r"train\.tsv, line 3: holds a NUL byte"),
        (_outside_link, "through a symbolic link"),
    ],
)
def test_bad_input_stops_and_leaves_nothing(
    tmp_path: Path, damage: Callable[[dict[str, Path]], None], message: str
) -> None:
    damage(humanitarian(tmp_path))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(CrisisWeaveError, match=message):
        prepare(config(), "humanitarian", tmp_path, tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


def test_published_counts_are_checked_on_the_raw_rows(tmp_path: Path) -> None:
    humanitarian(tmp_path)
    task = {
        "layout": "agreed",
        "table": "humanitarian",
        "classes": ["affected_individuals", "not_humanitarian"],
    }
    task |= {"merge": {"injured_or_dead_people": "affected_individuals"}}

    def counted(counts: dict[str, int]) -> None:
        # One image is missing and one event held out: neither may change what is counted.
        prepare(
            config(
                tasks={"humanitarian": {**task, "counts": counts}},
                held_out_events=["quake"],
                missing_images="drop",
            ),
            "humanitarian",
            tmp_path,
            tmp_path / "out",
        )

    (tmp_path / "small/data_image/1_1.png").unlink()
    (tmp_path / "small/data_image/2_0.png").unlink()
    with pytest.raises(DataError, match="split 'train' has 3 rows where 4 are published"):
        counted({"train": 4})
    with pytest.raises(DataError, match="class 'not_humanitarian' has no row in train"):
        counted({"train": 3, "dev": 1, "test": 2})
    assert not (tmp_path / "out").exists()


def test_an_unknown_task_or_folder_is_named(tmp_path: Path) -> None:
    humanitarian(tmp_path)
    with pytest.raises(ConfigError, match="no task 'humanitarain'; did you mean 'humanitarian"):
        prepare(config(), "humanitarain", tmp_path, tmp_path / "out")
    with pytest.raises(
        DataError,
        match=r"no folder .*elsewhere; run `crisisweave fetch`, obtain it from https://example\.org",
    ):
        prepare(config(folder="elsewhere"), "humanitarian", tmp_path, tmp_path / "out")


def test_a_failing_run_keeps_the_earlier_output(tmp_path: Path) -> None:
    files = humanitarian(tmp_path)
    prepare(config(), "humanitarian", tmp_path, tmp_path / "out")
    before = pd.read_parquet(tmp_path / "out/instances.parquet")
    _nul(files)
    with pytest.raises(DataError):
        prepare(config(), "humanitarian", tmp_path, tmp_path / "out")
    assert before.equals(pd.read_parquet(tmp_path / "out/instances.parquet"))
