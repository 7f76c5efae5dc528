"""How much files in some folders take, looked at no oftener than is worth it. Changes nothing."""

import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kernel_executor.folders.trees import FOLDER

SHARE = 20
"""A look that took a second is not repeated within so many."""

MOST_IDLE = 10.0
"""Seconds after which it is looked even if the disk is as full as it was: somebody else may have made room."""

PART = 8
"""It is looked when the disk has lost a part of what is still allowed: one in so many."""

DEEPEST = 100
"""Folders in folders that are entered: each takes a descriptor meanwhile."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What files take.

    Args:
        size: Bytes on the disk.
        files: Files and folders.
    """

    size: int = 0
    files: int = 0


class DiskUse:
    """What the files in some folders take; the system tells how full a disk is at once, of a folder one has to count.

    Args:
        folders: The folders, all on one disk.
        allowed: What is allowed: far from it, it is looked less often.
    """

    def __init__(self, folders: Sequence[Path], allowed: Taken) -> None:
        self._folders = folders
        self._allowed = allowed
        self._free = (0, 0)
        self._next = self._latest = 0.0
        self.taken = Taken()

    def look(self, *, again: bool = False) -> Taken:
        """Return what they take, as last counted; count again if it may have become much more.

        Args:
            again: Count as soon as that is not too often: it may have become less.
        """
        now = time.monotonic()
        with suppress(OSError):  # the folder is gone: so is its disk use
            disk = os.statvfs(self._folders[0])
            free = (disk.f_bavail * disk.f_frsize, disk.f_ffree)
            if now >= self._next and (again or self._is_worth_it(free) or now - self._latest > MOST_IDLE):
                self.taken, self._free = count(self._folders), free
                self._latest = time.monotonic()
                self._next = self._latest + SHARE * (self._latest - now)
        return self.taken

    def _is_worth_it(self, free: tuple[int, int]) -> bool:
        size, files = self._free[0] - free[0], self._free[1] - free[1]
        left = self._allowed.size - self.taken.size, self._allowed.files - self.taken.files
        return not self._latest or size > left[0] // PART or files > left[1] // PART


def count(folders: Sequence[Path]) -> Taken:
    """Count what files in folders take; links are followed nowhere, and a file of two names counts once."""
    size = files = 0
    seen: set[int] = set()
    for folder in folders:
        with suppress(OSError):
            root = os.open(folder, FOLDER)
            try:
                for found in _below(root):
                    files += 1
                    if found.st_nlink == 1 or found.st_ino not in seen:
                        size += found.st_blocks * 512
                        if found.st_nlink > 1:
                            seen.add(found.st_ino)
            finally:
                os.close(root)
    return Taken(size, files)


def _below(folder: int, depth: int = 0) -> Iterator[os.stat_result]:
    """Yield what there is to know of all that is in an open folder; what cannot be entered is passed by."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # gone meanwhile, or another thing now
                found = entry.stat(follow_symlinks=False)
                yield found
                if stat.S_ISDIR(found.st_mode) and depth < DEEPEST:
                    inner = os.open(entry.name, FOLDER, dir_fd=folder)
                    try:
                        yield from _below(inner, depth + 1)
                    finally:
                        os.close(inner)
