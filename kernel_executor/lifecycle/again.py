"""Runs code again that an earlier executor ran, for its variables alone. Knows no kernel."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from contextlib import nullcontext
from typing import Any

from kernel_executor.lifecycle.in_order import unheard
from kernel_executor.lifecycle.listeners import Listener
from kernel_executor.lifecycle.runner import BlockRunner, Deliver, StatefulRunner, deliver_nothing
from kernel_executor.types import USUAL_TIMEOUT, BlockResult, CodeBlock, CodeResult, Timeout


class RunsAgain(ABC):
    """The part of an executor that brings back what another one has had."""

    _lock: asyncio.Lock

    @property
    @abstractmethod
    def _runner(self) -> BlockRunner:
        """What runs the blocks."""

    @abstractmethod
    def _execution(
        self, code_blocks: Sequence[CodeBlock], timeout: Timeout, deliver: Deliver
    ) -> Callable[[Listener], Coroutine[Any, Any, CodeResult]]:
        """Return an execution that is to be given its listener."""

    async def execute_again(
        self, code_blocks: Sequence[CodeBlock], *, timeout: Timeout = USUAL_TIMEOUT
    ) -> tuple[BlockResult, ...]:
        """Run blocks that ran well before, each as a call of its own; one that fails is taken back, and the next runs.

        Nobody has read that code today: until this returns it reaches nothing of the network; a thread that it leaves
        may afterwards. Nothing is delivered. Files of the user's and delivered ones are as before when this returns;
        others that the code makes stay where it works.

        Args:
            code_blocks: What to run.
            timeout: Seconds each block may take; None sets no limit, by default the executor's own.

        Returns:
            How each block ended.

        Raises:
            NotStarted: It was not started.
            KernelStartError: The kernel had died and could not be started again.
        """
        gate = self._runner.gate
        try:
            with gate.shut() if gate else nullcontext():
                results = [await self._run_again(block, timeout) for block in code_blocks]
        finally:
            async with self._lock:
                if self._runner.stage:
                    await self._runner.stage.keep_back()
        return tuple(results)

    async def _run_again(self, block: CodeBlock, timeout: Timeout) -> BlockResult:
        done = await self._execution([block], timeout, deliver_nothing)(unheard)
        async with self._lock:
            runner = self._runner
            if done.exit_code and isinstance(runner, StatefulRunner):
                await runner.roll_back()
        return done.blocks[-1]
