"""Replaces a kernel that has run nothing by one that begins with more, as soon as that can be had. Knows no code."""

import asyncio
from contextlib import suppress

from kernel_executor.aio.tasks import ended, uninterrupted
from kernel_executor.errors import KernelExecutorError
from kernel_executor.kernels.supervisor import KernelKeeper, as_it_is


class Warming:
    """Waits for a better kernel, until code is to run.

    Args:
        keeper: Holds the kernel.
    """

    def __init__(self, keeper: KernelKeeper) -> None:
        self._keeper = keeper
        self._waiting: asyncio.Task[bool] | None = asyncio.create_task(keeper.plan.warmed())
        self._waiting.add_done_callback(self._replace)
        self._replacing: asyncio.Task[None] | None = None
        self.unchanged = asyncio.Lock()
        """Held by who looks at the kernel and leaves no trace in it: it is not replaced meanwhile, but may be later."""

    def _replace(self, waiting: "asyncio.Task[bool]") -> None:
        if self._waiting and not waiting.cancelled() and not waiting.exception() and waiting.result():
            self._replacing = asyncio.create_task(self._start_another())

    async def _start_another(self) -> None:
        async with self.unchanged:
            with suppress(KernelExecutorError):  # the one that is there will do
                await self._keeper.replace_if(as_it_is)

    async def end(self) -> None:
        """Keep the kernel that is there now, or in a moment, if it is being replaced: code is to run in it."""
        waiting, self._waiting = self._waiting, None
        if waiting:
            waiting.cancel()
        replacing, self._replacing = self._replacing, None
        if replacing:
            await uninterrupted(ended(replacing))

    async def aclose(self) -> None:
        """Wait for nothing any more."""
        if self._replacing:
            self._replacing.cancel()
        await self.end()
