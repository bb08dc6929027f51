"""Small stand-ins for CREMA-D and ModelNet40 in their official layouts, with rules that can be learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from scipy.io import wavfile

from crisisweave.config.dataset import DatasetConfig

EMOTIONS = ["NEU", "HAP", "SAD", "FEA", "DIS", "ANG"]
MERGE = dict(zip(EMOTIONS, ["neutral", "happy", "sad", "fear", "disgust", "anger"], strict=True))
RATE = 16_000


def tone(frequency: float, seconds: float) -> np.ndarray:
    """A sine of half the full volume, int16."""
    t = np.arange(round(RATE * seconds)) / RATE
    return np.rint(0.5 * 32767 * np.sin(2 * np.pi * frequency * t)).astype(np.int16)


def clip_names(n: int, first: int) -> list[str]:
    """n names of clips; emotions follow one another."""
    return [f"{1001 + (first + i) % 91}_DF{chr(ord('A') + i // 546)}_{EMOTIONS[i % 6]}_XX" for i in range(n)]


def write_clips(folder: Path, n_train: int = 40, n_test: int = 12, frames: int = 4) -> None:
    """An emotion is a pitch, and a faint tint of the frames."""
    for split, n in (("train", n_train), ("test", n_test)):
        names = clip_names(n, 0 if split == "train" else n_train)
        lines = [f"{name},{name.split('_')[2]}\r\n" for name in names]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"ogm_ge_{split}.csv").write_text("".join(lines), newline="")
        for name in names:
            kind = EMOTIONS.index(name.split("_")[2])
            (folder / "AudioWAV").mkdir(exist_ok=True)
            wavfile.write(folder / "AudioWAV" / f"{name}.wav", RATE, tone(300 + 900 * kind, 0.4))
            place = folder / "Image-01-FPS" / name
            place.mkdir(parents=True)
            generator = np.random.default_rng(kind)
            for k in range(frames):
                pixels = generator.integers(0, 120, (18, 24, 3)) + 20 * kind
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{30 * k:05d}.jpg")


def write_objects(
    folder: Path,
    classes: list[str],
    n_train: int = 20,
    n_test: int = 4,
    numbers: tuple[int, ...] = (1, 5, 7, 9),
) -> None:
    """View v of every object is a bar at a height that says its class, as bright as 20 · v."""
    count = dict.fromkeys(classes, 0)
    for split, n in (("train", n_train), ("test", n_test)):
        for label, name in enumerate(classes):
            place = folder / "views" / name / split
            place.mkdir(parents=True)
            for _ in range(n):
                count[name] += 1
                for v in numbers:
                    pixels = np.zeros((32, 32, 3), dtype=np.uint8)
                    pixels[4 + 8 * label : 10 + 8 * label] = 20 * v
                    style = "_{:03d}" if split == "train" else ".obj.shaded_v{:03d}"
                    file = f"{name}_{count[name]:04d}{style.format(v)}.png"
                    Image.fromarray(pixels).save(place / file)


def clips_config(**clips: Any) -> DatasetConfig:
    """CREMA-D with short sound and small frames."""
    return _config(
        "cremad",
        {
            "classes": list(MERGE.values()),
            "merge": MERGE,
            "clips": {"frames": 3, "seconds": 0.5, "side": 16, **clips},
        },
    )


def objects_config(classes: list[str], **objects: Any) -> DatasetConfig:
    """ModelNet40 with small views."""
    return _config("modelnet40", {"classes": classes, "objects": {"side": 16, **objects}})


def _config(loader: str, task: dict[str, Any]) -> DatasetConfig:
    return DatasetConfig.model_validate(
        {
            "name": loader,
            "loader": loader,
            "folder": loader,
            "title": loader,
            "source": "generated",
            "citation": "none",
            "licence": "CC0",
            "modalities": ["views"],
            "tasks": {"task": task},
        }
    )


def small_media(folder: Path, classes: list[str]) -> None:
    """Edit the configs of both data sets in `folder` so that they take the stand-ins."""
    for name in ("cremad", "modelnet40"):
        path = folder / f"{name}.yaml"
        values = yaml.safe_load(path.read_text())
        for task in values["tasks"].values():
            del task["counts"]
            if name == "cremad":
                task["clips"] |= {"seconds": 0.4, "side": 32}
            else:
                task["classes"] = classes
                task["objects"]["side"] = 32
        path.write_text(yaml.safe_dump(values))
