"""Keeps one kernel alive: brings it back when it died or had to be killed. Knows no blocks."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Self

from kernel_executor.aio.tasks import ended, uninterrupted
from kernel_executor.errors import NotStarted
from kernel_executor.kernels.kernel import Kernel, KernelPlan, start_kernel
from kernel_executor.kernels.launched import Launched
from kernel_executor.outputs.message import Message
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.sockets.router import KernelDeath

SOON = 0.05
"""Seconds until a replacement is begun: never on a loop that is closing, where nobody would await or cancel the task,
and the process then hung in the end of a half-started kernel (measured, with a block cancelled by `asyncio.run`)."""

STATE_LOST = "a new kernel was started, and all variables are lost."


Launch = Callable[[], Awaitable[Launched[Any]]]
Prepare = Callable[[Kernel], Awaitable[str]]


class KernelKeeper:
    """Holds the kernel that runs blocks now. Made by `open`.

    Args:
        plan: How to start a kernel.
        on_late: Called with messages that belong to no open request.
    """

    def __init__(self, plan: KernelPlan[Any], on_late: Callable[[Message], None]) -> None:
        self.plan = plan
        self.isolation = Isolation()
        self._on_late = on_late
        self._kernel: Kernel | None = None
        self._given_up: Kernel | None = None
        self._replacement: asyncio.Task[Kernel] | None = None
        self._trial: asyncio.Task[str] | None = None
        self._news = ""
        self._closed = False

    @classmethod
    async def open(cls, plan: KernelPlan[Any], on_late: Callable[[Message], None]) -> Self:
        """Start a kernel and look at what holds it.

        Raises:
            KernelStartError: It does not start, or the sandbox does not hold it.
        """
        keeper = cls(plan, on_late)
        keeper._kernel = await keeper._replace(None)
        return keeper

    @property
    def present(self) -> Kernel | None:
        """The kernel that is there now, if one is; it may have died."""
        return self._kernel

    async def live(self) -> Kernel:
        """Return a kernel that lives.

        Raises:
            KernelStartError: A new kernel was needed and did not start; the next call tries again.
            NotStarted: The executor was stopped meanwhile.
        """
        if self._replacement:
            await self._adopt()
        kernel = self._kernel
        if kernel is None or kernel is self._given_up or not await kernel.check():
            if kernel and kernel is not self._given_up:
                self._news = _news_of(kernel.death)
            self._begin_replacement()
            await self._adopt()
        if self._kernel is None:
            raise NotStarted(STOPPED)
        return self._kernel

    async def death(self) -> KernelDeath | None:
        """Return how the kernel has died, if it has and nobody has begun to replace it."""
        kernel = self._kernel
        return None if kernel is None or kernel is self._given_up or await kernel.check() else kernel.death

    def take_news(self) -> str:
        """Return, once, what there is to tell if variables were lost without notice."""
        news, self._news = self._news, ""
        return self.plan.take_news() or news

    async def restart(self) -> None:
        """Start afresh now."""
        if not self._replacement:
            self._begin_replacement()
        await self._adopt()
        self.take_news()

    async def replace_if(self, prepare: Prepare, launch: Launch | None = None) -> str:
        """Start a kernel beside the one that is there; it takes the place of that one if it could be prepared.

        Args:
            prepare: Prepares it; returns why that failed, or nothing.
            launch: Starts its process; None is the plan's own way.

        Returns:
            Why the kernel is the one it was; empty if it is the new one.

        Raises:
            KernelStartError: The new one did not start.
            NotStarted: The executor was stopped meanwhile.
        """
        trial = self._trial = asyncio.create_task(self._try(prepare, launch or self.plan.launch))
        try:
            await asyncio.wait({trial})
        finally:
            if not trial.done():
                trial.cancel()
                await uninterrupted(ended(trial))
            self._trial = None
        if trial.cancelled():
            raise NotStarted(STOPPED)
        return trial.result()

    async def _try(self, prepare: Prepare, launch: Launch) -> str:
        kernel = superfluous = await start_kernel(self.plan, self._on_late, launch)
        try:
            failure = await prepare(kernel)
            if not failure and not self._closed:
                superfluous, self._kernel = self._kernel or kernel, kernel
                self._given_up = None
                self.isolation = kernel.isolation
            return failure
        finally:
            await uninterrupted(superfluous.aclose())

    def replace_soon(self) -> None:
        """Start afresh while nobody waits, so that the next block need not. The loss of variables has been told."""
        self._given_up = self._kernel
        asyncio.get_running_loop().call_later(SOON, self._replace_given_up)

    def _replace_given_up(self) -> None:
        if self._kernel and self._kernel is self._given_up:
            self._begin_replacement()

    def _begin_replacement(self) -> None:
        if self._closed:
            return
        old, self._kernel, self._given_up = self._kernel, None, None
        self._replacement = asyncio.create_task(self._replace(old))
        # Whoever asks next gets the error, and tries again; nobody asking must not be a warning at exit.
        self._replacement.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _adopt(self) -> None:
        """Take over the replacement. If we are cancelled meanwhile it goes on, and the next call takes it over."""
        task = self._replacement
        if task:
            await asyncio.wait({task})
        if self._closed or task is None:
            raise NotStarted(STOPPED)
        self._replacement = None
        self._kernel = task.result()

    async def _replace(self, old: Kernel | None) -> Kernel:
        if old:
            await uninterrupted(old.aclose())
        kernel = await start_kernel(self.plan, self._on_late, self.plan.launch)
        self.isolation = kernel.isolation
        return kernel

    async def aclose(self) -> None:
        """End the kernel and everything it started; who waits for one gets `NotStarted`."""
        self._closed = True
        if self._trial:
            self._trial.cancel()
            await asyncio.wait({self._trial})
        kernels = [self._kernel]
        if self._replacement:
            self._replacement.cancel()
            await asyncio.wait({self._replacement})
            if not self._replacement.cancelled() and not self._replacement.exception():
                kernels.append(self._replacement.result())
        self._kernel = None
        for kernel in filter(None, kernels):
            await kernel.aclose()


async def as_it_is(_: Kernel) -> str:
    """Prepare nothing: `replace_if` takes any kernel that starts."""
    return ""


def _news_of(death: KernelDeath | None) -> str:
    """Return what there is to tell of a kernel that was found gone; where its fate is open, its plan finds out."""
    if death is None or death.fate != "lost":
        return ""
    return f"The kernel had died before this block ({death}); {STATE_LOST}"


STOPPED = "the executor was stopped while a kernel was being started for this call"
