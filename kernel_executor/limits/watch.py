"""Looks after what the processes of one sandbox use: names what is too much, and holds their files back. Ends nobody.

A cgroup would do it better, and is rarely delegated: not in containers, not below a notebook's server that systemd
started for all its users. So we look, four times a second: 0.4 ms for a kernel of one process (measured).
"""

import resource
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kernel_executor.limits import usage
from kernel_executor.limits.disk import DiskUse, Taken
from kernel_executor.limits.memory import MemoryUse
from kernel_executor.limits.resource_limits import ASK, TASKS_PER_PROCESS, Bounds
from kernel_executor.outputs.exit_codes import describe_exit
from kernel_executor.sizes import size_text

SECONDS = 0.25
"""Between two looks; longer where one takes long."""

SOON = 0.03
"""Seconds until it is looked again where memory was too much."""

SHARE = 20
"""As for `disk`: after a look that took 20 ms there is none for 0.4 s."""

LONGEST = 1.0
"""Seconds, whatever a look took."""

OVER = 1.1
BESIDES = 64 << 20
"""Files are held back at their limit; what grows on, by a tenth and so many bytes, ends the code."""

SMALL = 1 << 20
"""Bytes that a file may have when files are held back: programs need some, e.g. to find a place for temporary ones."""

FREE_AGAIN = 0.98
"""They are let grow again below this, so that a file more or less does not make it flicker."""


class Spares(Protocol):
    """Processes that use memory for later, and can be done without."""

    def numbers(self) -> frozenset[int]:
        """Return their numbers."""
        ...

    def end(self) -> None:
        """End them."""
        ...


class NoSpares:
    """What has none."""

    def numbers(self) -> frozenset[int]:
        """Return nothing."""
        return frozenset()

    def end(self) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is looked after.

    Args:
        first: The process that all others descend from.
        inside: A process that sees the sandbox's own file systems.
        in_memory: Those that are in memory, by their path in there.
        on_disk: The folders that code keeps files in, on this machine.
        given: Bytes in them that code was given: copies of the user's files.
        is_alone: Whether the system counts the threads in the sandbox by themselves, not with all of the user's.
    """

    first: int
    inside: int
    in_memory: Sequence[str] = ()
    on_disk: Sequence[Path] = ()
    given: int = 0
    is_alone: bool = True


class ResourceWatch:
    """Looks after one sandbox, from one thread.

    Args:
        watched: What is looked after.
        bounds: What it may use.
        spares: What is ended before anything else is too much.
    """

    def __init__(self, watched: Watched, bounds: Bounds, spares: Spares) -> None:
        self._watched = watched
        self._spares = spares
        self._bounds = bounds
        self._memory = MemoryUse(bounds.memory)
        self._disk = DiskUse(watched.on_disk, Taken(bounds.disk + watched.given, bounds.files))
        self._most_size: float = bounds.disk
        self._suspects = False
        self._most_files = bounds.files
        self._held_back = False
        self.pause = SECONDS
        self.needs_all = False
        """Whether only the end of all processes helps: who forks faster than one by one can be ended."""

    def bind(self, pid: int) -> None:
        """Set the limits that the system keeps by itself, on a process that has started nothing yet."""
        _lower(pid, resource.RLIMIT_FSIZE, self._bounds.file_size)
        if self._watched.is_alone:
            _lower(pid, resource.RLIMIT_NPROC, self._bounds.tasks)

    def begin(self) -> None:
        """Look at what is there: to end code for what an earlier kernel has left would end every one after it."""
        start = self._disk.look()
        self._most_size = max(self._bounds.disk + self._watched.given, start.size) * OVER + BESIDES
        self._most_files = max(self._bounds.files, int(start.files * OVER))

    def look(self) -> str:
        """Return why the code has to be ended, a clause; empty if all is well."""
        begun = time.monotonic()
        family = usage.family(self._watched.first, self._bounds.processes)
        folders = [f"/proc/{self._watched.inside}/root{path}" for path in self._watched.in_memory]
        # A file system in memory counts those in it itself.
        counted = set(map(usage.device_of, folders))
        nameless = [each for each in usage.nameless_files(family.pids) if each.device not in counted]
        too_many = self._too_many(family)
        self.needs_all = bool(too_many)
        cause = too_many or self._confirmed(self._too_much_memory(family.pids, nameless))
        self.pause = SOON if self._suspects else min(LONGEST, max(SECONDS, SHARE * (time.monotonic() - begun)))
        return cause or self._too_many_files(nameless)

    def _confirmed(self, cause: str) -> str:
        """Return a cause if it was there a moment ago, too: a new child has its parent's memory for a moment."""
        confirmed = cause if self._suspects else ""
        self._suspects = bool(cause)
        return confirmed

    def why_ended(self, exit_code: int) -> str:
        """Return what an exit code means here; empty if it tells nothing of limits."""
        if exit_code == 128 + signal.SIGBUS and self._watched.in_memory:
            room = size_text(self._bounds.temporary)
            return f"{describe_exit(exit_code)}, perhaps out of shared memory: /dev/shm holds {room}; {ASK}"
        if exit_code == 128 + signal.SIGXFSZ:
            return f"disk full: a file may have {size_text(self._bounds.file_size)}; {ASK}"
        return ""

    def _too_many(self, family: usage.Family) -> str:
        if len(family.pids) > self._bounds.processes:
            return f"too many processes: more than {self._bounds.processes:,}; {ASK}"
        if family.tasks > self._bounds.tasks:
            return f"too many threads: more than {self._bounds.tasks:,}, {TASKS_PER_PROCESS} for each process; {ASK}"
        return ""

    def _too_much_memory(self, pids: Sequence[int], nameless: Iterable[usage.Held]) -> str:
        files = sum(usage.in_memory(self._watched.inside, path) for path in self._watched.in_memory)
        files += sum(each.size for each in nameless if each.in_memory)
        used = self._memory.look(pids, files)
        if used <= self._bounds.memory:
            return ""
        if self._memory.is_enough_without(self._spares.numbers(), pids, files):
            self._spares.end()
            return ""
        sizes = f"it used {size_text(used)} and may use {size_text(self._bounds.memory)}"
        return f"out of memory: {sizes}; work on the data in parts, or {ASK}"

    def _too_many_files(self, nameless: Iterable[usage.Held]) -> str:
        taken = self._disk.look(again=self._held_back)
        size = taken.size + sum(each.size for each in nameless if not each.in_memory)
        most = self._bounds.disk + self._watched.given
        if size > most:
            self._hold_back(min(SMALL, self._bounds.file_size))
            self._held_back = True
        elif self._held_back and size < most * FREE_AGAIN:
            self._hold_back(self._bounds.file_size)
            self._held_back = False
        if taken.files > self._most_files:
            return f"too many files: {taken.files:,} in its folder; {ASK}"
        if size > self._most_size:
            return f"disk full: its files took {size_text(size)} and may take {size_text(self._bounds.disk)}; {ASK}"
        return ""

    def _hold_back(self, size: int) -> None:
        """Hold the files of processes to a size: as on a full disk, writing fails, and removing does not."""
        # Looked for again: since the last time a number may have become another process's.
        for pid in usage.family(self._watched.first, self._bounds.processes).pids:
            with suppress(OSError, ValueError):  # it is gone, or has lowered its own limit
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, self._bounds.file_size))


def _lower(pid: int, kind: int, most: int) -> None:
    with suppress(OSError):  # the process is gone: that is noticed elsewhere
        _, hard = resource.prlimit(pid, kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.prlimit(pid, kind, (most, most))
