"""Keeps one root alive for the kernels of an executor, from its start to its stop. Knows not where roots run."""

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Protocol

from kernel_executor.aio.tasks import acquired, in_thread, uninterrupted
from kernel_executor.errors import KernelStartError
from kernel_executor.starting.kernelspec import KernelProgram
from kernel_executor.starting.root import Root


class RootPlan(Protocol):
    """All that is needed to start a root, again and again."""

    async def start(self) -> Root:
        """Start one.

        Raises:
            KernelStartError: It cannot be started.
        """
        ...

    def shown(self) -> object:
        """Return what one that starts now would see of the machine, to be compared; may take milliseconds."""
        ...


def can_fork(program: KernelProgram) -> bool:
    """Return whether kernels of a program can be forked here: Linux since 5.3, and Python with our starter."""
    return program.guarded and sys.platform == "linux" and hasattr(os, "pidfd_open")


class Roots:
    """Holds the root that is used now.

    Args:
        plan: How to start one.
        preload: Modules that it imports while it has nothing else to do.
    """

    def __init__(self, plan: RootPlan, preload: Sequence[str] = ()) -> None:
        self._plan = plan
        self._preload = preload
        self._root: Root | None = None
        self._used: Root | None = None
        self._shown: object = None
        self._lock = asyncio.Lock()

    async def live(self) -> Root:
        """Return a root that lives; it is started if there is none.

        Raises:
            KernelStartError: It cannot be started.
        """
        async with self._lock:
            if self._root is None or self._root.has_ended:
                await uninterrupted(self._end())
                self._root = await acquired(self._start(), Root.aclose)
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
        if await in_thread(self._plan.shown) != self._shown:  # there are hidden files now that were not
            async with self._lock:
                await uninterrupted(self._end())
            root = self._used = await self.live()
        root.clear()
        return root

    async def _start(self) -> Root:
        try:
            self._shown = await in_thread(self._plan.shown)
            root = await self._plan.start()
        except OSError as error:  # the disk is full, no more file descriptors, say
            raise KernelStartError(f"what forks the kernels cannot be started: {error}") from error
        if self._preload:
            root.preload(self._preload)
        return root

    async def preloaded(self) -> bool:
        """Wait until kernels that begin from now on have all modules; return False if there are none."""
        if not self._preload or self._root is None:
            return False
        await self._root.preloaded.wait()
        return True

    async def _end(self) -> None:
        root, self._root = self._root, None
        if root:
            await root.aclose()

    async def aclose(self) -> None:
        """End the root and all that it has forked, and remove its folder."""
        async with self._lock:
            await uninterrupted(self._end())
