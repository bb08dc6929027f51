"""CrisisMMD's layouts, labels and everything that may be wrong in its tables."""

from pathlib import Path

import pytest
from crisismmd_files import config, humanitarian, row, write_splits, write_table

from crisisweave.datasets.crisismmd import read, table_files
from crisisweave.errors import DataError


def test_agreed_labels_are_merged_and_hold_for_both_modalities(tmp_path: Path) -> None:
    file = humanitarian(tmp_path)["train"]
    instances = list(read(config(), "humanitarian", "train", file))
    assert [(i.instance_id, i.tweet_id, i.event) for i in instances] == [
        ("1_0", "1", "flood"),
        ("1_1", "1", "flood"),
        ("2_0", "2", "quake"),
    ]
    assert instances[0].label == instances[0].label_text == instances[0].label_image == "affected_individuals"
    assert instances[0].concordant is True


def test_eight_classes_come_from_the_label_column(tmp_path: Path) -> None:
    """`label_text` and `label_image` of the agreed tables hold the merged classes."""
    file = humanitarian(tmp_path)["train"]
    classes = ["affected_individuals", "injured_or_dead_people", "not_humanitarian"]
    eight = config(tasks={"h8": {"layout": "agreed", "table": "humanitarian", "classes": classes}})
    first = next(iter(read(eight, "h8", "train", file)))
    assert (first.label, first.label_text, first.label_image) == ("injured_or_dead_people",) * 3


def test_all_labels_come_from_each_modality_and_disagreement_leaves_no_label(tmp_path: Path) -> None:
    file = write_table(
        tmp_path,
        "all",
        "humanitarian",
        "train",
        [
            # The label column says something else on purpose: it must not be read.
            row("1_0", "not_humanitarian", "injured_or_dead_people", "affected_individuals"),
            row("2_0", "not_humanitarian", "affected_individuals", "not_humanitarian"),
        ],
    )
    merged, discordant = read(config(), "humanitarian_all", "train", file)
    assert (merged.label, merged.concordant) == ("affected_individuals", True)
    assert (discordant.label, discordant.concordant) == (None, False)
    assert (discordant.label_text, discordant.label_image) == ("affected_individuals", "not_humanitarian")


def test_damage_is_a_label_of_the_image_alone(tmp_path: Path) -> None:
    file = write_table(tmp_path, "all", "damage", "train", [row("1_0", "severe")])
    (instance,) = read(config(), "damage", "train", file)
    assert (instance.label, instance.label_text, instance.label_image) == ("severe", None, "severe")
    assert instance.concordant is None


def test_table_names_are_the_official_ones(tmp_path: Path) -> None:
    agreed, whole = (table_files(config(), task, tmp_path) for task in ("humanitarian", "damage"))
    assert agreed["dev"] == [
        tmp_path / "crisismmd_datasplit_agreed_label" / "task_humanitarian_text_img_agreed_lab_dev.tsv"
    ]
    assert whole["test"] == [tmp_path / "crisismmd_datasplit_all" / "task_damage_text_img_test.tsv"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"label": "not_humanitarain"},
            r"unknown label 'not_humanitarain' in column 'label'; did you mean 'not_humanitarian'\?",
        ),
        ({"label": "injured_or_dead_peple"}, r"did you mean 'injured_or_dead_people'\?"),
        ({"label": ""}, "unknown label ''"),
        ({"image": "../../etc/passwd"}, "does not stay inside"),
        ({"image": "/etc/passwd"}, "does not stay inside"),
        ({"image_id": "1/0"}, "column 'image_id' holds '1/0', which is not a plain identifier"),
        ({"tweet_id": ""}, "column 'tweet_id' holds ''"),
        ({"event_name": "<script>"}, "column 'event_name'"),
        ({"label_image": "affected_individuals"}, "differ in an agreed-label table"),
    ],
)
def test_a_wrong_row_is_named_with_file_and_line(
    tmp_path: Path, change: dict[str, str], message: str
) -> None:
    file = humanitarian(tmp_path)["train"]
    lines = file.read_text().splitlines()
    header, third = lines[0].split("\t"), lines[2].split("\t")
    lines[2] = "\t".join(change.get(name, value) for name, value in zip(header, third, strict=True))
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=message) as error:
        list(read(config(), "humanitarian", "train", file))
    assert f"{file}, line 3" in str(error.value)


@pytest.mark.parametrize(
    "column", ["event_name", "tweet_text", "image", "label", "label_text", "label_image"]
)
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    file = humanitarian(tmp_path)["train"]
    file.write_text(file.read_text().replace(f"{column}\t", f"{column}_x\t", 1))
    with pytest.raises(DataError, match=f"column '{column}' is missing"):
        list(read(config(), "humanitarian", "train", file))


def test_a_per_modality_table_without_its_columns_is_not_taken_for_an_image_task(tmp_path: Path) -> None:
    file = write_splits(tmp_path, "all", "damage", {"train": [row("1_0", "not_humanitarian")]})["train"]
    with pytest.raises(DataError, match="column 'label_text' is missing"):
        list(read(config(), "humanitarian_all", "train", file))
