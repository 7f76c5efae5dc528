"""Keeps one root alive for the kernels of an executor, from its start to its stop. Knows no kernel's messages."""

import asyncio
import os
import sys
from dataclasses import dataclass

from kernel_executor.aio.tasks import acquired, in_thread, uninterrupted
from kernel_executor.outputs.fold import OutputLimits
from kernel_executor.sandbox.enclosure import Enclosure
from kernel_executor.sandbox.policy import SandboxPolicy
from kernel_executor.starting.kernelspec import KernelProgram
from kernel_executor.starting.root import Root


@dataclass(frozen=True, slots=True)
class RootPlan:
    """All that is needed to start a root, again and again.

    Args:
        program: The kernel's program.
        enclosure: Where it runs.
        limits: Bounds of a kernel's output.
        memory_limit: Address space of a kernel in bytes; 0 sets none.
        preload: Modules that it imports while it has nothing else to do.
    """

    program: KernelProgram
    enclosure: Enclosure
    limits: OutputLimits
    memory_limit: int
    preload: tuple[str, ...] = ()


def can_fork(program: KernelProgram) -> bool:
    """Return whether kernels of a program can be forked here: Linux since 5.3, and Python with our starter."""
    return program.guarded and sys.platform == "linux" and hasattr(os, "pidfd_open")


class Roots:
    """Holds the root that is used now.

    Args:
        plan: How to start one.
    """

    def __init__(self, plan: RootPlan) -> None:
        self._plan = plan
        self._root: Root | None = None
        self._used: Root | None = None
        self._shown: SandboxPolicy | None = None
        self._lock = asyncio.Lock()

    async def live(self) -> Root:
        """Return a root that lives; it is started if there is none.

        Raises:
            KernelStartError: It cannot be started.
        """
        async with self._lock:
            if self._root is None or self._root.has_ended:
                await uninterrupted(self._end())
                self._root = await acquired(self._start(), self._abandon)
            return self._root

    async def for_fresh_kernel(self) -> Root:
        """Return a root in which nothing is left of earlier kernels, and that sees what one that starts now would see.

        Raises:
            KernelStartError: It cannot be started.
        """
        root = await self.live()
        if root is not self._used or not root.is_unused:
            self._used = root
            return root
        if await in_thread(self._plan.enclosure.shown) != self._shown:  # there are hidden files now that were not
            async with self._lock:
                await uninterrupted(self._end())
            root = self._used = await self.live()
        root.clear()
        return root

    async def _start(self) -> Root:
        plan = self._plan
        self._shown = await in_thread(plan.enclosure.shown)
        limits = plan.limits
        numbers = (limits.head, limits.tail, limits.display, limits.displays, plan.memory_limit)
        root = await Root.start(plan.program.interpreter_words, numbers, plan.enclosure)
        if plan.preload:
            root.preload(plan.preload)
        return root

    async def preloaded(self) -> bool:
        """Wait until kernels that begin from now on have all modules; return False if there are none."""
        if not self._plan.preload or self._root is None:
            return False
        await self._root.preloaded.wait()
        return True

    async def _abandon(self, root: Root) -> None:
        await root.aclose()

    async def _end(self) -> None:
        root, self._root = self._root, None
        if root:
            await root.aclose()

    async def aclose(self) -> None:
        """End the root and all that it has forked, and remove its folder."""
        async with self._lock:
            await uninterrupted(self._end())
