"""How much files in some folders take, looked at no oftener than is worth it. Changes nothing."""

import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kernel_executor.folders.trees import FOLDER, allow

SHARE = 20
"""A look that took a second is not repeated within so many."""

MOST_IDLE = 1.0
"""Seconds after which it is looked even if the disk is as full as it was: others may have made room meanwhile."""

PART = 8
"""It is looked when the disk has lost a part of what is still allowed: one in so many."""

DEEPEST = 100
"""Folders in folders that are entered in one go: each takes a descriptor meanwhile."""

MOST_WAITING = 100
"""Folders deeper than that which wait, opened, for their turn."""

SHARE_WHEN_FULL = 4
"""As SHARE, where the disk has lost more than is allowed."""


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
        folders: The folders.
        allowed: What is allowed: far from it, it is looked less often.
    """

    def __init__(self, folders: Sequence[Path], allowed: Taken) -> None:
        self._folders = folders
        self._allowed = allowed
        self._free = (0, 0)
        self._latest = self._cost = 0.0
        self.taken = Taken()

    def look(self, *, again: bool = False) -> Taken:
        """Return what they take, as last counted; count again if it may have become much more.

        Args:
            again: Count as soon as that is not too often: it may have become less.
        """
        now = time.monotonic()
        with suppress(OSError):  # the folder is gone: so is its disk use
            free = _free(self._folders)
            share = SHARE_WHEN_FULL if self._may_be_full(free) else SHARE
            if now >= self._latest + share * self._cost and (
                again or self._is_worth_it(free) or now - self._latest > MOST_IDLE
            ):
                self.taken, self._free = count(self._folders), free
                self._latest = time.monotonic()
                self._cost = self._latest - now
        return self.taken

    def _may_be_full(self, free: tuple[int, int]) -> bool:
        return self.taken.size + self._free[0] - free[0] > self._allowed.size

    def _is_worth_it(self, free: tuple[int, int]) -> bool:
        size, files = self._free[0] - free[0], self._free[1] - free[1]
        left = self._allowed.size - self.taken.size, self._allowed.files - self.taken.files
        return not self._latest or size > left[0] // PART or files > left[1] // PART


def _free(folders: Sequence[Path]) -> tuple[int, int]:
    """Return the bytes and the files that there is room for on the disks of some folders."""
    disks = {folder.stat().st_dev: os.statvfs(folder) for folder in folders}
    return sum(disk.f_bavail * disk.f_frsize for disk in disks.values()), sum(disk.f_ffree for disk in disks.values())


def count(folders: Sequence[Path]) -> Taken:
    """Count what files in folders take; links are followed nowhere, and a file of two names counts once."""
    size = files = 0
    seen: set[int] = set()
    for folder in folders:
        waiting: list[int] = []
        with suppress(OSError):
            waiting.append(os.open(folder, FOLDER))
        while waiting:
            root = waiting.pop()
            try:
                with suppress(OSError):  # it is gone meanwhile
                    for found in _below(root, waiting):
                        files += 1
                        if found.st_nlink == 1 or found.st_ino not in seen:
                            size += found.st_blocks * 512
                            if found.st_nlink > 1:
                                seen.add(found.st_ino)
            finally:
                os.close(root)
    return Taken(size, files)


def _below(folder: int, waiting: list[int], depth: int = 0) -> Iterator[os.stat_result]:
    """Yield what there is to know of all that is in an open folder; what is very deep waits for its turn."""
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):  # gone meanwhile, or another thing now
                found = entry.stat(follow_symlinks=False)
                yield found
                if not stat.S_ISDIR(found.st_mode):
                    continue
                inner = _entered(entry.name, folder)
                if depth == DEEPEST and len(waiting) < MOST_WAITING:
                    waiting.append(inner)
                    continue
                try:
                    if depth < DEEPEST:
                        yield from _below(inner, waiting, depth + 1)
                finally:
                    os.close(inner)


def _entered(name: str, folder: int) -> int:
    """Open a folder; one that code has closed to its own user is opened to us.

    Raises:
        OSError: It is gone, or a link.
    """
    try:
        return os.open(name, FOLDER, dir_fd=folder)
    except PermissionError:
        allow(name, folder, stat.S_IRWXU)
        return os.open(name, FOLDER, dir_fd=folder)
