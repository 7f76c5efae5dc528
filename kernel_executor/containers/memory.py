"""Gives up the checkpoints in a container while its memory is running out. Ends no kernel: the engine's limit does."""

import asyncio
from collections.abc import Sequence

from kernel_executor.aio.tasks import in_thread
from kernel_executor.limits import usage
from kernel_executor.limits.memory import MemoryUse
from kernel_executor.limits.watch import SECONDS, Spares

SHARE = 0.9
"""Of what a container may use. At the limit itself the system ends a kernel, though checkpoints hold what it lacks."""

SHARED: Sequence[str] = ("/dev/shm",)  # noqa: S108 - not ours, the container's
"""File systems that count as a container's memory."""

MOST = 4_096
"""Processes that are looked at."""


class MemoryWatch:
    """Looks at all that descends from one process in a container, from outside.

    Args:
        first: The process, by its number here.
        limit: Bytes that the container may use.
        spares: The checkpoints.
    """

    def __init__(self, first: int, limit: int, spares: Spares) -> None:
        self._first = first
        self._most = int(limit * SHARE)
        self._memory = MemoryUse(self._most)
        self._spares = spares

    async def look_on(self) -> None:
        """Look four times a second until we are cancelled."""
        while True:
            await asyncio.sleep(SECONDS)
            await in_thread(self.look)

    def look(self) -> None:
        """End the checkpoints if too much is used, and is not without them."""
        if not (spares := self._spares.numbers()):
            return
        pids = usage.family(self._first, MOST).pids
        files = sum(usage.in_memory(self._first, path) for path in SHARED)
        if self._memory.look(pids, files) > self._most and self._memory.is_enough_without(spares, pids, files):
            self._spares.end()
