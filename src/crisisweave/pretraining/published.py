"""A published ViLT from this machine's model cache, put into a joint encoder's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from crisisweave.config.joint import JointConfig
from crisisweave.encoders.hub_cache import from_hub_cache
from crisisweave.encoders.joint import JointEncoder
from crisisweave.encoders.joint_folder import save_joint
from crisisweave.encoders.names import parse
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.encoders.vilt import Vilt, ViltShape, from_transformers
from crisisweave.errors import ConfigError
from crisisweave.files import atomic_path


def import_hub(config: JointConfig, out: Path) -> None:
    """Write the folder of a published joint encoder; nothing is downloaded.

    Raises:
        ConfigError: the image is cut into another number of patches than the model has positions for.
        WeightsError: the model is not in the cache.
    """
    assert config.hub is not None
    name = parse(config.hub.encoder_name(f"config/joint/{config.name}.yaml: hub"))
    prepare_torchvision()
    from transformers import AutoTokenizer, ViltModel

    with from_hub_cache(name) as where:
        model = ViltModel.from_pretrained(name.model, use_safetensors=True, **where)
        tokenizer = AutoTokenizer.from_pretrained(name.model, use_fast=True, **where)
    made: Any = model.config
    if (made.image_size, made.patch_size) != (config.patches.size, config.patches.patch):
        raise ConfigError(
            f"joint encoder {config.name}: {name.model} reads images of {made.image_size} pixels in patches "
            f"of {made.patch_size}; set patches.size and patches.patch to that"
        )
    network = Vilt(
        ViltShape(
            vocabulary=made.vocab_size,
            word_dim=made.hidden_size,
            patch_dim=3 * made.patch_size**2,
            grid=(config.patches.side, config.patches.side),
            dim=made.hidden_size,
            layers=made.num_hidden_layers,
            heads=made.num_attention_heads,
            intermediate=made.intermediate_size,
            positions=made.max_position_embeddings,
            types=made.type_vocab_size,
            dropout=made.hidden_dropout_prob,
            eps=made.layer_norm_eps,
        )
    )
    network.load_state_dict(from_transformers(model.state_dict(), made.num_hidden_layers))
    backend = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    with atomic_path(out) as folder:
        folder.mkdir()
        save_joint(JointEncoder(network, backend, config.patches), config, folder)
