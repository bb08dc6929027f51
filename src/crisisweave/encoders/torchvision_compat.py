"""Make `import torchvision` work beside a CPU build of torch.

The package index offers torchvision as a CUDA build only. Beside a CPU torch its compiled operators cannot
be loaded, and its import stops with "operator torchvision::nms does not exist", although transforms and
models need none of them. Call `prepare_torchvision` before the first import of timm, open_clip,
transformers' models or torchvision.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

import torch


@cache
def prepare_torchvision() -> None:
    """Load torchvision's operators, or where that is impossible declare the two it asks for on import."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    library = Path(spec.origin).parent / "_C.so"
    try:
        torch.ops.load_library(str(library))
    except OSError:
        # Declared, not implemented: calling them still fails, importing torchvision no longer does.
        torch.library.define("torchvision::nms", "(Tensor dets, Tensor scores, float threshold) -> Tensor")
        torch.library.define("torchvision::qnms", "(Tensor dets, Tensor scores, float threshold) -> Tensor")
