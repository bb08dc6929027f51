from pathlib import Path

import pandas as pd
import pytest
from made_up_project import CLASSES, Project, about, similarity_folder

from crisisweave.errors import DataError
from crisisweave.files import write_parquet
from crisisweave.reporting.datasets import TWIN_KINDS, About, by_dataset, data_page
from crisisweave.reporting.distributions import PAIRS, class_figure, event_figure
from crisisweave.reporting.site import Page
from crisisweave.reporting.twins import SHOWN, pairs


def made(built: Project, *, redact: bool) -> Page:
    sources = by_dataset(built.datasets, built.audits, built.stores, built.captions)
    return data_page(sources[0], about(demo=redact)["demo"], 0)


def table(text: list[str | None], image: list[str | None], **columns: list[str]) -> pd.DataFrame:
    """A prepared table with these labels; `label` is what both say."""
    agreed = [a if a == b else None for a, b in zip(text, image, strict=True)]
    values = {"label_text": text, "label_image": image, "label": agreed, **columns}
    return pd.DataFrame(values, dtype="object")


# ── Figures ────────────────────────────────────────────────────


def test_classes_by_modality_are_shares_of_each_modality_s_labels() -> None:
    figure = class_figure("demo", "harm", table(["a", "a", "a", "b"], ["a", "b", "a", "b"]), ["a", "b", "c"])
    assert [tuple(row.values()) for row in figure.rows] == [
        ("text", "a", 3, 75.0), ("text", "b", 1, 25.0), ("text", "c", 0, 0.0),
        ("image", "a", 2, 50.0), ("image", "b", 2, 50.0), ("image", "c", 0, 0.0),
        ("both agree", "a", 2, 66.6667), ("both agree", "b", 1, 33.3333), ("both agree", "c", 0, 0.0),
    ]  # fmt: skip
    assert "text: a (75.0 %); image: a (50.0 %); both agree: a (66.7 %)" in figure.alt


@pytest.mark.parametrize("image", [["a", "b", "b"], [None, None, None]])
def test_one_label_where_the_modalities_never_differ(image: list[str | None]) -> None:
    frame = table(["a", "b", "b"], image)
    frame["label"] = ["a", "b", "b"]
    figure = class_figure("demo", "harm", frame, ["a", "b"])
    assert [tuple(row.values()) for row in figure.rows] == [
        ("label", "a", 1, 33.3333),
        ("label", "b", 2, 66.6667),
    ]


def test_events_are_counted_by_split_the_largest_first() -> None:
    labels: list[str | None] = ["a"] * 5
    frame = table(
        labels, labels, event=["x", "y", "y", "y", "z"], split=["train", "train", "dev", "dev", "dev"]
    )
    figure = event_figure("demo", "harm", frame, ["train", "dev"])
    assert figure is not None
    found = [(row["event"], row["split"], row["rows"]) for row in figure.rows]
    assert found == [
        ("y", "train", 1), ("y", "dev", 2), ("x", "train", 1), ("x", "dev", 0), ("z", "train", 0),
        ("z", "dev", 1),
    ]  # fmt: skip
    assert figure.alt == "3 events, from y with 3 rows to z with 1 row."
    few = event_figure("demo", "harm", frame, ["train", "dev"], most=2)
    assert few is not None
    assert {row["event"] for row in few.rows} == {"x", "y"}
    assert few.title.endswith("the 2 largest")
    assert event_figure("demo", "harm", frame[frame["event"] == "y"], ["train", "dev"]) is None


# ── Pairs ──────────────────────────────────────────────────────


def duplicates(folder: Path, rows: list[tuple[str, str, str, str, int]]) -> Path:
    columns = ["task", "instance_id", "twin_instance_id", "kind", "distance"]
    frame = pd.DataFrame(rows, columns=columns).assign(split="test", twin_split="train")
    write_parquet(folder / "duplicates.parquet", frame)
    return folder


def test_a_pair_is_listed_once_and_the_most_doubtful_come_first(tmp_path: Path) -> None:
    audit = duplicates(
        tmp_path,
        [
            ("one", "1", "9", "text", 0),
            ("one", "2", "9", "image_near", 3),
            ("two", "2", "9", "image_near", 3),
            ("two", "2", "9", "tweet_id", 0),
            ("one", "3", "8", "image_near", 8),
            ("one", "4", "8", "image_near", 0),
            ("one", "4", "8", "image_bytes", 0),
        ],
    )
    found = pairs(audit, TWIN_KINDS)
    assert found["n"] == 4
    assert [(p["instance_id"], p["twin"], p["bits"]) for p in found["shown"]] == [
        ("3", "8", 8), ("2", "9", 3), ("4", "8", 0), ("1", "9", None),
    ]  # fmt: skip
    assert found["shown"][1]["where"] == ["one, test", "two, test"]
    assert found["shown"][1]["found_by"] == ["same tweet", "near-duplicate image"]
    assert found["by_kind"] == {
        "same tweet": 1, "same text": 1, "same image file": 1, "near-duplicate image": 3, "any of these": 0,
    }  # fmt: skip


def test_few_pairs_are_shown_and_all_are_counted(tmp_path: Path) -> None:
    rows = [("one", f"{i:03d}", "t", "text", 0) for i in range(SHOWN + 5)]
    found = pairs(duplicates(tmp_path, rows), TWIN_KINDS)
    assert (found["n"], len(found["shown"])) == (SHOWN + 5, SHOWN)
    assert pairs(duplicates(tmp_path, []), TWIN_KINDS)["n"] == 0
    with pytest.raises(DataError, match="run `crisisweave audit` before the report"):
        pairs(tmp_path / "elsewhere", TWIN_KINDS)


# ── The page ───────────────────────────────────────────────────


def test_discordance_adds_up(built: Project) -> None:
    prepared = pd.read_parquet(built.datasets[0] / "instances.parquet")
    (task,) = made(built, redact=True).values["page"]["tasks"]
    *splits, everything = task["concordance"]
    assert everything["split"] == "all"
    assert everything["n"] == len(prepared) == sum(row["n"] for row in splits)
    disagree = int((prepared["label_text"].astype(str) != prepared["label_image"].astype(str)).sum())
    assert everything["discordant"] == disagree == sum(row["discordant"] for row in splits)


def test_sizes_of_images_come_from_the_store(built: Project) -> None:
    images = made(built, redact=True).values["page"]["images"]
    assert (images["smallest"], images["largest"]) == (48, 64)
    assert images["long"] == {"n": 0, "examples": []}


def test_pairs_have_text_and_thumbnails_only_where_they_may_be_shown(built: Project) -> None:
    page = made(built, redact=False)
    names = {name for name in page.images if name.startswith("twins-demo/")}
    assert names == {f"twins-demo/{i:02d}-{side}.jpg" for i in range(4) for side in "ab"}
    shown = page.values["page"]["pairs"]["shown"]
    assert [pair["text"] is not None for pair in shown] == ["same text" in pair["found_by"] for pair in shown]
    assert any(pair["text"] for pair in shown)
    withheld = made(built, redact=True)
    assert not withheld.images
    assert not any("text" in pair or "sides" in pair for pair in withheld.values["page"]["pairs"]["shown"])
    assert len(withheld.values["page"]["pairs"]["shown"]) == 4


def test_an_audit_of_other_tables_is_refused(built: Project, tmp_path: Path) -> None:
    audit = duplicates(tmp_path / "demo", [("harm", "gone", "000_0", "text", 0)])
    (audit / "audit.json").write_bytes((built.audits[0] / "audit.json").read_bytes())
    (sources,) = by_dataset(built.datasets[:1], [audit], [], [])
    with pytest.raises(DataError, match="names instance 'gone', which no prepared task of demo holds"):
        data_page(sources, About("", "", redact=False), 0)


def test_every_task_has_its_figure(built: Project) -> None:
    page = made(built, redact=True)
    assert [figure.name for figure in page.figures] == ["data-demo-harm-classes", "data-demo-harm-events"]
    assert {row["class"] for row in page.figures[0].rows} == set(CLASSES)


# ── Similarity ─────────────────────────────────────────────────


def test_similarity_is_a_figure_and_a_table(built: Project, tmp_path: Path) -> None:
    folder = similarity_folder(tmp_path, "demo")
    (sources, *_) = by_dataset(built.datasets, built.audits, built.stores, built.captions, [folder])
    assert sources.similarity == folder
    page = data_page(sources, about(demo=True)["demo"], 0)
    figure = page.values["page"]["similarity_figure"]
    assert figure in page.figures
    whole = {
        name: sum(row["percent"] for row in figure.rows if row["pairs"] == name) for name in PAIRS.values()
    }
    assert whole == pytest.approx(dict.fromkeys(PAIRS.values(), 100))
    peak = max(
        (row for row in figure.rows if row["pairs"] == PAIRS["concordant"]), key=lambda r: r["percent"]
    )
    assert peak["similarity"] == pytest.approx(0.4, abs=0.01)
    assert figure.alt.startswith("Mean cosine: text and its own image 0.250; own, labels agree 0.250")
    (folder / "similarity.parquet").unlink()
    with pytest.raises(DataError, match=r"holds no similarity.parquet; run `crisisweave similarity` again"):
        data_page(sources, about(demo=True)["demo"], 0)


def test_similarity_of_a_data_set_that_is_not_there_stops(built: Project, tmp_path: Path) -> None:
    folder = similarity_folder(tmp_path, "other")
    with pytest.raises(DataError, match="no prepared task of data set 'other' is given"):
        by_dataset(built.datasets, [], [], [], [folder])
