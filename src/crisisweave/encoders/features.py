"""Frozen encoders: each input is encoded once, and every method and seed reads the result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crisisweave.config.joint import Patches
from crisisweave.config.method import EncoderUse
from crisisweave.encoders.given import read_given
from crisisweave.encoders.image import ImageEncoder, load_image_encoder
from crisisweave.encoders.text import TextEncoder, Tokens, load_text_encoder, pool
from crisisweave.errors import DataError
from crisisweave.files import atomic_path, read_json, write_json
from crisisweave.images.store import ImageStore
from crisisweave.progress import track
from crisisweave.seeding import best_device

TEXT_BATCH = 64
# Small, so that the first layers' activations stay in a core's cache: 1.7 times the speed of 64.
IMAGE_BATCH = 16
PATCH_BATCH = 2


def for_features(network: ImageEncoder, device: torch.device) -> ImageEncoder:
    """The encoder on a device, in evaluation mode and in the memory format that suits `image_features`."""
    # The store's pixels are channels-last already; convolutions take them so without a copy.
    return network.eval().to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def image_features(network: ImageEncoder, pixels: Tensor, grid: int) -> Tensor:
    """Features of pixels (n, S, S, 3) uint8: float32 (n, d), or (n, grid², d) for a grid above 1."""
    return (network(pixels) if grid == 1 else network.grid(pixels, grid)).float()


def patch_features(network: ImageEncoder, pixels: Tensor, patch: int) -> Tensor:
    """Features of the patches of pixels (n, S, S, 3), each seen alone: float32 (n, P, D), row by row."""
    return network.patches(pixels, patch).float()


def text_features(network: TextEncoder, batch: Tokens, pooling: str) -> Tensor:
    """Features of a batch of tokens: float32 (n, d)."""
    return pool(network(batch), batch.mask, pooling).float()


def encode_images(store: ImageStore, encoder: str, size: int, grid: int, out: Path) -> None:
    """Encode every image of a store.

    Writes `features.npy`, float32 (n, d), or (n, grid², d) for a grid above 1; row i is row i of the store's
    index. `features.json` beside it says what they are.
    """
    device = best_device()
    network = for_features(load_image_encoder(encoder), device)
    n = len(store.index)
    blocks = []
    with torch.inference_mode():
        for start in track(range(0, n, IMAGE_BATCH), f"encode images ({encoder})"):
            rows = np.arange(start, min(start + IMAGE_BATCH, n))
            pixels = torch.from_numpy(store.batch(rows, size)).to(device)
            blocks.append(image_features(network, pixels, grid).cpu().numpy())
    _write(
        out, np.ascontiguousarray(np.concatenate(blocks)), {"encoder": encoder, "size": size, "grid": grid}
    )


def gather_given(store: ImageStore, encoder: str, size: int, grid: int, given: Path, out: Path) -> None:
    """Put given features of every image of a store together, as `encode_images` writes them."""
    names = store.index["instance_id"].astype(str).tolist()
    _write(out, read_given(given, names, grid**2), {"encoder": encoder, "size": size, "grid": grid})


def encode_patches(store: ImageStore, patches: Patches, out: Path) -> None:
    """Encode every patch of every image of a store, each alone.

    Writes `features.npy`, float16 (n, P, D), half of what is much; row i is row i of the store's index.
    """
    assert patches.encoder is not None
    device = best_device()
    network = for_features(load_image_encoder(patches.encoder), device)
    blocks = []
    with torch.inference_mode():
        for start in track(range(0, len(store.index), PATCH_BATCH), f"encode patches ({patches.encoder})"):
            rows = np.arange(start, min(start + PATCH_BATCH, len(store.index)))
            pixels = torch.from_numpy(store.batch(rows, patches.size)).to(device)
            blocks.append(patch_features(network, pixels, patches.patch).half().cpu().numpy())
    _write(
        out, np.concatenate(blocks), {"encoder": patches.encoder, **patches.model_dump(exclude={"encoder"})}
    )


def encode_texts(words: list[list[str]], use: EncoderUse, max_tokens: int, out: Path) -> None:
    """Encode every text of a prepared task, in the order of its instances: float32 (n, d)."""
    network = load_text_encoder(use.name).eval()
    device = best_device()
    network.to(device)
    tokens = network.tokenise(words, max_tokens=max_tokens)
    # Batches of like length waste nothing on padding; the order is undone below.
    order = np.argsort(tokens.lengths(), kind="stable")
    features = np.empty((len(words), network.dim), dtype=np.float32)
    with torch.inference_mode():
        for start in track(range(0, len(order), TEXT_BATCH), f"encode texts ({use.name})"):
            rows = order[start : start + TEXT_BATCH]
            batch = tokens.pad(rows).to(device)
            features[rows] = text_features(network, batch, use.pooling).cpu().numpy()
    _write(out, features, {"encoder": use.name, "pooling": use.pooling, "max_tokens": max_tokens})


def grey_patch(patches: Patches) -> Tensor:
    """Features of a patch that shows nothing but mid-grey (D,)."""
    assert patches.encoder is not None
    network = load_image_encoder(patches.encoder).eval()
    with torch.inference_mode():
        return patch_features(
            network, torch.full((1, patches.patch, patches.patch, 3), 127.5), patches.patch
        )[0, 0]


def _write(out: Path, features: NDArray[Any], description: dict[str, Any]) -> None:
    with atomic_path(out) as folder:
        folder.mkdir()
        with (folder / "features.npy").open("wb") as file:
            # Not np.save, which says of a full disk only how many numbers it wrote.
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(features))
            file.write(features.data)
        write_json(folder / "features.json", {**description, "shape": list(features.shape)})


def read_features(folder: Path, expected_rows: int, command: str = "features") -> NDArray[Any]:
    """Features of a folder, memory-mapped.

    Args:
        folder: holds features.npy.
        expected_rows: number of inputs.
        command: that makes them.

    Raises:
        DataError: there are none, or they were made from another number of inputs.
    """
    if not (folder / "features.npy").is_file():
        raise DataError(f"{folder}: holds no features; run `crisisweave {command}` first")
    features: NDArray[Any] = np.load(folder / "features.npy", mmap_mode="r")
    if len(features) != expected_rows:
        made = read_json(folder / "features.json")["encoder"]
        raise DataError(
            f"{folder}: holds features ({made}) of {len(features)} inputs, but there are {expected_rows}; "
            f"run `crisisweave {command}` again"
        )
    return features
