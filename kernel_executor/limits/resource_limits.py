"""How much of the machine sandboxed code may use: what a user asks for, and what that is on this machine."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from kernel_executor.sizes import read_size, size_text

MEMORY_SHARE = 0.8
"""Of the machine's memory: the rest is for the system, the notebook's server, a browser."""

DISK_LEFT = 0.05
"""Share of what is free on the disk that is left free."""

TASKS_PER_PROCESS = 8
"""Threads, on average, of as many processes as may be: the bound that the system itself keeps."""

ASK = "ask for more: `%config CodeAgent.limits`, --limits, or resource_limits= in Python"
"""What is said where a limit was met."""

MOST = 2**62
"""More than any machine has; the system counts with 64 bits."""

CGROUPS = Path("/sys/fs/cgroup")

OF_CGROUPS = {
    "memory": (("memory.max",), ("memory.limit_in_bytes",)),
    "cpu": (("cpu.max",), ("cpu.cfs_quota_us", "cpu.cfs_period_us")),
}
"""What is bounded, and the files that tell how far, in a cgroup of version 2 and in one of version 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLimits:
    """How much sandboxed code may use, all its processes together; None is what this machine bears.

    Args:
        memory: Bytes of memory, with what lies in `/dev/shm` and bubblewrap's `/tmp`; by default four fifths of the
            machine's, or of the container's.
        processes: Processes at once.
        disk: Bytes of files in its working folder; by default what is free but for a twentieth.
        file_size: Bytes of one file, in memory too; by default as many as `disk` or `temporary`.
        temporary: Bytes in `/tmp`, and as many in `/dev/shm`; by default half of `memory`.
        files: Files in its working folder.

    Raises:
        ValueError: One of them is not more than 0, or absurd.
    """

    memory: int | None = None
    processes: int = 1_024
    disk: int | None = None
    file_size: int | None = None
    temporary: int | None = None
    files: int = 1_000_000

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MOST):
                most = f"must be a whole number above 0, and at most {MOST}"
                raise ValueError(f"the limit {each.name} {most}; it is {value!r}")

    @classmethod
    def read(cls, text: str) -> "ResourceLimits":
        """Return the limits that a text such as `memory=8GB, processes=2000` asks for; empty leaves all as they are.

        Raises:
            ValueError: It names something else, or no number.
        """
        known = {each.name for each in fields(cls)}
        given: dict[str, int] = {}
        for part in filter(str.strip, text.split(",")):
            name, _, value = (word.strip() for word in part.partition("="))
            if name not in known or not value:
                raise ValueError(
                    f"{part.strip()!r} is no limit; write NAME=VALUE with one of {', '.join(sorted(known))}, "
                    "e.g. memory=8GB"
                )
            if name in {"processes", "files"} and not value.isdecimal():
                raise ValueError(f"{name} must be a whole number, not {value!r}")
            given[name] = read_size(value)
        return cls(**given)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Limits in numbers, as they hold on this machine; sizes in bytes."""

    memory: int
    processes: int
    disk: int
    file_size: int
    temporary: int
    files: int

    @property
    def tasks(self) -> int:
        """How many threads there may be."""
        return self.processes * TASKS_PER_PROCESS

    def __str__(self) -> str:
        memory, disk = size_text(self.memory), size_text(self.disk)
        return f"at most {memory} of memory, {self.processes:,} processes and {disk} of files"


def bounds_of(limits: ResourceLimits, *, memory: int, free: int) -> Bounds:
    """Return limits in numbers.

    Args:
        limits: What a user asks for.
        memory: Bytes that the machine has.
        free: Bytes that are free on the disk.
    """
    most = limits.memory or int(memory * MEMORY_SHARE)
    disk = limits.disk or max(1, int(free * (1 - DISK_LEFT)))
    temporary = limits.temporary or most // 2
    return Bounds(
        memory=most,
        processes=limits.processes,
        disk=disk,
        file_size=limits.file_size or max(disk, temporary),
        temporary=temporary,
        files=limits.files,
    )


def bounds_here(limits: ResourceLimits, folder: Path) -> Bounds:
    """Return limits in numbers, for code that keeps its files in a folder."""
    disk = os.statvfs(folder)
    return bounds_of(limits, memory=machine_memory(), free=disk.f_bavail * disk.f_frsize)


def machine_memory() -> int:
    """Return the bytes of memory that there are: those of the machine, or fewer where our own cgroup has a limit."""
    most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([most, *memory_limits(own_cgroups(), _read_number)])


def own_cgroups() -> str:
    """Return which cgroups we are in, as /proc/self/cgroup tells it; empty where there are none."""
    try:
        return Path("/proc/self/cgroup").read_text()
    except OSError:  # not Linux
        return ""


def memory_limits(own: str, read: Callable[[Path], int | None]) -> Iterator[int]:
    """Yield the limits of the cgroups that a process is in, in bytes.

    Args:
        own: A text as in /proc/self/cgroup.
        read: Returns the number in a file, None where there is none.
    """
    yield from filter(None, map(read, _files(own, "memory")))


def limit_files(own: str) -> list[Path]:
    """Return the files, there or not, that tell programs how much memory and CPU their cgroups allow.

    Args:
        own: A text as in /proc/self/cgroup.
    """
    return [path for bounded in OF_CGROUPS for path in _files(own, bounded)]


def _files(own: str, bounded: str) -> Iterator[Path]:
    for line in own.splitlines():
        _, kinds, path = line.split(":", 2)
        if kinds and bounded not in kinds.split(","):
            continue
        root = CGROUPS / bounded if kinds else CGROUPS
        names = OF_CGROUPS[bounded][bool(kinds)]
        # In a container the path is that of the host, and not there; the limit is at the root then.
        here = root / path.lstrip("/")
        for folder in (here, *(outer for outer in here.parents if outer.is_relative_to(root))):
            yield from (folder / name for name in names)


def _read_number(path: Path) -> int | None:
    try:
        text = path.read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None  # or `max`
