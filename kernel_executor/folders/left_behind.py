"""Folders of ours that outlive a killed owner: locked while it lives, swept by the next one. Knows no content."""

import fcntl
import os
import stat
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from kernel_executor.folders.trees import FOLDER, remove

LOCK = "owner.lock"
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
"""How a file of ours is made where code may write: never through a link, never over another one."""


class Lock:
    """A locked file: until it is closed or forgotten, or our process ends, however that comes.

    Args:
        descriptor: Its descriptor.
    """

    def __init__(self, descriptor: int) -> None:
        # For who is forgotten: a loop that closes awaits nobody's end.
        self._close = weakref.finalize(self, os.close, descriptor)
        self._close.atexit = False

    def close(self) -> None:
        """Unlock and close it; may be called twice."""
        self._close()


def lock(folder: Path) -> Lock:
    """Lock a file in a folder. It has its name only when it is locked.

    Raises:
        OSError: The folder is a link, which code may have put in its place; or it cannot be written to.
    """
    nameless, inside = f".{LOCK}", os.open(folder, FOLDER)
    try:
        descriptor = os.open(nameless, NEW, 0o600, dir_fd=inside)
        file = Lock(descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        os.rename(nameless, LOCK, src_dir_fd=inside, dst_dir_fd=inside)
        return file
    finally:
        os.close(inside)


def sweep(locks: Iterable[Path]) -> list[Path]:
    """Remove the folders of owners that were killed; return them.

    A lock tells them, not a process number: another container that shares the folder has numbers of its own.

    Args:
        locks: Lock files in such folders.
    """
    removed: list[Path] = []
    for path in locks:
        with suppress(OSError):  # not ours, gone meanwhile, or no file of ours: executed code may write there
            removed += _remove_if_left(path)
    return removed


def _remove_if_left(path: Path) -> Iterator[Path]:
    # Without waiting: a named pipe put in its place would keep us forever.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # its owner holds it as long as it lives
        found = os.fstat(file.fileno())
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid():
            remove_tree(path.parent)
            yield path.parent


def remove_tree(path: Path) -> None:
    """Remove a folder of ours with all that is in it, whatever code has done to its modes and depth."""
    with suppress(OSError):
        outer = os.open(path.parent, FOLDER)
        try:
            remove(outer, path.name)
        finally:
            os.close(outer)
