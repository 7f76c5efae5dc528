"""What of an executor copies variables home. Knows no kernel."""

import asyncio
from typing import Protocol, runtime_checkable

from kernel_executor.errors import NotFetched
from kernel_executor.fetching.fetch import SIZE_LIMIT, Fetched
from kernel_executor.lifecycle.runner import BlockRunner


@runtime_checkable
class FetchingRunner(BlockRunner, Protocol):
    """A runner whose variables can be copied home."""

    async def fetch(self, name: str, limit: int) -> Fetched:
        """Copy a variable home; errors are those of `fetching.fetch`."""
        ...


class Fetching:
    """The part of an executor that copies variables home, between calls."""

    _lock: asyncio.Lock

    @property
    def _runner(self) -> BlockRunner:
        raise NotImplementedError

    async def fetch(self, name: str, *, limit: int | None = None) -> Fetched:
        """Copy a variable of the code's into this process, as data: never as a pickle.

        Tables, columns and indexes of pandas, Polars and Arrow, NumPy's arrays, numbers, text, bytes, dates, lists,
        dicts and the like, and pictures come as they are; what is more than data stays.

        Args:
            name: Its name.
            limit: Bytes that it may have; None allows 1 GB.

        Raises:
            NotStarted: It was not started.
            NotFetched: It does not exist, is not data, is too large, or is not what it should be; the message says
                which part of it, and why.
            KernelStartError: The kernel had died and could not be started again, or no sandbox in which to check it.
        """
        async with self._lock:
            runner = self._runner
            if not isinstance(runner, FetchingRunner):
                raise NotFetched("scripts keep no variables: have them save a file")
            return await runner.fetch(name, SIZE_LIMIT if limit is None else limit)
