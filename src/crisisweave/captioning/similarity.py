"""The image–text score that chooses among an image's candidates.

`DualEncoderScorer` is small and trained here on the captions of train; it is not CLIP. `ClipScorer` is CLIP's
own similarity and reads CLIP's image embeddings as features.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from torch import Tensor, nn

from crisisweave.captioning.prefix import Normaliser
from crisisweave.captioning.tokenizer import end_token
from crisisweave.config.captioner import CaptionerConfig, Clip, DualEncoder
from crisisweave.config.strict import nearest
from crisisweave.encoders.bert import Bert, BertShape
from crisisweave.encoders.text import pool
from crisisweave.encoders.torchvision_compat import prepare_torchvision
from crisisweave.errors import ConfigError


class DualEncoderScorer(nn.Module):
    """A linear projection of the frozen image features and a small text encoder, trained by contrast."""

    def __init__(self, config: CaptionerConfig, cells: int, dim: int, tokenizer: Tokenizer):
        super().__init__()
        scorer = config.scorer
        if not isinstance(scorer, DualEncoder):
            raise TypeError(f"captioner {config.name} has no dual_encoder")
        assert config.image is not None
        assert config.language_model is not None
        self._tokenizer = tokenizer
        self._longest = config.language_model.positions
        self.normaliser = Normaliser(config.image.normalise, dim)
        self.feature_dropout = nn.Dropout(scorer.feature_dropout)
        self.image = nn.Linear(cells * dim, scorer.width)
        self.text = Bert(
            BertShape(
                vocabulary=tokenizer.get_vocab_size(),
                dim=scorer.width,
                layers=scorer.layers,
                heads=scorer.heads,
                intermediate=4 * scorer.width,
                positions=self._longest,
                types=1,
                dropout=scorer.dropout,
            )
        )
        self.text_projection = nn.Linear(scorer.width, scorer.width)
        self.log_scale = nn.Parameter(torch.tensor(1 / 0.07).log())

    def embed_images(self, features: Tensor) -> Tensor:
        """Raw features (n, cells, d) → unit vectors (n, width)."""
        flat = self.feature_dropout(self.normaliser(features)).flatten(1)
        return F.normalize(self.image(flat), dim=-1)

    def embed_texts(self, captions: Sequence[str]) -> Tensor:
        """Captions → unit vectors (n, width)."""
        end = end_token(self._tokenizer)
        encoded = [e.ids[: self._longest] or [end] for e in self._tokenizer.encode_batch(list(captions))]
        device = self.log_scale.device
        lengths = torch.tensor([len(ids) for ids in encoded], device=device)
        ids = nn.utils.rnn.pad_sequence([torch.tensor(i) for i in encoded], batch_first=True).to(device)
        mask = torch.arange(ids.shape[1], device=device) < lengths[:, None]
        states = self.text(ids, mask, torch.zeros_like(ids))
        return F.normalize(self.text_projection(pool(states, mask, "mean")), dim=-1)

    def loss(self, features: Tensor, captions: Sequence[str]) -> Tensor:
        """InfoNCE in both directions; images i and j with the same caption are no negatives of each other."""
        logits = self.log_scale.exp() * self.embed_images(features) @ self.embed_texts(captions).T
        ids = {caption: i for i, caption in enumerate(captions)}
        which = torch.tensor([ids[caption] for caption in captions], device=logits.device)
        own = torch.arange(len(captions), device=logits.device)
        same = (which[:, None] == which) & (own[:, None] != own)
        logits = logits.masked_fill(same, -torch.inf)
        return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


class ClipScorer(nn.Module):
    """CLIP's text encoder beside image features that are CLIP's image embeddings."""

    def __init__(self, config: Clip):
        super().__init__()
        prepare_torchvision()
        import open_clip

        known = open_clip.list_models()
        if config.model not in known:
            raise ConfigError(f"scorer: no open_clip model '{config.model}'; {nearest(config.model, known)}")
        model = open_clip.create_model(config.model, pretrained=None)
        # The image side is never run here: its embeddings arrive as features.
        del model.visual
        self.clip = model
        self._tokenizer = open_clip.get_tokenizer(config.model)

    def embed_images(self, features: Tensor) -> Tensor:
        """CLIP image embeddings (n, 1, d) → unit vectors (n, d)."""
        return F.normalize(features[:, 0], dim=-1)

    def embed_texts(self, captions: Sequence[str]) -> Tensor:
        """Captions → unit vectors (n, d)."""
        tokens = self._tokenizer(list(captions)).to(self.clip.logit_scale.device)
        return cast(Tensor, self.clip.encode_text(tokens, normalize=True))


Scorer = DualEncoderScorer | ClipScorer


def build_scorer(config: CaptionerConfig, cells: int, dim: int, tokenizer: Tokenizer) -> Scorer:
    """The captioner's scorer, untrained."""
    if isinstance(config.scorer, Clip):
        return ClipScorer(config.scorer)
    return DualEncoderScorer(config, cells, dim, tokenizer)


def similarities(scorer: Scorer, features: Tensor, candidates: Sequence[Sequence[str]]) -> list[list[float]]:
    """Cosine of each image (n, cells, d) with each of its candidates."""
    flat = [caption for own in candidates for caption in own]
    owner = torch.tensor([i for i, own in enumerate(candidates) for _ in own], device=features.device)
    with torch.inference_mode():
        images = scorer.embed_images(features)
        cosines = (images[owner] * scorer.embed_texts(flat)).sum(-1).tolist()
    found: Any = iter(cosines)
    return [[next(found) for _ in own] for own in candidates]
