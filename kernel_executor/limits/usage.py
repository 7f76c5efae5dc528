"""What processes use, read from /proc: how many there are, how much memory they hold. Knows no limit."""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

KIB = 1_024
INODE = 1_024
"""Bytes of the system's memory that a file in memory takes, besides what is in it."""


@dataclass(frozen=True, slots=True)
class Held:
    """A file that has no name any more, or never had one; its room is given back when it is closed.

    Args:
        in_memory: Whether it is shared memory; else it is on a disk.
        device: Of its file system.
        inode: Its own.
        size: Bytes that it takes.
    """

    in_memory: bool
    device: int
    inode: int
    size: int


def family(pid: int, most: int) -> list[int]:
    """Return a process and all that descend from it, or the first so many of them.

    An orphan is a child of the sandbox's first process, or of the one that started it.
    """
    found = [pid]
    for each in found:
        if len(found) > most:
            break
        found += _children(each)
    return found


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError):  # it is gone
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - the names are wanted, four times a second
            yield from map(int, _read(f"/proc/{pid}/task/{task}/children").split())


def own_memory(pid: int) -> int:
    """Return the bytes that a process holds and shares with no file, swapped out or not; 0 if it is gone.

    What forks have in common is counted for each of them.
    """
    return read_status(_read(f"/proc/{pid}/status"))


def read_status(text: bytes) -> int:
    """Read a text as in /proc/self/status."""
    return KIB * sum(_numbers(text, (b"RssAnon:", b"VmSwap:")))


def proportional_memory(pid: int) -> int | None:
    """Return the same, with what forks have in common divided among them; None if it is not ours to see.

    The system looks at each page for it: 20 ms a gigabyte.
    """
    try:
        return read_rollup(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
    except PermissionError:
        return None
    except OSError:
        return 0


def read_rollup(text: bytes) -> int:
    """Read a text as in /proc/self/smaps_rollup."""
    return KIB * sum(_numbers(text, (b"Pss_Anon:", b"SwapPss:")))


def _numbers(text: bytes, names: tuple[bytes, ...]) -> Iterator[int]:
    for line in text.splitlines():
        if line.startswith(names):
            yield int(line.split()[1])


def in_memory(pid: int, path: str) -> int:
    """Return the bytes that a file system in memory takes, as a process sees it at a path; 0 if it has none there.

    A sandbox that is being made still sees ours, which may be a disk: a kernel was ended for 26 GB that lay there.
    """
    inside = f"/proc/{pid}/root{path}"
    try:
        if Path(inside).stat().st_dev == Path(path).stat().st_dev:
            return 0
        found = os.statvfs(inside)
    except OSError:
        return 0
    return (found.f_blocks - found.f_bfree) * found.f_frsize + (found.f_files - found.f_ffree) * INODE


def nameless_files(pids: Iterable[int]) -> set[Held]:
    """Return the files without a name that processes have open: nothing else tells of the room they take."""
    found: set[Held] = set()
    for pid in pids:
        with suppress(OSError):  # it is gone, or not ours to see
            for name in os.listdir(f"/proc/{pid}/fd"):  # noqa: PTH208
                held = _held(f"/proc/{pid}/fd/{name}")
                if held:
                    found.add(held)
    return found


def _held(link: str) -> Held | None:
    try:
        path = os.readlink(link)  # noqa: PTH115
        if not path.endswith(" (deleted)"):
            return None
        seen = os.stat(link)  # noqa: PTH116
    except OSError:
        return None
    if not stat.S_ISREG(seen.st_mode) or seen.st_nlink:
        return None
    return Held(path.startswith(("/memfd:", "/dev/shm/")), seen.st_dev, seen.st_ino, seen.st_blocks * 512)  # noqa: S108


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
