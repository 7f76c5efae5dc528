"""Tells which libraries the threads belong to that Python has not started. Changes nothing.

Most libraries give theirs no name, and a number of threads tells nothing: Arrow may have ten, and the one of an OpenMP
that hangs in each fork went unnoticed among them (measured: scikit-learn, 3 of 3 cases). So their stacks are looked
at: a thread that waits stands in functions of its library, and will return to them.
"""

from __future__ import annotations

import array
import os
import re
import threading
import time
from bisect import bisect_right
from collections.abc import Iterable, Sequence

from .mappings import Area

STACK = 8_192
"""Bytes of a stack that are looked at; threads that wait for work have 4,600 to 5,800 of them."""

AT_REST = 0.06
"""Seconds until a thread waits that has just worked: such a one turns in a loop before."""

ADDRESS = (1 << 48) - 1
"""The rest of a word may be a signature of the address (arm64)."""

RUNTIMES = r"^(libc[.-]|libpthread|libm[.-]|ld-linux|ld-musl|libstdc\+\+|libgcc_s|\[vdso\])"
"""What threads of any library stand in, by file."""

HARMLESS = ("jemalloc_bg_thd", "polars-ooc")
"""Names of threads that come back, or nobody waits for: jemalloc restarts its own in forks, those that Polars begins as
it is imported clear up temporary files (all queries work in a fork that was made then)."""


def native_threads() -> frozenset[str]:
    """Return the system's numbers of our threads."""
    return frozenset(os.listdir("/proc/self/task"))  # noqa: PTH208


def libraries_with_threads(own: frozenset[str], mapped: Sequence[Area]) -> list[frozenset[str]]:
    """Return, for each thread that is neither Python's nor harmless, the files of libraries that it stands in.

    Args:
        own: Numbers of threads that are known.
        mapped: What is mapped.
    """
    python = {str(thread.native_id) for thread in threading.enumerate()}
    others = [task for task in native_threads() - own - python if not name_of(task).startswith(HARMLESS)]
    deadline = time.monotonic() + AT_REST
    return [found for task in others if (found := _libraries(task, mapped, deadline)) is not None]


def name_of(task: str) -> str:
    """Return the name of a thread, 15 letters at most; one that has just ended has a harmless one."""
    try:
        with open(f"/proc/self/task/{task}/comm", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
            return file.read().strip()
    except OSError:
        return HARMLESS[0]


def _libraries(task: str, mapped: Sequence[Area], deadline: float) -> frozenset[str] | None:
    """Return what a thread stands in; nothing is known of one that does not rest, None is one that has ended."""
    while True:
        try:
            with open(f"/proc/self/task/{task}/syscall", encoding="ascii") as file:  # noqa: PTH123
                words = file.read().split()
        except FileNotFoundError:
            return None
        except OSError:  # not told on this machine
            return frozenset()
        if len(words) > 2:
            return libraries_on(_stack(int(words[-2], 16), mapped), mapped)
        if time.monotonic() > deadline:
            return frozenset()
        time.sleep(0.002)


def _stack(pointer: int, mapped: Sequence[Area]) -> array.array[int]:
    end = next((area.end for area in mapped if area.start <= pointer < area.end), pointer)
    words = array.array("L")
    try:
        memory = os.open("/proc/self/mem", os.O_RDONLY)
        try:  # so, a stack that is gone meanwhile is an error; to look at it ourselves would end us
            content = os.pread(memory, min(end - pointer, STACK), pointer)
        finally:
            os.close(memory)
    except OSError:
        return words
    words.frombytes(content[: len(content) // words.itemsize * words.itemsize])
    return words


def libraries_on(words: Iterable[int], mapped: Sequence[Area]) -> frozenset[str]:
    """Return the names of the files that addresses on a stack lead into, those of every thread left out."""
    code = [area for area in mapped if "x" in area.flags]
    starts = [area.start for area in code]
    found = set()
    for word in words:
        address = word & ADDRESS
        at = bisect_right(starts, address) - 1
        if at >= 0 and address < code[at].end:
            found.add(code[at].name)
    return frozenset(name for name in found if not re.match(RUNTIMES, name))
