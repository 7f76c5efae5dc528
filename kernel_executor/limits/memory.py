"""How much memory some processes use together, looked at page by page no oftener than is worth it. Ends nobody."""

import time
from collections.abc import Collection, Sequence

from kernel_executor.limits import usage
from kernel_executor.limits.usage import Memory

SHARE = 20
"""A look at all pages that took a second is not repeated within so many."""

LONGEST = 10.0
"""Seconds after which it is repeated in any case: what the machine has lost may have been made up for by others."""


class MemoryUse:
    """What processes use: the system tells at once what each has, of what they share all pages have to be looked at.

    While 8 forks share 2 GB, such a look takes 40 ms, or 400 ms where pages are small, and each process waits meanwhile
    if it is about to map a file. So it is repeated only if they may use more than they may: what they take, the machine
    has lost.

    Args:
        most: Bytes that they may use.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._used = self._available = 0
        self._next = 0.0

    def look(self, pids: Sequence[int], files: int) -> int:
        """Return how much they use: more than they may only if that is certain.

        Args:
            pids: The processes.
            files: Bytes of files in memory, whether they are mapped or not.
        """
        each = [usage.own_memory(pid) for pid in pids]
        if (highest := _highest(each, files)) <= self._most:
            return highest
        lowest = max(own.private for own in each) + max(files, *(own.shared for own in each))
        if lowest > self._most:
            return lowest
        if time.monotonic() >= self._next or self._may_be_too_much():
            self._look_closely(pids, each, files)
        return max(lowest, self._used)

    def is_enough_without(self, spares: Collection[int], pids: Sequence[int], files: int) -> bool:
        """Return whether they use no more than they may once some of them have ended; False if there are none to end.

        Args:
            spares: Those that can be ended.
            pids: All of them.
            files: Bytes of files in memory, whether they are mapped or not.
        """
        staying = [usage.own_memory(pid) for pid in pids if pid not in spares]
        return bool(spares) and _highest(staying, files) <= self._most

    def _may_be_too_much(self) -> bool:
        available = usage.available_memory()
        self._available = max(self._available, available)
        return not available or self._available - available >= self._most - self._used

    def _look_closely(self, pids: Sequence[int], each: Sequence[Memory], files: int) -> None:
        began, self._available = time.monotonic(), usage.available_memory()
        fair = [usage.proportional_memory(pid) or own for pid, own in zip(pids, each, strict=True)]
        self._used = sum(own.private for own in fair) + max(files, sum(own.shared for own in fair))
        now = time.monotonic()
        self._next = now + min(LONGEST, SHARE * (now - began))


def _highest(each: Sequence[Memory], files: int) -> int:
    # What is mapped may be those files, or shared memory that no file tells of.
    return sum(own.private for own in each) + max(files, sum(own.shared for own in each))
