"""Gives a fork copies of what it would share with the process it comes from: shared memory, pipes, places in files.

Called in the fork, while the other one waits. Nothing else runs there: no thread is forked along.
"""

from __future__ import annotations

import ctypes
import fcntl
import gc
import io
import mmap
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from .mappings import Area

OF_NOBODY = r"/dev/zero \(deleted\)$|/dev/shm/sem\.\S+ \(deleted\)$"
"""Shared memory that others have only by being forked: what `mmap.mmap(-1, n)` makes, and multiprocessing's locks. tqdm
has one of those; a kernel that was killed while it held it would leave it locked for good."""

F_SETPIPE_SZ, F_GETPIPE_SZ, SPLICE_F_NONBLOCK = 1031, 1032, 2
"""Of Linux; Python names the first two since 3.10."""

MOST = 64 << 20
"""Bytes of it that are copied at each fork; what is not shared costs nothing until it is written to."""


def is_nobodys(area: Area) -> bool:
    """Return whether nobody else has some shared memory, unless it was forked from us."""
    return re.match(OF_NOBODY, area.path) is not None


def can_copy(shared: Sequence[Area]) -> bool:
    """Return whether all of some shared memory can be copied: nobody else has it, and it is not too much."""
    return all(map(is_nobodys, shared)) and sum(area.end - area.start for area in shared) <= MOST


def copy_memory(shared: Iterable[Area]) -> None:
    """Put a copy of shared memory in its place, shared with those that are forked from us.

    Raises:
        MemoryError: There is no room.
    """
    library = ctypes.CDLL(None, use_errno=True)
    library.mmap.restype = ctypes.c_void_p
    number = ctypes.c_int
    library.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, number, number, number, ctypes.c_long]
    flags = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | 0x10  # MAP_FIXED
    for area in shared:
        size = area.end - area.start
        content = ctypes.string_at(area.start, size)
        if library.mmap(area.start, size, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0) != area.start:
            raise MemoryError("no room for shared memory")
        ctypes.memmove(area.start, content, size)


def flags_and_place(descriptor: int) -> tuple[int, int]:
    """Return how a descriptor was opened, and where in its file it is."""
    rows = _facts(descriptor)
    return int(rows["flags"], 8), int(rows["pos"])


def is_locked(descriptor: int) -> bool:
    """Return whether it holds a lock on its file, which a file that is opened again does not."""
    return "lock" in _facts(descriptor)


def _facts(descriptor: int) -> dict[str, str]:
    with open(f"/proc/self/fdinfo/{descriptor}", encoding="ascii") as file:  # noqa: PTH123
        return dict(line.split(":", 1) for line in file if ":" in line)


def is_file(descriptor: int) -> bool:
    """Return whether it is a regular one."""
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def reopen_files(descriptors: Iterable[int]) -> None:
    """Open files once more, at the same place: what another process reads moves ours no longer.

    Raises:
        OSError: One cannot be opened.
    """
    for descriptor in descriptors:
        flags, place = flags_and_place(descriptor)
        again = os.open(f"/proc/self/fd/{descriptor}", flags & (os.O_ACCMODE | os.O_APPEND | os.O_NONBLOCK))
        os.lseek(again, place, os.SEEK_SET)
        os.dup2(again, descriptor, inheritable=os.get_inheritable(descriptor))
        os.close(again)


def copy_pipes(opened: Mapping[int, str]) -> None:
    """Put pipes of our own in the place of others', with all that waits in them: in a pool that was closed, say.

    Args:
        opened: What the code has open, and where it leads.

    Raises:
        OSError: One cannot be copied.
    """
    for pipe in {target for target in opened.values() if target.startswith("pipe:")}:
        ends = {each: flags_and_place(each)[0] for each, target in opened.items() if target == pipe}
        reads, writes = os.pipe()
        for end, flags in ends.items():
            ours = writes if flags & os.O_ACCMODE else reads
            if ours == reads:
                _copy_content(end, writes)
            os.set_blocking(ours, not flags & os.O_NONBLOCK)
            os.dup2(ours, end, inheritable=os.get_inheritable(end))
        os.close(reads)
        os.close(writes)


def _copy_content(reads: int, writes: int) -> None:
    size = fcntl.fcntl(reads, F_GETPIPE_SZ)
    fcntl.fcntl(writes, F_SETPIPE_SZ, size)
    library = ctypes.CDLL(None, use_errno=True)
    library.tee.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_size_t, ctypes.c_uint]
    library.tee(reads, writes, size, SPLICE_F_NONBLOCK)  # nothing is taken out; in an empty one it finds nothing


def write_out() -> None:
    """Write what files of Python's still hold back: two processes would write it, otherwise."""
    kinds = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
    files: list[Any] = [each for each in gc.get_objects() if type(each) in kinds]  # `isinstance` asks anybody's objects
    for file in sorted(files, key=lambda file: kinds.index(type(file))):  # what wraps another one comes first
        with suppress(Exception):  # closed, or broken: it will say so to who uses it
            file.flush()
