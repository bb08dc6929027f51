"""CREMA-D: the published lists, sound and frames; hostile files are refused in a sentence."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.io import wavfile

from crisisweave.config.dataset import DatasetConfig
from crisisweave.config.profile import Profile
from crisisweave.datasets.cremad import read
from crisisweave.datasets.media_views import MediaViews, build_media_views, open_views
from crisisweave.datasets.prepare import prepare
from crisisweave.datasets.raw import media_digest, task_digest
from crisisweave.datasets.sound import columns, log_spectrogram, read_wav
from crisisweave.errors import ConfigError, DataError
from small_media import RATE, clip_names, clips_config, tone, write_clips

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_clips(tmp_path / "cremad")
    return tmp_path


def _built(root: Path, config: DatasetConfig) -> tuple[pd.DataFrame, MediaViews]:
    prepare(config, "task", root, root / "prepared")
    build_media_views(config, "task", root, root / "prepared", root / "out")
    views = open_views(root / "out")
    assert isinstance(views, MediaViews)
    return pd.read_parquet(root / "prepared" / "instances.parquet"), views


def test_rows_follow_the_lists_and_a_tenth_of_train_is_dev(root: Path) -> None:
    frame, _ = _built(root, clips_config())
    assert frame["split"].value_counts().to_dict() == {"train": 36, "dev": 4, "test": 12}
    listed = clip_names(40, 0)
    train = [name for name in frame["instance_id"] if name in set(listed)]
    assert sorted(train) == sorted(listed)
    own = frame.set_index("instance_id")["label"].astype(str)
    assert own["1001_DFA_NEU_XX"] == "neutral"
    assert own["1006_DFA_ANG_XX"] == "anger"


def test_the_shipped_counts_are_those_that_the_lists_give(tmp_path: Path) -> None:
    names = clip_names(6698, 0)
    (tmp_path / "ogm_ge_train.csv").write_text("".join(f"{n},{n.split('_')[2]}\r\n" for n in names))
    config = Profile(CONFIG / "balance_tables.yaml", CONFIG).dataset("cremad")
    counts = config.tasks["three_frames"].counts
    for split in ("train", "dev"):
        rows = list(read(config, "three_frames", split, tmp_path / "ogm_ge_train.csv"))
        assert len(rows) == counts[split]
    assert counts["train"] + counts["dev"] == 6698
    assert counts["test"] == 744


def test_ten_seconds_are_257_by_1004() -> None:
    found = log_spectrogram(tone(1000, 2.5).astype(np.float32) / 32768, 10.0)
    assert found.shape == (257, 1004)
    assert columns(10.0) == 1004
    assert found.mean() == pytest.approx(0, abs=1e-4)
    assert found.std() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("row", [16, 100, 240])
def test_a_pure_tone_peaks_at_its_frequency(row: int) -> None:
    samples = tone(row * RATE / 512, 2.0).astype(np.float32) / 32768
    found = log_spectrogram(samples, 2.0)
    assert (found.argmax(axis=0) == row).all()


def test_short_sound_is_repeated_and_long_sound_cut_off() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    assert np.array_equal(log_spectrogram(samples, 2.5), log_spectrogram(np.tile(samples, 10), 2.5))


def test_silence_becomes_zeros_and_no_division_by_zero() -> None:
    assert np.abs(log_spectrogram(np.zeros(RATE, np.float32), 1.0)).max() < 1e-3


def test_sound_is_read_between_minus_one_and_one_whatever_its_type(tmp_path: Path) -> None:
    wave = np.sin(np.arange(800) / 20)
    for kind, raw in {
        "int16": np.rint(wave * 32767).astype(np.int16),
        "int32": np.rint(wave * (2**31 - 1)).astype(np.int32),
        "uint8": np.rint(wave * 127 + 128).astype(np.uint8),
        "float32": wave.astype(np.float32),
        "two channels": np.rint(np.stack([wave, wave], 1) * 32767).astype(np.int16),
    }.items():
        wavfile.write(tmp_path / "a.wav", RATE, raw)
        found = read_wav(tmp_path / "a.wav")
        assert np.allclose(found, wave, atol=0.02 if kind == "uint8" else 1e-4), kind


def _damaged(path: Path, how: str) -> None:
    content = path.read_bytes()
    changed = {
        "cut off": content[:-100],
        "no sound file": b"hello" * 100,
        "empty": b"",
        "a header alone": content[:30],
        "no channels": content[:22] + b"\0\0" + content[24:],
        "another rate": content[:24] + struct.pack("<II", 44_100, 88_200) + content[32:],
        "no samples": content[:4] + struct.pack("<I", 36) + content[8:40] + bytes(4),
    }[how]
    path.write_bytes(changed)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("cut off", "not a readable WAV file"),
        ("no sound file", "not a readable WAV file"),
        ("empty", "not a readable WAV file"),
        ("a header alone", "not a readable WAV file"),
        ("no channels", "not a readable WAV file"),
        ("another rate", "has 44100 samples a second where CREMA-D has 16000"),
        ("no samples", "holds no sound"),
    ],
)
def test_damaged_sound_is_refused_in_a_sentence(root: Path, how: str, message: str) -> None:
    config = clips_config()
    prepare(config, "task", root, root / "prepared")
    path = root / "cremad" / "AudioWAV" / "1003_DFA_SAD_XX.wav"
    _damaged(path, how)
    with pytest.raises(DataError, match=message) as error:
        build_media_views(config, "task", root, root / "prepared", root / "out")
    assert str(path) in str(error.value)
    assert not (root / "out").exists()


def test_samples_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    wavfile.write(tmp_path / "a.wav", RATE, np.full(100, np.nan, np.float32))
    with pytest.raises(DataError, match="samples that are no numbers"):
        read_wav(tmp_path / "a.wav")


def test_frames_are_drawn_in_their_order_and_one_at_a_time_where_said(root: Path) -> None:
    together = _built(root, clips_config(frames=2))[1]
    assert together.channels == [1, 3]
    frames = together.batch(1, np.arange(5))
    assert (frames.shape, frames.dtype) == ((5, 2, 3, 16, 16), np.uint8)
    apart = _built(root, clips_config(frames=2, apart=True))[1]
    assert apart.channels == [1, 3, 3]
    for k in range(2):
        assert np.array_equal(apart.batch(1 + k, np.arange(5))[:, 0], frames[:, k])
    sound = together.batch(0, np.arange(5))
    assert (sound.shape, sound.dtype) == ((5, 1, 257, columns(0.5)), np.float32)


def test_a_frame_is_the_file_s_picture(root: Path) -> None:
    frame, views = _built(root, clips_config(frames=4))
    name = frame["instance_id"][7]
    path = root / "cremad" / "Image-01-FPS" / name / "00030.jpg"
    expected = np.asarray(Image.open(path).resize((16, 16), Image.Resampling.BILINEAR))
    assert np.array_equal(views.batch(1, np.array([7]))[0, 1], expected.transpose(2, 0, 1))


def test_the_same_files_give_the_same_bytes(root: Path) -> None:
    _built(root, clips_config())
    first = {path.name: path.read_bytes() for path in (root / "out").iterdir()}
    _built(root, clips_config())
    assert {path.name: path.read_bytes() for path in (root / "out").iterdir()} == first
    assert sorted(first) == ["view_0.npy", "view_1.npy", "views.json"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../../etc/passwd,NEU", "line 41: '../../etc/passwd' is no clip's name"),
        ("1001_DFA_NEU_XX/..,NEU", "line 41: '1001_DFA_NEU_XX/..' is no clip's name"),
        ("1090_DFA_HAP_XX,SAD", "line 41: clip 1090_DFA_HAP_XX is listed as 'SAD'"),
        ("1090_DFA_JOY_XX,JOY", "line 41: unknown label 'JOY' in column 'emotion'"),
        ("1001_DFA_NEU_XX,NEU", "instance id '1001_DFA_NEU_XX' is already in"),
        ("1090_DFA_HAP_XX", "line 41: has 1 columns"),
        ("1090_DFA_HAP_XX,HAP\0", "NUL byte"),
    ],
)
def test_a_hostile_line_is_refused_in_a_sentence(root: Path, line: str, message: str) -> None:
    with (root / "cremad" / "ogm_ge_train.csv").open("a") as handle:
        handle.write(f"{line}\n")
    with pytest.raises(DataError, match=message):
        prepare(clips_config(), "task", root, root / "prepared")
    assert not (root / "prepared").exists()


def test_missing_media_are_counted_and_the_first_is_named(root: Path) -> None:
    config = clips_config()
    prepare(config, "task", root, root / "prepared")
    for name in ("1003_DFA_SAD_XX", "1004_DFA_FEA_XX"):
        (root / "cremad" / "AudioWAV" / f"{name}.wav").unlink()
    with pytest.raises(DataError, match=r"2 files of the view 'sound' are not there.*100[34]_DFA"):
        build_media_views(config, "task", root, root / "prepared", root / "out")


def test_too_few_frames_and_no_frames_are_said(root: Path) -> None:
    config = clips_config(frames=5)
    prepare(config, "task", root, root / "prepared")
    with pytest.raises(DataError, match="holds 4 frames where 5 are read"):
        build_media_views(config, "task", root, root / "prepared", root / "out")
    config = clips_config(frame_folder="Image-10-FPS")
    with pytest.raises(DataError, match="no such folder of frames; take one frame a second"):
        build_media_views(config, "task", root, root / "prepared", root / "out")


def test_a_damaged_frame_and_a_link_out_of_the_folder_are_refused(root: Path) -> None:
    config = clips_config(frames=4)
    prepare(config, "task", root, root / "prepared")
    place = root / "cremad" / "Image-01-FPS" / "1003_DFA_SAD_XX"
    whole = (place / "00000.jpg").read_bytes()
    (place / "00000.jpg").write_bytes(whole[:200])
    with pytest.raises(DataError, match=r"00000\.jpg: .*(truncated|not a readable image)"):
        build_media_views(config, "task", root, root / "prepared", root / "out")
    outside = root / "outside.jpg"
    outside.write_bytes(whole)
    (place / "00000.jpg").unlink()
    (place / "00000.jpg").symlink_to(outside)
    with pytest.raises(DataError, match="leads outside the data set's folder"):
        build_media_views(config, "task", root, root / "prepared", root / "out")


def test_views_of_other_rows_and_gone_arrays_are_noticed(root: Path) -> None:
    _built(root, clips_config())
    np.save(root / "out" / "view_1.npy", np.zeros((3, 1, 3, 16, 16), np.uint8))
    with pytest.raises(DataError, match=r"view_1\.npy: belongs to other rows"):
        open_views(root / "out")
    (root / "out" / "view_1.npy").unlink()
    with pytest.raises(DataError, match=r"view_1\.npy: cannot be read"):
        open_views(root / "out")
    with pytest.raises(DataError, match="holds no views"):
        open_views(root / "nowhere")


def test_digests_see_an_edited_list_and_a_changed_clip(root: Path) -> None:
    config = clips_config()
    before = task_digest(config, "task", root), media_digest(config, "task", root)
    wavfile.write(root / "cremad" / "AudioWAV" / "1003_DFA_SAD_XX.wav", RATE, tone(50, 0.3))
    assert task_digest(config, "task", root) == before[0]
    assert media_digest(config, "task", root) != before[1]
    (root / "cremad" / "ogm_ge_test.csv").write_text("1090_DFA_HAP_XX,HAP\n")
    assert task_digest(config, "task", root) != before[0]


def test_a_task_must_say_what_is_read(root: Path) -> None:
    config = clips_config()
    task = config.tasks["task"].model_copy(update={"clips": None})
    with pytest.raises(ConfigError, match="'clips' is missing"):
        prepare(config.model_copy(update={"tasks": {"task": task}}), "task", root, root / "prepared")
