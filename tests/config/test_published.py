import csv
import shutil
from pathlib import Path

import pytest

from crisisweave.config.published import Published, PublishedCell, load_published
from crisisweave.errors import ConfigError

ROOT = Path(__file__).parents[2]

# Counted by hand in the source, rows × columns, cells with a dash included.
CELLS = {
    "thesis_3.3": 14 * 4,
    "thesis_3.4": (6 + 4) * 4,
    "thesis_3.5": 2 * 8 * 4,
    "thesis_3.6": 6 * 4,
    "thesis_3.7": 4 * 4,
    "thesis_4.1": 5 * 5,
    "thesis_4.2": 10 * 6,
    "thesis_4.3": 4 * 4,
    "thesis_4.4": 4 * 2 + 2,  # the mean accuracy spans two rows
    "thesis_5.1": 5 * 5,
    "thesis_5.2": 10 * 9,
    "thesis_5.3": 7 * 3,
    "thesis_figure_5.5": 2 + 5,  # both ends without balancing, the bound of D-SSE at each σ
    "thesis_6.3": 2 * 4,
    "thesis_6.4": 3,
    "secondary": 4 * 2 + 4 * 2 + 2,
    "abstracts": 3,
    "not_comparable": 2,
}
# Cells that hold no number: dashes, settings, a range, and the one that the copy of the source cuts off.
WITHOUT_VALUE = {"thesis_3.5": 1, "thesis_4.1": 25, "thesis_5.2": 14, "thesis_5.3": 1, "abstracts": 1}


@pytest.fixture(scope="module")
def published() -> Published:
    return load_published(ROOT / "config")


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of what the reader reads, to break."""
    for folder in ("published", "methods"):
        shutil.copytree(ROOT / "config" / folder, tmp_path / folder)
    return tmp_path


def cells(published: Published, table: str) -> tuple[PublishedCell, ...]:
    return next(t.cells for t in published.tables if t.name == table)


def test_every_cell_of_every_table_is_there(published: Published) -> None:
    assert {table.name: len(table.cells) for table in published.tables} == CELLS
    empty = {t.name: sum(cell.value is None for cell in t.cells) for t in published.tables}
    assert {name: n for name, n in empty.items() if n} == WITHOUT_VALUE


@pytest.mark.parametrize(
    ("table", "row", "task", "column", "printed", "value", "sd"),
    [
        ("thesis_3.3", "Text / RoBERTa", "humanitarian", "Recall (%)", "82.23", 82.23, None),
        ("thesis_3.3", "Image / VGG16 [13]", "informative", "F1-weighted (%)", "83.20", 83.20, None),
        ("thesis_3.4", "Decision Fusion / And", "informative", "Precision (%)", "88.15", 88.15, None),
        ("thesis_3.4", "Text / BERT", "humanitarian", "Precision (%)", "80.47", 80.47, None),
        ("thesis_3.4", "Decision Fusion / Max", "humanitarian", "F1-weighted (%)", "88.83", 88.83, None),
        ("thesis_3.5", "VL_DenseNet / concat", "humanitarian", "F1-weighted", "86.64", 86.64, None),
        ("thesis_3.5", "VL_DenseNet / concat", "humanitarian", "Precision", "", None, None),
        ("thesis_3.5", "VL_ViT / cross-attention", "humanitarian", "F1-weighted", "87.69", 87.69, None),
        ("thesis_3.5", "VL_ViT / co-attention", "humanitarian", "Precision", "87.37", 87.37, None),
        ("thesis_3.5", "Transformer attention / vanilla", "informative", "Accuracy", "91.66", 91.66, None),
        (
            "thesis_3.6",
            "Balanced / Mean",
            "informative",
            "Test: Balanced / F1-weighted",
            "88.09",
            88.09,
            None,
        ),
        ("thesis_3.7", "ViLT", "humanitarian", "Accuracy", "87.23", 87.23, None),
        ("thesis_4.1", "Text ⊕ Caption", "", "Caption", "TC_C", None, None),
        (
            "thesis_4.2",
            "Unimodal / DenseNet",
            "humanitarian",
            "Humanitarian / F1-m",
            "0.5366±0.0495",
            53.66,
            4.95,
        ),
        (
            "thesis_4.2",
            "CMB / CMB-CLIP-cc",
            "humanitarian",
            "Humanitarian / F1-w",
            "0.8826±0.0032",
            88.26,
            0.32,
        ),
        (
            "thesis_4.3",
            "MARMOT CLIP_cc",
            "informative",
            "Informativeness / F1-m",
            "0.9105±0.0024",
            91.05,
            0.24,
        ),
        ("thesis_4.3", "CMB-CLIP_cc", "informative", "Parameter count", "112", 112, None),
        ("thesis_4.4", "Cross-Attention / Image", "humanitarian", "y_fusion ≠ y_i", "23.1% (39)", 23.1, None),
        ("thesis_5.1", "R-SSE", "sigma_001", "CG-MNIST", "88.17±4.90", 88.17, 4.90),
        ("thesis_5.1", "D-SSE", "humanitarian", "Crisis-MMD / Humanitarian", "88.24±0.05", 88.24, 0.05),
        ("thesis_5.2", "CREMA-D / Sum", "three_frames", "D-SSE / Multimod.", "70.5±1.0", 70.5, 1.0),
        ("thesis_5.2", "ModelNet40 / Film", "front_back", "R-SSE / Modal.0", "65.5±1.4", 65.5, 1.4),
        ("thesis_5.3", "Unimodal", "one_frame", "audio-video", "-", None, None),
        ("thesis_5.3", "D-SSE (Ours)", "one_frame", "video", "28.12", 28.12, None),
        ("thesis_6.3", "Common examples", "", "Phase 3", "0.66", 0.66, None),
        ("thesis_6.4", "CrisisMMD alignment", "", "Phase 2", "74%", 74, None),
    ],
)
def test_cells_say_what_the_source_prints(
    published: Published, table: str, row: str, task: str, column: str, printed: str,
    value: float | None, sd: float | None,
) -> None:  # fmt: skip
    found = [c for c in cells(published, table) if (c.row, c.task, c.column) == (row, task, column)]
    assert [(c.printed, c.value, c.sd) for c in found] == [(printed, value, sd)]


def test_one_modality_inside_a_model_is_another_score_than_one_alone(published: Published) -> None:
    for table, rows, columns in (("thesis_5.2", 8, 6), ("thesis_5.3", 6, 2)):
        found = [cell for cell in cells(published, table) if cell.metric.startswith("inside_")]
        assert len(found) == rows * columns
        assert not any("Unimodal" in cell.row for cell in found)
        assert {cell.n for cell in found} <= {744, 2468}, "as section 5.5.1 states"
    audio = [cell for cell in cells(published, "thesis_5.3") if cell.column == "audio"]
    assert [cell.metric for cell in audio] == ["accuracy"] + 6 * ["inside_0"]


def test_accuracies_are_whole_counts_of_the_test_rows(published: Published) -> None:
    """The thesis names no test rows; those of the splits that it says it used fit its own single runs."""
    unlike = set()
    for table in ("thesis_3.3", "thesis_3.4", "thesis_3.5", "thesis_3.7"):
        for cell in cells(published, table):
            if cell.metric == "accuracy" and cell.n is not None:
                assert cell.value is not None
                share = 100 * round(cell.value / 100 * cell.n) / cell.n
                # Some values are rounded, some cut.
                if abs(share - cell.value) > 0.01:
                    unlike.add((table, cell.row, cell.task))
    assert unlike == {("thesis_3.3", "Image / DenseNet", "humanitarian")}


def test_counts_and_shares_of_the_error_analysis_agree(published: Published) -> None:
    for cell in cells(published, "thesis_4.4"):
        if cell.n is not None:
            assert cell.value is not None
            count = int(cell.printed.split("(")[1].rstrip(")"))
            assert cell.value == pytest.approx(100 * count / cell.n, abs=0.0501)


def test_tables_that_print_the_same_values_twice_agree(published: Published) -> None:
    def values(table: str, row: str, *columns: str) -> list[float | None]:
        found = {
            c.column: c.value for c in cells(published, table) if c.row == row and c.task == "informative"
        }
        return [found[column] for column in columns]

    names = ("Acc", "F1-m", "F1-w")
    columns = [f"Informativeness / {name}" for name in names]
    assert values("thesis_4.2", "CMB / CMB-CLIP-cc", *columns) == values(
        "thesis_4.3", "CMB-CLIP_cc", *columns
    )
    columns = [f"Test: Non-Balanced / {name}" for name in ("Accuracy", "F1-weighted")]
    mean = values("thesis_3.4", "Decision Fusion / Mean", "Accuracy (%)", "F1-weighted (%)")
    assert values("thesis_3.6", "Non-Balanced / Mean", *columns) == mean


def test_methods_are_named_only_where_a_file_reproduces_the_row(published: Published) -> None:
    named = {t.name: {c.row: c.method for c in t.cells if c.method} for t in published.tables}
    assert named["thesis_3.3"] == {
        "Text / BERT": "text",
        "Text / RoBERTa": "text_roberta",
        "Text / Word2Vec [13]": "text_cnn",
        "Image / ViT": "image",
        "Image / DenseNet": "image_densenet",
        "Image / ResNet152 [109]": "image_resnet152",
        "Image / VGG16 [13]": "image_vgg16",
    }
    rules = ("Mean", "Max", "Or", "And")
    assert named["thesis_3.4"] == {
        "Text / BERT": "text_all",
        "Image / ViT": "image_all",
        **{f"Decision Fusion / {rule}": f"decision_{rule.lower()}_all" for rule in rules},
    }
    assert named["thesis_3.5"] == {
        "VL_DenseNet / concat": "concat_densenet",
        "VL_DenseNet / co-attention": "co_attention_densenet",
        "VL_DenseNet / cross-attention": "cross_attention_densenet",
        "VL_ViT / concat": "concat",
        "VL_ViT / co-attention": "co_attention",
        "VL_ViT / cross-attention": "cross_attention",
        "Transformer attention / vanilla": "vanilla_attention",
        "Transformer attention / Bottleneck": "bottleneck_attention",
    }
    assert named["thesis_3.6"] == {
        "Non-Balanced / Mean": "decision_mean_all",
        "Non-Balanced / Bottleneck": "bottleneck_attention",
        "Non-Balanced / Vanilla": "vanilla_attention",
        "Balanced / Mean": "decision_mean_balanced",
        "Balanced / Bottleneck": "bottleneck_attention_balanced",
        "Balanced / Vanilla": "vanilla_attention_balanced",
    }
    assert named["thesis_3.7"] == {"LXMERT": "lxmert", "ViLT": "vilt"}
    halves = {"CMB-CLIP_cc": "Caption", "Cross-Attention": "Image"}
    methods = {"CMB-CLIP_cc": "cmb", "Cross-Attention": "cross_attention_densenet"}
    assert named["thesis_4.4"] == {
        row + end: methods[row] for row, half in halves.items() for end in ("", " / Text", f" / {half}")
    }
    assert named["thesis_5.1"] == {
        "Modality 0": "view_0",
        "Modality 1": "view_1",
        "Baseline": "balance_none",
        "R-SSE": "balance_r_sse",
        "D-SSE": "balance_d_sse",
    }


def test_every_row_of_the_tables_of_fusion_and_captions_is_reproduced(published: Published) -> None:
    tables = ["3.3", "3.4", "3.5", "3.6", "3.7", "4.2", "4.3", "4.4"]
    without = {(t, c.row) for t in tables for c in cells(published, f"thesis_{t}") if not c.method}
    assert without == set()
    settings = {c.printed: c.method for c in cells(published, "thesis_4.1") if c.printed != "-"}
    assert settings == {
        "T_T": "text",
        "I_I": "image_densenet",
        "C_C": "caption",
        "TI_TI": "concat_densenet",
        "TC_T": "cmb_text",
        "TC_C": "cmb_caption",
        "TC_TC": "cmb",
    }


def test_the_digest_follows_what_is_said_and_not_how_it_is_written(
    published: Published, config: Path
) -> None:
    assert load_published(config).digest() == published.digest()
    path = config / "published" / "tables.yaml"
    path.write_text(path.read_text().replace("# The published", "# All published"))
    path = config / "methods" / "decision_mean.yaml"
    path.write_text(path.read_text().replace("{text: text, image: image}", "{image: image, text: text}"))
    assert load_published(config).digest() == published.digest()
    edit(config / "published" / "thesis_3.3.csv", 2, printed="86.71", value="86.71")
    assert load_published(config).digest() != published.digest()


def test_methods_come_with_the_members_of_decision_fusions(published: Published, config: Path) -> None:
    path = config / "methods" / "decision_mean_all.yaml"
    path.write_text(path.read_text().replace("text: text_all,", "text: text_other,"))
    copy = (config / "methods" / "text.yaml").read_text().replace("name: text", "name: text_other", 1)
    (config / "methods" / "text_other.yaml").write_text(copy)
    methods = load_published(config).methods
    assert set(methods) == {*published.methods, "text_other"}
    assert methods["text_other"].name == "text_other"


def test_methods_that_are_like_another_one_come_with_all_their_values(published: Published) -> None:
    assert published.methods["text_all"].text == published.methods["text"].text
    assert published.methods["text_all"].rows == "all"


# ── Files that are wrong ───────────────────────────────────────


def edit(path: Path, line: int, **changes: str) -> None:
    """Change fields of a line; the header is line 1."""
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.reader(handle))
    for name, value in changes.items():
        rows[line - 1][rows[0].index(name)] = value
    with path.open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"value": "867"}, "'value' is 867, but accuracy lies between 0 and 100"),
        ({"value": "86.07"}, "'value' and 'sd' do not say what is printed, '86.70'"),
        ({"sd": "1.2"}, "'value' and 'sd' do not say what is printed"),
        ({"value": "eighty"}, "'value' is 'eighty': Input should be a valid number"),
        ({"value": ""}, "'value' is empty, but '86.70' is printed"),
        ({"value": "", "printed": ""}, "nothing is printed: say in 'note' why the cell cannot be read"),
        ({"metric": "f1_micro"}, "'metric' is 'f1_micro'"),
        ({"train": "most"}, "'train' is 'most'"),
        ({"n": "0"}, "'n' is '0'"),
        ({"method": "txt"}, "there is no method 'txt'; did you mean 'text'?"),
        ({"column": "F1-weighted (%)"}, None),
    ],
)
def test_a_wrong_line_is_named(config: Path, changes: dict[str, str], message: str | None) -> None:
    path = config / "published" / "thesis_3.3.csv"
    edit(path, 2, **changes)
    with pytest.raises(ConfigError) as error:
        load_published(config)
    said = str(error.value)
    if message is None:
        assert said == f"{path}, line 3: says the cell of {path}, line 2 again; remove one"
    else:
        assert said.startswith(f"{path}, line 2: {message}")
    assert "\n" not in said


def test_wrong_files_are_named(config: Path) -> None:
    path = config / "published" / "thesis_3.7.csv"
    content = path.read_bytes()

    path.write_bytes(content.replace(b"protocol,", b"protocols,", 1))
    with pytest.raises(ConfigError, match=r"thesis_3\.7\.csv, line 1: the columns must be source,table,"):
        load_published(config)
    path.write_bytes(content + b"one,two\n")
    with pytest.raises(ConfigError, match=r"line 18: has 2 fields; it must have 18"):
        load_published(config)
    path.write_bytes(content + b"\xff\n")
    with pytest.raises(ConfigError, match="is not a CSV file in UTF-8"):
        load_published(config)
    path.write_bytes(content.split(b"\n")[0] + b"\n")
    with pytest.raises(ConfigError, match="holds no cells"):
        load_published(config)
    path.unlink()
    with pytest.raises(ConfigError, match=r"thesis_3\.7\.csv: no such file, but tables\.yaml lists it"):
        load_published(config)
    path.write_bytes(content)
    (config / "published" / "more.csv").write_bytes(content)
    with pytest.raises(ConfigError, match=r"more\.csv: .*tables\.yaml does not list this file"):
        load_published(config)
