"""Hamming search against a plain loop."""

import time

import numpy as np

from crisisweave.images.phash import from_hex, nearest


def test_nearest_agrees_with_a_plain_loop() -> None:
    random = np.random.default_rng(1)
    queries = random.integers(0, 2**64, 600, dtype=np.uint64)
    references = np.concatenate([random.integers(0, 2**64, 50, dtype=np.uint64), queries[:3] ^ np.uint64(5)])
    positions, distances = nearest(queries, references)
    for query, position, distance in zip(queries, positions, distances, strict=True):
        plain = [(int(query) ^ int(reference)).bit_count() for reference in references]
        assert (position, distance) == (plain.index(min(plain)), min(plain))
    assert distances[:3].tolist() == [2, 2, 2]


def test_hexadecimal_round_trip() -> None:
    assert from_hex(["ffffffffffffffff", "0000000000000001"]).tolist() == [2**64 - 1, 1]


def test_eighteen_thousand_images_take_seconds() -> None:
    hashes = np.random.default_rng(2).integers(0, 2**64, 18_000, dtype=np.uint64)
    start = time.perf_counter()
    nearest(hashes[:4_400], hashes[4_400:])
    assert time.perf_counter() - start < 5
