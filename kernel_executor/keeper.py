"""Keeps one kernel alive: brings it back when it died or had to be killed. Knows no blocks."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Self

from kernel_executor.block_run import STATE_LOST, describe_exit
from kernel_executor.errors import KernelStartError
from kernel_executor.isolation import Isolation, probe
from kernel_executor.kernel import Kernel, KernelPlan, start_kernel
from kernel_executor.tasks import uninterrupted
from kernel_executor.wire import Message


class KernelKeeper:
    """Holds the kernel that runs blocks now. Made by `open`.

    Args:
        plan: How to start a kernel.
        kernel: The first one.
        on_late: Called with messages that belong to no open request.
        unsandboxed: Why there is no sandbox, if there is none.
    """

    def __init__(self, plan: KernelPlan, kernel: Kernel, on_late: Callable[[Message], None], unsandboxed: str) -> None:
        self.plan = plan
        self._kernel: Kernel | None = kernel
        self._on_late = on_late
        self._replacement: asyncio.Task[Kernel] | None = None
        self.isolation = _look_at(kernel, plan, unsandboxed)

    @classmethod
    async def open(cls, plan: KernelPlan, on_late: Callable[[Message], None], unsandboxed: str) -> Self:
        """Start a kernel and look at what holds it.

        Raises:
            KernelStartError: It does not start, or the sandbox does not hold it.
        """
        kernel = await start_kernel(plan, on_late)
        keeper = cls(plan, kernel, on_late, unsandboxed)
        if plan.policy and not keeper.isolation.isolates:
            await uninterrupted(keeper.aclose())
            raise KernelStartError(f"bubblewrap started but does not hold the kernel: {keeper.isolation}")
        return keeper

    async def live(self) -> tuple[Kernel, str]:
        """Return a kernel that lives, and what there is to tell if variables were lost without notice.

        Raises:
            KernelStartError: A new kernel was needed and did not start; the next call tries again.
        """
        if self._replacement:
            replacement, self._replacement = self._replacement, None
            self._kernel = await uninterrupted(_outcome(replacement))
        old = self._kernel
        if old and old.alive:
            return old, ""
        died = describe_exit(old.exit_code or 0) if old else "it could not be started"
        await self.restart()
        return (await self.live())[0], f"The kernel had died before this block ({died}); {STATE_LOST}"

    async def restart(self) -> None:
        """Start afresh now."""
        old, self._kernel = self._kernel, None
        self._kernel = await self._replace(old)

    def replace_soon(self) -> None:
        """Start afresh while nobody waits, so that the next block need not."""
        old, self._kernel = self._kernel, None
        self._replacement = asyncio.create_task(self._replace(old))
        # Whoever asks next gets the error, and tries again; nobody asking must not be a warning at exit.
        self._replacement.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _replace(self, old: Kernel | None) -> Kernel:
        if old:
            await uninterrupted(old.aclose())
        return await start_kernel(self.plan, self._on_late)

    async def aclose(self) -> None:
        """End the kernel and everything it started."""
        if self._replacement:
            self._replacement.cancel()
            with suppress(asyncio.CancelledError, KernelStartError):
                self._kernel = await self._replacement
            self._replacement = None
        kernel, self._kernel = self._kernel, None
        if kernel:
            await kernel.aclose()


async def _outcome(task: "asyncio.Task[Kernel]") -> Kernel:
    return await task


def _look_at(kernel: Kernel, plan: KernelPlan, unsandboxed: str) -> Isolation:
    if plan.policy is None:
        return Isolation(reason=unsandboxed)
    return probe(kernel.pid, (plan.work_dir, kernel.run_dir, *plan.policy.writable), plan.policy.devices)
