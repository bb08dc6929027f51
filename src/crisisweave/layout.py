"""Where the files of each step lie. Light: the workflow and every command import it."""

from __future__ import annotations

import re
from pathlib import Path

from crisisweave.config.joint import Patches
from crisisweave.config.method import EncoderUse, MethodConfig
from crisisweave.config.regions import Regions
from crisisweave.encoders.names import parse


def image_slug(encoder: str, size: int, grid: int = 1) -> str:
    """Folder name of an image encoder's features."""
    cells = f"-grid{grid}" if grid > 1 else ""
    return f"{parse(encoder).slug}-{size}{cells}"


def patch_slug(patches: Patches) -> str:
    """Folder name of the features of patches that are each seen alone."""
    assert patches.encoder is not None
    return f"{parse(patches.encoder).slug}-{patches.size}-{patches.patch}"


def region_slug(regions: Regions) -> str:
    """Folder name of the regions that a detector finds."""
    assert regions.detector is not None
    if isinstance(regions.detector, str):
        name = parse(regions.detector).slug
    else:
        revision = (regions.detector.revision or "unpinned")[:12]
        name = f"{re.sub(r'[^A-Za-z0-9_.]+', '-', regions.detector.repository)}-{revision}"
    return f"{name}-{regions.size}-{regions.boxes}"


def text_slug(use: EncoderUse, max_tokens: int) -> str:
    """Folder name of a text encoder's features."""
    return f"{parse(use.name).slug}-{use.pooling}-{max_tokens}"


def captioner_folder(captioner: str, data: Path = Path("data")) -> Path:
    """Folder of a captioner's weights."""
    return data / "captioners" / captioner


def joint_folder(joint: str, data: Path = Path("data")) -> Path:
    """Folder of a joint encoder's weights."""
    return data / "joint" / joint


class Sources:
    """Where the inputs of one data set and task lie; folders that a method does not need may be absent.

    Args:
        dataset: name of the data set.
        task: its task.
        data: folder that holds `prepared/`, `images/`, `features/`, `patch-features/`, `region-features/`,
            `captions/`, `similarity/` and `rationales/`.
    """

    def __init__(self, dataset: str, task: str, data: Path = Path("data")):
        self.dataset = dataset
        self.task = task
        self.prepared = data / "prepared" / dataset / task
        self.images = data / "images" / dataset
        self._image_features = data / "features" / dataset
        self._patch_features = data / "patch-features" / dataset
        self._region_features = data / "region-features" / dataset
        self._text_features = data / "text-features" / dataset / task
        self._captions = data / "captions" / dataset
        self._similarity = data / "similarity" / dataset / task
        self.views = data / "views" / dataset / task
        self._rationales = data / "rationales" / dataset / task

    def image_features(self, encoder: str, size: int, grid: int = 1) -> Path:
        """Folder of a frozen image encoder's features."""
        return self._image_features / image_slug(encoder, size, grid)

    def patch_features(self, patches: Patches) -> Path:
        """Folder of the features of patches that are each seen alone."""
        return self._patch_features / patch_slug(patches)

    def regions(self, regions: Regions) -> Path:
        """Folder of what is known of an image's regions: of a grid, the features of its cells."""
        if regions.encoder is not None:
            return self.image_features(regions.encoder, regions.size, regions.cells)
        return self._region_features / region_slug(regions)

    def rationales(self, labels: str) -> Path:
        """File of a source's rationale labels."""
        return self._rationales / f"{labels}.jsonl"

    def text_features(self, config: MethodConfig) -> Path:
        """Folder of the method's frozen text encoder's features."""
        assert config.text is not None
        return self._text_features / text_slug(config.text, config.max_tokens)

    def similarity(self, scorer: str) -> Path:
        """Folder of the similarities of texts and images."""
        return self._similarity / scorer

    def captions(self, captioner: str) -> Path:
        """Folder of a captioner's captions."""
        return self._captions / captioner
