"""Takes files away from file systems in memory that only a sandbox has. Knows no kernel."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

MOST = 5_000
"""Files that are remembered; where there are more, what came later stays."""


def home() -> frozenset[str]:
    """Return what stays in any case: the home folder, which programs expect to be there."""
    return frozenset({os.environ.get("HOME", "")})


def paths(folders: Sequence[str]) -> frozenset[str] | None:
    """Return the paths of all that is in some folders; None if there is too much."""
    found: set[str] = set()
    for folder in folders:
        for path in _walk(folder):
            found.add(path)
            if len(found) > MOST:
                return None
    return frozenset(found) | home()


def clear(folders: Sequence[str], kept: frozenset[str]) -> None:
    """Remove what is in some folders, but what is kept, other file systems, and the folders that lead to them."""
    for folder in folders:
        with contextlib.suppress(OSError):
            _clear(folder, os.lstat(folder).st_dev, kept)


def _walk(folder: str) -> Iterator[str]:
    with contextlib.suppress(OSError), os.scandir(folder) as found:
        for entry in found:
            yield entry.path
            if entry.is_dir(follow_symlinks=False) and not os.path.ismount(entry.path):
                yield from _walk(entry.path)


def _clear(folder: str, device: int, kept: frozenset[str]) -> None:
    with os.scandir(folder) as found:
        entries = list(found)
    for entry in entries:
        with contextlib.suppress(OSError):  # something is mounted in it, or on it
            if entry.is_dir(follow_symlinks=False):
                if entry.stat(follow_symlinks=False).st_dev == device:
                    _clear(entry.path, device, kept)
                    if entry.path not in kept:
                        os.rmdir(entry.path)
            elif entry.path not in kept:
                os.unlink(entry.path)
