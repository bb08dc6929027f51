"""Seeds, threads and the device: the same command gives the same numbers."""

from __future__ import annotations

import os
import random

import numpy as np
import torch


def seed_everything(seed: int, threads: int) -> None:
    """Seed every random generator and fix the number of threads.

    Threads are part of the result: a sum taken in another order differs in its last digits, and training
    amplifies that.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    # Only kernels that read memory they never wrote would need it; filling every new tensor costs time.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_num_threads(threads)


def best_device() -> torch.device:
    """The GPU where there is one, else the CPU; the run's record says which."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
