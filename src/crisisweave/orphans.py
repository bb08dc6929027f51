"""Results that lie in `results/` and belong to no run of a profile: a method or seed was taken out of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from crisisweave.config.profile import Profile


def orphans(profile: Profile, results: Path) -> list[Path]:
    """Folders of runs and of transfers that the profile does not name, sorted.

    Several profiles may share `results/`; what another one made is an orphan of this one.

    Args:
        profile: says what is run.
        results: the folder `results/`.
    """
    runs = {results.parent / run.folder: profile.transfers_of(run) for run in profile.runs()}
    found = []
    for folder in sorted(results.glob("*/*/*/seed-*")):
        if folder not in runs:
            found.append(folder)
        else:
            found += [path for path in sorted(folder.glob("transfer/*")) if path.name not in runs[folder]]
    return found


def remove(folders: list[Path], results: Path) -> None:
    """Delete the folders, and the folders above them that are empty then."""
    for folder in folders:
        shutil.rmtree(folder)
        for parent in folder.parents:
            if parent == results or any(parent.iterdir()):
                break
            parent.rmdir()
