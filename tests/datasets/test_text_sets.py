"""HumAID and the Damage Multimodal Dataset."""

from pathlib import Path

import pytest

from crisisweave.config.dataset import DatasetConfig
from crisisweave.datasets.prepare import prepare
from crisisweave.datasets.tables import read_instances
from crisisweave.errors import DataError


def config(loader: str, task: dict, **changes: object) -> DatasetConfig:
    values: dict[str, object] = {
        "name": loader,
        "loader": loader,
        "folder": "set",
        "title": "t",
        "source": "https://example.org",
        "citation": "c",
        "licence": "l",
        "modalities": ["text"],
        "tasks": {"task": {"classes": ["a", "b"], **task}},
    }
    return DatasetConfig.model_validate({**values, **changes})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


class TestHumaid:
    config = config("humaid", {}, events=["flood_2018", "quake_2019"])

    def write(self, folder: Path) -> None:
        number = 0
        for event in ("flood_2018", "quake_2019"):
            # One event lies in a folder of its own, as in the full release.
            parent = folder / event if event == "quake_2019" else folder
            parent.mkdir(exist_ok=True)
            for split in ("train", "dev", "test"):
                rows = []
                for label in ("a", "b"):
                    number += 1
                    rows.append(f'{number}\t"open quote {number}\t{label}')
                (parent / f"{event}_{split}.tsv").write_text(
                    "\n".join(["tweet_id\ttweet_text\tclass_label", *rows]) + "\n"
                )

    def test_events_and_splits_come_from_the_file_names(self, folder: Path) -> None:
        self.write(folder)
        prepare(self.config, "task", folder.parent, folder.parent / "out")
        frame, dataset = read_instances(folder.parent / "out")
        assert dataset["rows"] == {"train": 4, "dev": 4, "test": 4}
        assert list(frame["event"][:4]) == ["flood_2018"] * 2 + ["quake_2019"] * 2
        assert frame["text"][0] == '"open quote 1'
        assert list(frame["label"][:4]) == list(frame["label_text"][:4]) == ["a", "b", "a", "b"]
        assert frame["image_path"].isna().all()
        assert frame["label_image"].isna().all()
        assert frame["concordant"].isna().all()

    def test_an_event_without_its_table_is_named(self, folder: Path) -> None:
        self.write(folder)
        (folder / "flood_2018_dev.tsv").unlink()
        with pytest.raises(DataError, match=r"flood_2018_dev\.tsv: no such table"):
            prepare(self.config, "task", folder.parent, folder.parent / "out")

    def test_events_must_be_named(self, folder: Path) -> None:
        with pytest.raises(DataError, match="name the events to read"):
            prepare(config("humaid", {}), "task", folder.parent, folder.parent / "out")

    def test_a_set_that_is_only_scored_needs_no_train(self, folder: Path) -> None:
        self.write(folder)
        (folder / "flood_2018_test.tsv").write_text("tweet_id\ttweet_text\tclass_label\n1\tx\ta\n")
        scored = config("humaid", {"splits": ["test"]}, events=["flood_2018"])
        prepare(scored, "task", folder.parent, folder.parent / "out")
        assert read_instances(folder.parent / "out")[1]["rows"] == {"test": 1}


class TestDmd:
    config = config("dmd", {"splits": ["train", "test"]})

    def test_quoted_line_breaks_and_an_empty_text(self, folder: Path) -> None:
        (folder / "train.csv").write_text(
            'filename,tweet,label,image\nx_1.txt,"two\nlines, one ""tweet""",a,x_1.JPG\n'
            "x_2.txt,plain,b,x_2.JPG\nx_3.txt,,b,x_3.JPG\n"
        )
        (folder / "test.csv").write_text("filename,tweet,label,image\ny_1.txt,plain,b,y_1.JPG\n")
        prepare(self.config, "task", folder.parent, folder.parent / "out")
        frame, dataset = read_instances(folder.parent / "out")
        assert dataset["rows"] == {"train": 2, "test": 1}
        assert list(frame["instance_id"]) == ["x_1", "x_2", "y_1"]
        assert frame["text"][0] == 'two\nlines, one "tweet"'
        assert dataset["dropped"] == [{"reason": "no text", "n": 1, "examples": ["x_3"]}]
