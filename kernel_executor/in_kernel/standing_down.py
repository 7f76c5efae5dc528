"""Ends or renews what runs beside the code only to be ready for its next use, and comes back by itself then.

Without it a kernel that has once fitted a model with OpenMP, run `%%bash` or awaited `asyncio.to_thread` would never
again have a checkpoint.
"""

from __future__ import annotations

import ctypes
import queue
import re
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, thread as pools
from contextlib import suppress
from typing import Any

from .mappings import Area

SOON = 1.0
"""Seconds for a thread to end that has nothing to do."""

PAUSE = 1  # omp_pause_soft: what has been set stays


def stand_down(shell: Any, mapped: Sequence[Area], *, alone: bool) -> None:
    """End the threads of what is idle, in the live kernel.

    Args:
        shell: IPython's.
        mapped: What is mapped.
        alone: Whether no other thread of Python's runs code, which may compute at this moment.
    """
    for magics in tuple(shell.magics_manager.registry.values()):
        if type(magics).__name__ == "ScriptMagics":
            _stop_scripts(magics)
    _pause_openmp(mapped)
    if alone:
        _stop_openblas(mapped)


def _pause_openmp(mapped: Sequence[Area]) -> None:
    """End GNU OpenMP's threads, which a fork would wait for forever; the next parallel region starts others.

    Since GCC 9; those of the main thread, and others' have ended with the threads that used them.
    """
    if ends_its_forks(mapped):
        return
    for path in {area.path for area in mapped if re.match(r"libgomp[-.]", area.name)}:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(path).omp_pause_resource_all(PAUSE)


def _stop_openblas(mapped: Sequence[Area]) -> None:
    """Do what OpenBLAS does itself at each fork: its threads spin for 60 ms or more, and hide whose they are."""
    for path in {area.path for area in mapped if re.match(r"lib(scipy_)?openblas", area.name)}:
        with suppress(OSError, AttributeError):
            ctypes.CDLL(path).blas_thread_shutdown_()


def ends_its_forks(mapped: Sequence[Area]) -> bool:
    """Return whether numba has used OpenMP: it remembers in which process, and ends any other one."""
    return any(area.name.startswith("omppool.") for area in mapped)


def _stop_scripts(magics: Any) -> None:
    """End the thread in which IPython waits for `%%bash` and the like, unless one of them is in the background."""
    loop = getattr(magics, "event_loop", None)
    if loop is None or magics.bg_processes:
        return
    threads = [each for each in threading.enumerate() if getattr(each, "_target", None) == loop.run_forever]
    magics.event_loop = None
    loop.call_soon_threadsafe(loop.stop)
    for thread in threads:
        thread.join(SOON)
    if not loop.is_running():
        loop.close()


def idle_pool_of(thread: threading.Thread) -> ThreadPoolExecutor | None:
    """Return the pool that a thread waits in for work, if all of the pool does."""
    if getattr(thread, "_target", None) is not pools._worker:  # noqa: SLF001 - as `threading` keeps it
        return None
    pool = thread._args[0]()  # type: ignore[attr-defined]  # noqa: SLF001
    if type(pool) is not ThreadPoolExecutor or pool._initializer is not None:  # noqa: SLF001
        return None
    idle: int = pool._idle_semaphore._value  # noqa: SLF001
    return pool if pool._work_queue.empty() and idle >= len(pool._threads) else None  # noqa: SLF001


def _pools_left() -> Iterator[ThreadPoolExecutor]:
    for thread in tuple(pools._threads_queues):  # noqa: SLF001
        if pool := idle_pool_of(thread):
            yield pool


def idle_pools() -> list[ThreadPoolExecutor]:
    """Return the pools that are idle, each once."""
    return list({id(pool): pool for pool in _pools_left()}.values())


def renew_pools(idle: Sequence[ThreadPoolExecutor]) -> None:
    """Have pools start other threads, in a fork, where theirs are not."""
    for pool in idle:
        pool._threads = set()  # noqa: SLF001
        pool._idle_semaphore = threading.Semaphore(0)  # noqa: SLF001
        pool._work_queue = queue.SimpleQueue()  # noqa: SLF001
        pool._shutdown_lock = threading.Lock()  # noqa: SLF001
