"""Image input of an epoch: the memory-mapped store against decoding every file again. Prints JSON.

    python benchmarks/image_input.py [--images FOLDER] [--epochs 3]

Both sides deliver the same thing: batches of 224 x 224 uint8 RGB in a random order, on one thread, with warm
file caches. The usual recipe opens each file, resizes its shorter side to 256 (bilinear) and cuts out the
centre. The store is measured twice: built with a shorter side of 224, so that a batch only copies (`ratio`),
and of 256, where every square is still resized to 224 (`ratio_resized`). Building the store is a cost paid
once; it is reported in epochs of the usual recipe. Without --images, photograph-like JPEGs of 1200 x 800 are
generated.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from crisisweave.config.dataset import DatasetConfig
from crisisweave.images.store import ImageStore, build_store

SIZE = 224
BATCH = 32


def generate(folder: Path, count: int) -> None:
    """Smooth structure with fine noise, so that JPEG decoding costs about what a photograph costs."""
    random = np.random.default_rng(0)
    for number in range(count):
        coarse = Image.fromarray(random.integers(0, 256, (40, 60, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((1200, 800), Image.Resampling.BICUBIC), dtype=np.int16)
        grain = Image.fromarray(random.integers(0, 64, (800, 1200, 3), dtype=np.uint8))
        grain = np.asarray(grain.filter(ImageFilter.GaussianBlur(0.7)), dtype=np.int16) - 32
        Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(
            folder / f"{number}_0.jpg", quality=85
        )


def as_data_set(root: Path, files: list[Path], shorter_side: int) -> DatasetConfig:
    """A data set in CrisisMMD's layout around image files that lie in root/set/data_image."""
    header = "event_name\ttweet_id\timage_id\ttweet_text\timage\tlabel\n"
    rows = "".join(f"e\t{f.stem}\t{f.stem}\ttext\tdata_image/{f.name}\ta\n" for f in files)
    table = root / "set" / "crisismmd_datasplit_all" / "task_damage_text_img_train.tsv"
    table.parent.mkdir(exist_ok=True)
    table.write_text(header + rows)
    task = {"layout": "all", "table": "damage", "classes": ["a", "b"], "splits": ["train"]}
    return DatasetConfig.model_validate(
        {
            **dict.fromkeys(["name", "title", "source", "citation", "licence"], "benchmark"),
            "loader": "crisismmd",
            "folder": "set",
            "modalities": ["text", "image"],
            "shorter_side": shorter_side,
            "tasks": {"damage": task},
        }
    )


def decoded(path: Path) -> np.ndarray:
    """The usual evaluation transform: shorter side to 256, centre 224 x 224."""
    with Image.open(path) as opened:
        image = opened.convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
    left, top = (image.width - SIZE) // 2, (image.height - SIZE) // 2
    return np.asarray(image.crop((left, top, left + SIZE, top + SIZE)))


def epoch_seconds(batch: Callable[[np.ndarray], np.ndarray], count: int, epochs: int) -> float:
    """Median seconds of an epoch over all images in a random order, after one epoch of warming up."""
    random = np.random.default_rng(1)

    def batches() -> Iterator[np.ndarray]:
        order = random.permutation(count)
        return (order[start : start + BATCH] for start in range(0, count, BATCH))

    seconds = []
    for _ in range(epochs + 1):
        start = time.perf_counter()
        for rows in batches():
            images = batch(rows)
            if images.shape != (len(rows), SIZE, SIZE, 3) or images.dtype != np.uint8:
                raise SystemExit(f"a side delivers {images.shape} {images.dtype}")
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds[1:]))


def main() -> None:
    """Run both sides and print the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path, help="folder of real JPEG files, searched recursively")
    parser.add_argument("--count", type=int, default=128, help="number of images")
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(1)

    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        folder = root / "set" / "data_image"
        folder.mkdir(parents=True)
        if arguments.images is None:
            generate(folder, arguments.count)
        else:
            found = sorted(arguments.images.rglob("*.jpg"))[: arguments.count]
            if not found:
                raise SystemExit(f"{arguments.images}: holds no .jpg file")
            for number, file in enumerate(found):
                shutil.copyfile(file, folder / f"{number}_0.jpg")
        files = sorted(folder.iterdir())
        sizes = [Image.open(file).size for file in files]

        stores = {}
        for side in (SIZE, 256):
            start = time.perf_counter()
            build_store(as_data_set(root, files, side), root, root / f"store{side}")
            build_seconds = time.perf_counter() - start
            stores[side] = ImageStore(root / f"store{side}")
        usual = epoch_seconds(
            lambda rows: np.stack([decoded(files[row]) for row in rows]), len(files), arguments.epochs
        )
        copied, resized = (
            epoch_seconds(lambda rows, store=store: store.batch(rows, SIZE), len(files), arguments.epochs)
            for store in stores.values()
        )
    json.dump(
        {
            "benchmark": "image_input",
            "images": len(files),
            "median_source_pixels": int(np.median([width * height for width, height in sizes])),
            "generated": arguments.images is None,
            "decode_images_per_s": round(len(files) / usual, 1),
            "store_images_per_s": round(len(files) / copied, 1),
            "store_resized_images_per_s": round(len(files) / resized, 1),
            "ratio": round(usual / copied, 1),
            "ratio_resized": round(usual / resized, 1),
            "build_in_decode_epochs": round(build_seconds / usual, 2),
            "required_ratio": 10,
            "met": bool(usual / copied >= 10),
        },
        sys.stdout,
        indent=2,
    )
    print()


if __name__ == "__main__":
    main()
