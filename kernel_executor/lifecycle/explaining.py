"""What of an executor tells what was seen where code failed. Knows no kernel."""

import asyncio
from typing import Protocol, runtime_checkable

from kernel_executor.lifecycle.runner import BlockRunner
from kernel_executor.types import FailedLine


@runtime_checkable
class ExplainingRunner(BlockRunner, Protocol):
    """A runner that has seen where code failed."""

    async def failed_line(self) -> FailedLine | None:
        """Return what was seen where the last block failed, or None."""
        ...


class Explaining:
    """The part of an executor that tells what was seen where code failed, as long as that is there."""

    _lock: asyncio.Lock
    _opened: BlockRunner | None

    async def failed_line(self) -> FailedLine | None:
        """Return what was seen where the last block failed: the line, the values it names, names like a missing one.

        Ask after the call that failed, before `roll_back`. Nothing of the code's is called for it; it takes about
        0.05 s.

        Returns:
            None if the last block did not end with an exception, or it is not known: of scripts, shell blocks, other
            languages, kernels that died, and after `roll_back`.
        """
        async with self._lock:
            runner = self._opened
            return await runner.failed_line() if isinstance(runner, ExplainingRunner) else None
