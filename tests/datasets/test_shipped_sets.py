"""The data set configs that ship: valid, and with the row counts that were published."""

from pathlib import Path

import pytest

from crisisweave.config.dataset import DatasetConfig, dataset_values
from crisisweave.config.strict import validate
from crisisweave.errors import ConfigError

CONFIG = Path(__file__).parents[2] / "config"


def shipped(name: str) -> DatasetConfig:
    return validate(DatasetConfig, dataset_values(CONFIG / "datasets" / f"{name}.yaml", CONFIG), name)


@pytest.mark.parametrize(
    ("name", "task", "rows"),
    [
        ("crisismmd", "informative", (9601, 1573, 1534)),
        ("crisismmd", "humanitarian", (6126, 998, 955)),
        ("crisismmd", "humanitarian8", (6126, 998, 955)),
        ("crisismmd", "damage", (2468, 529, 529)),
        ("crisismmd", "informative_all", (13608, 2237, 2237)),
        ("humaid", "humanitarian10", (13245, 1929, 3748)),
    ],
)
def test_published_rows(name: str, task: str, rows: tuple[int, int, int]) -> None:
    assert shipped(name).tasks[task].counts == dict(zip(["train", "dev", "test"], rows, strict=True))


def test_dmd_has_no_dev_split() -> None:
    assert shipped("dmd").tasks["damage6"].counts == {"train": 5247, "test": 584}


def test_eight_humanitarian_classes_merge_into_five() -> None:
    tasks = shipped("crisismmd").tasks
    five, eight = tasks["humanitarian"], tasks["humanitarian8"]
    assert len(five.classes) == 5
    assert set(five.classes) | set(five.merge) == set(eight.classes)
    assert not eight.merge


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"misssing_images": "drop"}, "unknown key 'misssing_images'; did you mean 'missing_images'"),
        ({"missing_images": "white"}, "key 'missing_images' has the value 'white'"),
        (
            {"tasks": {"t": {"classes": ["a", "b"], "splits": ["train"], "counts": {"dev": 3}}}},
            "counts names the split 'dev', which is not among the splits",
        ),
        (
            {"tasks": {"t": {"classes": ["a", "b"], "merge": {"x": "c"}}}},
            "merge sends 'x' to 'c', which is not among the classes",
        ),
    ],
)
def test_a_wrong_config_is_explained(change: dict, message: str) -> None:
    values = {**dataset_values(CONFIG / "datasets" / "dmd.yaml", CONFIG), **change}
    with pytest.raises(ConfigError, match=message):
        validate(DatasetConfig, values, "dmd.yaml")
