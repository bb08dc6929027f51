"""MPNet (Song et al., 2020), tuned on sentence pairs (all-mpnet-base-v2): 109 M parameters, 768-d.

Its weights are a zip archive in five packages, which `make mpnet` installs and `make env` does not. The
network is the transformers library's own.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import TYPE_CHECKING

from tokenizers import Tokenizer

from crisisweave.encoders.packages import MPNET_ARCHIVE, packaged
from crisisweave.encoders.torchvision_compat import prepare_torchvision

if TYPE_CHECKING:
    from transformers import MPNetModel

_FOLDER = "all-mpnet-base-v2"


def load_mpnet() -> tuple[MPNetModel, Tokenizer]:
    """The model without its pooler, and its tokenizer.

    Raises:
        WeightsError: a package is not installed, or its part of the archive is not the one that was pinned.
    """
    prepare_torchvision()
    from safetensors.torch import load
    from transformers import MPNetConfig, MPNetModel

    archive = b"".join(packaged(part).read_bytes() for part in MPNET_ARCHIVE)
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        config, tokenizer, weights = (
            files.read(f"{_FOLDER}/{name}") for name in ("config.json", "tokenizer.json", "model.safetensors")
        )
    model = MPNetModel(MPNetConfig.from_dict(json.loads(config)), add_pooling_layer=False)
    # Positions are counted, and nothing reads the pooler.
    left_out = ("pooler.", "embeddings.position_ids")
    model.load_state_dict({k: v for k, v in load(weights).items() if not k.startswith(left_out)})
    return model, Tokenizer.from_str(tokenizer.decode())
