"""Snakemake's records of what each file was made from, when DVC has put links to its cache in their place."""

from __future__ import annotations

import shutil
from pathlib import Path


def unlink_shared(folder: Path) -> None:
    """Replace every link in a folder of records by a copy of its own.

    Snakemake rewrites a record in place. Where DVC's cache is of type hardlink or symlink, that would write
    through the link and corrupt the cache for every clone that shares it. (What rules make is safe as it is:
    Snakemake removes an output before its job, and every step puts its files in place by renaming.)
    """
    for path in folder.rglob("*"):
        if path.is_file() and (path.is_symlink() or path.stat().st_nlink > 1):
            copy = path.with_name(f".{path.name}.own")
            shutil.copyfile(path, copy)
            copy.replace(path)
