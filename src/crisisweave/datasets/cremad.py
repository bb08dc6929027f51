"""CREMA-D (Cao et al., 2014): actors who speak a sentence with an emotion, as sound and frames of the video.

In the data set's folder, as its authors and the public code of OGM-GE and PMR lay it out:

- `ogm_ge_train.csv`, `ogm_ge_test.csv`: the published split, `<clip>,<emotion>` without a header line.
- `AudioWAV/<clip>.wav`: the sound, 16,000 samples a second.
- `Image-01-FPS/<clip>/*.jpg`: frames, one a second, as that public code takes them out of
  `VideoFlash/<clip>.flv`. The video itself is not decoded here.

A clip's name is `<actor>_<sentence>_<emotion>_<level>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crisisweave.config.dataset import DatasetConfig
from crisisweave.config.views import Clips
from crisisweave.datasets.sound import BINS, columns, log_spectrogram, read_wav
from crisisweave.datasets.tables import Instance, class_of, inside, read_csv
from crisisweave.datasets.view_sources import ViewSource, drawn, read_pictures
from crisisweave.errors import ConfigError, DataError

SOUND = "AudioWAV"
_LISTS = {"train": "ogm_ge_train.csv", "dev": "ogm_ge_train.csv", "test": "ogm_ge_test.csv"}
_COLUMNS = ("clip", "emotion")
_CLIP = re.compile(r"\d{4}_[A-Z]{3}_(?P<emotion>[A-Z]{3})_[A-Z]{1,2}", re.ASCII)
_FRAME_TYPES = {".jpg", ".jpeg", ".png"}


def clips_of(config: DatasetConfig, task_name: str) -> Clips:
    """What the task reads of a clip.

    Raises:
        ConfigError: it does not say.
    """
    clips = config.tasks[task_name].clips
    if clips is None:
        raise ConfigError(f"data set '{config.name}', task '{task_name}': 'clips' is missing; say `frames`")
    return clips


def table_files(config: DatasetConfig, task_name: str, folder: Path) -> dict[str, list[Path]]:
    """The list of each split; train and dev share one."""
    return {split: [folder / _LISTS[split]] for split in config.tasks[task_name].splits}


def read(config: DatasetConfig, task_name: str, split: str, file: Path) -> Iterator[Instance]:
    """The clips of one split in the list's order.

    Raises:
        DataError: the list is damaged, a name is no clip's, or its emotion is another than the column's.
    """
    task, clips = config.tasks[task_name], clips_of(config, task_name)
    rows = list(read_csv(file, _COLUMNS, header=_COLUMNS))
    for row in rows:
        match = _CLIP.fullmatch(row["clip"])
        if match is None:
            raise DataError(
                f"{row.where}: {row['clip']!r:.80} is no clip's name "
                "(<actor>_<sentence>_<emotion>_<level>); correct the line"
            )
        if match["emotion"] != row["emotion"]:
            raise DataError(
                f"{row.where}: clip {row['clip']} is listed as {row['emotion']!r:.20}; correct the line"
            )
    dev = drawn([row["clip"] for row in rows], round(clips.dev_share * len(rows)), clips.seed)
    for row in rows:
        name = row["clip"]
        if split == "test" or (name in dev) == (split == "dev"):
            label = class_of(row["emotion"], task, "emotion", row.where)
            yield Instance(name, name, "crema_d", split, "", None, label, None, None, row.where)


def _sound(folder: Path, name: str) -> list[Path]:
    return [inside(folder, f"{SOUND}/{name}.wav", f"clip {name}")]


def _frames(folder: Path, clips: Clips, name: str) -> list[Path]:
    """The drawn frames of a clip in their order."""
    place = inside(folder, f"{clips.frame_folder}/{name}", f"clip {name}")
    try:
        found = sorted(path.name for path in place.iterdir() if path.suffix.lower() in _FRAME_TYPES)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            f"{place}: no such folder of frames; take one frame a second out of the video, as JPEG files"
        ) from error
    if len(found) < clips.frames:
        raise DataError(
            f"{place}: holds {len(found)} frames where {clips.frames} are read; add some, or read fewer "
            "(`clips.frames`)"
        )
    chosen = sorted(drawn(found, clips.frames, clips.seed))
    return [inside(folder, f"{clips.frame_folder}/{name}/{frame}", f"clip {name}") for frame in chosen]


def _one_frame(folder: Path, clips: Clips, which: int, name: str) -> list[Path]:
    return [_frames(folder, clips, name)[which]]


def _spectrogram(seconds: float, files: list[Path]) -> NDArray[np.float16]:
    return log_spectrogram(read_wav(files[0]), seconds)[None].astype(np.float16)


def views(config: DatasetConfig, task_name: str, folder: Path) -> list[ViewSource]:
    """Sound, then all frames as one view or each as its own."""
    clips = clips_of(config, task_name)
    size = (3, clips.side, clips.side)
    sound = ViewSource(
        "sound",
        (1, BINS, columns(clips.seconds)),
        "float16",
        partial(_sound, folder),
        partial(_spectrogram, clips.seconds),
    )
    pictures = partial(read_pictures, side=clips.side)
    if clips.apart:
        return [
            sound,
            *(
                ViewSource(
                    f"frame {i + 1}", (1, *size), "uint8", partial(_one_frame, folder, clips, i), pictures
                )
                for i in range(clips.frames)
            ),
        ]
    frames = ViewSource("frames", (clips.frames, *size), "uint8", partial(_frames, folder, clips), pictures)
    return [sound, frames]


def media(config: DatasetConfig, task_name: str, folder: Path) -> list[Path]:
    """The folders of the files from which views are made."""
    return [folder / SOUND, folder / clips_of(config, task_name).frame_folder]
