"""What processes use, read from /proc: how many there are, how much memory they hold. Knows no limit."""

import os
import stat
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

KIB = 1_024
INODE = 1_024
"""Bytes of the system's memory that a file in memory takes, besides what is in it."""


MOST_FILES = 10_000
"""Open files of a process that are looked at: 0.1 s."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process has in memory, in bytes, without what can be read from a disk again.

    Args:
        private: What it shares with no file, swapped out or not.
        shared: What it has mapped of files in memory, and memory that it has shared before it forked.
    """

    private: int = 0
    shared: int = 0


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


@dataclass(frozen=True, slots=True)
class Family:
    """A process and all that descend from it.

    Args:
        pids: Their numbers.
        tasks: How many threads they have.
    """

    pids: Sequence[int]
    tasks: int


def family(pid: int, most: int) -> Family:
    """Return a process and all that descend from it, or the first so many of them.

    An orphan is a child of the sandbox's first process, or of the one that started it.
    """
    found, threads = [pid], 0
    for each in found:
        if len(found) > most:
            break
        tasks = _tasks(each)
        threads += len(tasks)
        for task in tasks:
            found += map(int, _read(f"/proc/{each}/task/{task}/children").split())
    return Family(found, threads)


def _tasks(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - the names are wanted, four times a second
    except OSError:  # it is gone
        return []


def own_memory(pid: int) -> Memory:
    """Return what a process has; nothing if it is gone. What forks have in common is counted for each of them."""
    return read_status(_of_any_thread(pid, "status", b"\nRssAnon:"))


def _of_any_thread(pid: int, name: str, expected: bytes) -> bytes:
    """Read a file of a process; if its first thread has ended, that of another one, which has the same memory."""
    text = _read(f"/proc/{pid}/{name}")
    if expected in text:
        return text
    others = (_read(f"/proc/{pid}/task/{task}/{name}") for task in _tasks(pid))
    return next((other for other in others if expected in other), b"")


def read_status(text: bytes) -> Memory:
    """Read a text as in /proc/self/status."""
    return Memory(_numbers(text, (b"RssAnon:", b"VmSwap:")), _numbers(text, (b"RssShmem:",)))


def proportional_memory(pid: int) -> Memory | None:
    """Return the same, with what forks have in common divided among them; None if it is not ours to see.

    The system looks at each page for it: 20 ms a gigabyte.
    """
    with suppress(FileNotFoundError, ProcessLookupError):
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb"):  # noqa: PTH123 - four times a second
                pass
        except PermissionError:
            return None
    return read_rollup(_of_any_thread(pid, "smaps_rollup", b"\nPss"))


def read_rollup(text: bytes) -> Memory:
    """Read a text as in /proc/self/smaps_rollup."""
    return Memory(_numbers(text, (b"Pss_Anon:", b"SwapPss:")), _numbers(text, (b"Pss_Shmem:",)))


def available_memory() -> int:
    """Return the bytes that the machine could still give to programs."""
    return _numbers(_read("/proc/meminfo"), (b"MemAvailable:",))


def whole_memory() -> int:
    """Return the bytes of memory that the machine has."""
    return _numbers(_read("/proc/meminfo"), (b"MemTotal:",))


def _numbers(text: bytes, names: tuple[bytes, ...]) -> int:
    """Return the sum of some lines of such a text, in bytes."""
    # Not `splitlines`: a program's name, in the first line, may hold any other end of a line.
    return KIB * sum(int(line.split()[1]) for line in text.split(b"\n") if line.startswith(names))


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


def device_of(path: str) -> int:
    """Return the number of the file system that a folder is on; 0 if it is gone."""
    try:
        return os.stat(path).st_dev  # noqa: PTH116 - four times a second
    except OSError:
        return 0


def nameless_files(pids: Iterable[int]) -> set[Held]:
    """Return the files without a name that processes have open: nothing else tells of the room they take."""
    found: set[Held] = set()
    for pid in pids:
        with suppress(OSError):  # it is gone, or not ours to see
            for name in os.listdir(f"/proc/{pid}/fd")[:MOST_FILES]:  # noqa: PTH208
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
