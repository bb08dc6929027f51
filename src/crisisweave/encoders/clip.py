"""CLIP's two encoders (Radford et al., 2021) by open_clip, each by itself.

Both end in CLIP's shared space: the projections of the published model belong to them.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn

from crisisweave.encoders.names import EncoderName
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import WeightsError

_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
_MERGES = 49152 - 256 - 2
_START, _END = "<start_of_text>", "<end_of_text>"


def clip_model(name: EncoderName) -> Any:
    """An open_clip model with both encoders; without a pretraining tag its weights are random.

    Raises:
        WeightsError: its weights are missing here or altered, or there is no such model.
    """
    prepare_torchvision()
    import open_clip

    try:
        return open_clip.create_model(name.model, pretrained=name.detail or None)
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"encoder '{name}' could not be loaded ({' '.join(str(error).split())[:200]}); check the name, "
            f"and run 'crisisweave fetch' with the same profile on a machine with internet"
        ) from error


class ClipText(nn.Module):
    """CLIP's text transformer: token ids → token states in the space that it shares with images."""

    attn_mask: Tensor

    def __init__(self, model: Any):
        super().__init__()
        self.token_embedding = model.token_embedding
        self.positional_embedding = model.positional_embedding
        self.transformer = model.transformer
        self.ln_final = model.ln_final
        self.text_projection = model.text_projection
        self.register_buffer("attn_mask", model.attn_mask, persistent=False)

    def words(self) -> nn.Embedding:
        """The word vectors."""
        table: nn.Embedding = self.token_embedding
        return table

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor) -> Tensor:
        """Token ids (B, L) → states (B, L, d).

        A token sees those before it alone, so padding, which stands at the end, needs no mask.
        """
        length = ids.shape[1]
        states = self.token_embedding(ids) + self.positional_embedding[:length]
        states = self.transformer(states, attn_mask=self.attn_mask[:length, :length])
        projected: Tensor = self.ln_final(states) @ self.text_projection
        return projected


def clip_tokenizer() -> Tokenizer:
    """CLIP's byte-pair tokenizer from the vocabulary that ships with open_clip.

    The same tokens as open_clip's own, held equal by a test, as fast as those of other encoders and with each
    token's word.
    """
    prepare_torchvision()
    import open_clip

    path = Path(open_clip.__file__).parent / "bpe_simple_vocab_16e6.txt.gz"
    lines = gzip.decompress(path.read_bytes()).decode("utf-8").split("\n")
    merges = [(left, right) for left, right in (line.split() for line in lines[1 : _MERGES + 1])]
    letters = [chr(c) for c in _byte_letters()]
    words = [*letters, *(letter + "</w>" for letter in letters), *(a + b for a, b in merges), _START, _END]
    vocabulary = {word: i for i, word in enumerate(words)}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, merges, continuing_subword_prefix="", end_of_word_suffix="</w>")
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{_START} $A {_END}",
        pair=f"{_START} $A $B {_END}",
        special_tokens=[(word, vocabulary[word]) for word in (_START, _END)],
    )
    return tokenizer


def _byte_letters() -> list[int]:
    """The letter that stands for each byte: itself where it is visible, else the next one from 256 on."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return [*visible, *(256 + n for n in range(256 - len(visible)))]
