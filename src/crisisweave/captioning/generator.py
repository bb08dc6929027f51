"""A captioner of the transformers library (BLIP-2 and its like): pixels in, text out.

Its weights stay in the model cache, pinned by their commit; the captioner folder holds the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from crisisweave.captioning.tokenizer import decode
from crisisweave.config.captioner import CaptionerConfig, Decoding
from crisisweave.encoders.hub_cache import from_hub_cache
from crisisweave.encoders.names import parse
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import WeightsError


class GeneratorCaptioner(nn.Module):
    """A model with `generate(pixel_values=…)`, and the normalisation of its pixels."""

    mean: Tensor
    std: Tensor

    def __init__(self, model: Any, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.model = model
        # 255 is folded in, so that uint8 pixels are normalised by one subtraction and one division.
        self.register_buffer("mean", torch.tensor(mean) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(std) * 255, persistent=False)

    def write(
        self, pixels: Tensor, tokenizer: Tokenizer, decoding: Decoding, seeds: Sequence[int]
    ) -> list[list[str]]:
        """Pixels (n, S, S, 3) uint8 → candidate captions of each image, most probable first."""
        normal = ((pixels.float() - self.mean) / self.std).permute(0, 3, 1, 2)
        with torch.inference_mode():
            written = self.model.generate(
                pixel_values=normal.to(next(self.model.parameters()).dtype),
                do_sample=False,
                num_beams=decoding.candidates,
                num_return_sequences=decoding.candidates,
                max_new_tokens=decoding.max_tokens,
            ).tolist()
        # Places of the image among the tokens: some models write them out again.
        image = getattr(self.model.config, "image_token_index", None)
        texts = [decode(tokenizer, [token for token in tokens if token != image]) for tokens in written]
        return [texts[i : i + decoding.candidates] for i in range(0, len(texts), decoding.candidates)]


def load_generator(config: CaptionerConfig) -> tuple[GeneratorCaptioner, Tokenizer]:
    """A generator from the model cache, in evaluation mode, with its tokenizer.

    Raises:
        ConfigError: its revision is not filled in.
        WeightsError: it is not in the cache, or is no model that writes captions.
    """
    settings = config.generator
    assert settings is not None
    name = parse(settings.encoder_name(f"config/captioners/{config.name}.yaml: generator"))
    prepare_torchvision()
    from transformers import AutoImageProcessor, AutoModelForImageTextToText, AutoTokenizer

    dtype = torch.bfloat16 if settings.precision == "bf16" else torch.float32
    with from_hub_cache(name) as where:
        channels = AutoImageProcessor.from_pretrained(name.model, **where)
        tokenizer = AutoTokenizer.from_pretrained(name.model, use_fast=True, **where)
        try:
            model = AutoModelForImageTextToText.from_pretrained(
                name.model, use_safetensors=True, dtype=dtype, **where
            )
        except ValueError as error:
            reason = " ".join(str(error).split())[:200]
            raise WeightsError(
                f"captioner {config.name}: {name} writes no captions of images ({reason})"
            ) from error
    written = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
    return GeneratorCaptioner(model, channels.image_mean, channels.image_std).eval(), written
